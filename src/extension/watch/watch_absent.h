/*
 * watch_absent.h: names that weren't there when they were looked for, until they are looked for again.
 */
#ifndef MISSING_PHOTOS_WATCH_ABSENT_H
#define MISSING_PHOTOS_WATCH_ABSENT_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

#include "watch_look.h"

extern void watch_absent_init(void);

/*
 * Of a row of the library (file not NULL) it is looked for after missing_photos.watch_delay; of a name
 * that nobody knows, only if a folder above it turns out to be renamed.  What was told of a name again
 * is waited for anew.
 */
extern void watch_absent_add(const char *path, const char *file);
/* It is there. */
extern void watch_absent_drop(const char *path);
extern void watch_absent_forget(void);
/* Moves those whose time has come to the names to be looked at. */
extern void watch_absent_take_due(TimestampTz now, Names *looks);
/* A folder was renamed: names that weren't there may be below its new name. */
extern void watch_absent_follow(const char *from, const char *to, Names *looks);

/* Files of the library that are gone, as far as a second look is still to come. */
extern List *watch_absent_files(void);
/* When the next look is due, or `due` when that is earlier or nothing waits. */
extern TimestampTz watch_absent_due(TimestampTz due);

#endif							/* MISSING_PHOTOS_WATCH_ABSENT_H */
