/* job_verbs.c: what people do with a job, whatever its kind: approve and cancel it. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"

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
};

typedef struct HeldJob
{
	char	   *kind;
	char	   *owner;
} HeldJob;

/* Locks the job's row; an error unless the job is held and the caller may see its owner. */
static HeldJob
require_held_job(FunctionCallInfo fcinfo)
{
	Arguments	a = {0};
	HeldJob		job;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("job_id must not be null")));
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

Datum
missing_photos_cancel_job(PG_FUNCTION_ARGS)
{
	Arguments	a = {0};
	HeldJob		job;

	SPI_connect();
	library_check_writable("cancel_job()");
	job = require_held_job(fcinfo);
	argument_datum(&a, UUIDOID, PG_GETARG_DATUM(0));
	call_as_owner("SELECT missing_photos.cancel_held_job($1)", &a);
	library_job(PG_GETARG_DATUM(0), job.owner, job.kind, "cancelled", 0, 0, NULL);
	SPI_finish();
	PG_RETURN_VOID();
}
