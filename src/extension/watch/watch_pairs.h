/*
 * watch_pairs.h: renames from one root to another.
 *
 * Each root's watch knows one half of such a rename: a name left, a name came.  The kernel numbers
 * renames, so the halves are known by their cookie, and together they are a move like any other.
 */
#ifndef MISSING_PHOTOS_WATCH_PAIRS_H
#define MISSING_PHOTOS_WATCH_PAIRS_H

#include "datatype/timestamp.h"

#include "watch_changes.h"

/*
 * Makes moves of halves that belong together.  A half alone is kept back for a moment, when `wait`;
 * then it becomes what it is by itself: a name to look at, a folder that is gone.  What is told of a
 * folder that came is kept back with it.
 */
extern void watch_pairs_match(WatchChanges *changes, bool wait);

/* When the first half is kept back no longer, or `due` when that is earlier or none is. */
extern TimestampTz watch_pairs_due(TimestampTz due);

#endif							/* MISSING_PHOTOS_WATCH_PAIRS_H */
