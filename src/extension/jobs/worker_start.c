/*
 * worker_start.c: asking the postmaster for background workers; see worker_start.h.
 *
 * At XACT_EVENT_COMMIT nothing may fail any more, so workers are registered just before: each then
 * waits for the end of the transaction that asked for it.  Where the commit fails after all it finds
 * nothing to do.
 */
#include "postgres.h"

#include "access/xact.h"

#include "background.h"
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

static void
start_wanted(void)
{
	for (int i = 0; i < n_wanted; i++)
		for (int n = 0; n < wanted[i].workers; n++)
		{
			if (background_start(wanted[i].role, "missing_photos worker",
								 "missing_photos_worker_main"))
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
