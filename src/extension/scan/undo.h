/*
 * undo.h: taking changes of an owner's library back, those of one job or those of some time.
 *
 * Each row is put back where it still says what was written then; what somebody changed since is left
 * alone and counted as a conflict.  The disk isn't asked: a file that is still gone, or still moved, is
 * found so again by the next scan.
 */
#ifndef MISSING_PHOTOS_UNDO_H
#define MISSING_PHOTOS_UNDO_H

#include "datatype/timestamp.h"

#include "apply.h"

typedef struct Undo
{
	Changes		changes;		/* the owner; the job: what is taken back is its, none: whoever's */
	TimestampTz since;
	TimestampTz until;
	int64		undone;
	int64		conflicts;
} Undo;

/* These need an SPI connection and the owner's lock, and add to undone and conflicts. */

/* Links and flags that were taken away (undo_scan.c). */
extern void undo_losses(Undo *undo);
/* New paths: files have those again that they had before (undo_moves.c). */
extern void undo_moves(Undo *undo);

/* Its first arguments: the owner, the job, since, until. */
extern void undo_arguments(Arguments *a, const Undo *undo);

#endif							/* MISSING_PHOTOS_UNDO_H */
