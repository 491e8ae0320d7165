/*
 * dirlist.h: many names of one directory, settled by listing it once.
 *
 * A listing can prove that a name is there.  It can't prove that one isn't: a name that is replaced
 * while the directory is read may be skipped, and some file systems ignore case.  So a listing only
 * ever marks names as shown; what it didn't show is somebody else's to look up.
 */
#ifndef MP_DIRLIST_H
#define MP_DIRLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nameset.h"
#include "request.h"

enum
{
	MP_LIST_BYTES = 256 * 1024	/* what one getdents64 may return: fewer calls on far mounts */
};

typedef struct MpSlot
{
	uint32_t	hash;
	uint32_t	entry;			/* 1 + index of the entry; 0 is free */
} MpSlot;

/* Memory that a worker keeps from directory to directory.  All zero is a fresh one. */
typedef struct MpScratch
{
	char	   *buffer;
	size_t		size;			/* of buffer; 0: MP_LIST_BYTES, taken when first needed */
	MpSlot	   *slots;
	size_t		room;			/* slots there is memory for */
	size_t		n_slots;		/* slots in use, a power of two */
	MpHashes	hashes;
} MpScratch;

extern void mp_scratch_free(MpScratch *scratch);

/* Whether reading the whole directory is likely cheaper than looking `names` names up in it. */
extern bool mp_list_pays(uint32_t names, uint64_t directory_size, uint64_t fs_magic);

/*
 * Reads the directory and sets `shown` of each entry it finds; of two entries with one name only
 * one is set.  Stops early when all are found.  Returns 0 or the errno of the reading, after which
 * the entries found so far are as good as ever.
 */
extern int	mp_list_names(int directory, MpEntry *entries, uint32_t count, MpScratch *scratch);

/*
 * Reads the whole directory and keeps the names it shows to be regular files, in a set with one user
 * (*names, NULL on error).  Returns 0 or an errno: of the reading, or ENOMEM.
 */
extern int	mp_list_set(int directory, MpScratch *scratch, MpNameSet **names);

/*
 * Calls take() with each name and what it is shown to be, until it returns false; the name is good
 * for as long as the call lasts.  Returns 0 or the errno of the reading.
 */
extern int	mp_list_each(int directory, bool (*take) (void *owner, const char *name, MpShown shown),
						 void *owner);

/* A hash of a name's bytes. */
extern uint32_t mp_name_hash(const char *name, size_t length);

/* Whether a directory holds nothing but "." and "..", as far as it can be read at all. */
extern bool mp_list_is_empty(int directory);

#endif							/* MP_DIRLIST_H */
