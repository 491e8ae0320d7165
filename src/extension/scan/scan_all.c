/*
 * scan_all.c: scans every owner the caller may see, in background workers.
 *
 * The procedure queues the jobs, and then only waits: as many workers as the settings allow take
 * them, the oldest first, each at its own pace.  Whoever cancels the CALL cancels its jobs.
 */
#include "postgres.h"

#include <signal.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "compat.h"
#include "job.h"
#include "job_queue.h"
#include "library.h"
#include "settings.h"
#include "sql_calls.h"
#include "worker_start.h"

PG_FUNCTION_INFO_V1(missing_photos_scan_all);

/* How long to sleep between looks, ms: a share of the time it has taken, within these. */
#define SHORTEST_SLEEP 5L
#define LONGEST_SLEEP 500L
#define SLEEP_SHARE 100
#define ASK_AGAIN 2000L			/* for workers, while none was free, ms */

typedef struct Batch
{
	MemoryContext context;		/* outlives the transactions */
	Datum		ids;			/* uuid[] */
	int			n;
	TimestampTz started;
	TimestampTz asked;			/* for workers */
} Batch;

static void
queue(Batch *batch, const char *arguments)
{
	Arguments	none = {0};
	char	  **owners;
	Datum	   *ids;
	MemoryContext old;

	call_as_caller("SELECT o.owner FROM missing_photos.library_owners() AS o ORDER BY o.owner", &none);
	batch->n = (int) SPI_processed;
	owners = palloc((batch->n + 1) * sizeof(char *));
	ids = palloc((batch->n + 1) * sizeof(Datum));
	for (int i = 0; i < batch->n; i++)
		owners[i] = result_text(i, 1);
	for (int i = 0; i < batch->n; i++)
		ids[i] = job_queue_add("scan", owners[i], (NullableDatum) {0, true}, arguments);
	worker_start_at_commit(GetUserId(), Min(batch->n, setting_max_workers));
	old = MemoryContextSwitchTo(batch->context);
	batch->ids = PointerGetDatum(construct_array(ids, batch->n, UUIDOID, UUID_LEN, false,
												 TYPALIGN_CHAR));
	MemoryContextSwitchTo(old);
	batch->started = batch->asked = GetCurrentTimestamp();
}

static bool
any_left(const Batch *batch)
{
	Arguments	a = {0};

	argument_datum(&a, UUIDARRAYOID, batch->ids);
	call_as_owner("SELECT FROM missing_photos.open_jobs($1)", &a);
	return SPI_processed > 0;
}

static long
milliseconds_since(TimestampTz start)
{
	return TimestampDifferenceMilliseconds(start, GetCurrentTimestamp());
}

/* Returns the error when the CALL is cancelled, or NULL. */
static ErrorData *
wait_a_moment(const Batch *batch)
{
	long		sleep = milliseconds_since(batch->started) / SLEEP_SHARE;
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 Min(Max(sleep, SHORTEST_SLEEP), LONGEST_SLEEP), WAIT_FOR_PROBE);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(batch->context);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	return error;
}

/*
 * A cancel is looked for only while nothing else is done, so that it ends the jobs too wherever it
 * comes.
 */
static ErrorData *
wait_for_jobs(Batch *batch)
{
	ErrorData  *error = NULL;

	HOLD_CANCEL_INTERRUPTS();
	while (error == NULL && any_left(batch))
	{
		SPI_commit();
		RESUME_CANCEL_INTERRUPTS();
		error = wait_a_moment(batch);
		HOLD_CANCEL_INTERRUPTS();
		if (error != NULL || milliseconds_since(batch->asked) < ASK_AGAIN)
			continue;
		batch->asked = GetCurrentTimestamp();
		(void) job_queue_revive();
	}
	RESUME_CANCEL_INTERRUPTS();
	return error;
}

/* The jobs that wait won't run, those that run are stopped. */
static void
cancel_rest(const Batch *batch)
{
	Arguments	a = {0};

	argument_datum(&a, UUIDARRAYOID, batch->ids);
	call_as_owner("SELECT missing_photos.cancel_jobs($1)", &a);
	for (uint64 i = 0; i < SPI_processed; i++)
		if (result_int8(i, 1) > 0)
			(void) kill((pid_t) result_int8(i, 1), SIGINT);
	SPI_commit();
}

/* Tells of each job that didn't finish, and the sum. */
static void
report(const Batch *batch)
{
	Arguments	a = {0};
	uint64		finished = 0;

	argument_datum(&a, UUIDARRAYOID, batch->ids);
	call_as_owner("SELECT j.owner, j.kind, j.state, j.error FROM missing_photos.job AS j"
				  " WHERE j.job_id = ANY ($1) ORDER BY j.queued_at, j.job_id", &a);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *error = result_text(i, 4);

		if (strcmp(result_text(i, 3), "finished") == 0)
		{
			finished++;
			continue;
		}
		ereport(WARNING,
				(errmsg("the %s of owner \"%s\" is %s", result_text(i, 2), result_text(i, 1),
						result_text(i, 3)),
				 error == NULL ? 0 : errdetail("%s", error)));
	}
	ereport(NOTICE,
			(errmsg(UINT64_FORMAT " of %d owners are scanned", finished, batch->n)));
}

static void
run_batch(MemoryContext context, const char *arguments)
{
	Batch		batch = {.context = context};
	ErrorData  *error;

	queue(&batch, arguments);
	SPI_commit();
	error = wait_for_jobs(&batch);
	if (error != NULL)
	{
		cancel_rest(&batch);
		ReThrowError(error);
	}
	report(&batch);
	SPI_commit();
}

Datum
missing_photos_scan_all(PG_FUNCTION_ARGS)
{
	bool		force = !PG_ARGISNULL(0) && PG_GETARG_BOOL(0);
	const char *relink = PG_ARGISNULL(1) ? "null" : PG_GETARG_BOOL(1) ? "true" : "false";
	MemoryContext context;

	job_require_own_transaction(fcinfo, "scan_all", "scan_missing");
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	library_check_writable("scan_all");
	job_queue_require_role();
	context = AllocSetContextCreate(PortalContext, "missing_photos scan_all",
									ALLOCSET_DEFAULT_SIZES);
	run_batch(context, psprintf("{\"force\": %s, \"relink\": %s}", force ? "true" : "false", relink));
	SPI_finish();
	PG_RETURN_VOID();
}
