/* key_set.c: see key_set.h. */
#include "postgres.h"

#include "key_set.h"

#define FIRST_SIZE 256

typedef struct Key
{
	uint64		key;
	char		status;
} Key;

/* The keys are hashes already. */
#define SH_PREFIX keys
#define SH_ELEMENT_TYPE Key
#define SH_KEY_TYPE uint64
#define SH_KEY key
#define SH_HASH_KEY(table, key) ((uint32) (key))
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

KeySet *
key_set_make(MemoryContext parent)
{
	return keys_create(parent, FIRST_SIZE, NULL);
}

bool
key_set_add(KeySet *set, uint64 key)
{
	bool		found;

	(void) keys_insert(set, key, &found);
	return !found;
}

bool
key_set_has(const KeySet *set, uint64 key)
{
	return keys_lookup((KeySet *) set, key) != NULL;
}
