/*
 * watcher.c: the background worker that watches a database's roots; see watcher.h.
 *
 *     probe of a root --- events ---> watch_root.c --- changes ---> watch_apply.c --> the library
 *                                        |                               |
 *       renames between two roots:  watch_pairs.c                        |
 *                                        more than a handful, or doubt:  +--> a scan's job
 *
 * It sleeps on its latch and the sockets of all probes together.  What they tell is applied in one
 * short transaction per batch, as the role that asked for watching.  After an error nothing of a
 * batch is believed: every owner is scanned instead.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "background.h"
#include "columns.h"
#include "compat.h"
#include "library.h"
#include "settings.h"
#include "sql_calls.h"
#include "watch_absent.h"
#include "watch_apply.h"
#include "watch_clock.h"
#include "watch_doubts.h"
#include "watch_job.h"
#include "watch_new.h"
#include "watch_pairs.h"
#include "watch_roots.h"
#include "watcher.h"

/* The postmaster finds it by name. */
PGDLLEXPORT void missing_photos_watcher_main(Datum arg);

#define UPKEEP_MS 1000			/* while there is something to write down */
#define IDLE_UPKEEP_MS 10000
#define MOST_PAUSE_MS 60000		/* while it fails */

typedef struct Watcher
{
	MemoryContext batch;		/* emptied after each transaction */
	TimestampTz upkeep_at;
	bool		wanted;
	bool		failed;			/* the last transaction */
	int			pause_ms;		/* before upkeep is tried again, once it failed */
	bool		known;			/* its process is written down */
} Watcher;

static Watcher watcher;

/* What one transaction does; the changes are in the batch's context. */
typedef void (*Act) (void *arg);

static void
run_in_transaction(Act act, void *arg)
{
	MemoryContextSwitchTo(watcher.batch);
	background_begin_transaction();
	act(arg);
	background_end_transaction();
}

/* Runs it; an error goes to the log, and what it was about is left to scans. */
static bool
attempt(Act act, void *arg)
{
	volatile bool done = false;

	PG_TRY();
	{
		run_in_transaction(act, arg);
		done = true;
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		EmitErrorReport();
		FlushErrorState();
		AbortOutOfAnyTransaction();
		QueryCancelPending = false;
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	pgstat_report_stat(true);
	MemoryContextSwitchTo(TopMemoryContext);
	return done;
}

static bool
is_wanted(void)
{
	Arguments	none = {0};

	call_as_owner("SELECT w.role = session_user FROM missing_photos.watching_role() AS w", &none);
	return SPI_processed > 0 && result_bool(0, 1);
}

/* Everything that is done now and then, and whatever is due. */
static void
upkeep(void *arg)
{
	TimestampTz now = watch_now();
	Arguments	none = {0};
	bool		scan_due;

	watcher.wanted = is_wanted();
	if (!watcher.wanted)
		return;
	if (!watcher.known)
		call_as_owner("SELECT missing_photos.note_watcher(pg_catalog.pg_backend_pid())", &none);
	watcher.known = true;
	library_check();
	scan_due = watch_roots_update(now);
	if (watch_roots() == NIL)
	{
		watch_absent_forget();
		watch_suspect_nobody();
		return;
	}
	if (scan_due || watcher.failed)
		watch_suspect_all();
	watch_forget_imported();
	watch_start_scans(now);
}

typedef struct Batch
{
	WatchChanges changes;
	int64		done;
} Batch;

static void
apply_changes(void *arg)
{
	Batch	   *batch = arg;

	if (watch_roots() == NIL)
		return;
	library_check();
	watch_jobs_begin();
	if (batch->changes.n > 0)
		batch->done = watch_apply(batch->changes.list, batch->changes.n);
	batch->done += watch_look_again(watch_now());
	watch_jobs_note();
	watch_start_scans(watch_now());
}

/* When events that were told before call for something; 0: they don't. */
static TimestampTz
next_due(void)
{
	return watch_pairs_due(watch_next_due());
}

/* Takes what all probes told and applies it; says whether there was anything. */
static bool
take_events(void)
{
	Batch		batch;
	TimestampTz began = watch_now();
	TimestampTz due = next_due();
	bool		told;

	memset(&batch, 0, sizeof(batch));
	MemoryContextSwitchTo(watcher.batch);
	if (watch_roots_read(&batch.changes))
		watcher.upkeep_at = watch_roots_due(watcher.upkeep_at, UPKEEP_MS);
	told = batch.changes.n > 0;
	watch_pairs_match(&batch.changes, list_length(watch_roots()) > 1);
	MemoryContextSwitchTo(TopMemoryContext);
	watch_is_blind(watch_roots_blind());
	if (!told && (due == 0 || due > began))
		return false;
	if (!attempt(apply_changes, &batch))
		watcher.failed = true;
	watch_roots_applied(began, batch.done);
	MemoryContextReset(watcher.batch);
	return true;
}

/* Milliseconds until something is due. */
static long
time_to_sleep(void)
{
	TimestampTz now = watch_now();
	TimestampTz due = next_due();
	long		left = TimestampDifferenceMilliseconds(now, watcher.upkeep_at);

	if (due != 0)
		left = Min(left, TimestampDifferenceMilliseconds(now, due));
	return Max(left, 0);
}

static void
sleep_until_called(void)
{
	WaitEventSet *set = make_wait_set(list_length(watch_roots()) + 2);
	WaitEvent	event;
	ListCell   *cell;
	int			events;

	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	foreach(cell, watch_roots())
	{
		WatchRoot  *root = lfirst(cell);

		if (root->running)
			AddWaitEventToSet(set, WL_SOCKET_READABLE, root->client.sock, NULL, NULL);
	}
	events = WaitEventSetWait(set, time_to_sleep(), &event, 1, WAIT_FOR_PROBE);
	FreeWaitEventSet(set);
	/* Somebody calls: watching may be wanted no more. */
	if (events > 0 && (event.events & WL_LATCH_SET))
		watcher.upkeep_at = 0;
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	background_reload();
}

/* When something is to be written down, tried again or polled; else seldom. */
static TimestampTz
next_upkeep(void)
{
	TimestampTz now = watch_now();
	TimestampTz at = TimestampTzPlusMilliseconds(now, IDLE_UPKEEP_MS);

	/* What doesn't work, for the library was changed, say, is no reason to fill the log. */
	if (watcher.failed)
	{
		watcher.pause_ms = Min(Max(UPKEEP_MS, watcher.pause_ms * 2), MOST_PAUSE_MS);
		return TimestampTzPlusMilliseconds(now, watcher.pause_ms);
	}
	watcher.pause_ms = 0;
	return Max(watch_roots_due(at, UPKEEP_MS), TimestampTzPlusMilliseconds(now, UPKEEP_MS / 10));
}

static void
watch(void)
{
	while (watcher.wanted)
	{
		TimestampTz now = watch_now();

		watch_is_blind(watch_roots_blind());
		if (now >= watcher.upkeep_at || (watch_roots_call() && watcher.pause_ms == 0))
		{
			if (!background_extension_is_here())
				return;
			/* After an error all is looked at, once things work again. */
			watcher.failed = !attempt(upkeep, NULL);
			MemoryContextReset(watcher.batch);
			watcher.upkeep_at = next_upkeep();
			if (!watcher.wanted)
				return;
		}
		if (!take_events())
			sleep_until_called();
	}
}

/* The probes end with their sockets; their keepers are to be waited for. */
static void
stop_probes(int code, Datum arg)
{
	watch_roots_stop();
}

void
missing_photos_watcher_main(Datum arg)
{
	background_begin("missing_photos watcher");
	if (!background_extension_is_here() || !watcher_lock_take())
		proc_exit(0);
	before_shmem_exit(stop_probes, 0);
	watcher.batch = AllocSetContextCreate(TopMemoryContext, "missing_photos watcher",
										  ALLOCSET_DEFAULT_SIZES);
	watcher.wanted = true;
	watch_absent_init();
	watch();
	proc_exit(0);
}
