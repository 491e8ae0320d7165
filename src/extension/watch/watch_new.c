/*
 * watch_new.c: files that no row of the library has; see watch_new.h.
 *
 * A content is read only when a missing file of the same owner had the same size, or nobody knows
 * its size.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/async.h"
#include "executor/spi.h"

#include "add_file.h"
#include "columns.h"
#include "settings.h"
#include "sql_calls.h"
#include "subtransaction.h"
#include "watch_absent.h"
#include "watch_doubts.h"
#include "watch_job.h"
#include "watch_new.h"

#define FEW 20					/* files read one by one; more is a scan's work */
#define ROUND 1000				/* announced files looked at in one go */
#define CHANNEL "missing_photos"

typedef struct NewFile
{
	char	   *path;
	int64		size;
	char	   *owner;			/* in whose folder it lies; NULL: nobody's */
	bool		maybe;			/* a missing file's */
	bool		settled;
} NewFile;

/* Below whose folders the files lie; of folders in each other the inner one counts. */
static void
find_owners(NewFile *files, int n)
{
	static const Oid types[1] = {TEXTOID};
	Columns    *paths = columns_make(CurrentMemoryContext, 1, types);
	Arguments	a = {0};

	for (int i = 0; i < n; i++)
	{
		columns_add_row(paths);
		columns_set_cstring(paths, 0, files[i].path);
	}
	argument_columns(&a, paths);
	call_as_caller("SELECT DISTINCT ON (g.ordinal) g.ordinal, o.owner"
				   "  FROM pg_catalog.unnest($1) WITH ORDINALITY AS g (path, ordinal)"
				   " CROSS JOIN missing_photos.library_owners() AS o"
				   " CROSS JOIN LATERAL pg_catalog.unnest(o.folders) AS f (folder)"
				   " WHERE pg_catalog.starts_with(g.path,"
				   "       pg_catalog.concat(pg_catalog.rtrim(f.folder, '/'), '/'))"
				   " ORDER BY g.ordinal, pg_catalog.length(f.folder) DESC, o.owner", &a);
	for (uint64 i = 0; i < SPI_processed; i++)
		files[result_int8(i, 1) - 1].owner = result_text(i, 2);
	columns_free(paths);
}

/* Every owner who misses something might get a file that lies in nobody's folder. */
static List *
owners_of_losses(void)
{
	Arguments	none = {0};
	List	   *owners = NIL;

	call_as_owner("SELECT DISTINCT l.owner FROM missing_photos.loss AS l", &none);
	for (uint64 i = 0; i < SPI_processed; i++)
		owners = lappend(owners, result_text(i, 1));
	return owners;
}

/* Marks those of an owner that a missing file may have become; returns how many. */
static int
find_lost(NewFile *files, int n, const char *owner)
{
	static const Oid types[2] = {TEXTOID, INT8OID};
	Columns    *gone = columns_make(CurrentMemoryContext, 1, types);
	Columns    *sizes = columns_make(CurrentMemoryContext, 1, types + 1);
	Arguments	a = {0};
	ListCell   *cell;
	int			found = 0;

	foreach(cell, watch_absent_files())
	{
		columns_add_row(gone);
		columns_set_cstring(gone, 0, lfirst(cell));
	}
	for (int i = 0; i < n; i++)
	{
		columns_add_row(sizes);
		columns_set_int8(sizes, 0, files[i].size);
	}
	argument_text(&a, owner);
	argument_columns(&a, gone);
	argument_columns(&a, sizes);
	call_as_owner("SELECT missing_photos.may_be_lost($1, $2, $3)", &a);
	for (int i = 0; i < n; i++)
		files[i].maybe = false;
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		NewFile    *file = &files[result_int8(i, 1) - 1];

		file->maybe = !file->settled && (file->owner == NULL || strcmp(file->owner, owner) == 0);
		found += file->maybe;
	}
	columns_free(gone);
	columns_free(sizes);
	return found;
}

typedef struct Linking
{
	Changes		changes;
	const char *path;
	const char *action;
} Linking;

/* What isn't linked to anything is the application's to import: then nothing happened. */
static void
link_in_subtransaction(void *arg)
{
	Linking    *linking = arg;

	linking->action = add_file(&linking->changes, linking->path, key_set_make(CurrentMemoryContext));
	if (strcmp(linking->action, "created") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("no photo misses \"%s\"", linking->path)));
}

/* Whether the file was linked to a photo of the owner's. */
static bool
link_file(NewFile *file, const char *owner)
{
	Linking		linking = {watch_job_changes(owner), file->path, NULL};
	ErrorData  *error = try_in_subtransaction(link_in_subtransaction, &linking);

	if (error != NULL)
	{
		FreeErrorData(error);
		return false;
	}
	watch_job_add(&linking.changes, strcmp(linking.action, "relinked") == 0 ? 1 : 0);
	file->settled = strcmp(linking.action, "new") != 0 && strcmp(linking.action, "conflict") != 0;
	return file->settled && strcmp(linking.action, "copy") != 0 &&
		strcmp(linking.action, "known") != 0;
}

static int64
link_files(NewFile *files, int n, const char *owner)
{
	int64		linked = 0;
	int			maybe = find_lost(files, n, owner);
	bool		many = maybe > FEW || (maybe > 0 && watch_is_suspected(owner));

	if (many)
		watch_suspect(owner, WATCH_SOON_MS);
	for (int i = 0; i < n && !many; i++)
		if (files[i].maybe)
			linked += link_file(&files[i], owner);
	return linked;
}

bool
watch_is_elsewhere(const PathRow *row)
{
	Arguments	a = {0};
	NewFile		files[FEW] = {{0}};
	int			n;

	argument_text(&a, row->owner);
	argument_text(&a, row->file);
	argument_int8(&a, FEW);
	call_as_owner("SELECT n.path FROM missing_photos.new_files_like($1, $2, $3) AS n", &a);
	n = (int) SPI_processed;
	for (int i = 0; i < n; i++)
		files[i].path = result_text(i, 1);
	for (int i = 0; i < n; i++)
	{
		if (!link_file(&files[i], row->owner))
			continue;
		a.n = 0;
		argument_text(&a, files[i].path);
		call_as_owner("SELECT missing_photos.forget_new_files(ARRAY[$1])", &a);
		return true;
	}
	return false;
}

static void
announce(const NewFile *files, int n)
{
	static const Oid types[3] = {TEXTOID, TEXTOID, INT8OID};
	Columns    *rows = columns_make(CurrentMemoryContext, 3, types);
	Arguments	a = {0};
	int64		told;

	for (int i = 0; i < n; i++)
	{
		if (files[i].settled)
			continue;
		columns_add_row(rows);
		columns_set_cstring(rows, 0, files[i].path);
		columns_set_cstring(rows, 1, files[i].owner);
		columns_set_int8(rows, 2, files[i].size);
	}
	argument_columns(&a, rows);
	if (rows->n_rows == 0)
		return;
	call_as_owner("SELECT missing_photos.announce_files($1, $2, $3)", &a);
	told = result_int8(0, 1);
	if (told > 0 && setting_notify)
		Async_Notify(CHANNEL, psprintf("{\"kind\": \"new files\", \"files\": " INT64_FORMAT "}", told));
	columns_free(rows);
}

/* What was announced and is gone, or has a photo by now. */
static void
forget_announced(const Names *names)
{
	static const Oid types[1] = {TEXTOID};
	Columns    *paths = columns_make(CurrentMemoryContext, 1, types);
	Arguments	a = {0};

	for (int i = 0; i < names->n; i++)
	{
		if (!names->has_row[i] && names->verdicts[i] != MP_MISSING)
			continue;
		columns_add_row(paths);
		columns_set_cstring(paths, 0, names->paths[i]);
	}
	argument_columns(&a, paths);
	if (paths->n_rows > 0)
		call_as_owner("SELECT missing_photos.forget_new_files($1)", &a);
	columns_free(paths);
}

int64
watch_new_files(const Names *names)
{
	NewFile    *files = palloc0((names->n + 1) * sizeof(NewFile));
	List	   *owners = NIL;
	ListCell   *cell;
	int			n = 0;
	int64		linked = 0;

	forget_announced(names);
	for (int i = 0; i < names->n; i++)
		if (!names->has_row[i] && !names->excluded[i] && names->verdicts[i] == MP_PRESENT)
			files[n++] = (NewFile) {.path = names->paths[i], .size = names->identities[i].size};
	if (n == 0)
		return 0;
	find_owners(files, n);
	owners = owners_of_losses();
	for (int i = 0; i < n; i++)
	{
		bool		known = files[i].owner == NULL;

		foreach(cell, owners)
			known = known || strcmp(lfirst(cell), files[i].owner) == 0;
		if (!known)
			owners = lappend(owners, files[i].owner);
	}
	foreach(cell, owners)
		linked += link_files(files, n, lfirst(cell));
	announce(files, n);
	return linked;
}

void
watch_forget_imported(void)
{
	static const Oid types[1] = {TEXTOID};
	static char last[MP_MAX_PATH + 1] = "";	/* that was looked at; the next round begins behind it */
	Arguments	round = {0};
	Names		names = {0};
	PathRow    *rows;
	int			n;
	Columns    *imported = columns_make(CurrentMemoryContext, 1, types);
	Arguments	a = {0};

	argument_text(&round, last);
	argument_int8(&round, ROUND);
	call_as_owner("SELECT n.path FROM missing_photos.new_file AS n"
				  " WHERE n.path OPERATOR(pg_catalog.>) $1 ORDER BY n.path LIMIT $2", &round);
	for (uint64 i = 0; i < SPI_processed; i++)
		names_add(&names, result_text(i, 1), false);
	last[0] = '\0';
	if (names.n == ROUND)
		strlcpy(last, names.paths[names.n - 1], sizeof(last));
	if (names.n == 0)
		return;
	rows = names_find_rows(&names, &n);
	for (int i = 0; i < n; i++)
	{
		columns_add_row(imported);
		columns_set_cstring(imported, 0, rows[i].path);
	}
	argument_columns(&a, imported);
	if (n > 0)
		call_as_owner("SELECT missing_photos.forget_new_files($1)", &a);
	columns_free(imported);
}
