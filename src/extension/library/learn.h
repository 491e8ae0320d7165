/*
 * learn.h: noting what files look like while they are healthy, so that they are known again later.
 */
#ifndef MISSING_PHOTOS_LEARN_H
#define MISSING_PHOTOS_LEARN_H

#include "columns.h"
#include "folders.h"
#include "found.h"

/*
 * What files look like: gathered, then noted for those that aren't in doubt, or for all where it is
 * certain that they are these files.  Sessions that see the same files in another order must not wait
 * for each other: false when somebody is noting some of them, and then nothing was noted.  What isn't
 * noted is learnt by the next scan.
 */
extern Columns *learn_columns(MemoryContext parent);
extern void learn_add(Columns *seen, const char *file, size_t length, const MpIdentity *identity);
extern bool learn_note(const Columns *seen, bool certain);

/* Of each: whether what was seen is known to be another file of the library. */
extern bool *learn_others(const Columns *seen);

/*
 * Notes up to `most` identities from what was found; false when none is left.  Folders of files
 * that turned out not to be there are taken out of what is learnt.
 */
extern bool learn_some(Found *found, Folders *folders, int most);

/*
 * Brings what is known of the files found up to date, without noting any anew and without waiting
 * for a scan that is about to.
 */
extern void learn_known(Found *found);

/* Keeps the signatures of folders that were learnt. */
extern void learn_folders(const Folders *folders, const char *owner);

#endif							/* MISSING_PHOTOS_LEARN_H */
