/*
 * watch_settle.c: new files that may still be being written.
 *
 * The kernel tells when a file is made and when one that was written to is closed.  A file that is made
 * and never closed by its writer (a link, a file in a folder that wasn't watched yet) is told of when it
 * hasn't changed for a while.
 */
#include "watch_state.h"

#include <time.h>
#include <unistd.h>

enum
{
	MOST_LOOKS = 60,			/* at a file that doesn't come to rest */
	REST_MS = 300
};

bool
mp_watch_is_at_rest(const struct statx *st)
{
	struct timespec now;
	MpIdentity	identity;

	if (!S_ISREG(st->stx_mode) || st->stx_nlink > 1)
		return true;
	clock_gettime(CLOCK_REALTIME, &now);
	mp_identity_of(st, 0, &identity);
	return identity.size > 0 && identity.mtime_ns / 1000000 <
		(int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000 - REST_MS;
}

void
mp_watch_new_file(MpWatch *watch, const char *path)
{
	MpWaiting  *waiting = mp_queue_find(&watch->settling, MP_EVENT_LOOK, path);

	if (waiting == NULL && watch->settling.n < MP_WATCH_MOST_SETTLING)
		waiting = mp_queue_put(&watch->settling, MP_EVENT_LOOK, path, NULL);
	if (waiting == NULL)
		mp_watch_tell(watch, MP_EVENT_LOOK, 0, 0, path, NULL);
	else
	{
		waiting->due = mp_watch_now() + MP_WATCH_SETTLE_MS;
		mp_queue_defer(&watch->settling, waiting);
	}
}

void
mp_watch_settled(MpWatch *watch, const char *path)
{
	MpWaiting  *waiting = mp_queue_find(&watch->settling, MP_EVENT_LOOK, path);

	if (waiting != NULL)
		mp_queue_drop(&watch->settling, waiting);
}

void
mp_watch_tell_file(MpWatch *watch, const char *path)
{
	mp_watch_settled(watch, path);
	mp_watch_tell(watch, MP_EVENT_LOOK, 0, 0, path, NULL);
}

/* Whether a file is whole, as far as can be seen: gone, a link, or unchanged since the last look. */
static bool
has_settled(MpWatch *watch, MpWaiting *waiting)
{
	struct statx st;
	MpIdentity	now;
	MpFound		found;
	bool		same;
	int			err;

	mp_find(&watch->guard.tree, waiting->path, false, &found);
	if (found.err != 0)
		return true;
	err = mp_stat_handle(found.fd, &st);
	close(found.fd);
	if (err != 0 || mp_watch_is_at_rest(&st))
		return true;
	mp_identity_of(&st, 0, &now);
	same = now.size > 0 && now.size == waiting->size && now.mtime_ns == waiting->mtime_ns;
	waiting->size = now.size;
	waiting->mtime_ns = now.mtime_ns;
	return same || ++waiting->looks > MOST_LOOKS;
}

void
mp_watch_settle(MpWatch *watch)
{
	int64_t		now = mp_watch_now();

	if (watch->settling.first == NULL || watch->settling.first->due > now)
		return;
	if (!mp_watch_hold(watch))
		return;
	while (watch->settling.first != NULL && watch->settling.first->due <= now &&
		   mp_watch_has_room(watch))
	{
		MpWaiting  *waiting = watch->settling.first;

		if (has_settled(watch, waiting))
		{
			mp_watch_tell(watch, MP_EVENT_LOOK, 0, 0, waiting->path, NULL);
			mp_queue_drop(&watch->settling, waiting);
			continue;
		}
		waiting->due = now + MP_WATCH_SETTLE_MS;
		mp_queue_defer(&watch->settling, waiting);
	}
	if (watch->tree.to_walk.first == NULL)
		mp_watch_release(watch);
}
