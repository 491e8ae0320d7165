/*
 * worker.c: a background worker: does a role's queued jobs, as that role, until none is left.
 *
 * Each job is the CALL that its role could have made itself, run as a statement of its own, so that
 * it commits between its steps.  A job that fails is marked failed and the worker goes on with the
 * next; a worker is never restarted.  What it leaves behind when it is terminated is a job in state
 * running whose lock nobody holds.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "background.h"
#include "compat.h"
#include "job_lock.h"
#include "job_queue.h"
#include "library.h"
#include "owner_lock.h"
#include "sql_calls.h"

/* The postmaster finds it by name. */
PGDLLEXPORT void missing_photos_worker_main(Datum arg);

typedef struct QueuedJob
{
	pg_uuid_t	id;
	char	   *kind;
	char	   *owner;
	char	   *statement;
} QueuedJob;

/* All that is kept from one transaction to the next, emptied per job. */
static MemoryContext job_context = NULL;

static char *
keep(const char *text)
{
	return MemoryContextStrdup(job_context, text);
}

/* Takes the n-th queued job if its owner has no other running; 'false' says there are no more. */
static bool
claim_nth(int n, QueuedJob *job, bool *claimed)
{
	Arguments	a = {0};

	argument_int4(&a, n);
	call_as_owner("SELECT q.job_id::text, q.kind, q.owner"
				  "  FROM missing_photos.queued_jobs(session_user) AS q OFFSET $1 LIMIT 1", &a);
	if (SPI_processed == 0)
		return false;
	job->id = *DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(result_text(0, 1))));
	job->kind = keep(result_text(0, 2));
	job->owner = keep(result_text(0, 3));
	*claimed = false;
	if (!owner_lock_try(job->owner))
		return true;
	memset(&a, 0, sizeof(a));
	argument_datum(&a, UUIDOID, UUIDPGetDatum(&job->id));
	argument_int4(&a, MyProcPid);
	if (job_lock_take(&job->id))
	{
		call_as_owner("SELECT missing_photos.claim_job($1, $2)", &a);
		job->statement = result_text(0, 1);
		if (job->statement != NULL)
		{
			job->statement = keep(job->statement);
			*claimed = true;
			return true;
		}
		job_lock_release(&job->id);
	}
	owner_lock_release(job->owner);
	return true;
}

/* Whether a job of this role waits whose owner has no other running. */
static bool
any_to_claim(void)
{
	Arguments	none = {0};
	bool		found = false;

	background_begin_transaction();
	call_as_owner("SELECT q.owner FROM missing_photos.queued_jobs(session_user) AS q", &none);
	for (uint64 i = 0; i < SPI_processed && !found; i++)
	{
		char	   *owner = result_text(i, 1);

		found = owner_lock_try(owner);
		if (found)
			owner_lock_release(owner);
	}
	background_end_transaction();
	return found;
}

/* Takes the first queued job that can run now. */
static bool
claim(QueuedJob *job)
{
	bool		claimed = false;

	MemoryContextReset(job_context);
	background_begin_transaction();
	for (int n = 0; !claimed && claim_nth(n, job, &claimed); n++)
		CHECK_FOR_INTERRUPTS();
	background_end_transaction();
	return claimed;
}

/*
 * Runs a CALL as a client's statement would run: at top level, where it may commit.  Its trees must
 * outlive the transactions it ends.
 */
static void
run_statement(const char *statement)
{
	MemoryContext old;
	Portal		portal;
	RawStmt    *raw;
	List	   *plans;
	QueryCompletion done;

	SetCurrentStatementStartTimestamp();
	debug_query_string = statement;
	pgstat_report_activity(STATE_RUNNING, statement);
	StartTransactionCommand();
	old = MemoryContextSwitchTo(job_context);
	raw = linitial_node(RawStmt, pg_parse_query(statement));
	PushActiveSnapshot(GetTransactionSnapshot());
	plans = pg_plan_queries(analyze_statement(raw, statement), statement, CURSOR_OPT_PARALLEL_OK,
							NULL);
	PopActiveSnapshot();
	portal = CreatePortal("", true, true);
	portal->visible = false;
	PortalDefineQuery(portal, NULL, statement, CMDTAG_CALL, plans, NULL);
	PortalStart(portal, NULL, 0, InvalidSnapshot);
	MemoryContextSwitchTo(old);
	(void) run_portal(portal, &done);
	PortalDrop(portal, false);
	CommitTransactionCommand();
	debug_query_string = NULL;
	pgstat_report_activity(STATE_IDLE, NULL);
}

/*
 * A job that failed before it could say so itself: its row, and then, if that can be had, the
 * application's.
 */
static void
note_failure(const QueuedJob *job, const ErrorData *error)
{
	Arguments	a = {0};
	bool		cancelled = error->sqlerrcode == ERRCODE_QUERY_CANCELED;
	char	   *state = NULL;

	background_begin_transaction();
	argument_datum(&a, UUIDOID, UUIDPGetDatum(&job->id));
	argument_text(&a, cancelled ? "cancelled" : "failed");
	argument_text(&a, error->message);
	call_as_owner("SELECT missing_photos.break_job_off($1, $2, $3)", &a);
	state = result_text(0, 1);
	if (state != NULL)
		state = keep(state);
	background_end_transaction();
	if (state == NULL)
		return;
	background_begin_transaction();
	library_job(UUIDPGetDatum(&job->id), job->owner, job->kind, state, 0, 0, error->message);
	memset(&a, 0, sizeof(a));
	argument_datum(&a, UUIDOID, UUIDPGetDatum(&job->id));
	call_as_owner("SELECT missing_photos.job_was_told($1)", &a);
	background_end_transaction();
}

/* Runs something that may fail; returns the error, in the job's context, once it is in the log. */
static ErrorData *
try_to(void (*act) (const QueuedJob *job, const ErrorData *error), const QueuedJob *job,
	   const ErrorData *error)
{
	ErrorData  *volatile failure = NULL;

	PG_TRY();
	{
		act(job, error);
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(job_context);
		failure = CopyErrorData();
		EmitErrorReport();
		FlushErrorState();
		AbortOutOfAnyTransaction();
		debug_query_string = NULL;
		QueryCancelPending = false;
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(job_context);
	return failure;
}

static void
call(const QueuedJob *job, const ErrorData *none)
{
	run_statement(job->statement);
}

static void
run_job(const QueuedJob *job)
{
	ErrorData  *error;

	QueryCancelPending = false;
	error = try_to(call, job, NULL);
	if (error != NULL && try_to(note_failure, job, error) != NULL)
		ereport(LOG,
				(errmsg("how job %s of owner \"%s\" ended could not be written down",
						DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&job->id))),
						job->owner)));
	pgstat_report_stat(true);
	job_lock_release(&job->id);
	owner_lock_release(job->owner);
}

/* A role with many jobs leaves its place to one that has waited longer. */
static bool
is_others_turn(void)
{
	Arguments	none = {0};
	bool		turn;

	background_begin_transaction();
	call_as_owner("SELECT missing_photos.others_turn(session_user)", &none);
	turn = result_bool(0, 1);
	background_end_transaction();
	return turn;
}

/* Whether it did any. */
static bool
run_jobs(void)
{
	QueuedJob	job;
	bool		worked = false;

	while (background_extension_is_here() && !(worked && is_others_turn()) && claim(&job))
	{
		run_job(&job);
		worked = true;
		background_reload();
	}
	return worked;
}

/* Jobs of other roles wait too, perhaps; this worker can't do them. */
static void
hand_on(void)
{
	background_begin_transaction();
	(void) job_queue_start_workers();
	background_end_transaction();
}

void
missing_photos_worker_main(Datum arg)
{
	bool		worked = false;

	background_begin("missing_photos");
	job_context = AllocSetContextCreate(TopMemoryContext, "missing_photos job",
										ALLOCSET_DEFAULT_SIZES);
	while (background_extension_is_here() && job_lock_take_place())
	{
		worked |= run_jobs();
		job_lock_leave_place();
		/* One who came for a job queued meanwhile found no place, perhaps, and is gone. */
		if (!background_extension_is_here() || is_others_turn() || !any_to_claim())
			break;
	}
	if (worked && background_extension_is_here())
		hand_on();
	proc_exit(0);
}
