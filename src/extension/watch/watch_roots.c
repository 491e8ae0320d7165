/* watch_roots.c: all roots of the watcher; see watch_roots.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "columns.h"
#include "settings.h"
#include "sql_calls.h"
#include "watch_clock.h"
#include "watch_roots.h"

#define BLIND_RETRY_MS 3200		/* a root that is away for longer is no reason to wait */

static List *watched = NIL;		/* of WatchRoot */

List *
watch_roots(void)
{
	return watched;
}

static WatchRoot *
find_root(const Root *registered)
{
	ListCell   *cell;

	foreach(cell, watched)
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
		watched = lappend(watched, root);
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

	foreach(cell, watched)
	{
		WatchRoot  *root = lfirst(cell);

		if (is_registered(table, root))
			continue;
		watch_root_stop(root);
		watched = foreach_delete_current(watched, cell);
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

/* The registered roots, also when there are none. */
static RootTable *
load_roots(void)
{
	Arguments	none = {0};

	call_as_owner("SELECT FROM missing_photos.registered_root LIMIT 1", &none);
	return SPI_processed > 0 ? roots_load() : palloc0(sizeof(RootTable));
}

/* Whether what is watched, or left out, was set otherwise since the last call. */
static bool
is_set_otherwise(void)
{
	static char *exclude = NULL;
	static int	most = 0;
	bool		otherwise = exclude != NULL &&
		(most != setting_max_watches || strcmp(exclude, setting_exclude) != 0);

	if (exclude != NULL && !otherwise)
		return false;
	if (exclude != NULL)
		pfree(exclude);
	exclude = MemoryContextStrdup(TopMemoryContext, setting_exclude);
	most = setting_max_watches;
	return otherwise;
}

bool
watch_roots_update(TimestampTz now)
{
	RootTable  *table = load_roots();
	ListCell   *cell;
	bool		scan_due = false;
	bool		anew = is_set_otherwise();

	add_roots(table);
	drop_roots(table);
	foreach(cell, watched)
	{
		WatchRoot  *root = lfirst(cell);

		if (anew)
		{
			watch_root_stop(root);
			root->retry_at = now;
		}
		if (!root->running && root->retry_at <= now)
			watch_root_start(root, table);
		poll_unwatched(root, now);
		scan_due = scan_due || root->scan_due;
		root->scan_due = false;
		if (root->news)
			watch_root_note(root);
	}
	return scan_due;
}

bool
watch_roots_call(void)
{
	ListCell   *cell;

	foreach(cell, watched)
		if (((WatchRoot *) lfirst(cell))->scan_due)
			return true;
	return false;
}

bool
watch_roots_blind(void)
{
	ListCell   *cell;

	foreach(cell, watched)
	{
		const WatchRoot *root = lfirst(cell);

		if (!root->ready && root->retry_ms <= BLIND_RETRY_MS)
			return true;
	}
	return false;
}

bool
watch_roots_read(WatchChanges *changes)
{
	ListCell   *cell;
	bool		news = false;

	foreach(cell, watched)
	{
		WatchRoot  *root = lfirst(cell);
		int			before = changes->n;

		watch_root_read(root, changes);
		news = news || root->news || !root->running;
		root->told = changes->n > before;
	}
	return news;
}

void
watch_roots_applied(TimestampTz began, int64 done)
{
	double		took = (watch_now() - began) / (double) USECS_PER_SEC;
	ListCell   *cell;

	foreach(cell, watched)
	{
		WatchRoot  *root = lfirst(cell);

		if (!root->told)
			continue;
		root->lag = took;
		root->changes += done;
	}
}

TimestampTz
watch_roots_due(TimestampTz due, int note_ms)
{
	TimestampTz soon = TimestampTzPlusMilliseconds(watch_now(), note_ms);
	ListCell   *cell;

	foreach(cell, watched)
	{
		const WatchRoot *root = lfirst(cell);

		if (!root->running)
			due = Min(due, root->retry_at);
		else if (root->poll_at != 0)
			due = Min(due, root->poll_at);
		if (root->running && root->news)
			due = Min(due, soon);
	}
	return due;
}

void
watch_roots_stop(void)
{
	ListCell   *cell;

	foreach(cell, watched)
		watch_root_stop(lfirst(cell));
}
