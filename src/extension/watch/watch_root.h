/*
 * watch_root.h: one root as the watcher sees it: its probe, what that told, and how it fares.
 */
#ifndef MISSING_PHOTOS_WATCH_ROOT_H
#define MISSING_PHOTOS_WATCH_ROOT_H

#include "watch_changes.h"
#include "watch_client.h"

typedef struct WatchRoot
{
	char	   *name;			/* as registered */
	char	   *app_path;		/* without a slash at the end */
	char	   *server_path;
	WatchClient client;
	bool		running;		/* the probe is there */
	bool		ready;			/* everything that can be is watched */
	bool		scan_due;		/* nobody knows what changed while it wasn't */
	const char *state;
	char		reason[256];	/* "": none */
	int			unwatched;		/* folders; all of it when `polled` */
	bool		polled;
	int64		directories;
	int64		watches;
	int64		events;
	int64		changes;
	int64		overflows;		/* of the kernel's queue */
	double		lag;			/* seconds */
	TimestampTz last_event;
	TimestampTz last_message;
	TimestampTz retry_at;		/* while no probe is there */
	int			retry_ms;
	TimestampTz poll_at;		/* while something isn't watched */
	bool		news;			/* not written down yet */
	bool		told;			/* something in the batch that is being applied */
} WatchRoot;

extern void watch_root_init(WatchRoot *root, const Root *registered);

/*
 * Looks whether the root is what was registered, and if so starts a probe; needs a transaction and
 * an SPI connection.  What keeps it from that is the root's reason, and no error.
 */
extern void watch_root_start(WatchRoot *root, RootTable *roots);

/* Takes what its probe told; changes are added to a list in the current memory context. */
extern void watch_root_read(WatchRoot *root, WatchChanges *changes);
extern void watch_root_stop(WatchRoot *root);

/* Writes down how it fares. */
extern void watch_root_note(WatchRoot *root);

#endif							/* MISSING_PHOTOS_WATCH_ROOT_H */
