/*
 * watch_queue.h: events that wait, oldest first, and are found by their path.
 *
 * Two things wait in queues: what is to be told, and new files that may still be being written.
 */
#ifndef MP_WATCH_QUEUE_H
#define MP_WATCH_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../protocol/wire.h"

typedef struct MpWaiting
{
	struct MpWaiting *previous;
	struct MpWaiting *next;
	struct MpWaiting *by_path;	/* next in the same bucket */
	uint64_t	hash;
	int64_t		due;			/* ms */
	uint64_t	size;			/* what the file looked like when last seen */
	int64_t		mtime_ns;
	uint8_t		kind;			/* MpEventKind */
	uint8_t		flags;
	uint16_t	err;
	uint32_t	looks;
	uint32_t	cookie;			/* of LEFT and CAME */
	char	   *to;				/* MP_EVENT_MOVED: behind the path; else NULL */
	char		path[];
} MpWaiting;

enum
{
	MP_QUEUE_BUCKETS = 8192
};

typedef struct MpQueue
{
	MpWaiting  *first;
	MpWaiting  *last;
	size_t		n;
	size_t		bytes;
	MpWaiting  *by_path[MP_QUEUE_BUCKETS];
} MpQueue;

/* Puts an event behind all others; NULL: no memory.  `to` may be NULL. */
extern MpWaiting *mp_queue_put(MpQueue *queue, MpEventKind kind, const char *path, const char *to);
/* The event of this kind and path that waits, or NULL. */
extern MpWaiting *mp_queue_find(const MpQueue *queue, MpEventKind kind, const char *path);
/* Takes an event out and frees it. */
extern void mp_queue_drop(MpQueue *queue, MpWaiting *waiting);
/* Puts an event behind all others again. */
extern void mp_queue_defer(MpQueue *queue, MpWaiting *waiting);
extern void mp_queue_empty(MpQueue *queue);
/*
 * A folder was renamed: events of its files go to where those are now.  false: there was no memory
 * for one of them, which stayed as it was.
 */
extern bool mp_queue_moved(MpQueue *queue, const char *from, const char *to);

/* Writes up to `most` events, oldest first, as protocol.h has them, and drops them. */
extern void mp_queue_write(MpQueue *queue, size_t most, MpWriter *w);

#endif							/* MP_WATCH_QUEUE_H */
