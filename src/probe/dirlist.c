/*
 * dirlist.c: getdents64 and a hash table of the names in question.
 *
 * readdir() would hand the entries out one by one from a buffer of 32 KiB; the system call itself
 * with 256 KiB reads a directory of thousands of entries at once.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dirlist.h"
#include "progress.h"
#include "verdict.h"

/* As the kernel writes it. */
typedef struct Dirent
{
	uint64_t	d_ino;
	int64_t		d_off;
	uint16_t	d_reclen;
	uint8_t		d_type;
	char		d_name[];
} Dirent;

enum
{
	EMPTY_READS = 4,			/* some file systems give "." and ".." a reading of their own */
	LEAST_NAMES = 4				/* fewer are looked up one by one whatever the directory's size */
};

/* Bytes of a directory's size per entry, where that is known to be telling. */
static const struct
{
	uint64_t	magic;
	uint64_t	bytes;
}			densities[] = {
	{0xEF53, 74},				/* ext4 */
	{0x58465342, 49},			/* xfs */
	{0x9123683E, 57},			/* btrfs */
	{0x01021994, 20},			/* tmpfs */
	{0x2FC12FC1, 1},			/* zfs: the size is the number of entries */
};

bool
mp_list_pays(uint32_t names, uint64_t directory_size, uint64_t fs_magic)
{
	uint64_t	bytes = 74;

	for (size_t i = 0; i < sizeof(densities) / sizeof(densities[0]); i++)
	{
		if (densities[i].magic == fs_magic)
			bytes = densities[i].bytes;
	}
	return names >= LEAST_NAMES && (uint64_t) names * 8 >= directory_size / bytes;
}

void
mp_scratch_free(MpScratch *scratch)
{
	free(scratch->buffer);
	free(scratch->slots);
	mp_hashes_free(&scratch->hashes);
	memset(scratch, 0, sizeof(*scratch));
}

uint32_t
mp_name_hash(const char *name, size_t length)
{
	uint64_t	hash = length;

	while (length > 0)
	{
		uint64_t	chunk = 0;
		size_t		n = length < sizeof(chunk) ? length : sizeof(chunk);

		memcpy(&chunk, name, n);
		hash = (hash ^ chunk) * UINT64_C(0x9E3779B97F4A7C15);
		hash ^= hash >> 29;
		name += n;
		length -= n;
	}
	return (uint32_t) (hash ^ (hash >> 32));
}

/* The slot of a name, or the free one where it would go.  The table is never full. */
static MpSlot *
find_slot(const MpScratch *scratch, const MpEntry *entries, const char *name, size_t length,
		  uint32_t hash)
{
	size_t		mask = scratch->n_slots - 1;

	for (size_t at = hash & mask;; at = (at + 1) & mask)
	{
		MpSlot	   *slot = &scratch->slots[at];

		if (slot->entry == 0)
			return slot;
		if (slot->hash == hash)
		{
			const MpEntry *entry = &entries[slot->entry - 1];

			if (entry->length == length && memcmp(entry->name, name, length) == 0)
				return slot;
		}
	}
}

static int
prepare_buffer(MpScratch *scratch)
{
	if (scratch->size == 0)
		scratch->size = MP_LIST_BYTES;
	if (scratch->buffer == NULL)
		scratch->buffer = malloc(scratch->size);
	return scratch->buffer == NULL ? ENOMEM : 0;
}

/* An empty table of at least twice as many slots as entries, and a buffer. */
static int
prepare(MpScratch *scratch, uint32_t count)
{
	size_t		n_slots = 64;

	if (prepare_buffer(scratch) != 0)
		return ENOMEM;
	while (n_slots < (size_t) count * 2)
		n_slots *= 2;
	if (n_slots > scratch->room)
	{
		free(scratch->slots);
		scratch->room = 0;
		scratch->slots = malloc(n_slots * sizeof(*scratch->slots));
		if (scratch->slots == NULL)
			return ENOMEM;
		scratch->room = n_slots;
	}
	scratch->n_slots = n_slots;
	memset(scratch->slots, 0, n_slots * sizeof(*scratch->slots));
	return 0;
}

/* Enters the unsettled names, the first of each; returns how many. */
static uint32_t
enter_names(MpScratch *scratch, const MpEntry *entries, uint32_t count)
{
	uint32_t	wanted = 0;

	for (uint32_t i = 0; i < count; i++)
	{
		uint32_t	hash;
		MpSlot	   *slot;

		if (entries[i].settled)
			continue;
		hash = mp_name_hash(entries[i].name, entries[i].length);
		slot = find_slot(scratch, entries, entries[i].name, entries[i].length, hash);
		if (slot->entry != 0)
			continue;
		slot->hash = hash;
		slot->entry = i + 1;
		wanted++;
	}
	return wanted;
}

/* One system call's worth of entries: bytes read, 0 at the end, or -1. */
static ssize_t
read_some(int directory, void *buffer, size_t size)
{
	int			tries = 0;
	ssize_t		n;

	do
		n = syscall(SYS_getdents64, directory, buffer, size);
	while (n < 0 && mp_try_again(&tries));
	mp_progress_add(1);
	return n;
}

static MpShown
shown_as(uint8_t d_type)
{
	if (d_type == DT_REG)
		return MP_SHOWN_REGULAR;
	return d_type == DT_LNK || d_type == DT_UNKNOWN ? MP_SHOWN_OTHER : MP_SHOWN_FOLDER;
}

int
mp_list_names(int directory, MpEntry *entries, uint32_t count, MpScratch *scratch)
{
	uint32_t	wanted;
	int			err = prepare(scratch, count);

	if (err != 0)
		return err;
	wanted = enter_names(scratch, entries, count);
	while (wanted > 0)
	{
		ssize_t		n = read_some(directory, scratch->buffer, scratch->size);

		if (n <= 0)
			return n < 0 ? errno : 0;
		for (const char *at = scratch->buffer; at < scratch->buffer + n && wanted > 0;)
		{
			const Dirent *dirent = (const Dirent *) at;
			size_t		length = strlen(dirent->d_name);
			MpSlot	   *slot = find_slot(scratch, entries, dirent->d_name, length,
										 mp_name_hash(dirent->d_name, length));

			/* A name may be shown twice while the directory changes. */
			if (slot->entry != 0 && entries[slot->entry - 1].shown == MP_NOT_SHOWN)
			{
				entries[slot->entry - 1].shown = shown_as(dirent->d_type);
				wanted--;
			}
			at += dirent->d_reclen;
		}
	}
	return 0;
}

int
mp_list_set(int directory, MpScratch *scratch, MpNameSet **names)
{
	ssize_t		n;

	*names = NULL;
	if (prepare_buffer(scratch) != 0)
		return ENOMEM;
	scratch->hashes.n = 0;
	while ((n = read_some(directory, scratch->buffer, scratch->size)) > 0)
	{
		for (const char *at = scratch->buffer; at < scratch->buffer + n;)
		{
			const Dirent *dirent = (const Dirent *) at;

			if (dirent->d_type == DT_REG &&
				!mp_hashes_add(&scratch->hashes,
							   mp_hash_name(dirent->d_name, strlen(dirent->d_name))))
				return ENOMEM;
			at += dirent->d_reclen;
		}
	}
	if (n < 0)
		return errno;
	*names = mp_nameset_make(&scratch->hashes);
	return *names == NULL ? ENOMEM : 0;
}

static bool
is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

int
mp_list_each(int directory, bool (*take) (void *owner, const char *name, MpShown shown),
			 void *owner)
{
	char	   *buffer = malloc(MP_LIST_BYTES);
	bool		more = true;
	int			err = buffer == NULL ? ENOMEM : 0;

	while (more && err == 0)
	{
		ssize_t		n = read_some(directory, buffer, MP_LIST_BYTES);

		if (n < 0)
			err = errno;
		if (n <= 0)
			break;
		for (const char *at = buffer; at < buffer + n && more;)
		{
			const Dirent *dirent = (const Dirent *) at;

			/* "." and ".." may come without a type. */
			if (!is_dots(dirent->d_name))
				more = take(owner, dirent->d_name, shown_as(dirent->d_type));
			at += dirent->d_reclen;
		}
	}
	free(buffer);
	return err;
}

bool
mp_list_is_empty(int directory)
{
	_Alignas(Dirent) char buffer[4096];

	for (int reads = 0; reads < EMPTY_READS; reads++)
	{
		ssize_t		n = read_some(directory, buffer, sizeof(buffer));

		if (n <= 0)
			return n == 0;
		for (const char *at = buffer; at < buffer + n;)
		{
			const Dirent *dirent = (const Dirent *) at;

			if (!is_dots(dirent->d_name))
				return false;
			at += dirent->d_reclen;
		}
	}
	return false;
}
