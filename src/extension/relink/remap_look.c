/* remap_look.c: looks for files at the places they may have moved to; see remap.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "digest.h"
#include "found.h"
#include "judge.h"
#include "learn.h"
#include "reasons.h"
#include "remap.h"
#include "sql_calls.h"
#include "stream.h"

#define ANOTHER_FILE "another file is in its place"

static bool
take_all(void *unused, const FileRow *row)
{
	return true;
}

/* Of the owner's files below the old folder, linked and lost ones, each pair once. */
#define FILES_BELOW \
	"WITH pair AS (" \
	"  SELECT l.photo, l.file FROM ROWS FROM (pg_catalog.unnest($4), pg_catalog.unnest($5))" \
	"         AS l (photo, file)" \
	"  UNION SELECT p.photo, p.file FROM missing_photos.library_pointed_files($1) AS p)," \
	" known AS (" \
	"  SELECT f.photo, f.file, f.path, f.flagged, f.readonly" \
	"    FROM missing_photos.library_files($1) AS f" \
	"  UNION" \
	"  SELECT r.photo, r.file, r.path, r.flagged, false" \
	"    FROM (SELECT pg_catalog.array_agg(pair.photo) AS photos," \
	"                 pg_catalog.array_agg(pair.file) AS files FROM pair) AS asked" \
	"   CROSS JOIN LATERAL missing_photos.library_file_rows(asked.photos, asked.files) AS r" \
	"   WHERE NOT r.linked)" \
	" SELECT k.photo, k.file, pg_catalog.concat($3, pg_catalog.substr(k.path, pg_catalog.length($2)" \
	"        OPERATOR(pg_catalog.+) 1)), k.flagged, k.readonly" \
	"   FROM known AS k" \
	"  WHERE k.path OPERATOR(pg_catalog.=) $2" \
	"     OR pg_catalog.starts_with(k.path, pg_catalog.concat($2, '/'))"

static void
argument_lost_pairs(Arguments *a, const char *owner)
{
	Arguments	asked = {0};

	argument_text(&asked, owner);
	call_as_owner("SELECT photos, files FROM missing_photos.losses($1, NULL)", &asked);
	for (int i = 1; i <= 2; i++)
	{
		bool		isnull;
		Datum		array = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i, &isnull);

		argument_datum(a, TEXTARRAYOID, PointerGetDatum(PG_DETOAST_DATUM_COPY(array)));
	}
}

static RemapState
state_of(const FoundRow *found)
{
	if (found->row.flags & ROW_READONLY)
		return REMAP_READONLY;
	switch (found->judgement.verdict)
	{
		case MP_PRESENT:
			return REMAP_READY;
		case MP_MISSING:
			return REMAP_ABSENT;
		case MP_INVALID:
			return REMAP_INVALID;
		default:
			return REMAP_UNREACHABLE;
	}
}

/* One judged row, whose path is the new one already. */
static void
keep(Remap *remap, const FoundRow *found)
{
	const FileRow *row = &found->row;
	RemapState	state = state_of(found);
	char	   *to = pnstrdup(row->path, row->path_length);
	char	   *from = psprintf("%s%s", remap->from, to + strlen(remap->to));

	if (remap->n == remap->capacity)
	{
		remap->capacity = Max(1024, remap->capacity * 2);
		remap->states = remap->states == NULL ?
			palloc(remap->capacity * sizeof(RemapState)) :
			repalloc_huge(remap->states, remap->capacity * sizeof(RemapState));
		remap->reasons = remap->reasons == NULL ?
			palloc(remap->capacity * sizeof(const char *)) :
			repalloc_huge(remap->reasons, remap->capacity * sizeof(const char *));
	}
	moves_add(remap->files, pnstrdup(row->photo, row->photo_length),
			  pnstrdup(row->file, row->file_length), from, to,
			  state == REMAP_READY ? found->judgement.identity : NULL);
	remap->states[remap->n] = state;
	remap->reasons[remap->n] = state == REMAP_READONLY ?
		"the application manages this file itself" :
		reason_text(found->judgement.reason, found->judgement.err);
	remap->n++;
}

/* Looks for every file at its new place. */
static void
judge_all(Remap *remap)
{
	Found	   *found = found_make(CurrentMemoryContext, false);
	Judge	   *judge = judge_make(CurrentMemoryContext, remap->roots, JUDGE_ALL, found_take, found);
	Stream	   *stream = stream_make(CurrentMemoryContext, judge, take_all, NULL, false);
	Arguments	a = {0};
	FoundRow	next;

	argument_text(&a, remap->changes.owner);
	argument_text(&a, remap->from);
	argument_text(&a, remap->to);
	argument_lost_pairs(&a, remap->changes.owner);
	stream_fetch(stream, FILES_BELOW, &a, 0);
	while (stream_feed(stream, 1000))
		;
	judge_finish(judge);
	stream_free(stream);
	judge_free(judge);
	while (found_next(found, &next))
	{
		roots_conclude(remap->roots, &next.row, &next.judgement);
		keep(remap, &next);
	}
	found_free(found);
}

char *
remap_text(const Remap *remap, int column, int row)
{
	return remap->files->nulls[column][row] ? NULL :
		TextDatumGetCString(remap->files->values[column][row]);
}

/* Rows whose file has another size than when it was last seen; their files go to `files`. */
static int *
ask_changed(const Remap *remap, Columns *files)
{
	Arguments	a = {0};
	int		   *rows;

	argument_datum(&a, TEXTARRAYOID, columns_array(remap->files, MOVE_FILE));
	argument_datum(&a, INT8ARRAYOID, columns_array(remap->files, MOVE_SIZE));
	call_as_owner("SELECT missing_photos.changed_sizes($1, $2)", &a);
	rows = palloc((SPI_processed + 1) * sizeof(int));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		rows[i] = result_int8(i, 1) - 1;
		columns_add_row(files);
		columns_set_datum(files, 0, remap->files, MOVE_FILE, rows[i]);
	}
	return rows;
}

static void
conclude(Remap *remap, int row, const Digest *digest, const char *wanted)
{
	if (digest->verdict != MP_PRESENT)
	{
		remap->states[row] = REMAP_UNREACHABLE;
		remap->reasons[row] = reason_text(digest->reason, digest->err);
	}
	else if (strcmp(digest->text, wanted) != 0)
	{
		remap->states[row] = REMAP_DIFFERENT;
		remap->reasons[row] = ANOTHER_FILE;
	}
}

/* Reads the files of the rows that SPI's result names: ordinals in `rows`, algorithms, digests. */
static void
read_contents(Remap *remap, const int *rows)
{
	int			n = SPI_processed;
	Digested   *files = MemoryContextAllocHuge(CurrentMemoryContext,
											   (Size) (n + 1) * sizeof(Digested));
	char	  **wanted = palloc((n + 1) * sizeof(char *));
	int		   *numbers = palloc((n + 1) * sizeof(int));

	for (int i = 0; i < n; i++)
	{
		char	   *to;

		numbers[i] = rows[result_int8(i, 1) - 1];
		wanted[i] = result_text(i, 3);
		to = remap_text(remap, MOVE_TO, numbers[i]);
		files[i] = digested(to, strlen(to), digest_algorithm(result_text(i, 2)));
	}
	digest_files(remap->roots, files, n);
	for (int i = 0; i < n; i++)
		conclude(remap, numbers[i], &files[i].digest, wanted[i]);
	pfree(files);
}

/*
 * A file of another size than it had is another file, unless its content is what the library says.
 */
static void
find_impostors(Remap *remap)
{
	static const Oid types[1] = {TEXTOID};
	Columns    *files = columns_make(CurrentMemoryContext, 1, types);
	int		   *rows = ask_changed(remap, files);
	Arguments	a = {0};

	argument_columns(&a, files);
	if (files->n_rows > 0)
	{
		call_as_caller("SELECT f.ordinal, c.algorithm, c.digest"
					   "  FROM missing_photos.library_content($1) AS c"
					   "  JOIN pg_catalog.unnest($1) WITH ORDINALITY AS f (file, ordinal)"
					   "    ON f.file OPERATOR(pg_catalog.=) c.file"
					   " WHERE c.digest IS NOT NULL", &a);
		read_contents(remap, rows);
	}
	columns_free(files);
}

/* Files may have changed places in their folder since it was renamed. */
static void
find_others(Remap *remap)
{
	Columns    *seen = learn_columns(CurrentMemoryContext);
	int		   *numbers = palloc((remap->n + 1) * sizeof(int));
	bool	   *others;

	for (int i = 0; i < remap->n; i++)
	{
		const char *file = remap_text(remap, MOVE_FILE, i);
		MpIdentity	identity;

		if (!moves_seen(remap->files, i, &identity))
			continue;
		numbers[seen->n_rows] = i;
		learn_add(seen, file, strlen(file), &identity);
	}
	others = learn_others(seen);
	for (int i = 0; i < seen->n_rows; i++)
	{
		if (!others[i])
			continue;
		remap->states[numbers[i]] = REMAP_DIFFERENT;
		remap->reasons[numbers[i]] = ANOTHER_FILE;
	}
	columns_free(seen);
}

void
remap_look(Remap *remap)
{
	judge_all(remap);
	find_impostors(remap);
	find_others(remap);
}

static bool
may_move(const Remap *remap, int row)
{
	return remap->states[row] == REMAP_READY ||
		(remap->force && remap->states[row] != REMAP_READONLY &&
		 remap->states[row] != REMAP_COLLISION);
}

Columns *
remap_movable(const Remap *remap, const int *order, int from, int n, int *numbers)
{
	Columns    *rows = moves_columns(CurrentMemoryContext);

	for (int i = from; i < from + n; i++)
	{
		int			row = order == NULL ? i : order[i];

		if (!may_move(remap, row))
			continue;
		numbers[rows->n_rows] = row;
		columns_add_row(rows);
		/* What wasn't found there has no identity, only a path. */
		for (int column = 0; column <= (remap->states[row] == REMAP_READY ? MOVE_CTIME : MOVE_TO);
			 column++)
			columns_set_datum(rows, column, remap->files, column, row);
		columns_set_bool(rows, MOVE_PATH_ONLY, remap->states[row] != REMAP_READY);
	}
	return rows;
}

/* Which of their new paths any row has, as an array. */
static Datum
ask_claimed(const Columns *rows)
{
	Arguments	a = {0};
	bool		isnull;
	Datum		claimed;

	argument_datum(&a, TEXTARRAYOID, columns_array(rows, MOVE_TO));
	call_as_caller("SELECT COALESCE(pg_catalog.array_agg(c.path), '{}')"
				   "  FROM missing_photos.library_claimed($1) AS c", &a);
	claimed = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	return PointerGetDatum(PG_DETOAST_DATUM_COPY(claimed));
}

int
remap_find_collisions(Remap *remap)
{
	int		   *numbers = palloc((remap->n + 1) * sizeof(int));
	Columns    *rows = remap_movable(remap, NULL, 0, remap->n, numbers);
	Datum		claimed = ask_claimed(rows);
	Arguments	a = {0};

	argument_datum(&a, TEXTARRAYOID, columns_array(rows, MOVE_FROM));
	argument_datum(&a, TEXTARRAYOID, columns_array(rows, MOVE_TO));
	argument_datum(&a, TEXTARRAYOID, claimed);
	call_as_owner("SELECT m.ordinal"
				  "  FROM pg_catalog.unnest($2) WITH ORDINALITY AS m (path, ordinal)"
				  "  JOIN missing_photos.taken_paths($1, $2, $3) AS taken (path)"
				  "    ON taken.path OPERATOR(pg_catalog.=) m.path", &a);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		int			row = numbers[result_int8(i, 1) - 1];

		remap->states[row] = REMAP_COLLISION;
		remap->reasons[row] = "another file of the library has this path";
	}
	columns_free(rows);
	return SPI_processed;
}
