/*
 * renew.h: a root that isn't what was registered, but holds the library all the same: the disk was
 * replaced, the file system restored, the machine moved.  A sample of files that we know decides,
 * by size and modification time.  They are one owner's files and decide for that owner: the root is
 * registered anew only when nobody else has files below it.
 *
 * Three steps, so that the disk is read between transactions: renew_ask (SQL), renew_read (disk),
 * renew_keep (SQL).
 */
#ifndef MISSING_PHOTOS_RENEW_H
#define MISSING_PHOTOS_RENEW_H

#include "roots.h"

typedef struct Renewal Renewal;

extern Renewal *renew_ask(MemoryContext parent, RootTable *roots, Root *root, const char *owner);
/* Takes the root for healthy when the sample is where it should be. */
extern void renew_read(Renewal *renewal);
extern void renew_keep(Renewal *renewal);

#endif							/* MISSING_PHOTOS_RENEW_H */
