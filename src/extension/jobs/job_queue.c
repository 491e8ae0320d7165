/*
 * job_queue.c: starting jobs in the background and letting them go on.
 *
 * A job is a row first; workers (worker.c) take the rows of their role, the oldest first.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/uuid.h"

#include "job_lock.h"
#include "job_queue.h"
#include "library.h"
#include "settings.h"
#include "sql_calls.h"
#include "watcher.h"
#include "worker_start.h"

PG_FUNCTION_INFO_V1(missing_photos_start_scan);
PG_FUNCTION_INFO_V1(missing_photos_start_relink);
PG_FUNCTION_INFO_V1(missing_photos_start_delete);
PG_FUNCTION_INFO_V1(missing_photos_resume_job);
PG_FUNCTION_INFO_V1(missing_photos_run_pending_jobs);

typedef struct QueuedRole
{
	char	   *name;
	Oid			oid;
	int			jobs;
	char	   *obstacle;
} QueuedRole;

static QueuedRole *
list_roles(uint64 *n)
{
	Arguments	a = {0};
	QueuedRole *roles;

	argument_bool(&a, setting_allow_superuser_jobs);
	call_as_owner("SELECT q.role::text, q.oid::bigint, q.jobs, q.obstacle"
				  "  FROM missing_photos.queued_roles($1) AS q", &a);
	*n = SPI_processed;
	roles = palloc((*n + 1) * sizeof(QueuedRole));
	for (uint64 i = 0; i < *n; i++)
	{
		roles[i].name = result_text(i, 1);
		roles[i].oid = (Oid) result_int8(i, 2);
		roles[i].jobs = (int) result_int8(i, 3);
		roles[i].obstacle = result_text(i, 4);
	}
	return roles;
}

int
job_queue_start_workers(void)
{
	uint64		n;
	QueuedRole *roles = list_roles(&n);
	int			places = job_lock_free_places();
	int			waiting = 0;

	for (uint64 i = 0; i < n; i++)
	{
		Arguments	a = {0};

		if (roles[i].obstacle == NULL)
		{
			waiting += roles[i].jobs;
			if (places > 0)
				worker_start_at_commit(roles[i].oid, Min(roles[i].jobs, places));
			continue;
		}
		argument_text(&a, roles[i].name);
		argument_text(&a, roles[i].obstacle);
		call_as_owner("SELECT missing_photos.fail_queued($1::name, $2)", &a);
	}
	return waiting;
}

int
job_queue_revive(void)
{
	Arguments	none = {0};

	call_as_owner("SELECT missing_photos.revive_jobs()", &none);
	if (setting_watch)
		(void) watcher_revive();
	return job_queue_start_workers();
}

void
job_queue_require_role(void)
{
	Arguments	a = {0};
	char	   *obstacle;

	argument_text(&a, GetUserNameFromId(GetUserId(), false));
	argument_bool(&a, setting_allow_superuser_jobs);
	call_as_owner("SELECT missing_photos.role_obstacle($1::name, $2)", &a);
	obstacle = result_text(0, 1);
	if (obstacle != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot start a background job: %s", obstacle),
				 errhint("Start it as the application's role, or CALL the procedure in a session.")));
}

Datum
job_queue_add(const char *kind, const char *owner, NullableDatum job_id, const char *arguments)
{
	Arguments	a = {0};
	Datum		id;

	argument_datum(&a, UUIDOID, job_id.value);
	if (job_id.isnull)
		a.nulls[a.n - 1] = 'n';
	argument_text(&a, kind);
	argument_text(&a, owner);
	argument_text(&a, GetUserNameFromId(GetUserId(), false));
	argument_text(&a, arguments);
	call_as_owner("SELECT missing_photos.queue_job($1, $2, $3, $4::name, $5::jsonb)::text", &a);
	id = DirectFunctionCall1(uuid_in, CStringGetDatum(result_text(0, 1)));
	library_job(id, owner, kind, "queued", 0, 0, NULL);
	worker_start_at_commit(GetUserId(), 1);
	return id;
}

/* Ids cross SPI_finish, so they are copied into the caller's context. */
static Datum
copy_id(Datum id, MemoryContext context)
{
	pg_uuid_t  *copy = MemoryContextAlloc(context, sizeof(pg_uuid_t));

	memcpy(copy, DatumGetUUIDP(id), sizeof(pg_uuid_t));
	return UUIDPGetDatum(copy);
}

/* The last argument is the job's id, the first the owner. */
static Datum
start(FunctionCallInfo fcinfo, const char *verb, const char *kind, const char *arguments)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *owner = library_id(fcinfo, 0, "owner");
	Datum		id;

	PreventCommandDuringRecovery(verb);
	SPI_connect();
	library_check_writable(verb);
	library_require_owner(owner);
	job_queue_require_role();
	id = copy_id(job_queue_add(kind, owner, fcinfo->args[fcinfo->nargs - 1], arguments), context);
	SPI_finish();
	return id;
}

static const char *
force_argument(FunctionCallInfo fcinfo)
{
	return !PG_ARGISNULL(1) && PG_GETARG_BOOL(1) ? "{\"force\": true}" : "{}";
}

Datum
missing_photos_start_scan(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(start(fcinfo, "start_scan()", "scan", force_argument(fcinfo)));
}

Datum
missing_photos_start_delete(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(start(fcinfo, "start_delete()", "delete", force_argument(fcinfo)));
}

Datum
missing_photos_start_relink(PG_FUNCTION_ARGS)
{
	StringInfoData arguments;

	initStringInfo(&arguments);
	appendStringInfoChar(&arguments, '{');
	if (!PG_ARGISNULL(1))
	{
		appendStringInfoString(&arguments, "\"under\": ");
		escape_json(&arguments, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	}
	appendStringInfoChar(&arguments, '}');
	PG_RETURN_DATUM(start(fcinfo, "start_relink()", "relink", arguments.data));
}

Datum
missing_photos_resume_job(PG_FUNCTION_ARGS)
{
	Arguments	a = {0};
	char	   *owner;
	char	   *kind;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("job_id must not be null")));
	PreventCommandDuringRecovery("resume_job()");
	SPI_connect();
	library_check_writable("resume_job()");
	argument_datum(&a, UUIDOID, PG_GETARG_DATUM(0));
	call_as_owner("SELECT j.owner, j.kind FROM missing_photos.job AS j"
				  " WHERE j.job_id = $1 AND j.state IN ('queued', 'running', 'failed')"
				  "   AND NOT missing_photos.job_is_alive(j.job_id)"
				  "   FOR NO KEY UPDATE", &a);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no job of this id that could go on"),
				 errhint("Jobs can that failed, or whose session ended before they did; "
						 "missing_jobs tells their state.")));
	owner = result_text(0, 1);
	kind = result_text(0, 2);
	library_require_owner(owner);
	job_queue_require_role();
	argument_text(&a, GetUserNameFromId(GetUserId(), false));
	call_as_owner("SELECT missing_photos.requeue_job($1, $2::name, false)", &a);
	library_job(PG_GETARG_DATUM(0), owner, kind, "queued", 0, 0, NULL);
	worker_start_at_commit(GetUserId(), 1);
	SPI_finish();
	PG_RETURN_VOID();
}

/* As the application itself looks for missing photos after each import. */
static void
scan_after_imports(void)
{
	Arguments	none = {0};
	Arguments	a = {0};
	uint64		n;
	char	  **owners;

	call_as_caller("SELECT pg_catalog.array_agg(o.owner), pg_catalog.array_agg(i.finished_at)"
				   "  FROM missing_photos.library_owners() AS o"
				   " CROSS JOIN LATERAL missing_photos.library_last_import(o.owner)"
				   "       AS i (finished_at)"
				   " WHERE i.finished_at IS NOT NULL", &none);
	for (int i = 1; i <= 2; i++)
	{
		bool		isnull;
		Datum		array = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i, &isnull);

		if (isnull)
			return;
		argument_datum(&a, i == 1 ? TEXTARRAYOID : TIMESTAMPTZARRAYOID,
					   PointerGetDatum(PG_DETOAST_DATUM_COPY(array)));
	}
	job_queue_require_role();
	call_as_owner("SELECT i.owner FROM missing_photos.imports_to_follow($1, $2) AS i (owner)", &a);
	n = SPI_processed;
	owners = palloc((n + 1) * sizeof(char *));
	for (uint64 i = 0; i < n; i++)
		owners[i] = result_text(i, 1);
	for (uint64 i = 0; i < n; i++)
		(void) job_queue_add("scan", owners[i], (NullableDatum) {0, true}, "{}");
}

static void
forget_old(void)
{
	Arguments	a = {0};

	argument_int4(&a, setting_job_retention);
	argument_int4(&a, setting_history_retention);
	call_as_owner("SELECT missing_photos.forget_old($1, $2)", &a);
}

Datum
missing_photos_run_pending_jobs(PG_FUNCTION_ARGS)
{
	int			waiting;

	PreventCommandDuringRecovery("run_pending_jobs()");
	SPI_connect();
	forget_old();
	if (setting_scan_after_import)
	{
		library_check_writable("run_pending_jobs()");
		scan_after_imports();
	}
	waiting = job_queue_revive();
	SPI_finish();
	PG_RETURN_INT32(waiting);
}
