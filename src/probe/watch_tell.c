/* watch_tell.c: events wait, and are told in answers. */
#include "watch_state.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "glob.h"
#include "verdict.h"

enum
{
	GATHER_MS = 2,				/* events that follow one another go in one answer */
	GATHER_EVENTS = 1024,
	ANSWER_EVENTS = 8192
};

bool
mp_watch_excludes(const MpWatch *watch, const char *path)
{
	const char *name = strrchr(path, '/');

	name = name != NULL ? name + 1 : path;
	for (uint32_t i = 0; i < watch->request.globs.n; i++)
	{
		const MpStr *glob = &watch->request.globs.list[i];

		if (glob->length > 0 &&
			mp_glob_matches(glob->data, strchr(glob->data, '/') != NULL ? path : name))
			return true;
	}
	return false;
}

bool
mp_watch_has_room(const MpWatch *watch)
{
	return watch->events.n < MP_WATCH_MOST_EVENTS && watch->events.bytes < MP_WATCH_MOST_BYTES;
}

/* Puts an event behind the others.  NULL: no memory, it is lost. */
static MpWaiting *
put(MpWatch *watch, MpEventKind kind, uint8_t flags, const char *path, const char *to)
{
	MpWaiting  *waiting;

	if (watch->events.first == NULL)
		watch->gather_until = mp_watch_now() + GATHER_MS;
	waiting = mp_queue_put(&watch->events, kind, path, to);
	if (waiting != NULL)
		waiting->flags = flags;
	else if (watch->fate == MP_WATCH_ON)
		watch->fate = MP_WATCH_ANEW;
	return waiting;
}

void
mp_watch_tell(MpWatch *watch, MpEventKind kind, uint8_t flags, int err, const char *path,
			  const char *to)
{
	MpWaiting  *waiting;

	/* Looked at once it will be seen as it is then. */
	if (kind == MP_EVENT_LOOK && mp_queue_find(&watch->events, kind, path) != NULL)
		return;
	if (kind == MP_EVENT_LOOK && mp_watch_excludes(watch, path))
		flags |= MP_EVENT_EXCLUDED;
	waiting = put(watch, kind, flags, path, to);
	if (waiting != NULL)
		waiting->err = (uint16_t) err;
}

void
mp_watch_tell_half(MpWatch *watch, MpEventKind kind, uint8_t flags, uint32_t cookie,
				   const char *path)
{
	MpWaiting  *waiting;

	if (mp_watch_excludes(watch, path))
		flags |= MP_EVENT_EXCLUDED;
	waiting = put(watch, kind, flags, path, NULL);
	if (waiting != NULL)
		waiting->cookie = cookie;
}

/* Called on the server's thread when an answer was written. */
static void
answer_written(void *owner)
{
	MpWatch    *watch = owner;
	uint64_t	one = 1;
	int			tries = 0;

	atomic_fetch_sub(&watch->ahead, 1);
	while (write(watch->bell, &one, sizeof(one)) < 0 && mp_try_again(&tries))
		;
}

bool
mp_watch_may_answer(const MpWatch *watch, int64_t now)
{
	if (atomic_load(&watch->ahead) >= MP_WATCH_AHEAD)
		return false;
	return now >= watch->beat_at || watch->fate != MP_WATCH_ON ||
		(watch->events.n > 0 &&
		 (now >= watch->gather_until || watch->events.n >= GATHER_EVENTS));
}

void
mp_watch_answer(MpWatch *watch)
{
	MpWriter	w;

	mp_write_start(&w);
	mp_write_message(&w, MP_WATCH, watch->request.id);
	mp_write_u64(&w, watch->tree.watched);
	mp_write_u64(&w, watch->tree.folders);
	mp_write_u64(&w, watch->records);
	mp_queue_write(&watch->events, ANSWER_EVENTS, &w);
	mp_write_message_end(&w);
	atomic_fetch_add(&watch->ahead, 1);
	mp_mailbox_post(watch->mailbox, &w, answer_written, watch);
	watch->beat_at = mp_watch_now() + MP_WATCH_BEAT_MS;
}

void
mp_watch_answer_all(MpWatch *watch)
{
	struct pollfd bell = {.fd = watch->bell, .events = POLLIN};
	uint64_t	count;

	while (watch->events.n > 0)
	{
		if (atomic_load(&watch->ahead) < MP_WATCH_AHEAD)
			mp_watch_answer(watch);
		else if (poll(&bell, 1, -1) > 0)
			(void) !read(watch->bell, &count, sizeof(count));
	}
}
