/*
 * restore.h: files that are back, and whether to believe them.
 *
 * A file in the place of a lost one is the lost one when it has its size and modification time, or
 * else its content; when nothing was known of the lost one, its path is enough.  Any other file in
 * its place changes nothing, but is reported.
 *
 * A batch of such files goes through three steps, so that the disk is read between transactions:
 * restore_ask (SQL), restore_read (disk), restore_apply (SQL).
 */
#ifndef MISSING_PHOTOS_RESTORE_H
#define MISSING_PHOTOS_RESTORE_H

#include "apply.h"
#include "claims.h"
#include "found.h"
#include "roots.h"

typedef struct Restore Restore;

extern Restore *restore_make(MemoryContext parent, Changes *changes, RootTable *roots,
							 Columns *doubts);
/* Lost files whose place another file has are told to these claims. */
extern void restore_tell(Restore *restore, Claims *claims);
extern void restore_add(Restore *restore, const FoundRow *found);
extern int	restore_size(const Restore *restore);
extern void restore_ask(Restore *restore);
extern void restore_read(Restore *restore);
extern void restore_apply(Restore *restore);

#endif							/* MISSING_PHOTOS_RESTORE_H */
