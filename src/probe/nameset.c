/*
 * nameset.c: an open hash table without growth, made once all names are known.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "nameset.h"

static uint64_t seed;
static pthread_once_t seeded = PTHREAD_ONCE_INIT;

/* Without randomness it is a constant: that costs nothing but the difference between processes. */
static void
take_seed(void)
{
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = UINT64_C(0x9E3779B97F4A7C15);
}

uint64_t
mp_hash_name(const char *name, size_t length)
{
	pthread_once(&seeded, take_seed);
	return mp_hash_more(seed, name, length);
}

bool
mp_hashes_add(MpHashes *hashes, uint64_t hash)
{
	if (hashes->n == hashes->room)
	{
		size_t		room = hashes->room > 0 ? hashes->room * 2 : 1024;
		uint64_t   *more = realloc(hashes->hashes, room * sizeof(*more));

		if (more == NULL)
			return false;
		hashes->hashes = more;
		hashes->room = room;
	}
	hashes->hashes[hashes->n++] = hash;
	return true;
}

void
mp_hashes_free(MpHashes *hashes)
{
	free(hashes->hashes);
	memset(hashes, 0, sizeof(*hashes));
}

/* Where a hash belongs in a table of any size: its leading bits spread evenly over the slots. */
static uint32_t
slot_of(uint64_t hash, uint32_t n_slots)
{
	return (uint32_t) (((hash >> 32) * n_slots) >> 32);
}

MpNameSet *
mp_nameset_make(const MpHashes *hashes)
{
	/* A fifth stays free, and always one: that ends every search. */
	size_t		n_slots = hashes->n + hashes->n / 4 + 1;
	MpNameSet  *set;

	if (n_slots > UINT32_MAX)
		return NULL;
	set = calloc(1, sizeof(*set) + n_slots * sizeof(set->slots[0]));
	if (set == NULL)
		return NULL;
	atomic_init(&set->users, 1);
	set->n_slots = (uint32_t) n_slots;
	for (size_t i = 0; i < hashes->n; i++)
	{
		uint32_t	at = slot_of(hashes->hashes[i], set->n_slots);

		while (set->slots[at] != 0 && set->slots[at] != hashes->hashes[i])
			at = at + 1 < set->n_slots ? at + 1 : 0;
		set->slots[at] = hashes->hashes[i];
	}
	return set;
}

size_t
mp_nameset_bytes(const MpNameSet *set)
{
	return sizeof(*set) + set->n_slots * sizeof(set->slots[0]);
}

void
mp_nameset_expect(const MpNameSet *set, uint64_t hash)
{
	__builtin_prefetch(&set->slots[slot_of(hash, set->n_slots)]);
}

bool
mp_nameset_has(const MpNameSet *set, uint64_t hash)
{
	uint32_t	at = slot_of(hash, set->n_slots);

	while (set->slots[at] != 0)
	{
		if (set->slots[at] == hash)
			return true;
		at = at + 1 < set->n_slots ? at + 1 : 0;
	}
	return false;
}

void
mp_nameset_release(MpNameSet *set)
{
	if (set != NULL && atomic_fetch_sub(&set->users, 1) == 1)
		free(set);
}
