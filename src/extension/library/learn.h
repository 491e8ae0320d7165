/*
 * learn.h: noting what files look like while they are healthy, so that they are known again later.
 */
#ifndef MISSING_PHOTOS_LEARN_H
#define MISSING_PHOTOS_LEARN_H

#include "folders.h"
#include "found.h"

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
