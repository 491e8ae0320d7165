/* watch_verbs.c: start_watching, stop_watching, and starting the watcher; see watcher.h. */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/builtins.h"

#include "background.h"
#include "compat.h"
#include "job_queue.h"
#include "library.h"
#include "sql_calls.h"
#include "watcher.h"

PG_FUNCTION_INFO_V1(missing_photos_start_watching);
PG_FUNCTION_INFO_V1(missing_photos_stop_watching);
PG_FUNCTION_INFO_V1(missing_photos_watcher_is_alive);

/* Advisory locks of a class of their own (job_lock.c has 4 and 5). */
#define WATCHER_CLASS 6

static void
make_tag(LOCKTAG *tag)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, 0x6d70, 0x7761, WATCHER_CLASS);
}

bool
watcher_lock_take(void)
{
	LOCKTAG		tag;

	make_tag(&tag);
	return LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
}

bool
watcher_is_alive(void)
{
	LOCKTAG		tag;

	make_tag(&tag);
	if (lock_held_by_me(&tag, ExclusiveLock))
		return true;
	if (LockAcquire(&tag, ShareLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		return true;
	(void) LockRelease(&tag, ShareLock, true);
	return false;
}

/* It waits for this transaction, and ends at once when watching isn't wanted then. */
static bool
start_watcher(Oid role)
{
	return background_start(role, "missing_photos watcher", "missing_photos_watcher_main");
}

bool
watcher_revive(void)
{
	Arguments	none = {0};
	Oid			role;

	call_as_owner("SELECT w.oid::bigint FROM missing_photos.watching_role() AS w", &none);
	if (SPI_processed == 0 || watcher_is_alive())
		return true;
	role = (Oid) result_int8(0, 1);
	return OidIsValid(role) && start_watcher(role);
}

static int	pid_to_call = 0;

/* The watcher looks whether it is wanted; a process that isn't the watcher any more is only woken. */
static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT && pid_to_call != 0)
	{
		PGPROC	   *watcher = BackendPidGetProc(pid_to_call);

		if (watcher != NULL)
			SetLatch(&watcher->procLatch);
	}
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT)
		pid_to_call = 0;
}

static void
call_at_commit(int pid)
{
	static bool registered = false;

	if (!registered)
		RegisterXactCallback(at_transaction_end, NULL);
	registered = true;
	pid_to_call = pid;
}

Datum
missing_photos_start_watching(PG_FUNCTION_ARGS)
{
	Arguments	none = {0};
	Arguments	a = {0};

	SPI_connect();
	library_check_writable("start_watching()");
	job_queue_require_role();
	argument_text(&a, GetUserNameFromId(GetUserId(), false));
	call_as_owner("SELECT missing_photos.want_watching($1::name)", &a);
	if (!watcher_revive())
		ereport(WARNING,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("no background worker is free; watching begins later"),
				 errhint("missing_photos.run_pending_jobs() starts it; more are allowed by "
						 "max_worker_processes.")));
	/* One that runs already looks which roots there are now. */
	call_as_owner("SELECT COALESCE(w.pid, 0)::bigint FROM missing_photos.watching AS w", &none);
	call_at_commit((int) result_int8(0, 1));
	SPI_finish();
	PG_RETURN_VOID();
}

Datum
missing_photos_stop_watching(PG_FUNCTION_ARGS)
{
	Arguments	none = {0};
	Arguments	a = {0};
	bool		stopped;
	char	   *pid;

	SPI_connect();
	PreventCommandIfReadOnly("stop_watching()");
	argument_text(&a, GetUserNameFromId(GetUserId(), false));
	call_as_owner("SELECT pg_has_role($1::name, w.role, 'USAGE')"
				  "  FROM missing_photos.watching_role() AS w WHERE w.oid IS NOT NULL", &a);
	if (SPI_processed > 0 && !result_bool(0, 1))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("another role watches this database"),
				 errhint("Stop it as that role, or as a member of it.")));
	call_as_owner("SELECT missing_photos.unwant_watching()::text", &none);
	pid = result_text(0, 1);
	stopped = pid != NULL;
	if (stopped)
		call_at_commit(atoi(pid));
	SPI_finish();
	PG_RETURN_BOOL(stopped);
}

Datum
missing_photos_watcher_is_alive(PG_FUNCTION_ARGS)
{
	/* On a standby no lock of the primary's is seen, and nothing is watched. */
	PG_RETURN_BOOL(!RecoveryInProgress() && watcher_is_alive());
}
