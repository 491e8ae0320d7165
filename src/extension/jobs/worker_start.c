/*
 * worker_start.c: asking the postmaster for background workers; see worker_start.h.
 *
 * At XACT_EVENT_COMMIT nothing may fail any more, so workers are registered just before: each then
 * waits for the end of the transaction that asked for it.  Where the commit fails after all it finds
 * nothing to do.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"

#include "worker_start.h"

#define MAX_ROLES 64			/* asked for in one transaction; more are found by the next that looks */

typedef struct Wanted
{
	Oid			role;
	int			workers;
} Wanted;

static Wanted wanted[MAX_ROLES];
static int	n_wanted = 0;

void
worker_start_at_commit(Oid role, int workers)
{
	for (int i = 0; i < n_wanted; i++)
	{
		if (wanted[i].role != role)
			continue;
		wanted[i].workers = Max(wanted[i].workers, workers);
		return;
	}
	if (n_wanted < MAX_ROLES)
		wanted[n_wanted++] = (Wanted) {role, workers};
}

static bool
start(Oid role)
{
	BackgroundWorker worker = {0};
	WorkerOrder order = {MyDatabaseId, role, GetTopTransactionIdIfAny()};

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "missing_photos", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "missing_photos_worker_main", BGW_MAXLEN);
	strlcpy(worker.bgw_name, "missing_photos worker", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "missing_photos worker", BGW_MAXLEN);
	memcpy(worker.bgw_extra, &order, sizeof(order));
	return RegisterDynamicBackgroundWorker(&worker, NULL);
}

static void
start_wanted(void)
{
	for (int i = 0; i < n_wanted; i++)
		for (int n = 0; n < wanted[i].workers; n++)
		{
			if (start(wanted[i].role))
				continue;
			/* One is enough to get everything done. */
			if (n == 0)
				ereport(WARNING,
						(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
						 errmsg("no background worker is free; the job stays queued"),
						 errhint("missing_photos.run_pending_jobs() takes it up later; more are "
								 "allowed by max_worker_processes.")));
			break;
		}
	n_wanted = 0;
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			start_wanted();
			break;
		case XACT_EVENT_PRE_PREPARE:
			if (n_wanted > 0)
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("cannot PREPARE a transaction that has started a job")));
			break;
		default:
			n_wanted = 0;
			break;
	}
}

void
worker_start_init(void)
{
	RegisterXactCallback(at_transaction_end, NULL);
}
