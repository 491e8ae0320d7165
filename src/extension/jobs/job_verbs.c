/* job_verbs.c: what people do with a job, whatever its kind: approve and cancel it. */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"

#include "job_verbs.h"
#include "library.h"
#include "owner_lock.h"
#include "sql_calls.h"

PG_FUNCTION_INFO_V1(missing_photos_approve_job);
PG_FUNCTION_INFO_V1(missing_photos_cancel_job);

/* What the kinds of jobs do when a held one is approved. */
static const struct
{
	const char *kind;
	Datum		(*approve) (FunctionCallInfo fcinfo, const char *owner);
}			KINDS[] = {
	{"scan", scan_approve},
	{"delete", delete_approve},
};

typedef struct OpenJob
{
	char	   *kind;
	char	   *owner;
	Oid			role;			/* invalid when it is gone */
	int			pid;
	bool		held;
	bool		runs;
} OpenJob;

/* Sessions whose jobs this transaction cancels. */
#define MAX_TO_CANCEL 64

static int	to_cancel[MAX_TO_CANCEL];
static int	n_to_cancel = 0;

typedef struct HeldJob
{
	char	   *kind;
	char	   *owner;
} HeldJob;

static void
require_job_id(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("job_id must not be null")));
}

/* Locks the job's row; an error unless the job is held and the caller may see its owner. */
static HeldJob
require_held_job(FunctionCallInfo fcinfo)
{
	Arguments	a = {0};
	HeldJob		job;

	require_job_id(fcinfo);
	argument_datum(&a, UUIDOID, PG_GETARG_DATUM(0));
	call_as_owner("SELECT kind, owner FROM missing_photos.job WHERE job_id = $1 AND state = 'held'"
				  " FOR NO KEY UPDATE", &a);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no held job of this id"),
				 errhint("SELECT job_id FROM missing_photos.jobs WHERE state = 'held' lists them.")));
	job.kind = result_text(0, 1);
	job.owner = result_text(0, 2);
	library_require_owner(job.owner);
	return job;
}

static Datum
approve(FunctionCallInfo fcinfo, const HeldJob *job)
{
	for (size_t i = 0; i < lengthof(KINDS); i++)
		if (strcmp(KINDS[i].kind, job->kind) == 0)
			return KINDS[i].approve(fcinfo, job->owner);
	elog(ERROR, "a job of kind \"%s\" can't be held", job->kind);
}

Datum
missing_photos_approve_job(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	HeldJob		job;
	Datum		result;

	SPI_connect();
	library_check_writable("approve_job()");
	job = require_held_job(fcinfo);
	owner_lock_take(job.owner, false);
	MemoryContextSwitchTo(context);
	result = approve(fcinfo, &job);
	SPI_finish();
	return result;
}

/* Sends the cancel signals that were put off to the commit, when all can see who asked for them. */
static void
cancel_at_commit(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT)
		for (int i = 0; i < n_to_cancel; i++)
			(void) kill(to_cancel[i], SIGINT);
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		n_to_cancel = 0;
}

void
job_verbs_init(void)
{
	RegisterXactCallback(cancel_at_commit, NULL);
}

/*
 * The request is a row of its own: the job's row may be locked by the very step that is to be
 * cancelled.
 */
static void
cancel_running(Datum job_id, int pid)
{
	Arguments	a = {0};

	if (n_to_cancel == MAX_TO_CANCEL)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("cannot cancel more than %d running jobs in one transaction",
						MAX_TO_CANCEL)));
	argument_datum(&a, UUIDOID, job_id);
	call_as_owner("INSERT INTO missing_photos.cancel_request (job_id) VALUES ($1)"
				  " ON CONFLICT DO NOTHING", &a);
	to_cancel[n_to_cancel++] = pid;
}

/* One that nobody runs: queued, held, or its session ended before it did. */
static void
cancel_idle(Datum job_id, const OpenJob *job)
{
	Arguments	a = {0};

	argument_datum(&a, UUIDOID, job_id);
	call_as_owner("SELECT missing_photos.cancel_idle_job($1)", &a);
	/* A worker may have taken it this moment. */
	if (!result_bool(0, 1))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("the job's state has just changed"),
				 errhint("Cancel it again.")));
	library_job(job_id, job->owner, job->kind, "cancelled", 0, 0, NULL);
}

/* The job's owner must be the caller's to see, and its role one the caller is a member of. */
static OpenJob
require_open_job(Datum job_id)
{
	Arguments	a = {0};
	OpenJob		job;

	argument_datum(&a, UUIDOID, job_id);
	call_as_owner("SELECT j.kind, j.owner, j.state, j.role::text, j.pid,"
				  "       missing_photos.job_is_alive(j.job_id)"
				  "  FROM missing_photos.job AS j"
				  " WHERE j.job_id = $1 AND j.state IN ('queued', 'running', 'held')", &a);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no job of this id that could be cancelled"),
				 errhint("Queued, running and held jobs can; missing_jobs tells their state.")));
	job.kind = result_text(0, 1);
	job.owner = result_text(0, 2);
	job.held = strcmp(result_text(0, 3), "held") == 0;
	job.role = get_role_oid(result_text(0, 4), true);
	job.pid = (int) result_int8(0, 5);
	job.runs = strcmp(result_text(0, 3), "running") == 0 && result_bool(0, 6);
	return job;
}

Datum
missing_photos_cancel_job(PG_FUNCTION_ARGS)
{
	OpenJob		job;

	require_job_id(fcinfo);
	PreventCommandDuringRecovery("cancel_job()");
	SPI_connect();
	job = require_open_job(PG_GETARG_DATUM(0));
	/* A person decides on a held job; one under way is its role's own business. */
	if (!job.held && !superuser() &&
		(!OidIsValid(job.role) || !has_privs_of_role(GetUserId(), job.role)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("this job was started by another role"),
				 errhint("Cancel it as that role, or as a member of it.")));
	if (job.runs)
		cancel_running(PG_GETARG_DATUM(0), job.pid);
	else
	{
		library_check_writable("cancel_job()");
		library_require_owner(job.owner);
		cancel_idle(PG_GETARG_DATUM(0), &job);
	}
	SPI_finish();
	PG_RETURN_VOID();
}
