/*
 * hash.h: one HASH request: many files below a guarded root.
 *
 * The steps are those of check.h: open once, each file in any order on many threads, compare once,
 * confirm each file where that is wanted, close.
 */
#ifndef MP_HASH_H
#define MP_HASH_H

#include <stdatomic.h>

#include "digest.h"
#include "guard.h"

typedef struct MpHashed
{
	MpDigest	digest;			/* says nothing unless the root report says "present" */
	MpWitness	witness;		/* of a missing one */
} MpHashed;

typedef struct MpHash
{
	const MpRequest *request;
	MpGuard		guard;
	MpHashed   *files;			/* in the order of the request */
	atomic_int	shortage;		/* the first errno of our own lack; 0: none */
} MpHash;

/* The request must outlive the hash. */
extern void mp_hash_open(MpHash *hash, const MpRequest *request);
extern void mp_hash_file(MpHash *hash, uint32_t index);
extern void mp_hash_compare(MpHash *hash);
extern bool mp_hash_wants_confirming(const MpHash *hash);
extern void mp_hash_confirm(MpHash *hash, uint32_t index);
extern void mp_hash_close(MpHash *hash);

/* Writes the payload of the answer; not after a shortage.  Before mp_hash_close. */
extern void mp_hash_write(const MpHash *hash, MpWriter *w);

#endif							/* MP_HASH_H */
