/*
 * hash.h: one HASH request.
 */
#ifndef MP_HASH_H
#define MP_HASH_H

#include "digest.h"
#include "guard.h"

typedef struct MpHash
{
	MpRootReport report;
	MpDigest	digest;			/* says nothing unless the root report says "present" */
	int			shortage;		/* errno of our own lack, or 0 */
} MpHash;

/* Pins the root, reads the file, compares the root, releases everything. */
extern void mp_hash_run(MpHash *hash, const MpRequest *request);

/* Writes the payload of the answer; not after a shortage. */
extern void mp_hash_write(const MpHash *hash, MpWriter *w);

#endif							/* MP_HASH_H */
