/*
 * delete.c: delete_missing and delete_missing_photos.
 *
 * Both look for the files of missing photos once more, restore what is back, may be held by the
 * breaker, and delete the rest in batches, each looked at again just before.  The function does so
 * in its caller's transaction and turns a failure into an answer; the procedure commits after each
 * batch, and what is left when it ends early the next one deletes.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "delete.h"
#include "job_verbs.h"
#include "library.h"
#include "owner_lock.h"
#include "plan_settings.h"

PG_FUNCTION_INFO_V1(missing_photos_delete_missing);
PG_FUNCTION_INFO_V1(missing_photos_delete_missing_photos);

#define FUNCTION_BATCH 5000

typedef void (*DeleteStep) (OwnerDeletion *d);

typedef struct StepCall
{
	OwnerDeletion *d;
	DeleteStep	step;
} StepCall;

static void
call_step(void *arg)
{
	StepCall   *call = arg;
	int			level = plan_settings_begin(false);

	call->step(call->d);
	plan_settings_end(level);
}

static void
run(OwnerDeletion *d, DeleteStep step)
{
	StepCall	call = {d, step};

	job_run(&d->job, call_step, &call);
}

static void
run_while_more(OwnerDeletion *d, DeleteStep step)
{
	do
		run(d, step);
	while (d->more);
}

static void
run_back(OwnerDeletion *d)
{
	for (;;)
	{
		run(d, delete_ask_back);
		if (!d->more)
			return;
		run(d, delete_read_back);
		run(d, delete_take_back);
	}
}

static void
run_photos(OwnerDeletion *d)
{
	for (;;)
	{
		run(d, delete_ask_photos);
		if (!d->more)
			return;
		run(d, delete_take_photos);
	}
}

static void
run_deletion(void *arg)
{
	OwnerDeletion *d = arg;

	run(d, delete_begin);
	run(d, delete_look_at_roots);
	run(d, delete_fetch_lost);
	run_while_more(d, delete_judge);
	run_back(d);
	run(d, delete_list_photos);
	if (d->held)
		run(d, delete_hold);
	else
	{
		run_photos(d);
		run(d, delete_list_files);
		run_while_more(d, delete_take_files);
		run_while_more(d, delete_settle_rows);
		run(d, delete_end);
	}
	delete_close(&d->job);
}

static OwnerDeletion *
make_deletion(MemoryContext parent, const char *owner, int batch_size, bool force,
			  NullableDatum job_id, bool commits)
{
	OwnerDeletion *d = job_make(parent, sizeof(OwnerDeletion), "delete", owner, job_id, commits);

	d->job.close = delete_close;
	d->job.result = delete_result;
	d->force = force;
	d->batch_size = batch_size;
	d->doubts = apply_doubt_columns(d->job.context);
	d->changes.owner = d->job.owner;
	d->changes.job_id = d->job.id;
	d->changes.has_job = true;
	return d;
}

/* {"status": ..., "job_id": ..., the counts, "error": ...} */
static Datum
make_answer(const OwnerDeletion *d, bool status, const char *error)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfo(&json, "{\"status\": %s, \"job_id\": \"%s\", ", status ? "true" : "false",
					 DatumGetCString(DirectFunctionCall1(uuid_out, d->job.id)));
	if (error == NULL)
		/* The counts are an object of their own: its brace is left out. */
		appendStringInfoString(&json, delete_result(&d->job) + 1);
	else
	{
		appendStringInfoString(&json, "\"error\": ");
		escape_json(&json, error);
		appendStringInfoChar(&json, '}');
	}
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/* What ends the statement, whoever wants an answer: cancel, timeouts, shutdown. */
static bool
must_be_raised(const ErrorData *error)
{
	return ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION ||
		error->elevel > ERROR;
}

typedef struct Failure
{
	OwnerDeletion *d;
	const ErrorData *error;
} Failure;

static void
record_failure(void *arg)
{
	Failure    *failure = arg;

	job_record_failure(&failure->d->job, failure->error);
}

/* All the deletion did is rolled back; its job's row tells what of. */
static Datum
answer_failure(OwnerDeletion *d, const ErrorData *error)
{
	Failure		failure = {d, error};
	ErrorData  *worse;

	delete_close(&d->job);
	memset(&d->counts, 0, sizeof(d->counts));
	d->changes.restored = d->changes.busy = 0;
	d->in_doubt = d->waiting = d->unknown = d->derived_files = 0;
	worse = job_try(&d->job, record_failure, &failure);
	/* Where there can be no row of this job (its id is another job's), the answer has to do. */
	if (worse != NULL && must_be_raised(worse))
		ReThrowError(worse);
	return make_answer(d, false, error->message);
}

static void
lock_and_run(void *arg)
{
	OwnerDeletion *d = arg;

	owner_lock_take(d->job.owner, false);
	run_deletion(d);
}

Datum
missing_photos_delete_missing(PG_FUNCTION_ARGS)
{
	char	   *owner = library_id(fcinfo, 0, "owner");
	bool		force = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	MemoryContext context = CurrentMemoryContext;
	OwnerDeletion *d;
	ErrorData  *error;
	Datum		answer;

	SPI_connect();
	library_check_writable("delete_missing()");
	library_require_owner(owner);
	d = make_deletion(context, owner, FUNCTION_BATCH, force, fcinfo->args[2], false);
	error = job_try(&d->job, lock_and_run, d);
	if (error != NULL && must_be_raised(error))
		ReThrowError(error);
	MemoryContextSwitchTo(d->job.context);
	answer = error != NULL ? answer_failure(d, error) : make_answer(d, !d->held, d->reason);
	SPI_finish();
	MemoryContextSwitchTo(context);
	return answer;
}

Datum
missing_photos_delete_missing_photos(PG_FUNCTION_ARGS)
{
	char	   *owner;
	int			batch_size = PG_ARGISNULL(1) ? FUNCTION_BATCH : PG_GETARG_INT32(1);
	bool		force = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	OwnerDeletion *d;

	job_require_own_transaction(fcinfo, "delete_missing_photos", "delete_missing");
	owner = library_id(fcinfo, 0, "owner");
	if (batch_size < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("batch_size must be at least 1"),
				 errhint("1000 is the default.")));
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	library_check_writable("delete_missing_photos");
	library_require_owner(owner);
	owner_lock_take(owner, true);
	d = make_deletion(PortalContext, owner, batch_size, force, fcinfo->args[3], true);
	PG_TRY();
	{
		run_deletion(d);
	}
	PG_FINALLY();
	{
		owner_lock_release(d->job.owner);
	}
	PG_END_TRY();
	SPI_finish();
	MemoryContextDelete(d->job.context);
	PG_RETURN_VOID();
}

enum
{
	OUT_JOB, OUT_PHOTOS, OUT_FILES, OUT_MISSING, OUT_RESTORED, OUT_UNREACHABLE, OUT_INVALID, OUT_HELD, OUT_ELAPSED,
	OUT_COLUMNS
};

/* approve_job's row is a scan's; of a deletion it tells what was deleted. */
Datum
delete_approve(FunctionCallInfo fcinfo, const char *owner)
{
	TimestampTz start = GetCurrentTimestamp();
	MemoryContext context = CurrentMemoryContext;
	OwnerDeletion *d = make_deletion(context, owner, FUNCTION_BATCH, true, fcinfo->args[0], false);
	TupleDesc	shape;
	Datum		values[OUT_COLUMNS];
	bool		nulls[OUT_COLUMNS] = {false};

	d->approved = true;
	run_deletion(d);
	MemoryContextSwitchTo(context);
	if (get_call_result_type(fcinfo, NULL, &shape) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[OUT_JOB] = d->job.id;
	values[OUT_PHOTOS] = Int64GetDatum(d->counts.photos);
	values[OUT_FILES] = Int64GetDatum(d->counts.files);
	values[OUT_MISSING] = Int64GetDatum(0);
	values[OUT_RESTORED] = Int64GetDatum(d->changes.restored);
	values[OUT_UNREACHABLE] = Int64GetDatum(d->in_doubt);
	values[OUT_INVALID] = Int64GetDatum(0);
	values[OUT_HELD] = BoolGetDatum(false);
	values[OUT_ELAPSED] = job_elapsed_since(start);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls));
}
