/* watch_look.c: names looked at on disk and in the library; see watch_look.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "columns.h"
#include "found.h"
#include "judge.h"
#include "sql_calls.h"
#include "watch_look.h"

void
names_add(Names *names, const char *path, bool excluded)
{
	if (names->n == names->capacity)
	{
		names->capacity = Max(64, names->capacity * 2);
		names->paths = names->n == 0 ? palloc(names->capacity * sizeof(char *)) :
			repalloc(names->paths, names->capacity * sizeof(char *));
		names->excluded = names->n == 0 ? palloc(names->capacity * sizeof(bool)) :
			repalloc(names->excluded, names->capacity * sizeof(bool));
	}
	names->paths[names->n] = pstrdup(path);
	names->excluded[names->n++] = excluded;
}

static int
compare(const void *a, const void *b, void *paths)
{
	return strcmp(((char **) paths)[*(const int *) a], ((char **) paths)[*(const int *) b]);
}

/* Drops what was added twice; an excluded name stays one only when it always was. */
static void
drop_doubles(Names *names)
{
	int		   *order = palloc((names->n + 1) * sizeof(int));
	char	  **paths = palloc((names->n + 1) * sizeof(char *));
	bool	   *excluded = palloc((names->n + 1) * sizeof(bool));
	int			n = 0;

	for (int i = 0; i < names->n; i++)
		order[i] = i;
	qsort_arg(order, names->n, sizeof(int), compare, names->paths);
	for (int i = 0; i < names->n; i++)
	{
		bool		same = n > 0 && strcmp(paths[n - 1], names->paths[order[i]]) == 0;

		if (!same)
		{
			paths[n] = names->paths[order[i]];
			excluded[n++] = names->excluded[order[i]];
		}
		else
			excluded[n - 1] = excluded[n - 1] && names->excluded[order[i]];
	}
	names->paths = paths;
	names->excluded = excluded;
	names->n = n;
}

static int
compare_path(const void *key, const void *element)
{
	return strcmp(key, *(char *const *) element);
}

/* Where a path stands among those of names, which are in order; -1: nowhere. */
static int
place_of(const Names *names, const char *path)
{
	char	  **found = bsearch(path, names->paths, names->n, sizeof(char *), compare_path);

	return found == NULL ? -1 : found - names->paths;
}

/* Adds rows of photos that lost the file at one of these paths, which the library has no more. */
static void
add_lost_rows(Names *names, const Columns *paths)
{
	Arguments	a = {0};

	argument_columns(&a, paths);
	call_as_owner("SELECT l.owner, l.photo, l.file, l.path"
				  "  FROM missing_photos.losses_at($1) AS l", &a);
	if (SPI_processed == 0)
		return;
	names->rows = repalloc(names->rows, (names->n_rows + SPI_processed) * sizeof(PathRow));
	for (uint64 i = 0; i < SPI_processed; i++)
		names->rows[names->n_rows++] = (PathRow) {
			.owner = result_text(i, 1), .photo = result_text(i, 2), .file = result_text(i, 3),
			.path = result_text(i, 4), .flagged = true
		};
}

/* The names as one column. */
static Columns *
paths_column(const Names *names)
{
	static const Oid types[1] = {TEXTOID};
	Columns    *paths = columns_make(CurrentMemoryContext, 1, types);

	for (int i = 0; i < names->n; i++)
	{
		columns_add_row(paths);
		columns_set_cstring(paths, 0, names->paths[i]);
	}
	return paths;
}

PathRow *
names_find_rows(const Names *names, int *n)
{
	Columns    *paths = paths_column(names);
	Arguments	a = {0};
	PathRow    *rows;

	argument_columns(&a, paths);
	call_as_caller("SELECT f.owner, f.photo, f.file, f.path, f.flagged, f.readonly"
				   "  FROM missing_photos.library_at($1) AS f", &a);
	*n = SPI_processed;
	rows = palloc0((*n + 1) * sizeof(PathRow));
	for (int i = 0; i < *n; i++)
	{
		rows[i].owner = result_text(i, 1);
		rows[i].photo = result_text(i, 2);
		rows[i].file = result_text(i, 3);
		rows[i].path = result_text(i, 4);
		rows[i].flagged = result_bool(i, 5);
		rows[i].readonly = result_bool(i, 6);
	}
	columns_free(paths);
	return rows;
}

void
paths_look(char *const *paths, int n, MpVerdict *verdicts, MpIdentity *identities)
{
	RootTable  *roots = roots_load();
	Found	   *found = found_make(CurrentMemoryContext, false);
	Judge	   *judge = judge_make(CurrentMemoryContext, roots, JUDGE_ALL, found_take, found);
	FoundRow	next;

	for (int i = 0; i < n; i++)
	{
		/* A row made up to ask with: its place stands where the file would. */
		char	   *place = psprintf("%d", i);
		FileRow		row = {.photo = "", .file = place, .path = paths[i]};

		verdicts[i] = MP_UNREACHABLE;
		row.file_length = strlen(place);
		row.path_length = strlen(paths[i]);
		judge_add(judge, &row);
	}
	judge_finish(judge);
	judge_free(judge);
	while (found_next(found, &next))
	{
		int			place = atoi(pnstrdup(next.row.file, next.row.file_length));

		roots_conclude(roots, &next.row, &next.judgement);
		verdicts[place] = next.judgement.verdict;
		if (next.judgement.verdict == MP_PRESENT && next.judgement.identity != NULL)
			identities[place] = *next.judgement.identity;
	}
	found_free(found);
	roots_record(roots, NULL);
}

char **
files_recognise(const MpVerdict *verdicts, const MpIdentity *identities, int n)
{
	static const Oid types[4] = {INT8OID, INT8OID, INT8OID, INT8OID};
	Columns    *seen = columns_make(CurrentMemoryContext, 4, types);
	int		   *places = palloc((n + 1) * sizeof(int));
	char	  **files = palloc0((n + 1) * sizeof(char *));
	Arguments	a = {0};

	for (int i = 0; i < n; i++)
	{
		if (verdicts[i] != MP_PRESENT)
			continue;
		places[seen->n_rows] = i;
		columns_add_row(seen);
		columns_set_int8(seen, 0, identities[i].fsid);
		columns_set_int8(seen, 1, identities[i].inode);
		columns_set_int8(seen, 2, identities[i].size);
		columns_set_int8(seen, 3, identities[i].mtime_ns);
	}
	argument_columns(&a, seen);
	if (seen->n_rows > 0)
	{
		call_as_owner("SELECT f.ordinal, f.file"
					  "  FROM missing_photos.files_that_looked($1, $2, $3, $4) AS f", &a);
		for (uint64 i = 0; i < SPI_processed; i++)
			files[places[result_int8(i, 1) - 1]] = result_text(i, 2);
	}
	columns_free(seen);
	return files;
}

void
names_look_for_rows(Names *names)
{
	Columns    *paths;

	names->has_row = palloc0((names->n + 1) * sizeof(bool));
	names->rows = names_find_rows(names, &names->n_rows);
	paths = paths_column(names);
	add_lost_rows(names, paths);
	columns_free(paths);
	for (int i = 0; i < names->n_rows; i++)
	{
		names->rows[i].name = place_of(names, names->rows[i].path);
		if (names->rows[i].name >= 0)
			names->has_row[names->rows[i].name] = true;
	}
}

void
names_look(Names *names)
{
	drop_doubles(names);
	names->verdicts = palloc0((names->n + 1) * sizeof(MpVerdict));
	names->identities = palloc0((names->n + 1) * sizeof(MpIdentity));
	names_look_for_rows(names);
	paths_look(names->paths, names->n, names->verdicts, names->identities);
}
