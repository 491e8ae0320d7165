/* watch_doubts.h: owners to be scanned, because a watch told of more than it can settle itself. */
#ifndef MISSING_PHOTOS_WATCH_DOUBTS_H
#define MISSING_PHOTOS_WATCH_DOUBTS_H

#include "datatype/timestamp.h"

#define WATCH_SOON_MS 300		/* of quiet before most scans */

/* The owner is scanned when nothing more was heard of this kind for so many ms. */
extern void watch_suspect(const char *owner, int quiet_ms);

/* The same soon: files lie where others should, which a scan that misses nothing doesn't look at. */
extern void watch_suspect_displaced(const char *owner);

/* There is nothing to be scanned any more. */
extern void watch_suspect_nobody(void);

/* Something happened: scans wait for a moment of quiet. */
extern void watch_heard(void);
/* Some root's events aren't told for the moment. */
extern void watch_is_blind(bool blind);

/*
 * Whether the owner is to be scanned, or is being scanned: then nothing is concluded from a single
 * look, for what isn't where it was may just have moved on.
 */
extern bool watch_is_suspected(const char *owner);

/*
 * Counts files about to be flagged one by one; false: the owner is to be scanned anyway, or has lost so
 * many of late that a scan should weigh them.
 */
extern bool watch_may_flag(const char *owner, int files);

/* The earliest time a scan is due, or `due` when that is earlier or nothing else is. */
extern TimestampTz watch_doubts_due(TimestampTz due);

#endif							/* MISSING_PHOTOS_WATCH_DOUBTS_H */
