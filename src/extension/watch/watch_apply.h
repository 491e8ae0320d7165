/*
 * watch_apply.h: what a watch tells becomes changes of the library.
 *
 * An event is a hint.  Each name it mentions is looked at, under the guard of its root, before a row
 * changes; a file that isn't there is looked for once more after missing_photos.watch_delay before it
 * is flagged.  What is more than a handful, or doubtful, becomes a scan of its owner: that has a
 * breaker, and finds everything.
 */
#ifndef MISSING_PHOTOS_WATCH_APPLY_H
#define MISSING_PHOTOS_WATCH_APPLY_H

#include "datatype/timestamp.h"

#include "watch_changes.h"

/*
 * All of these need a transaction and an SPI connection, and return how many changes they made.  After
 * an error, watch_suspect_all().
 */
extern int64 watch_apply(const WatchChange *changes, int n);
/* Looks once more for what was gone, where the delay is over. */
extern int64 watch_look_again(TimestampTz now);
/* Queues scans for owners about whom there are doubts, once it has been quiet for a moment. */
extern void watch_start_scans(TimestampTz now);
/* Every owner is to be scanned. */
extern void watch_suspect_all(void);

/* When watch_look_again or watch_start_scans has something to do; 0: nothing waits. */
extern TimestampTz watch_next_due(void);

#endif							/* MISSING_PHOTOS_WATCH_APPLY_H */
