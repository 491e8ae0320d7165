/*
 * guard.h: is what we looked at before the batch still what the root's path names after it?
 *
 * A root is pinned by a handle before the first look-up, and every look-up goes through that
 * handle.  When the batch is done the path is opened anew and compared.  The interleaving this is
 * about:
 *
 *     probe                          mount
 *     opens the root's path
 *                                    goes away: the path is an empty folder now
 *     looks names up                 (through the handle: still the old file system)
 *                                    comes back, or another one comes
 *     opens the path again: device, inode, mount id or fsid differ: nothing of the batch counts
 *
 * Without the pin the look-ups would have gone to the empty folder and called every file missing.
 * The same may befall any folder below the root that has a file system of its own; what is mounted
 * there is compared too (mounts.h).
 * The handle is released with the request, because a held one keeps the file system from being
 * unmounted.
 */
#ifndef MP_GUARD_H
#define MP_GUARD_H

#include "confine.h"

typedef struct MpGuard
{
	MpTree		tree;			/* tree.fd is the pinned root, or -1 */
	uint64_t	fsid;
	uint64_t	fs_magic;
	MpNode		node;
	MpRootReport report;
	int			shortage;		/* errno when our own lack kept us from knowing */
} MpGuard;

/*
 * Pins the root of a place.  When report.verdict isn't MP_PRESENT afterwards, or shortage is set,
 * nothing was pinned.  The place must outlive the guard.
 */
extern void mp_guard_open(MpGuard *guard, const MpPlace *place);

/*
 * Compares; on any difference the report says so and the batch is void.  When all is well the
 * guard's tree is the freshly opened root, so that witnesses are asked about what is there now.
 */
extern void mp_guard_compare(MpGuard *guard);

/* Says that the root isn't to be trusted, whatever else was found. */
extern void mp_guard_doubt(MpGuard *guard, MpJudgement judgement);

/* Releases the handle. */
extern void mp_guard_close(MpGuard *guard);

/* True while the guard says that the root is there. */
extern bool mp_guard_holds(const MpGuard *guard);

/* Notes that missing names rest on the folder that the first `length` bytes of a path lead to. */
extern void mp_witness_note(MpWitness *witness, size_t length, const MpNode *node);
/* Whether that is still so; *shortage is set to an errno when our own lack kept us from knowing. */
extern bool mp_witness_holds(const MpWitness *witness, const MpTree *tree, const char *path,
							 int *shortage);

#endif							/* MP_GUARD_H */
