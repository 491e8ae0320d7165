/*
 * mix.h: a hash of bytes that takes eight at a time, for tables and checksums of names.
 */
#ifndef MP_MIX_H
#define MP_MIX_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t
mp_mix(uint64_t hash)
{
	hash ^= hash >> 32;
	hash *= UINT64_C(0xD6E8FEB86659FD93);
	return hash ^ (hash >> 32);
}

/* The hash of bytes that follow those which made `hash`; never 0. */
static inline uint64_t
mp_hash_more(uint64_t hash, const void *data, size_t length)
{
	const char *at = (const char *) data;
	uint64_t	chunk;

	hash ^= length;
	for (; length >= sizeof(chunk); length -= sizeof(chunk), at += sizeof(chunk))
	{
		memcpy(&chunk, at, sizeof(chunk));
		hash = mp_mix(hash ^ chunk);
	}
	if (length > 0)
	{
		chunk = 0;
		memcpy(&chunk, at, length);
		hash = mp_mix(hash ^ chunk);
	}
	hash = mp_mix(hash);
	return hash != 0 ? hash : 1;
}

#endif							/* MP_MIX_H */
