/* watch_root.c: one root as the watcher sees it; see watch_root.h. */
#include "postgres.h"

#include <errno.h>

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "reasons.h"
#include "settings.h"
#include "sql_calls.h"
#include "subtransaction.h"
#include "watch_clock.h"
#include "watch_root.h"

#define RETRY_MS 100
#define MOST_RETRY_MS 30000
#define SILENT_MS (4 * MP_WATCH_BEAT_MS)

void
watch_root_init(WatchRoot *root, const Root *registered)
{
	memset(root, 0, sizeof(*root));
	root->name = MemoryContextStrdup(TopMemoryContext, registered->name);
	root->app_path = MemoryContextStrdup(TopMemoryContext, registered->app_path);
	root->server_path = MemoryContextStrdup(TopMemoryContext, registered->server_path);
	root->client.sock = PGINVALID_SOCKET;
	root->state = "starting";
	root->retry_ms = RETRY_MS;
	root->news = true;
}

static void
wait_for_root(WatchRoot *root, const char *reason)
{
	root->state = "away";
	strlcpy(root->reason, reason, sizeof(root->reason));
	root->retry_at = TimestampTzPlusMilliseconds(watch_now(), root->retry_ms);
	root->retry_ms = Min(root->retry_ms * 2, MOST_RETRY_MS);
	root->news = true;
}

typedef struct Start
{
	WatchRoot  *root;
	RootTable  *roots;
	Root	   *registered;
} Start;

static void
start(void *arg)
{
	const Start *order = arg;
	WatchRoot  *root = order->root;
	Root	   *registered = order->registered;

	roots_look(registered);
	if (registered->verdict != MP_PRESENT)
	{
		/* Another disk may hold the library now: a scan finds that out. */
		root->scan_due = root->scan_due || registered->reason == MP_ROOT_REPLACED;
		wait_for_root(root, reason_text(registered->reason, registered->err));
		return;
	}
	watch_client_start(&root->client, order->roots, registered, settings_list(setting_exclude),
					   setting_max_watches);
	root->running = true;
	root->ready = root->polled = false;
	root->unwatched = 0;
	root->state = "starting";
	root->reason[0] = '\0';
	root->last_message = watch_now();
	root->news = true;
}

void
watch_root_start(WatchRoot *root, RootTable *roots)
{
	for (int i = 0; i < roots->n; i++)
	{
		Start		order = {root, roots, &roots->roots[i]};
		ErrorData  *error;

		if (strcmp(order.registered->name, root->name) != 0)
			continue;
		error = try_in_subtransaction(start, &order);
		if (error == NULL)
			return;
		/* No probe: a service that doesn't run, say.  The other roots are watched all the same. */
		wait_for_root(root, error->message);
		FreeErrorData(error);
		return;
	}
}

void
watch_root_stop(WatchRoot *root)
{
	if (root->running)
		watch_client_stop(&root->client);
	root->running = root->ready = false;
}

static void
explain_unwatched(WatchRoot *root, int err)
{
	const char *why;

	if (err == ENOSPC && setting_max_watches > 0)
		why = "missing_photos.max_watches folders are watched, or as many as "
			"fs.inotify.max_user_watches lets";
	else if (err == ENOSPC)
		why = "no more folders can be watched: raise the sysctl fs.inotify.max_user_watches";
	else if (err == EMFILE)
		why = "no more watchers can run: raise the sysctl fs.inotify.max_user_instances";
	else if (err == EOPNOTSUPP)
		why = "this file system doesn't tell what others change";
	else if (err == ELOOP)
		why = "a symbolic link leads to a folder; what lies behind is polled by this name";
	else if (err == EEXIST)
		why = "a folder can be reached by two names";
	else if (err == ENOSYS)
		why = "this system has no inotify";
	else
	{
		errno = err;
		snprintf(root->reason, sizeof(root->reason), "a folder can't be watched: %s",
				 strerror(err));
		return;
	}
	strlcpy(root->reason, why, sizeof(root->reason));
}

static void
take_unwatched(WatchRoot *root, const char *path, int err)
{
	root->unwatched++;
	root->polled = root->polled || path[0] == '\0';
	root->news = true;
	/* What is worst is said: that the whole root can't be, then what a person can change. */
	if (root->reason[0] == '\0' || path[0] == '\0' || err == ENOSPC)
		explain_unwatched(root, err);
	if (root->poll_at == 0)
		root->poll_at = TimestampTzPlusMilliseconds(watch_now(),
													setting_watch_interval * INT64CONST(1000));
}

static void
take_ready(WatchRoot *root)
{
	root->ready = root->scan_due = true;
	root->state = "watching";
	root->retry_ms = RETRY_MS;
	root->news = true;
	if (root->unwatched == 0)
		root->poll_at = 0;
}

static char *
app_path_of(const WatchRoot *root, MpStr path)
{
	return psprintf("%s/%.*s", root->app_path, (int) path.length, path.length > 0 ? path.data : "");
}

static bool
can_be_in_database(const char *path)
{
	return path == NULL || pg_verifymbstr(path, strlen(path), true);
}

/* A name in another encoding than the database's is none: what is moved to it is gone from its old one. */
static void
take_unspeakable(WatchRoot *root, WatchChanges *changes, WatchChange change)
{
	const char *speakable = can_be_in_database(change.path) ? change.path : change.to;

	if (change.kind == MP_EVENT_MOVED && (change.flags & MP_EVENT_FOLDER))
		root->scan_due = true;
	else if (change.kind == MP_EVENT_MOVED && can_be_in_database(speakable))
		watch_changes_add(changes, (WatchChange) {.kind = MP_EVENT_LOOK, .path = pstrdup(speakable)});
}

static void
take_change(WatchRoot *root, WatchChanges *changes, WatchChange change, MpStr path, MpStr to)
{
	change.path = app_path_of(root, path);
	change.to = to.length > 0 ? app_path_of(root, to) : NULL;
	root->last_event = GetCurrentTimestamp();
	root->events++;
	root->news = true;
	if (can_be_in_database(change.path) && can_be_in_database(change.to))
		watch_changes_add(changes, change);
	else
		take_unspeakable(root, changes, change);
}

/* false: the watch has ended. */
static bool
take_event(WatchRoot *root, MpReader *body, WatchChanges *changes)
{
	uint8		kind = mp_read_u8(body);
	uint8		flags = mp_read_u8(body);
	int			err = mp_read_u16(body);
	uint32		cookie = mp_read_u32(body);
	MpStr		path = mp_read_str(body, MP_MAX_PATH);
	MpStr		to = mp_read_str(body, MP_MAX_PATH);

	switch (kind)
	{
		case MP_EVENT_READY:
			take_ready(root);
			break;
		case MP_EVENT_LOST:
			/* READY follows. */
			root->ready = root->polled = false;
			root->unwatched = 0;
			root->reason[0] = '\0';
			root->overflows += err == EOVERFLOW;
			root->news = true;
			break;
		case MP_EVENT_UNWATCHED:
			take_unwatched(root, path.length > 0 ? "x" : "", err);
			break;
		case MP_EVENT_ENDED:
			wait_for_root(root, reason_text((MpReason) flags, err));
			return false;
		default:
			/* A folder that was emptied before it went has nothing more to tell. */
			if (kind != MP_EVENT_GONE || !(flags & MP_EVENT_EMPTY))
				take_change(root, changes, 
							(WatchChange) {.kind = kind, .flags = flags, .cookie = cookie},
							path, to);
			break;
	}
	return true;
}

static bool
take_message(WatchRoot *root, MpReader *body, WatchChanges *changes)
{
	uint32		n;
	bool		on = true;

	root->watches = mp_read_u64(body);
	root->directories = mp_read_u64(body);
	(void) mp_read_u64(body);
	n = mp_read_count(body, MP_EVENT_BYTES);
	root->last_message = watch_now();
	for (uint32 i = 0; i < n && on; i++)
		on = take_event(root, body, changes);
	if (body->bad)
		wait_for_root(root, "the probe sent a message that isn't understood");
	return on && !body->bad;
}

void
watch_root_read(WatchRoot *root, WatchChanges *changes)
{
	while (root->running && changes->n < 8192)
	{
		MpReader	body;
		MessageEvent event = watch_client_read(&root->client, &body);

		if (event == MESSAGE_NOT_YET)
		{
			if (TimestampDifferenceExceeds(root->last_message, watch_now(), SILENT_MS))
			{
				wait_for_root(root, "the file system doesn't answer");
				watch_root_stop(root);
			}
			return;
		}
		if (event != MESSAGE_HERE)
		{
			wait_for_root(root, "the probe ended");
			watch_root_stop(root);
		}
		else if (!take_message(root, &body, changes))
			watch_root_stop(root);
	}
}

void
watch_root_note(WatchRoot *root)
{
	Arguments	a = {0};

	argument_text(&a, root->name);
	argument_text(&a, root->polled ? "polled" : root->unwatched > 0 ? "mixed" : "events");
	argument_text(&a, root->state);
	argument_int8(&a, root->directories);
	argument_int8(&a, root->watches);
	argument_int8(&a, root->events);
	argument_int8(&a, root->changes);
	argument_int8(&a, root->overflows);
	argument_datum(&a, FLOAT8OID, Float8GetDatum(root->lag));
	argument_datum(&a, FLOAT8OID, Float8GetDatum((double) root->last_event / USECS_PER_SEC +
				   (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (double) SECS_PER_DAY));
	if (root->last_event == 0)
		a.nulls[a.n - 1] = 'n';
	argument_text(&a, root->reason[0] != '\0' ? root->reason : NULL);
	call_as_owner("SELECT missing_photos.note_watch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)", &a);
	root->news = false;
}
