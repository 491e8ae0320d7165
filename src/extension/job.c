/* job.c: running a job's steps and keeping its row; see job.h. */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "job.h"
#include "library.h"
#include "owner_lock.h"
#include "sql_calls.h"

static Datum
make_id(NullableDatum given)
{
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));
	Datum		from = given.isnull ? DirectFunctionCall1(gen_random_uuid, (Datum) 0) : given.value;

	memcpy(id, DatumGetUUIDP(from), sizeof(pg_uuid_t));
	return UUIDPGetDatum(id);
}

void *
job_make(MemoryContext parent, Size size, const char *kind, const char *owner,
		 NullableDatum job_id, bool commits)
{
	MemoryContext context = AllocSetContextCreate(parent, "missing_photos job",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Job		   *job = palloc0(size);

	Assert(size >= sizeof(Job));
	job->context = context;
	job->round_context = AllocSetContextCreate(context, "missing_photos job round",
											   ALLOCSET_DEFAULT_SIZES);
	job->commits = commits;
	job->kind = kind;
	job->owner = pstrdup(owner);
	job->id = make_id(job_id);
	MemoryContextSwitchTo(old);
	return job;
}

/*
 * Runs a step in a subtransaction, so that after an error the SPI connection is as it was before;
 * returns the error, or NULL.
 */
static ErrorData *
try_step(Job *job, JobStep step, void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		step(arg);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(job->context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return error;
}

/*
 * Commits; returns the error when a deferred constraint or trigger objected, or NULL.  SPI has rolled
 * back and begun the next transaction then.
 */
static ErrorData *
try_commit(Job *job)
{
	MemoryContext context = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		SPI_commit();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(job->context);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	return error;
}

static void
write_end(Job *job, const char *state, const char *error)
{
	Arguments	a = {0};

	job_new_round(job);
	argument_datum(&a, UUIDOID, job->id);
	argument_text(&a, job->owner);
	argument_text(&a, state);
	argument_text(&a, error);
	argument_text(&a, job->result(job));
	call_as_owner("SELECT missing_photos.end_job($1, $2, $3, $4, $5::jsonb)", &a);
}

typedef struct Failure
{
	Job		   *job;
	const char *message;
} Failure;

static void
write_failure(void *arg)
{
	Failure    *failure = arg;
	Job		   *job = failure->job;

	write_end(job, "failed", failure->message);
	library_job(job->id, job->owner, job->kind, "failed", 0, 0, failure->message);
}

/* Ends the job as failed and raises the error again. */
pg_noreturn static void
fail(Job *job, ErrorData *error)
{
	Failure		failure = {job, error->message};

	job->close(job);
	SPI_rollback();
	/* Should even this fail, the first error is the one to tell. */
	if (try_step(job, write_failure, &failure) == NULL)
		(void) try_commit(job);
	else
		SPI_rollback();
	ReThrowError(error);
}

void
job_run(Job *job, JobStep step, void *arg)
{
	ErrorData  *error;

	MemoryContextSwitchTo(job->round_context);
	if (!job->commits)
	{
		step(arg);
		return;
	}
	error = try_step(job, step, arg);
	if (error == NULL)
		error = try_commit(job);
	if (error != NULL)
		fail(job, error);
	owner_lock_keep(job->owner);
}

void
job_new_round(Job *job)
{
	MemoryContextReset(job->round_context);
	MemoryContextSwitchTo(job->round_context);
}

/* Ends this owner's jobs whose sessions were terminated, in the application's job table too. */
static void
fail_abandoned_jobs(Job *job)
{
	const char *reason = "the session that ran it ended before it did";
	Arguments	a = {0};
	uint64		n;
	Datum	   *ids;
	char	  **kinds;

	argument_datum(&a, UUIDOID, job->id);
	argument_text(&a, job->owner);
	argument_text(&a, reason);
	call_as_owner("SELECT f.job_id::text, f.kind"
				  "  FROM missing_photos.fail_abandoned_jobs($1, $2, $3) AS f", &a);
	n = SPI_processed;
	ids = palloc((n + 1) * sizeof(Datum));
	kinds = palloc((n + 1) * sizeof(char *));
	for (uint64 i = 0; i < n; i++)
	{
		ids[i] = DirectFunctionCall1(uuid_in, CStringGetDatum(result_text(i, 1)));
		kinds[i] = result_text(i, 2);
	}
	for (uint64 i = 0; i < n; i++)
		library_job(ids[i], job->owner, kinds[i], "failed", 0, 0, reason);
}

void
job_begin(Job *job)
{
	Arguments	a = {0};

	argument_datum(&a, UUIDOID, job->id);
	argument_text(&a, job->kind);
	argument_text(&a, job->owner);
	argument_text(&a, GetUserNameFromId(GetUserId(), false));
	call_as_owner("SELECT missing_photos.begin_job($1, $2, $3, $4::name)", &a);
	library_job(job->id, job->owner, job->kind, "started", 0, 0, NULL);
	fail_abandoned_jobs(job);
}

void
job_progress(Job *job, int done, int total)
{
	Arguments	a = {0};

	argument_datum(&a, UUIDOID, job->id);
	argument_int4(&a, done);
	argument_int4(&a, total);
	call_as_owner("SELECT missing_photos.progress_job($1, $2, $3)", &a);
	library_job(job->id, job->owner, job->kind, "running", done, total, NULL);
}

void
job_end(Job *job, const char *state, const char *error, int total)
{
	write_end(job, state, error);
	library_job(job->id, job->owner, job->kind, error == NULL ? "finished" : "failed",
				total, total, error);
}

void
job_require_own_transaction(FunctionCallInfo fcinfo, const char *procedure, const char *function)
{
	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic || IsSubTransaction())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s cannot run inside a transaction block", procedure),
				 errdetail("It commits after each batch."),
				 errhint("CALL it as a statement of its own, outside BEGIN, an ORM's atomic block and "
						 "PL/pgSQL's EXCEPTION, or use SELECT %s(owner), which doesn't commit.",
						 function)));
}

Datum
job_elapsed_since(TimestampTz start)
{
	Interval   *elapsed = palloc0(sizeof(Interval));

	elapsed->time = GetCurrentTimestamp() - start;
	return IntervalPGetDatum(elapsed);
}
