/* relink_stage.c: setting aside what is to be matched; see relink.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "library.h"
#include "relink.h"

#define PATHS_AT_ONCE 100000	/* asked whether anybody has them: each time may read a whole table */

enum
{
	ROW_PHOTO, ROW_FILE, ROW_PATH, ROW_COLUMNS
};

enum
{
	FILE_NUMBER, FILE_PATH, FILE_FSID, FILE_INODE, FILE_SIZE, FILE_MTIME, FILE_CTIME, FILE_LINKED,
	FILE_OCCUPIED, FILE_COLUMNS
};

void
relink_prepare(OwnerScan *scan, const char *under, bool dry_run)
{
	static const Oid types[FILE_COLUMNS] = {INT4OID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID,
	INT8OID, BOOLOID, BOOLOID};
	MemoryContext old = MemoryContextSwitchTo(scan->job.context);
	Relink	   *relink = palloc0(sizeof(Relink));

	relink->scan = scan;
	relink->files = columns_make(scan->job.context, FILE_COLUMNS, types);
	scan->relink = relink;
	scan->claims = claims_make(scan->job.context);
	scan->relinked = relinked_make(scan->job.context);
	scan->under = under == NULL ? NULL : pstrdup(under);
	scan->dry_run = dry_run;
	MemoryContextSwitchTo(old);
}

void
relink_argument_job(Arguments *a, const Relink *relink)
{
	argument_datum(a, UUIDOID, relink->scan->job.id);
}

/* Adds a file that the walk found, unless it is where its row says. */
static void
take_file(void *taker, const char *path, size_t length, const MpIdentity *identity, bool linked)
{
	Relink	   *relink = taker;
	Columns    *files = relink->files;
	Claim		claim = claims_look(relink->scan->claims, path, length, identity);

	relink->files_seen++;
	if (claim == CLAIM_KEPT)
		return;
	columns_add_row(files);
	relink->number++;
	columns_set_int4(files, FILE_NUMBER,
					 claim == CLAIM_DISPLACED ? -relink->number : relink->number);
	columns_set_text(files, FILE_PATH, path, length);
	columns_set_int8(files, FILE_FSID, identity->fsid);
	columns_set_int8(files, FILE_INODE, identity->inode);
	columns_set_int8(files, FILE_SIZE, identity->size);
	columns_set_int8(files, FILE_MTIME, identity->mtime_ns);
	columns_set_int8(files, FILE_CTIME, identity->ctime_ns);
	columns_set_bool(files, FILE_LINKED, linked);
	columns_set_bool(files, FILE_OCCUPIED, claim == CLAIM_DISPLACED);
}

/* The folders of the owner's, as the library has them; none of them below a root: all roots. */
static void
add_folders(Relink *relink)
{
	const RootTable *roots = relink->scan->roots;
	bool		any = false;
	Arguments	a = {0};
	List	   *folders = NIL;
	ListCell   *cell;

	argument_text(&a, relink->scan->job.owner);
	call_as_caller("SELECT f.folder"
				   "  FROM missing_photos.library_owners() AS o"
				   " CROSS JOIN LATERAL pg_catalog.unnest(o.folders) AS f(folder)"
				   " WHERE o.owner OPERATOR(pg_catalog.=) $1 AND f.folder IS NOT NULL"
				   " ORDER BY pg_catalog.length(f.folder)", &a);
	for (uint64 i = 0; i < SPI_processed; i++)
		folders = lappend(folders, result_text(i, 1));
	foreach(cell, folders)
		any |= discovery_add(relink->discovery, lfirst(cell));
	for (int i = roots->n - 1; i >= 0 && !any; i--)
		(void) discovery_add(relink->discovery, roots->roots[i].name);
}

/* Whether any row's file is gone: a scan that misses nothing needn't walk. */
void
relink_look_for_missing(Relink *relink)
{
	OwnerScan  *scan = relink->scan;
	FoundRow	next;

	found_rewind(scan->found);
	scan->more = claims_any_displaced(scan->claims);
	while (!scan->more && scan_next(scan, scan->found, &next))
		scan->more = next.judgement.verdict == MP_MISSING && (next.row.flags & ROW_READONLY) == 0;
	found_rewind(scan->found);
}

void
relink_begin(Relink *relink)
{
	OwnerScan  *scan = relink->scan;

	relink_call(relink, "SELECT missing_photos.relink_clear($1, true)");
	claims_load_known(relink->scan->claims);
	relink->discovery = discovery_make(scan->job.context, scan->roots, take_file, relink);
	if (relink->scan->under == NULL)
		add_folders(relink);
	else if (!discovery_add(relink->discovery, relink->scan->under))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not below a registered root", relink->scan->under),
				 errhint("SELECT app_path FROM missing_photos.roots lists the roots.")));
}

void
relink_walk(Relink *relink)
{
	Arguments	a = {0};

	job_new_round(&relink->scan->job);
	relink->scan->more = discovery_walk(relink->discovery, relink->scan->batch_size);
	if (relink->files->n_rows == 0)
		return;
	relink_argument_job(&a, relink);
	argument_columns(&a, relink->files);
	call_as_owner("SELECT missing_photos.relink_add_files($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
				  &a);
	columns_clear(relink->files);
}

static Columns *
row_columns(MemoryContext parent)
{
	static const Oid types[ROW_COLUMNS] = {TEXTOID, TEXTOID, TEXTOID};

	return columns_make(parent, ROW_COLUMNS, types);
}

static void
add_row(Columns *rows, const FileRow *row)
{
	columns_add_row(rows);
	columns_set_text(rows, ROW_PHOTO, row->photo, row->photo_length);
	columns_set_text(rows, ROW_FILE, row->file, row->file_length);
	columns_set_text(rows, ROW_PATH, row->path, row->path_length);
}

static void
set_rows_aside(Relink *relink, const Columns *rows, bool displaced)
{
	Arguments	a = {0};

	if (rows->n_rows == 0)
		return;
	relink_argument_job(&a, relink);
	argument_bool(&a, displaced);
	argument_columns(&a, rows);
	call_as_owner("SELECT missing_photos.relink_add_rows($1, $2, $3, $4, $5)", &a);
}

void
relink_set_missing_aside(Relink *relink)
{
	OwnerScan  *scan = relink->scan;
	Columns    *rows;
	FoundRow	next;

	job_new_round(&scan->job);
	rows = row_columns(scan->job.round_context);
	scan->more = true;
	while (scan->more && rows->n_rows < scan->batch_size)
	{
		scan->more = scan_next(scan, scan->found, &next);
		if (scan->more && next.judgement.verdict == MP_MISSING &&
			(next.row.flags & ROW_READONLY) == 0)
			add_row(rows, &next.row);
	}
	set_rows_aside(relink, rows, false);
}

typedef struct DisplacedRows
{
	Relink	   *relink;
	Columns    *rows;
} DisplacedRows;

/* Never judged: only looked at as it passes. */
static bool
see_displaced(void *arg, const FileRow *row)
{
	DisplacedRows *displaced = arg;

	if ((row->flags & ROW_READONLY) == 0 &&
		claims_is_displaced(displaced->relink->scan->claims, row))
		add_row(displaced->rows, row);
	return false;
}

void
relink_set_displaced_aside(Relink *relink)
{
	OwnerScan  *scan = relink->scan;
	DisplacedRows displaced = {relink, NULL};
	Stream	   *stream;

	job_new_round(&scan->job);
	if (!claims_any_displaced(relink->scan->claims))
		return;
	displaced.rows = row_columns(scan->job.round_context);
	stream = stream_make(scan->job.round_context, NULL, see_displaced, &displaced, false);
	library_stream_linked(stream, scan->job.owner);
	library_stream_lost(stream, scan->job.owner, NULL);
	stream_free(stream);
	set_rows_aside(relink, displaced.rows, true);
}

/* Adds what the library knows of these files, whose keys lie between two. */
static void
add_content(Relink *relink, Datum files, const char *after, const char *last)
{
	static const Oid types[4] = {TEXTOID, TEXTOID, TEXTOID, INT8OID};
	Columns    *known = columns_make(CurrentMemoryContext, 4, types);
	Arguments	a = {0};
	Arguments	c = {0};

	argument_datum(&c, TEXTARRAYOID, files);
	call_as_caller("SELECT c.file, c.algorithm, c.digest, c.size"
				   "  FROM missing_photos.library_content($1) AS c", &c);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		columns_add_row(known);
		for (int column = 0; column < 3; column++)
			columns_set_cstring(known, column, result_text(i, column + 1));
		columns_set_int8(known, 3, result_int8(i, 4));
	}
	relink_argument_job(&a, relink);
	argument_text(&a, after);
	argument_text(&a, last);
	argument_columns(&a, known);
	call_as_owner("SELECT missing_photos.relink_add_content($1, $2, $3, $4, $5, $6, $7)", &a);
}

/* What the library knows of the contents of the next rows. */
void
relink_ask_content(Relink *relink)
{
	OwnerScan  *scan = relink->scan;
	const char *after = relink->last == NULL ? "" : relink->last;
	Arguments	a = {0};
	bool		isnull;
	Datum		files;

	job_new_round(&scan->job);
	relink_argument_job(&a, relink);
	argument_text(&a, after);
	argument_int4(&a, scan->batch_size);
	call_as_owner("SELECT array_agg(n.file), max(n.file)"
				  "  FROM (SELECT r.file FROM missing_photos.relink_row AS r"
				  "         WHERE r.job_id = $1 AND r.file > $2"
				  "         ORDER BY 1 LIMIT $3) AS n", &a);
	relink->last = result_text(0, 2);
	scan->more = relink->last != NULL;
	if (!scan->more)
		return;
	relink->last = MemoryContextStrdup(scan->job.context, relink->last);
	files = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	add_content(relink, PointerGetDatum(PG_DETOAST_DATUM_COPY(files)), after, relink->last);
}

/* Drops files that rows of anybody's have: of other owners, or not linked to any photo. */
void
relink_ask_claims(Relink *relink)
{
	OwnerScan  *scan = relink->scan;
	Arguments	a = {0};
	Arguments	c = {0};
	Arguments	d = {0};
	bool		isnull;
	int64		last;

	job_new_round(&scan->job);
	relink_argument_job(&a, relink);
	argument_int4(&a, relink->batch);
	argument_int4(&a, PATHS_AT_ONCE);
	call_as_owner("SELECT array_agg(n.path), max(n.number)::int8"
				  "  FROM (SELECT f.number, f.path FROM missing_photos.relink_file AS f"
				  "         WHERE f.job_id = $1 AND f.number > $2 AND NOT f.occupied"
				  "         ORDER BY 1 LIMIT $3) AS n", &a);
	last = result_int8(0, 2);
	scan->more = last != 0;
	if (!scan->more)
		return;
	relink->batch = last;
	argument_datum(&c, TEXTARRAYOID,
				   PointerGetDatum(PG_DETOAST_DATUM_COPY(SPI_getbinval(SPI_tuptable->vals[0],
																	   SPI_tuptable->tupdesc, 1,
																	   &isnull))));
	call_as_caller("SELECT pg_catalog.array_agg(c.path) FROM missing_photos.library_claimed($1) AS c",
				   &c);
	relink_argument_job(&d, relink);
	argument_datum(&d, TEXTARRAYOID, SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
												   &isnull));
	if (isnull)
		return;
	d.values[1] = PointerGetDatum(PG_DETOAST_DATUM_COPY(d.values[1]));
	call_as_owner("SELECT missing_photos.relink_drop_claimed($1, $2)", &d);
}
