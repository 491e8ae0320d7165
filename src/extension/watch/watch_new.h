/* watch_new.h: files that no row of the library has. */
#ifndef MISSING_PHOTOS_WATCH_NEW_H
#define MISSING_PHOTOS_WATCH_NEW_H

#include "nodes/pg_list.h"

#include "watch_look.h"

/*
 * Of names that were looked at, those without a row: a file that may be a missing photo's is linked
 * to it, any other announced; one that is gone is announced no longer.  Returns how many were linked.
 */
extern int64 watch_new_files(const Names *names);

/* Files of the library that are gone, as far as a second look is still to come (watch_apply.c). */
extern List *watch_absent_files(void);

#endif							/* MISSING_PHOTOS_WATCH_NEW_H */
