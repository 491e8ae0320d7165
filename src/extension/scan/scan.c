/*
 * scan.c: scan_missing and scan_missing_photos: the steps of a scan in their order.
 *
 * A scan judges everything first and writes no library row; then it applies what it found.  job.c
 * runs the steps, in one transaction (the function) or with a commit after each (the procedure).
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "job_verbs.h"
#include "library.h"
#include "relink.h"
#include "scan.h"
#include "settings.h"
#include "owner_lock.h"
#include "sql_calls.h"

PG_FUNCTION_INFO_V1(missing_photos_scan_missing);
PG_FUNCTION_INFO_V1(missing_photos_scan_missing_photos);

typedef void (*ScanStep) (OwnerScan *scan);

/* A step as job_run calls it. */
typedef struct StepCall
{
	OwnerScan  *scan;
	ScanStep	step;
} StepCall;

static void
call_step(void *arg)
{
	StepCall   *call = arg;

	call->step(call->scan);
}

static void
run(OwnerScan *scan, ScanStep step)
{
	StepCall	call = {scan, step};

	job_run(&scan->job, call_step, &call);
}

static void
run_while_more(OwnerScan *scan, ScanStep step)
{
	do
		run(scan, step);
	while (scan->more);
}

/* Files that are back, a batch at a time. */
static void
run_back(OwnerScan *scan)
{
	for (;;)
	{
		run(scan, scan_ask_back);
		if (!scan->more)
			return;
		run(scan, scan_read_back);
		run(scan, scan_take_back);
	}
}

/* Looks at the roots; those that aren't what they were get a chance to prove that they are. */
static void
run_look_at_roots(OwnerScan *scan)
{
	run(scan, scan_look_at_roots);
	for (;;)
	{
		run(scan, scan_ask_sample);
		if (!scan->more)
			return;
		run(scan, scan_read_sample);
		run(scan, scan_keep_root);
	}
}

static void
run_apply(OwnerScan *scan)
{
	run_while_more(scan, scan_take_missing);
	found_rewind(scan->found);
	run_back(scan);
}

static void
run_learn(OwnerScan *scan)
{
	run(scan, scan_fetch_new);
	if (!scan->more)
		return;
	run_while_more(scan, scan_look_at_new);
	run_while_more(scan, scan_note_new);
}

/* Files that are back at their paths are taken back first: they didn't move. */
static void
run_relink(OwnerScan *scan)
{
	if (!scan->dry_run)
		run_back(scan);
	scan->took_back = true;
	relink_run(scan);
}

void
scan_run(OwnerScan *scan)
{
	run(scan, scan_begin_job);
	run_look_at_roots(scan);
	run(scan, scan->job.goes_on ? scan_fetch_staged : scan_fetch);
	run_while_more(scan, scan_judge);
	if (scan->relink != NULL && !scan->job.goes_on)
		run_relink(scan);
	if (scan->dry_run)
	{
		run(scan, scan_end_job);
		scan_close(&scan->job);
		return;
	}
	/* What is staged was weighed when it was staged. */
	if (!scan->job.goes_on)
		run(scan, scan_weigh);
	if (scan->held)
		run_while_more(scan, scan_hold);
	else
	{
		run_while_more(scan, scan_stage);
		run_apply(scan);
	}
	run(scan, scan_take_doubts);
	run_learn(scan);
	run(scan, scan_end_job);
	scan_close(&scan->job);
}

/* The second half of a scan that was held. */
static void
run_approved(OwnerScan *scan)
{
	run(scan, scan_take_up_job);
	run_look_at_roots(scan);
	run(scan, scan_fetch_suspects);
	run_while_more(scan, scan_judge);
	run_while_more(scan, scan_take_missing);
	run(scan, scan_require_roots);
	run(scan, scan_end_job);
	run(scan, scan_drop_suspects);
	scan_close(&scan->job);
}

OwnerScan *
scan_make(MemoryContext parent, const char *kind, const char *owner, int batch_size,
		  NullableDatum job_id, bool commits)
{
	OwnerScan  *scan = job_make(parent, sizeof(OwnerScan), kind, owner, job_id, commits);
	MemoryContext old = MemoryContextSwitchTo(scan->job.context);

	scan->job.close = scan_close;
	scan->job.result = scan_result;
	scan->batch_size = batch_size;
	scan->job.page = batch_size;
	scan->twins.folders_left = TWIN_FOLDERS;
	scan->folders = folders_make(scan->job.context);
	scan->doubts = apply_doubt_columns(scan->job.context);
	scan->changes.owner = scan->job.owner;
	scan->changes.job_id = scan->job.id;
	scan->changes.has_job = true;
	MemoryContextSwitchTo(old);
	return scan;
}

/* The argument relink, which isn't given, or null: as the setting says. */
static void
take_relink(OwnerScan *scan, FunctionCallInfo fcinfo, int argument)
{
	if (PG_ARGISNULL(argument) ? setting_relink : PG_GETARG_BOOL(argument))
		relink_prepare(scan, NULL, false);
}

enum
{
	OUT_JOB, OUT_PHOTOS, OUT_FILES, OUT_MISSING, OUT_RESTORED, OUT_UNREACHABLE, OUT_INVALID, OUT_HELD, OUT_ELAPSED,
	OUT_COLUMNS
};

static Datum
make_result(FunctionCallInfo fcinfo, const OwnerScan *scan, TimestampTz start)
{
	TupleDesc	shape;
	Datum		values[OUT_COLUMNS];
	bool		nulls[OUT_COLUMNS] = {false};

	if (get_call_result_type(fcinfo, NULL, &shape) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[OUT_JOB] = scan->changes.job_id;
	values[OUT_PHOTOS] = Int64GetDatum(scan->photos);
	values[OUT_FILES] = Int64GetDatum(scan->files);
	values[OUT_MISSING] = Int64GetDatum(scan->changes.missing);
	values[OUT_RESTORED] = Int64GetDatum(scan->changes.restored);
	values[OUT_UNREACHABLE] = Int64GetDatum(scan->unreachable);
	values[OUT_INVALID] = Int64GetDatum(scan->invalid);
	values[OUT_HELD] = BoolGetDatum(scan->held);
	values[OUT_ELAPSED] = job_elapsed_since(start);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls));
}

Datum
missing_photos_scan_missing(PG_FUNCTION_ARGS)
{
	TimestampTz start = GetCurrentTimestamp();
	char	   *owner = library_id(fcinfo, 0, "owner");
	bool		force = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	MemoryContext context = CurrentMemoryContext;
	OwnerScan	   *scan;

	SPI_connect();
	library_check_writable("scan_missing()");
	library_require_owner(owner);
	owner_lock_take(owner, false);
	scan = scan_make(context, "scan", owner, FUNCTION_BATCH, fcinfo->args[2], false);
	scan->force = force;
	take_relink(scan, fcinfo, 3);
	scan_run(scan);
	SPI_finish();
	MemoryContextSwitchTo(context);
	return make_result(fcinfo, scan, start);
}

static int
batch_size_argument(FunctionCallInfo fcinfo, int argument)
{
	int			size = PG_ARGISNULL(argument) ? FUNCTION_BATCH : PG_GETARG_INT32(argument);

	if (size < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("batch_size must be at least 1"),
				 errhint("5000 is the default.")));
	return size;
}

void
scan_run_procedure(const ScanProcedure *procedure, FunctionCallInfo fcinfo)
{
	OwnerScan  *scan;
	char	   *owner;
	int			batch_size;

	job_require_own_transaction(fcinfo, procedure->name, procedure->function);
	owner = library_id(fcinfo, 0, "owner");
	batch_size = batch_size_argument(fcinfo, procedure->batch_size);
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	library_check_writable(procedure->name);
	library_require_owner(owner);
	owner_lock_take(owner, true);
	scan = scan_make(PortalContext, procedure->kind, owner, batch_size,
					 fcinfo->args[procedure->job_id], true);
	PG_TRY();
	{
		procedure->prepare(scan, fcinfo);
		scan_run(scan);
	}
	PG_FINALLY();
	{
		owner_lock_release(scan->job.owner);
	}
	PG_END_TRY();
	SPI_finish();
	MemoryContextDelete(scan->job.context);
}

static void
prepare_scan(OwnerScan *scan, FunctionCallInfo fcinfo)
{
	scan->force = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	take_relink(scan, fcinfo, 4);
}

Datum
missing_photos_scan_missing_photos(PG_FUNCTION_ARGS)
{
	static const ScanProcedure procedure = {"scan_missing_photos", "scan_missing", "scan",
	.batch_size = 1, .job_id = 3, .prepare = prepare_scan};

	scan_run_procedure(&procedure, fcinfo);
	PG_RETURN_VOID();
}

Datum
scan_approve(FunctionCallInfo fcinfo, const char *owner)
{
	TimestampTz start = GetCurrentTimestamp();
	MemoryContext context = CurrentMemoryContext;
	OwnerScan  *scan = scan_make(context, "scan", owner, FUNCTION_BATCH, fcinfo->args[0], false);

	scan->force = true;
	scan->approved = true;
	run_approved(scan);
	MemoryContextSwitchTo(context);
	return make_result(fcinfo, scan, start);
}
