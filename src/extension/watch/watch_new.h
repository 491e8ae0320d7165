/* watch_new.h: files that no row of the library has. */
#ifndef MISSING_PHOTOS_WATCH_NEW_H
#define MISSING_PHOTOS_WATCH_NEW_H

#include "watch_look.h"

/*
 * Of names that were looked at, those without a row: a file that may be a missing photo's is linked
 * to it, any other announced; one that is gone is announced no longer.  Returns how many were linked.
 */
extern int64 watch_new_files(const Names *names);

/*
 * A file is gone for good: whether one that was announced is the same, copied or moved where nobody saw
 * it.  Then the row is linked to that one.
 */
extern bool watch_is_elsewhere(const PathRow *row);

/* Announced files that have rows by now, for the application imported them, are announced no longer. */
extern void watch_forget_imported(void);

#endif							/* MISSING_PHOTOS_WATCH_NEW_H */
