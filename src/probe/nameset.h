/*
 * nameset.h: the names of one directory, kept as hashes.
 *
 * A name takes some ten bytes however long it is.  Two names of one directory share a hash once in
 * 2^64 times; the hashes differ from process to process, so that even this doesn't last.
 */
#ifndef MP_NAMESET_H
#define MP_NAMESET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../protocol/mix.h"

/* Nothing of it changes once it is made, but for the count of those who use it. */
typedef struct MpNameSet
{
	atomic_uint users;
	uint32_t	n_slots;
	uint64_t	slots[];		/* 0 is free */
} MpNameSet;

/* Hashes in the making, memory that is used again and again. */
typedef struct MpHashes
{
	uint64_t   *hashes;
	size_t		n;
	size_t		room;
} MpHashes;

/* Never 0; another one in every process. */
extern uint64_t mp_hash_name(const char *name, size_t length);

/* False when there is no memory. */
extern bool mp_hashes_add(MpHashes *hashes, uint64_t hash);
extern void mp_hashes_free(MpHashes *hashes);

/* A set with one user, or NULL when there is no memory. */
extern MpNameSet *mp_nameset_make(const MpHashes *hashes);
extern size_t mp_nameset_bytes(const MpNameSet *set);
extern bool mp_nameset_has(const MpNameSet *set, uint64_t hash);
/* Begins to fetch from memory what mp_nameset_has is about to look at. */
extern void mp_nameset_expect(const MpNameSet *set, uint64_t hash);

/* One user less; the last one frees it.  NULL is nothing. */
extern void mp_nameset_release(MpNameSet *set);

#endif							/* MP_NAMESET_H */
