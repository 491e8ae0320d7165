/*
 * watch.c: the thread of a watch.
 *
 *     pins the root, notes what it is          mp_watch_hold
 *     puts every folder under watch            watch_walk.c
 *     tells READY                              (who listens scans now: what changed before is found)
 *     reads the kernel's records, tells        watch_kernel.c
 *     events lost: tells LOST and begins anew
 *     the root isn't what it was: tells ENDED, and that is the end
 *
 * Nothing is held of the root while there is nothing to walk, so that it can be unmounted.  An
 * unmount is told by the kernel; what is mounted over the root, or unmounted while others still use
 * it, shows in the table of mounts, which wakes the thread when it changes.
 *
 * When nobody reads the answers, events wait here up to a bound; then the kernel's records are no
 * longer read and wait there, up to its bound; then they are lost, and the kernel says so.
 */
#include "watch.h"
#include "watch_state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#ifdef MP_WITH_INOTIFY
#include <sys/inotify.h>
#endif

enum
{
	RETRY_MS = 30 * 1000,
	MOST_RETRY_MS = 600 * 1000,
	ANEW_MS = 100				/* between two walks */
};

int64_t
mp_watch_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
mp_watch_end(MpWatch *watch, int reason, int err)
{
	if (watch->fate == MP_WATCH_OVER)
		return;
	watch->fate = MP_WATCH_OVER;
	mp_watch_tell(watch, MP_EVENT_ENDED, (uint8_t) reason, err, "", NULL);
}

/* Whether a root is the one that the walk began with. */
static bool
is_same_root(const MpRootReport *a, const MpRootReport *b)
{
	return a->device == b->device && a->inode == b->inode && a->mount_id == b->mount_id &&
		a->fsid == b->fsid && a->mounts == b->mounts;
}

bool
mp_watch_hold(MpWatch *watch)
{
	const MpRootReport *now = &watch->guard.report;

	if (watch->held)
		return true;
	mp_guard_open(&watch->guard, &watch->request.place);
	if (watch->guard.shortage != 0)
		watch->fate = MP_WATCH_ANEW;
	else if (now->verdict != MP_PRESENT)
		mp_watch_end(watch, now->reason, now->err);
	else if (!is_same_root(now, &watch->root))
		mp_watch_end(watch, MP_ROOT_CHANGED, 0);
	watch->held = watch->fate == MP_WATCH_ON;
	if (!watch->held)
		mp_guard_close(&watch->guard);
	return watch->held;
}

void
mp_watch_release(MpWatch *watch)
{
	if (watch->held)
		mp_guard_close(&watch->guard);
	watch->held = false;
}

/* Sooner of two times. */
static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Until when nothing is to be done unless something happens. */
static int64_t
next_time(const MpWatch *watch)
{
	bool		free = atomic_load(&watch->ahead) < MP_WATCH_AHEAD;
	int64_t		at = free ? watch->beat_at : INT64_MAX;

	if (watch->events.n > 0 && free)
		at = sooner(at, watch->gather_until);
	if (watch->settling.first != NULL && mp_watch_has_room(watch))
		at = sooner(at, watch->settling.first->due);
	if (watch->tree.refused.first != NULL)
		at = sooner(at, watch->retry_at);
	for (int i = 0; i < MP_WATCH_LIMBOS; i++)
		if (watch->limbo[i].path != NULL)
			at = sooner(at, watch->limbo[i].due);
	return at;
}

/* Sleeps until there is something to do.  While folders wait to be walked there always is. */
static void
wait_for_something(MpWatch *watch)
{
	struct pollfd fds[3] = {
		{.fd = watch->bell, .events = POLLIN},
		{.fd = mp_watch_has_room(watch) ? watch->inotify : -1, .events = POLLIN},
		{.fd = watch->mountinfo, .events = POLLPRI}
	};
	const MpWatched *walk = watch->tree.to_walk.first;
	int64_t		left = next_time(watch) - mp_watch_now();
	int			timeout = left < 0 ? 0 : left > MP_WATCH_BEAT_MS ? MP_WATCH_BEAT_MS : (int) left;
	uint64_t	count;

	if (walk != NULL && mp_watch_has_room(watch))
		timeout = walk->tries > 0 && timeout > 2 ? 2 : walk->tries > 0 ? timeout : 0;
	/* What was told while folders were walked is read before anything else happens. */
	if (watch->walked && watch->inotify >= 0 && mp_watch_has_room(watch))
		timeout = 0;
	if (poll(fds, 3, timeout) <= 0)
		return;
	if (fds[0].revents != 0)
		(void) !read(watch->bell, &count, sizeof(count));
	/* Something was mounted or unmounted somewhere: pinning the root anew compares it. */
	if (fds[2].revents != 0)
	{
		mp_watch_release(watch);
		mp_watch_hold(watch);
		mp_watch_release(watch);
	}
}

/* Notes what the root is now. */
static bool
begin_root(MpWatch *watch)
{
	mp_guard_open(&watch->guard, &watch->request.place);
	watch->root = watch->guard.report;
	if (watch->guard.shortage != 0)
		mp_watch_end(watch, MP_IO_ERROR, watch->guard.shortage);
	else if (watch->root.verdict != MP_PRESENT)
		mp_watch_end(watch, watch->root.reason, watch->root.err);
	watch->held = watch->fate == MP_WATCH_ON;
	if (!watch->held)
		mp_guard_close(&watch->guard);
	return watch->held;
}

/* The kernel's end; without one the watch tells what happens to the root, and nothing else. */
static void
begin_kernel(MpWatch *watch)
{
#ifdef MP_WITH_INOTIFY
	watch->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
#else
	errno = ENOSYS;
#endif
	if (watch->inotify >= 0)
		return;
	mp_watch_tell(watch, MP_EVENT_UNWATCHED, MP_EVENT_FOLDER, errno, "", NULL);
	mp_watched_unlist(watch->tree.root);
	mp_watch_release(watch);
}

static bool
begin(MpWatch *watch)
{
	int64_t		now = mp_watch_now();

	watch->fate = MP_WATCH_ON;
	watch->inotify = -1;
	watch->ready = false;
	watch->refusals = 0;
	watch->beat_at = now + MP_WATCH_BEAT_MS;
	if (mp_watch_tree_start(&watch->tree) != 0)
	{
		mp_watch_end(watch, MP_IO_ERROR, ENOMEM);
		return false;
	}
	if (!begin_root(watch))
		return false;
	mp_watch_want(watch, watch->tree.root, false, false);
	begin_kernel(watch);
	return true;
}

static void
end(MpWatch *watch)
{
	mp_watch_release(watch);
	mp_watch_empty_limbo(watch);
	mp_watch_tree_free(&watch->tree);
	mp_queue_empty(&watch->settling);
	if (watch->inotify >= 0)
		close(watch->inotify);
	watch->inotify = -1;
}

/* The regular look at the root, and at what might be watched after all. */
static void
look_after(MpWatch *watch, int64_t now)
{
	if (now >= watch->beat_at && !watch->held && mp_watch_hold(watch))
		mp_watch_release(watch);
	if (watch->fate == MP_WATCH_ON && watch->tree.refused.first != NULL && now >= watch->retry_at)
	{
		mp_watch_retry(watch);
		watch->retry_after = sooner(watch->retry_after * 2, MOST_RETRY_MS);
		watch->retry_at = now + watch->retry_after;
	}
}

/* From the first walk until events are lost or the root is. */
static void
follow(MpWatch *watch)
{
	while (watch->fate == MP_WATCH_ON)
	{
		int64_t		now;

		wait_for_something(watch);
		if (watch->inotify >= 0)
			mp_watch_read(watch);
		if (watch->fate == MP_WATCH_ON && watch->tree.to_walk.first != NULL)
			mp_watch_walk(watch);
		now = mp_watch_now();
		mp_watch_expire(watch, now);
		if (watch->fate == MP_WATCH_ON)
			mp_watch_settle(watch);
		if (watch->fate == MP_WATCH_ON && !watch->ready && watch->tree.to_walk.first == NULL)
		{
			watch->ready = true;
			mp_watch_tell(watch, MP_EVENT_READY, 0, 0, "", NULL);
		}
		look_after(watch, now);
		if (watch->fate == MP_WATCH_ON && mp_watch_may_answer(watch, now))
			mp_watch_answer(watch);
	}
}

static void *
run(void *argument)
{
	MpWatch    *watch = argument;

	watch->mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	watch->retry_after = RETRY_MS;
	watch->retry_at = mp_watch_now() + RETRY_MS;
	for (;;)
	{
		if (begin(watch))
			follow(watch);
		end(watch);
		if (watch->fate == MP_WATCH_OVER)
			break;
		/* What waited is covered by the look around that READY asks for. */
		mp_queue_empty(&watch->events);
		mp_watch_tell(watch, MP_EVENT_LOST, 0, watch->overflowed ? EOVERFLOW : 0, "", NULL);
		watch->overflowed = false;
		poll(NULL, 0, ANEW_MS);
	}
	mp_watch_answer_all(watch);
	if (watch->mountinfo >= 0)
		close(watch->mountinfo);
	/* The watch itself stays: the server's thread may still tell it of answers written. */
	return NULL;
}

int
mp_watch_start(MpMailbox *mailbox, MpRequest *request)
{
	MpWatch    *watch = calloc(1, sizeof(*watch));
	pthread_t	thread;
	int			err;

	if (watch == NULL)
		return ENOMEM;
	watch->mailbox = mailbox;
	watch->inotify = watch->mountinfo = -1;
	watch->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = watch->bell < 0 ? errno : 0;
	if (err == 0)
	{
		watch->request = *request;
		err = pthread_create(&thread, NULL, run, watch);
	}
	if (err == 0)
	{
		memset(request, 0, sizeof(*request));
		pthread_detach(thread);
		return 0;
	}
	if (watch->bell >= 0)
		close(watch->bell);
	free(watch);
	return err;
}
