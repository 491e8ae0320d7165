/*
 * watcher.h: somebody who listens to a watch.
 */
#ifndef MP_WATCHER_H
#define MP_WATCHER_H

#include "client.h"

typedef struct Event
{
	uint8_t		kind;
	uint8_t		flags;
	uint16_t	err;
	uint32_t	cookie;
	char		path[MP_MAX_PATH + 1];
	char		to[MP_MAX_PATH + 1];
} Event;

typedef struct Watcher
{
	Client		client;
	Message		message;
	MpReader	reader;
	uint32_t	left;			/* events in the message that weren't taken yet */
	uint64_t	watched;
	uint64_t	folders;
	uint64_t	records;
	double		told_at;		/* when the last message was read */
} Watcher;

/* Starts a probe and a watch of at most so many folders (0: any number). */
extern Watcher watcher_start(const char *root, uint32_t most, int n_globs, const char *const *globs);
extern void watcher_stop(Watcher *watcher);
/* The next event within so many milliseconds; false: none came. */
extern bool watcher_next(Watcher *watcher, int ms, Event *event);
/* Passes over events up to one of this kind; bails out when none comes. */
extern void watcher_until(Watcher *watcher, MpEventKind kind, Event *event);
/* ok() when the next event is this one. */
extern bool told(Watcher *watcher, MpEventKind kind, const char *path, const char *to,
				 const char *what);
/* ok() when nothing more comes for a while. */
extern bool told_no_more(Watcher *watcher, const char *what);

#endif							/* MP_WATCHER_H */
