/* watcher.c: see watcher.h. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "watcher.h"

enum
{
	WATCH_ID = 77,
	SOON_MS = 5000,
	QUIET_MS = 150
};

Watcher
watcher_start(const char *root, uint32_t most, int n_globs, const char *const *globs)
{
	Watcher		watcher = {.client = client_fork()};
	MpWriter	w;

	client_hello(&watcher.client, 0, 1);
	mp_write_start(&w);
	mp_write_message(&w, MP_WATCH, WATCH_ID);
	mp_write_str(&w, root, strlen(root));
	mp_write_u32(&w, 0);
	mp_write_u32(&w, (uint32_t) n_globs);
	for (int i = 0; i < n_globs; i++)
		mp_write_str(&w, globs[i], strlen(globs[i]));
	mp_write_u32(&w, most);
	client_send_message(&watcher.client, &w);
	return watcher;
}

void
watcher_stop(Watcher *watcher)
{
	client_close(&watcher->client);
	is(client_wait(&watcher->client, 5000), 0, "a probe that watches ends with its socket");
	free(watcher->message.payload);
}

static void
copy(MpReader *r, char *to)
{
	MpStr		str = mp_read_str(r, MP_MAX_PATH);

	if (str.length > 0)
		memcpy(to, str.data, str.length);
	to[str.length] = '\0';
}

/* Reads the next message; false: none came in time. */
static bool
read_message(Watcher *watcher, int ms)
{
	struct pollfd fd = {.fd = watcher->client.socket, .events = POLLIN};

	if (poll(&fd, 1, ms) <= 0)
		return false;
	if (!client_receive(&watcher->client, &watcher->message) ||
		watcher->message.header.type != MP_WATCH || watcher->message.header.request != WATCH_ID)
		bail("no answer to WATCH");
	watcher->told_at = now_ms();
	mp_read_start(&watcher->reader, watcher->message.payload, watcher->message.header.length);
	watcher->watched = mp_read_u64(&watcher->reader);
	watcher->folders = mp_read_u64(&watcher->reader);
	watcher->records = mp_read_u64(&watcher->reader);
	watcher->left = mp_read_count(&watcher->reader, MP_EVENT_BYTES);
	return true;
}

bool
watcher_next(Watcher *watcher, int ms, Event *event)
{
	double		end = now_ms() + ms;

	memset(event, 0, sizeof(*event));
	while (watcher->left == 0)
	{
		double		left = end - now_ms();

		if (!read_message(watcher, left > 0 ? (int) left : 0))
			return false;
	}
	event->kind = mp_read_u8(&watcher->reader);
	event->flags = mp_read_u8(&watcher->reader);
	event->err = mp_read_u16(&watcher->reader);
	event->cookie = mp_read_u32(&watcher->reader);
	copy(&watcher->reader, event->path);
	copy(&watcher->reader, event->to);
	watcher->left--;
	if (watcher->reader.bad || (watcher->left == 0 && !mp_read_done(&watcher->reader)))
		bail("a malformed answer to WATCH");
	return true;
}

void
watcher_until(Watcher *watcher, MpEventKind kind, Event *event)
{
	do
	{
		if (!watcher_next(watcher, 30000, event))
			bail("an event that doesn't come");
	}
	while (event->kind != kind);
}

bool
told(Watcher *watcher, MpEventKind kind, const char *path, const char *to, const char *what)
{
	Event		event;
	bool		came = watcher_next(watcher, SOON_MS, &event);
	bool		right;

	/* A file in a folder that is new may be told twice, by the walk and by its own event. */
	for (int again = 0; again < 3 && came && event.kind == MP_EVENT_LOOK &&
		 (kind != MP_EVENT_LOOK || strcmp(event.path, path) != 0); again++)
		came = watcher_next(watcher, SOON_MS, &event);
	right = came && event.kind == kind && strcmp(event.path, path) == 0 &&
		strcmp(event.to, to) == 0;
	if (!right)
		note("got kind %d \"%s\" \"%s\" errno %d", event.kind, event.path, event.to, event.err);
	return ok(right, "%s", what);
}

bool
told_no_more(Watcher *watcher, const char *what)
{
	Event		event;
	bool		came = watcher_next(watcher, QUIET_MS, &event);

	if (came)
		note("got kind %d \"%s\" \"%s\"", event.kind, event.path, event.to);
	return ok(!came, "%s", what);
}
