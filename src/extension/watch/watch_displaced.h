/*
 * watch_displaced.h: files that changed places.
 *
 * Two names exchanged in one go are told by the kernel as a file that was moved there and back, and of a
 * rename that is seen by halves nobody knows what came.  What lies at a name is known all the same, by
 * what files looked like when they were last seen.
 */
#ifndef MISSING_PHOTOS_WATCH_DISPLACED_H
#define MISSING_PHOTOS_WATCH_DISPLACED_H

#include "watch_look.h"

/*
 * Of names that were looked at: rows whose files are at another of them than their own get that path.
 * Returns how many; what lies where a row's file should, and is known to be another one, is left to
 * relinking.  To be called before any looks are learnt.
 */
extern int64 watch_settle_displaced(Names *names);

#endif							/* MISSING_PHOTOS_WATCH_DISPLACED_H */
