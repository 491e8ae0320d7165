/* relinked.c: which files a job gave new paths, and of which photos; see relinked.h. */
#include "postgres.h"

#include "common/hashfn.h"

#include "relinked.h"

typedef struct Key
{
	uint64		key;
	char		status;
} Key;

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

/* Keys of files and of photos may be alike. */
enum
{
	OF_FILE = 1, OF_PHOTO = 2
};

struct Relinked
{
	keys_hash  *keys;
};

static uint64
key_of(const char *text, size_t length, uint64 seed)
{
	return hash_bytes_extended((const unsigned char *) text, length, seed);
}

Relinked *
relinked_make(MemoryContext parent)
{
	Relinked   *relinked = MemoryContextAllocZero(parent, sizeof(Relinked));

	relinked->keys = keys_create(parent, 256, NULL);
	return relinked;
}

bool
relinked_add(Relinked *relinked, const char *photo, const char *file)
{
	bool		found;

	(void) keys_insert(relinked->keys, key_of(photo, strlen(photo), OF_PHOTO), &found);
	(void) keys_insert(relinked->keys, key_of(file, strlen(file), OF_FILE), &found);
	return !found;
}

bool
relinked_has_file(const Relinked *relinked, const FileRow *row)
{
	return relinked != NULL &&
		keys_lookup(relinked->keys, key_of(row->file, row->file_length, OF_FILE)) != NULL;
}

bool
relinked_has_photo(const Relinked *relinked, const FileRow *row)
{
	return relinked != NULL &&
		keys_lookup(relinked->keys, key_of(row->photo, row->photo_length, OF_PHOTO)) != NULL;
}
