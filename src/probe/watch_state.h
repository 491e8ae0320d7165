/*
 * watch_state.h: one watch, shared by the files that make it up (watch.c, watch_tell.c, watch_walk.c,
 * watch_put.c, watch_settle.c, watch_kernel.c, watch_limbo.c) and by nobody else.  All of it belongs to the watch's
 * thread, but for what is atomic and the bell.
 */
#ifndef MP_WATCH_STATE_H
#define MP_WATCH_STATE_H

#include <stdatomic.h>

#include "guard.h"
#include "mailbox.h"
#include "watch_queue.h"
#include "watch_tree.h"

/* inotify came with Linux; other systems are told as what can't be watched. */
#if defined(__has_include) && !defined(MP_WITHOUT_INOTIFY)
#if __has_include(<sys/inotify.h>)
#define MP_WITH_INOTIFY 1
#endif
#endif

enum
{
	MP_WATCH_LIMBOS = 64,		/* names that went and may come back elsewhere */
	MP_WATCH_LIMBO_MS = 10,		/* for so long */
	MP_WATCH_SETTLE_MS = 400,	/* a new file that isn't written to for so long is whole */
	MP_WATCH_MOST_SETTLING = 4096,
	MP_WATCH_MOST_REFUSALS = 256,	/* told one by one */
	MP_WATCH_MOST_EVENTS = 32768,	/* that wait to be told */
	MP_WATCH_MOST_BYTES = 8 * 1024 * 1024
};

/* A name that went; the one that came under the same cookie is where it went to. */
typedef struct MpLimbo
{
	uint32_t	cookie;
	int			parent;			/* the number of the folder it was in */
	bool		folder;
	int64_t		due;
	MpWatched  *watched;		/* the folder, cut off from the tree; or NULL */
	char	   *path;			/* NULL: this place is free */
} MpLimbo;

/* What the kernel told of a name in a watched folder. */
typedef struct MpRecord
{
	uint32_t	cookie;
	bool		folder;
	MpWatched  *parent;
	const char *name;
	const char *path;
} MpRecord;

typedef enum MpWatchFate
{
	MP_WATCH_ON = 0,
	MP_WATCH_ANEW = 1,			/* events were lost: walk the tree again */
	MP_WATCH_OVER = 2
} MpWatchFate;

typedef struct MpWatch
{
	MpMailbox  *mailbox;
	MpRequest	request;
	int			bell;			/* eventfd: an answer was written */
	atomic_uint ahead;			/* answers not written yet */

	int			inotify;		/* or -1 */
	int			mountinfo;		/* or -1 */
	MpWatchFate fate;
	bool		ready;
	bool		walked;			/* since the kernel's records were last read to their end */
	bool		overflowed;		/* the kernel's queue was full */
	uint64_t	records;
	uint32_t	refusals;		/* told since the walk began */

	MpRootReport root;			/* as it was when the walk began */
	MpGuard		guard;			/* holds the root while there is something to look at */
	bool		held;

	MpWatchTree tree;
	MpLimbo		limbo[MP_WATCH_LIMBOS];
	MpQueue		settling;
	MpQueue		events;

	int64_t		gather_until;	/* ms; events that wait are told then */
	int64_t		beat_at;
	int64_t		retry_at;
	int64_t		retry_after;	/* ms */
} MpWatch;

extern int64_t mp_watch_now(void);
extern void mp_watch_end(MpWatch *watch, int reason, int err);
/* Pins the root to look at what is below it; false: it isn't what it was, and the watch is over. */
extern bool mp_watch_hold(MpWatch *watch);
extern void mp_watch_release(MpWatch *watch);

/* watch_tell.c: puts an event to the others, unless the same one waits.  Without memory: lost. */
extern void mp_watch_tell(MpWatch *watch, MpEventKind kind, uint8_t flags, int err,
						  const char *path, const char *to);
/* Half of a rename, LEFT or CAME: the other half, of the same cookie, isn't below this root. */
extern void mp_watch_tell_half(MpWatch *watch, MpEventKind kind, uint8_t flags, uint32_t cookie,
							   const char *path);
/* Whether more may be told, or read from the kernel. */
extern bool mp_watch_has_room(const MpWatch *watch);
extern bool mp_watch_excludes(const MpWatch *watch, const char *path);
/* Whether an answer is due and may be written. */
extern bool mp_watch_may_answer(const MpWatch *watch, int64_t now);
extern void mp_watch_answer(MpWatch *watch);
/* The last answers, however long they take to be read; the probe ends with its socket anyway. */
extern void mp_watch_answer_all(MpWatch *watch);

/* watch_walk.c: walks some of the folders that wait for it. */
extern void mp_watch_walk(MpWatch *watch);
/* Puts a folder to those to be walked. */
extern void mp_watch_want(MpWatch *watch, MpWatched *folder, bool loud, bool deep);

/* A folder that is new where it is, whether made or moved in. */
extern void mp_watch_new_folder(MpWatch *watch, MpWatched *parent, const char *name,
								const char *path);

/* watch_put.c: puts an open folder under watch; *again: it has the number of *same, try later. */
extern int	mp_watch_put(MpWatch *watch, MpWatched *folder, int fd, MpWatched **same, bool *again);
/* Says that a folder isn't watched; of very many, that the whole root isn't. */
extern void mp_watch_refuse(MpWatch *watch, MpWatched *folder, const char *path, int err);
/* Tries whether a folder that was refused would be taken now. */
extern void mp_watch_retry(MpWatch *watch);
/* Forgets a folder and all below it. */
extern void mp_watch_forget(MpWatch *watch, MpWatched *folder);

/* watch_settle.c: whether nobody seems to be writing a file any more. */
extern bool mp_watch_is_at_rest(const struct statx *st);
/* Looks at new files that nothing was heard of for a while. */
extern void mp_watch_settle(MpWatch *watch);
/* Tells of a file, now or, when it may still be being written, later. */
extern void mp_watch_new_file(MpWatch *watch, const char *path);
/* Nobody writes it any more, or it is gone: now, and not later. */
extern void mp_watch_tell_file(MpWatch *watch, const char *path);
extern void mp_watch_settled(MpWatch *watch, const char *path);

/* watch_kernel.c: reads what the kernel has to tell. */
extern void mp_watch_read(MpWatch *watch);

/* watch_limbo.c: the halves of a rename. */
extern void mp_watch_moved_from(MpWatch *watch, const MpRecord *record);
extern void mp_watch_moved_to(MpWatch *watch, const MpRecord *record);
/* Names that went and didn't come back. */
extern void mp_watch_expire(MpWatch *watch, int64_t now);
extern void mp_watch_empty_limbo(MpWatch *watch);
/*
 * A folder was found that is watched already, as one that went from elsewhere a moment ago: then it
 * was moved here, before this place was watched, and takes the found one's place in the tree.
 */
extern bool mp_watch_arrived(MpWatch *watch, const MpWatched *folder, MpWatched *found,
							 const char *path);

#endif							/* MP_WATCH_STATE_H */
