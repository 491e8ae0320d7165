/*
 * undo_scan.c: takes back what a scan took away.
 *
 * Each link and flag is put back where the library's row still says what the scan wrote; a row that
 * somebody changed since is left alone and counted as a conflict.  The disk isn't asked: a file that
 * is still gone is found missing again by the next scan.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/memutils.h"

#include "apply.h"
#include "library.h"
#include "owner_lock.h"
#include "sql_calls.h"

PG_FUNCTION_INFO_V1(missing_photos_undo_scan);

static char *
require_scan(Datum job_id)
{
	Arguments	a = {0};
	char	   *owner;

	argument_datum(&a, UUIDOID, job_id);
	call_as_owner("SELECT j.owner FROM missing_photos.job AS j"
				  " WHERE j.job_id = $1 AND j.kind = 'scan'", &a);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no scan of this id"),
				 errhint("SELECT job_id FROM missing_photos.jobs WHERE kind = 'scan' lists them.")));
	owner = result_text(0, 1);
	library_require_owner(owner);
	return owner;
}

/* What the scan took away and nobody has put back yet. */
static Columns *
load_losses(Datum job_id)
{
	Columns    *rows = apply_back_columns(CurrentMemoryContext);
	Arguments	a = {0};

	argument_datum(&a, UUIDOID, job_id);
	call_as_owner("SELECT l.photo, l.file, l.path, l.was_main, l.main_after"
				  "  FROM missing_photos.losses_of_job($1) AS l WHERE NOT l.was_flagged", &a);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		columns_add_row(rows);
		columns_set_cstring(rows, BACK_PHOTO, result_text(i, 1));
		columns_set_cstring(rows, BACK_FILE, result_text(i, 2));
		columns_set_cstring(rows, BACK_PATH, result_text(i, 3));
		columns_set_bool(rows, BACK_MAIN, result_bool(i, 4));
		columns_set_cstring(rows, BACK_MAIN_AFTER, result_text(i, 5));
	}
	return rows;
}

static int64
count_losses(Datum job_id)
{
	Arguments	a = {0};

	argument_datum(&a, UUIDOID, job_id);
	call_as_owner("SELECT pg_catalog.count(*) FROM missing_photos.losses_of_job($1)", &a);
	return result_int8(0, 1);
}

static void
note_undone(Datum job_id, int64 undone)
{
	Arguments	a = {0};

	argument_datum(&a, UUIDOID, job_id);
	argument_int8(&a, undone);
	call_as_owner("SELECT missing_photos.note_undone($1, $2)", &a);
}

static Datum
make_result(FunctionCallInfo fcinfo, int64 undone, int64 conflicts)
{
	TupleDesc	shape;
	Datum		values[2] = {Int64GetDatum(undone), Int64GetDatum(conflicts)};
	bool		nulls[2] = {false, false};

	if (get_call_result_type(fcinfo, NULL, &shape) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls));
}

Datum
missing_photos_undo_scan(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	Changes		changes = {0};
	int64		before;
	int64		after;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("job_id must not be null")));
	SPI_connect();
	library_check_writable("undo_scan()");
	changes.owner = require_scan(PG_GETARG_DATUM(0));
	changes.job_id = PG_GETARG_DATUM(0);
	changes.has_job = true;
	owner_lock_take(changes.owner, false);
	before = count_losses(changes.job_id);
	apply_back(&changes, load_losses(changes.job_id));
	after = count_losses(changes.job_id);
	note_undone(changes.job_id, before - after);
	if (after > 0)
		ereport(WARNING,
				(errmsg(INT64_FORMAT " files could not be put back", after),
				 errdetail("Their rows were changed since, or locked, or the files were held as "
						   "missing before the scan."),
				 errhint("missing_files tells which, by job_id.")));
	SPI_finish();
	MemoryContextSwitchTo(context);
	return make_result(fcinfo, before - after, after);
}
