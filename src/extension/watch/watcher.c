/*
 * watcher.c: the background worker that watches a database's roots; see watcher.h.
 *
 *     probe of a root --- events ---> watch_root.c --- changes ---> watch_apply.c --> the library
 *                                                                        |
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
#include "watch_apply.h"
#include "watch_doubts.h"
#include "watch_root.h"
#include "watcher.h"

/* The postmaster finds it by name. */
PGDLLEXPORT void missing_photos_watcher_main(Datum arg);

#define UPKEEP_MS 1000			/* while there is something to write down */
#define IDLE_UPKEEP_MS 10000
#define BLIND_RETRY_MS 3200		/* a root that is away for longer is no reason to wait */

typedef struct Watcher
{
	MemoryContext batch;		/* emptied after each transaction */
	List	   *roots;			/* of WatchRoot */
	TimestampTz upkeep_at;
	bool		wanted;
	bool		failed;			/* the last transaction */
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

static WatchRoot *
find_root(const Root *registered)
{
	ListCell   *cell;

	foreach(cell, watcher.roots)
	{
		WatchRoot  *root = lfirst(cell);

		if (strcmp(root->name, registered->name) == 0 &&
			strcmp(root->server_path, registered->server_path) == 0)
			return root;
	}
	return NULL;
}

static void
add_roots(const RootTable *table)
{
	for (int i = 0; i < table->n; i++)
	{
		MemoryContext old;
		WatchRoot  *root;

		if (find_root(&table->roots[i]) != NULL)
			continue;
		old = MemoryContextSwitchTo(TopMemoryContext);
		root = palloc(sizeof(WatchRoot));
		watch_root_init(root, &table->roots[i]);
		watcher.roots = lappend(watcher.roots, root);
		MemoryContextSwitchTo(old);
	}
}

static bool
is_registered(const RootTable *table, const WatchRoot *root)
{
	for (int i = 0; i < table->n; i++)
		if (strcmp(root->name, table->roots[i].name) == 0 &&
			strcmp(root->server_path, table->roots[i].server_path) == 0)
			return true;
	return false;
}

/* Roots that were dropped, or lie elsewhere now. */
static void
drop_roots(const RootTable *table)
{
	static const Oid types[1] = {TEXTOID};
	Columns    *names = columns_make(CurrentMemoryContext, 1, types);
	Arguments	a = {0};
	ListCell   *cell;

	foreach(cell, watcher.roots)
	{
		WatchRoot  *root = lfirst(cell);

		if (is_registered(table, root))
			continue;
		watch_root_stop(root);
		watcher.roots = foreach_delete_current(watcher.roots, cell);
	}
	for (int i = 0; i < table->n; i++)
	{
		columns_add_row(names);
		columns_set_cstring(names, 0, table->roots[i].name);
	}
	argument_columns(&a, names);
	call_as_owner("SELECT missing_photos.keep_watches($1)", &a);
	columns_free(names);
}

/* What can't be watched is looked at now and then, for a tenth of the time at most. */
static void
poll_unwatched(WatchRoot *root, TimestampTz now)
{
	Arguments	none = {0};
	double		seconds;
	char	   *took;

	if (root->poll_at == 0 || root->poll_at > now || !root->running)
		return;
	root->scan_due = true;
	call_as_owner("SELECT missing_photos.last_look_seconds()::text", &none);
	took = result_text(0, 1);
	seconds = Max((double) setting_watch_interval, 10 * strtod(took, NULL));
	root->poll_at = TimestampTzPlusMilliseconds(now, (int64) (Min(seconds, 86400.0) * 1000));
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
	TimestampTz now = GetCurrentTimestamp();
	Arguments	none = {0};
	ListCell   *cell;
	RootTable  *table;
	bool		scan_due = watcher.failed;

	watcher.wanted = is_wanted();
	if (!watcher.wanted)
		return;
	if (!watcher.known)
		call_as_owner("SELECT missing_photos.note_watcher(pg_catalog.pg_backend_pid())", &none);
	watcher.known = true;
	library_check();
	table = roots_load();
	add_roots(table);
	drop_roots(table);
	foreach(cell, watcher.roots)
	{
		WatchRoot  *root = lfirst(cell);

		if (!root->running && root->retry_at <= now)
			watch_root_start(root, table);
		poll_unwatched(root, now);
		scan_due = scan_due || root->scan_due;
		root->scan_due = false;
		if (root->news)
			watch_root_note(root);
	}
	if (scan_due)
		watch_suspect_all();
	watch_start_scans(now);
}

/* A root for which something is due before the next upkeep. */
static bool
any_root_calls(void)
{
	ListCell   *cell;

	foreach(cell, watcher.roots)
		if (((WatchRoot *) lfirst(cell))->scan_due)
			return true;
	return false;
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

	library_check();
	if (batch->changes.n > 0)
		batch->done = watch_apply(batch->changes.list, batch->changes.n);
	batch->done += watch_look_again(GetCurrentTimestamp());
	watch_start_scans(GetCurrentTimestamp());
}

/* What a root has to tell is written down soon, but not again and again. */
static void
hasten_upkeep(void)
{
	ListCell   *cell;
	TimestampTz soon = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), UPKEEP_MS);

	foreach(cell, watcher.roots)
	{
		const WatchRoot *root = lfirst(cell);

		if (!root->running)
			watcher.upkeep_at = Min(watcher.upkeep_at, root->retry_at);
		else if (root->news)
			watcher.upkeep_at = Min(watcher.upkeep_at, soon);
	}
}

/*
 * While a root's probe is only just being started again, what happens isn't told: that isn't quiet, and
 * a name that isn't there may have moved.
 */
static bool
is_blind(void)
{
	ListCell   *cell;

	foreach(cell, watcher.roots)
	{
		const WatchRoot *root = lfirst(cell);

		if (!root->ready && root->retry_ms <= BLIND_RETRY_MS)
			return true;
	}
	return false;
}

/* Takes what all probes told and applies it; says whether there was anything. */
static bool
take_events(void)
{
	Batch		batch;
	TimestampTz began = GetCurrentTimestamp();
	TimestampTz due = watch_next_due();
	ListCell   *cell;
	bool		news = false;

	memset(&batch, 0, sizeof(batch));
	MemoryContextSwitchTo(watcher.batch);
	foreach(cell, watcher.roots)
	{
		WatchRoot  *root = lfirst(cell);
		int			before = batch.changes.n;

		watch_root_read(root, &batch.changes);
		news = news || root->news || !root->running;
		if (batch.changes.n > before)
			root->lag = -1;
	}
	MemoryContextSwitchTo(TopMemoryContext);
	watch_is_blind(is_blind());
	if (news)
		hasten_upkeep();
	if (batch.changes.n == 0 && (due == 0 || due > began))
		return false;
	if (!attempt(apply_changes, &batch))
		watcher.failed = true;
	foreach(cell, watcher.roots)
	{
		WatchRoot  *root = lfirst(cell);

		if (root->lag >= 0)
			continue;
		root->lag = (GetCurrentTimestamp() - began) / (double) USECS_PER_SEC;
		root->changes += batch.done;
	}
	MemoryContextReset(watcher.batch);
	return true;
}

/* Milliseconds until something is due. */
static long
time_to_sleep(void)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz due = watch_next_due();
	long		left = TimestampDifferenceMilliseconds(now, watcher.upkeep_at);

	if (due != 0)
		left = Min(left, TimestampDifferenceMilliseconds(now, due));
	return Max(left, 0);
}

static void
sleep_until_called(void)
{
	WaitEventSet *set = make_wait_set(list_length(watcher.roots) + 2);
	WaitEvent	event;
	ListCell   *cell;
	int			events;

	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	foreach(cell, watcher.roots)
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
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz at = TimestampTzPlusMilliseconds(now, watcher.failed ? UPKEEP_MS : IDLE_UPKEEP_MS);
	ListCell   *cell;

	foreach(cell, watcher.roots)
	{
		const WatchRoot *root = lfirst(cell);

		if (!root->running)
			at = Min(at, root->retry_at);
		else if (root->poll_at != 0)
			at = Min(at, root->poll_at);
	}
	return Max(at, TimestampTzPlusMilliseconds(now, UPKEEP_MS / 10));
}

static void
watch(void)
{
	while (watcher.wanted)
	{
		TimestampTz now = GetCurrentTimestamp();

		watch_is_blind(is_blind());
		if (now >= watcher.upkeep_at || any_root_calls())
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
	ListCell   *cell;

	foreach(cell, watcher.roots)
		watch_root_stop(lfirst(cell));
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
	watch_apply_init();
	watch();
	proc_exit(0);
}
