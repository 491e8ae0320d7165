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
#include "job_lock.h"
#include "library.h"
#include "owner_lock.h"
#include "plan_settings.h"
#include "settings.h"
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
	job->page = 1;
	MemoryContextSwitchTo(old);
	return job;
}

/* In a subtransaction, so that after an error the SPI connection is as it was before. */
ErrorData *
job_try(Job *job, JobStep step, void *arg)
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

	/* Deferred checks of foreign keys look for one row after the other.  Ends with the transaction. */
	(void) plan_settings_begin(true);
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

/* Returns the state it got: "cancelled" instead of "failed" when somebody asked for that. */
static const char *
write_end(Job *job, const char *state, const char *error, bool counted)
{
	Arguments	a = {0};

	job_new_round(job);
	argument_datum(&a, UUIDOID, job->id);
	argument_text(&a, job->owner);
	argument_text(&a, state);
	argument_text(&a, error);
	argument_text(&a, counted ? job->result(job) : NULL);
	call_as_owner("SELECT missing_photos.end_job($1, $2, $3, $4, $5::jsonb)", &a);
	job->ended = true;
	return result_text(0, 1);
}

static void
release(Job *job)
{
	if (job->locked)
		job_lock_release(DatumGetUUIDP(job->id));
	job->locked = false;
}

typedef struct Failure
{
	Job		   *job;
	const ErrorData *error;
} Failure;

static void
write_failure(void *arg)
{
	Failure    *failure = arg;
	Job		   *job = failure->job;
	const char *message = failure->error->message;
	/* A worker has no client that could have cancelled its statement: it is the job that was meant. */
	bool		cancelled = failure->error->sqlerrcode == ERRCODE_QUERY_CANCELED &&
		AmBackgroundWorkerProcess();
	/* One that couldn't even begin leaves what an earlier run counted. */
	const char *state = write_end(job, cancelled ? "cancelled" : "failed", message,
								  job->counted != NULL);

	library_job(job->id, job->owner, job->kind, state, 0, 0, message);
}

static void
write_begin(Job *job)
{
	Arguments	a = {0};

	argument_datum(&a, UUIDOID, job->id);
	argument_text(&a, job->kind);
	argument_text(&a, job->owner);
	argument_text(&a, GetUserNameFromId(GetUserId(), false));
	argument_int4(&a, MyProcPid);
	call_as_owner("SELECT b.goes_on, b.result::text"
				  "  FROM missing_photos.begin_job($1, $2, $3, $4::name, $5) AS b", &a);
	job->goes_on = result_bool(0, 1);
	job->counted = MemoryContextStrdup(job->context, result_text(0, 2));
}

void
job_record_failure(Job *job, const ErrorData *error)
{
	Failure		failure = {job, error};

	write_begin(job);
	library_job(job->id, job->owner, job->kind, "started", 0, 0, NULL);
	write_failure(&failure);
}

/* Ends the job as failed and raises the error again. */
pg_noreturn static void
fail(Job *job, ErrorData *error)
{
	Failure		failure = {job, error};

	job->close(job);
	SPI_rollback();
	/* Should even this fail, the first error is the one to tell. */
	if (job_try(job, write_failure, &failure) == NULL)
		(void) try_commit(job);
	else
		SPI_rollback();
	release(job);
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
	error = job_try(job, step, arg);
	if (error == NULL)
		error = try_commit(job);
	if (error != NULL)
		fail(job, error);
	owner_lock_keep(job->owner);
	if (job->ended)
		release(job);
	else if (job->locked)
		job_lock_keep(DatumGetUUIDP(job->id));
}

void
job_new_round(Job *job)
{
	MemoryContextReset(job->round_context);
	MemoryContextSwitchTo(job->round_context);
}

/*
 * Ends this owner's jobs of the same kind whose sessions were terminated, and tells the application
 * what it couldn't be told before.
 */
static void
settle_earlier_jobs(Job *job)
{
	Arguments	a = {0};
	uint64		n;
	struct
	{
		Datum		id;
		char	   *kind;
		char	   *state;
		char	   *error;
	}		   *earlier;

	argument_datum(&a, UUIDOID, job->id);
	argument_text(&a, job->kind);
	argument_text(&a, job->owner);
	argument_text(&a, "the session that ran it ended before it did");
	call_as_owner("SELECT f.job_id::text, f.kind, f.state, f.error"
				  "  FROM missing_photos.fail_abandoned_jobs($1, $2, $3, $4) AS f", &a);
	n = SPI_processed;
	earlier = palloc((n + 1) * sizeof(*earlier));
	for (uint64 i = 0; i < n; i++)
	{
		earlier[i].id = DirectFunctionCall1(uuid_in, CStringGetDatum(result_text(i, 1)));
		earlier[i].kind = result_text(i, 2);
		earlier[i].state = result_text(i, 3);
		earlier[i].error = result_text(i, 4);
	}
	for (uint64 i = 0; i < n; i++)
		library_job(earlier[i].id, job->owner, earlier[i].kind, earlier[i].state, 0, 0,
					earlier[i].error);
}

void
job_begin(Job *job)
{
	if (job->commits)
	{
		if (!job_lock_take(DatumGetUUIDP(job->id)))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("this job is running already")));
		job->locked = true;
	}
	write_begin(job);
	library_job(job->id, job->owner, job->kind, "started", 0, 0, NULL);
	settle_earlier_jobs(job);
}

static int
pages(const Job *job, int64 items)
{
	return (items + job->page - 1) / job->page;
}

void
job_progress(Job *job, int64 done, int64 total)
{
	Arguments	a = {0};

	argument_datum(&a, UUIDOID, job->id);
	argument_int4(&a, done);
	argument_int4(&a, total);
	call_as_owner("SELECT missing_photos.progress_job($1, $2, $3)", &a);
	library_job(job->id, job->owner, job->kind, "running",
				done >= total ? pages(job, total) : done / job->page, pages(job, total), NULL);
	if (setting_progress && job->commits)
		ereport(NOTICE,
				(errmsg("%s of owner \"%s\": " INT64_FORMAT " of " INT64_FORMAT " (%d %%)",
						job->kind, job->owner, done, total,
						total > 0 ? (int) (100 * done / total) : 100)));
}

void
job_note_result(Job *job)
{
	Arguments	a = {0};

	argument_datum(&a, UUIDOID, job->id);
	argument_text(&a, job->result(job));
	call_as_owner("SELECT missing_photos.note_result($1, $2::jsonb)", &a);
}

void
job_end(Job *job, const char *state, const char *error, int64 total)
{
	(void) write_end(job, state, error, true);
	library_job(job->id, job->owner, job->kind, error == NULL ? "finished" : "failed",
				pages(job, total), pages(job, total), error);
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
