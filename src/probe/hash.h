/*
 * hash.h: one HASH request: many files below a guarded root.
 *
 * Open once; survey each file on many threads, which tells what there is to read; read, in a few
 * streams side by side that each take files until there are none; compare once, confirm each file
 * where that is wanted, close.
 *
 * A stream reads many files at once where the processor can digest them side by side (digest_many.h),
 * the largest first, so that at the end small ones fill the lanes and nothing long is left over.
 * Where it can't, where there are no more files than processors, or for SHA-1, one after the other
 * by OpenSSL.
 */
#ifndef MP_HASH_H
#define MP_HASH_H

#include <stdatomic.h>

#include "digest_many.h"
#include "guard.h"

typedef struct MpHashed
{
	MpDigest	digest;			/* says nothing unless the root report says "present" */
	MpWitness	witness;		/* of a missing one */
	uint64_t	size;			/* at the survey */
} MpHashed;

typedef struct MpHash
{
	const MpRequest *request;
	MpGuard		guard;
	MpHashed   *files;			/* in the order of the request */
	MpHashed  **order;			/* those to be read, the largest first */
	uint32_t	n_order;
	atomic_uint next;			/* of them */
	const MpMd5Way *way;		/* NULL: OpenSSL */
	uint32_t	at_a_time;		/* files in a stream */
	atomic_int	shortage;		/* the first errno of our own lack; 0: none */
} MpHash;

/* The request must outlive the hash. */
extern void mp_hash_open(MpHash *hash, const MpRequest *request);
extern void mp_hash_survey(MpHash *hash, uint32_t index);
/* After the survey: how many streams there shall be, `threads` at most. */
extern uint32_t mp_hash_plan(MpHash *hash, uint32_t threads);
extern void mp_hash_read(MpHash *hash);
extern void mp_hash_compare(MpHash *hash);
extern bool mp_hash_wants_confirming(const MpHash *hash);
extern void mp_hash_confirm(MpHash *hash, uint32_t index);
extern void mp_hash_close(MpHash *hash);

/* Writes the payload of the answer; not after a shortage.  Before mp_hash_close. */
extern void mp_hash_write(const MpHash *hash, MpWriter *w);

/* For tests: this way and no other from now on; NULL is OpenSSL. */
extern void mp_hash_force_way(const MpMd5Way *way);

#endif							/* MP_HASH_H */
