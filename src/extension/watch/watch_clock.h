/* watch_clock.h: the watcher's time, which nobody sets: what is due in a moment isn't due in a year. */
#ifndef MISSING_PHOTOS_WATCH_CLOCK_H
#define MISSING_PHOTOS_WATCH_CLOCK_H

#include "datatype/timestamp.h"

/* The time of day when the watcher began, and what went by since. */
extern TimestampTz watch_now(void);

#endif							/* MISSING_PHOTOS_WATCH_CLOCK_H */
