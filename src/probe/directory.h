/*
 * directory.h: the verdicts on the names asked for in one directory.
 */
#ifndef MP_DIRECTORY_H
#define MP_DIRECTORY_H

#include "confine.h"
#include "dirlist.h"
#include "recall.h"

/* What all directories of a CHECK share; nobody writes it while directories are judged. */
typedef struct MpBatch
{
	const MpTree *tree;
	MpEntry    *entries;		/* of the whole request */
	MpIdentity *identities;		/* the slots that entries name */
	MpNode		root;			/* the tree's, before the batch */
	uint64_t	fsid;			/* of the root's file system */
	uint64_t	fs_magic;
	MpRecall   *recall;			/* NULL: the request is on its own */
	uint64_t	sitting;
	uint64_t	key;			/* of the root; the directories' keys begin with it */
} MpBatch;

/*
 * Settles every entry of the directory, notes the witness of the missing ones, and releases its
 * handles.  Returns 0, or the errno of our own shortage: then nothing may be concluded.
 */
extern int	mp_directory_judge(const MpBatch *batch, MpDirectory *directory, MpScratch *scratch);

/*
 * After the batch: asks the witness again and turns missing names into unreachable ones where it no
 * longer stands.  Returns as above.
 */
extern int	mp_directory_confirm(const MpBatch *batch, const MpDirectory *directory);

#endif							/* MP_DIRECTORY_H */
