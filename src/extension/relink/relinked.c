/* relinked.c: which files a job gave new paths, and of which photos; see relinked.h. */
#include "postgres.h"

#include "common/hashfn.h"

#include "key_set.h"
#include "relinked.h"

/* Keys of files and of photos may be alike. */
enum
{
	OF_FILE = 1, OF_PHOTO = 2
};

struct Relinked
{
	KeySet	   *keys;
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

	relinked->keys = key_set_make(parent);
	return relinked;
}

bool
relinked_add(Relinked *relinked, const char *photo, const char *file)
{
	(void) key_set_add(relinked->keys, key_of(photo, strlen(photo), OF_PHOTO));
	return key_set_add(relinked->keys, key_of(file, strlen(file), OF_FILE));
}

bool
relinked_has_file(const Relinked *relinked, const FileRow *row)
{
	return relinked != NULL &&
		key_set_has(relinked->keys, key_of(row->file, row->file_length, OF_FILE));
}

bool
relinked_has_photo(const Relinked *relinked, const FileRow *row)
{
	return relinked != NULL &&
		key_set_has(relinked->keys, key_of(row->photo, row->photo_length, OF_PHOTO));
}
