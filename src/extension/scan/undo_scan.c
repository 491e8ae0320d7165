/* undo_scan.c: takes back what a scan took away, or all changes of some time; see undo.h. */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "library.h"
#include "owner_lock.h"
#include "sql_calls.h"
#include "undo.h"

PG_FUNCTION_INFO_V1(missing_photos_undo_scan);
PG_FUNCTION_INFO_V1(missing_photos_undo_changes);

static char *
require_scan(Datum job_id)
{
	Arguments	a = {0};
	char	   *owner;

	argument_datum(&a, UUIDOID, job_id);
	call_as_owner("SELECT j.owner FROM missing_photos.job AS j"
				  " WHERE j.job_id = $1 AND j.kind IN ('scan', 'watch')", &a);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no scan of this id"),
				 errhint("SELECT job_id FROM missing_photos.jobs WHERE kind IN ('scan', 'watch') "
						 "lists them.")));
	owner = result_text(0, 1);
	library_require_owner(owner);
	return owner;
}

void
undo_arguments(Arguments *a, const Undo *undo)
{
	argument_text(a, undo->changes.owner);
	apply_argument_job(a, &undo->changes);
	argument_datum(a, TIMESTAMPTZOID, TimestampTzGetDatum(undo->since));
	argument_datum(a, TIMESTAMPTZOID, TimestampTzGetDatum(undo->until));
}

/* What was taken away and nobody has put back yet. */
static Columns *
load_losses(const Undo *undo)
{
	Columns    *rows = apply_back_columns(CurrentMemoryContext);
	Arguments	a = {0};

	undo_arguments(&a, undo);
	call_as_owner("SELECT l.photo, l.file, l.path, l.was_main, l.main_after"
				  "  FROM missing_photos.losses_of($1, $2, $3, $4) AS l WHERE NOT l.was_flagged", &a);
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
count_losses(const Undo *undo)
{
	Arguments	a = {0};

	undo_arguments(&a, undo);
	call_as_owner("SELECT pg_catalog.count(*) FROM missing_photos.losses_of($1, $2, $3, $4)", &a);
	return result_int8(0, 1);
}

void
undo_losses(Undo *undo)
{
	int64		before = count_losses(undo);
	int64		after;

	apply_back(&undo->changes, load_losses(undo));
	after = count_losses(undo);
	undo->undone += before - after;
	undo->conflicts += after;
}

static void
note_undone(const Undo *undo)
{
	Arguments	a = {0};

	apply_argument_job(&a, &undo->changes);
	argument_int8(&a, undo->undone);
	call_as_owner("SELECT missing_photos.note_undone($1, $2)", &a);
}

static Datum
make_result(FunctionCallInfo fcinfo, const Undo *undo)
{
	TupleDesc	shape;
	Datum		values[2] = {Int64GetDatum(undo->undone), Int64GetDatum(undo->conflicts)};
	bool		nulls[2] = {false, false};

	if (get_call_result_type(fcinfo, NULL, &shape) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls));
}

Datum
missing_photos_undo_scan(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	Undo		undo = {.since = DT_NOBEGIN, .until = DT_NOEND};

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("job_id must not be null")));
	SPI_connect();
	library_check_writable("undo_scan()");
	undo.changes.owner = require_scan(PG_GETARG_DATUM(0));
	undo.changes.job_id = PG_GETARG_DATUM(0);
	undo.changes.has_job = true;
	owner_lock_take(undo.changes.owner, false);
	undo_losses(&undo);
	note_undone(&undo);
	if (undo.conflicts > 0)
		ereport(WARNING,
				(errmsg(INT64_FORMAT " files could not be put back", undo.conflicts),
				 errdetail("Their rows were changed since, or locked, or the files were held as "
						   "missing before the scan."),
				 errhint("missing_files tells which, by job_id.")));
	SPI_finish();
	MemoryContextSwitchTo(context);
	return make_result(fcinfo, &undo);
}

static TimestampTz
time_argument(FunctionCallInfo fcinfo, int argument, const char *name)
{
	if (PG_ARGISNULL(argument))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
	return PG_GETARG_TIMESTAMPTZ(argument);
}

/* What was flagged is put back first: a move's way back begins where the file was last. */
Datum
missing_photos_undo_changes(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	Undo		undo = {.changes.owner = library_id(fcinfo, 0, "owner")};

	undo.since = time_argument(fcinfo, 1, "since");
	undo.until = time_argument(fcinfo, 2, "until");
	SPI_connect();
	library_check_writable("undo_changes()");
	library_require_owner(undo.changes.owner);
	MemoryContextSwitchTo(context);
	owner_lock_take(undo.changes.owner, false);
	undo_losses(&undo);
	undo_moves(&undo);
	SPI_finish();
	MemoryContextSwitchTo(context);
	return make_result(fcinfo, &undo);
}
