/*
 * watch_roots.h: all roots of the watcher, as its loop needs them together.
 */
#ifndef MISSING_PHOTOS_WATCH_ROOTS_H
#define MISSING_PHOTOS_WATCH_ROOTS_H

#include "nodes/pg_list.h"

#include "watch_root.h"

/* The list of WatchRoot, the caller's to read. */
extern List *watch_roots(void);

/*
 * With a transaction and an SPI connection: roots registered or dropped since, probes to be started,
 * polls that are due, what is to be written down.  Says whether everything is to be scanned.
 */
extern bool watch_roots_update(TimestampTz now);
/* Whether an update has something to do at once. */
extern bool watch_roots_call(void);
/* When the next update is due, `due` at the latest; what is to be written down waits for note_ms. */
extern TimestampTz watch_roots_due(TimestampTz due, int note_ms);

/*
 * While a root's probe is only just being started again, what happens isn't told: that isn't quiet, and
 * a name that isn't there may have moved.
 */
extern bool watch_roots_blind(void);

/* Takes what all probes told; says whether there is anything to be written down. */
extern bool watch_roots_read(WatchChanges *changes);
/* That was applied: so many changes of the library. */
extern void watch_roots_applied(TimestampTz began, int64 done);

extern void watch_roots_stop(void);

#endif							/* MISSING_PHOTOS_WATCH_ROOTS_H */
