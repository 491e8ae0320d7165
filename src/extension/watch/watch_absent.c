/* watch_absent.c: names that weren't there; see watch_absent.h. */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "settings.h"
#include "watch_absent.h"
#include "watch_clock.h"

#define FORGET_MS 3000			/* a name that nobody knows */

typedef struct Absent
{
	uint64		key;			/* of its path: first, as the hash table wants it */
	char	   *path;
	char	   *file;			/* NULL: no row of the library has it */
	TimestampTz due;
} Absent;

static HTAB *absent = NULL;

void
watch_absent_init(void)
{
	HASHCTL		control = {0};

	control.keysize = sizeof(uint64);
	control.entrysize = sizeof(Absent);
	control.hcxt = TopMemoryContext;
	absent = hash_create("names that missing_photos looks for again", 256, &control,
						 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static uint64
key_of(const char *path)
{
	return hash_bytes_extended((const unsigned char *) path, strlen(path), 0);
}

static void
drop(Absent *entry)
{
	pfree(entry->path);
	if (entry->file != NULL)
		pfree(entry->file);
	(void) hash_search(absent, &entry->key, HASH_REMOVE, NULL);
}

void
watch_absent_drop(const char *path)
{
	uint64		key = key_of(path);
	Absent	   *entry = hash_search(absent, &key, HASH_FIND, NULL);

	if (entry != NULL)
		drop(entry);
}

void
watch_absent_add(const char *path, const char *file)
{
	uint64		key = key_of(path);
	int			delay = file != NULL ? setting_watch_delay : FORGET_MS;
	Absent	   *entry;

	watch_absent_drop(path);
	entry = hash_search(absent, &key, HASH_ENTER, NULL);
	entry->path = MemoryContextStrdup(TopMemoryContext, path);
	entry->file = file == NULL ? NULL : MemoryContextStrdup(TopMemoryContext, file);
	entry->due = TimestampTzPlusMilliseconds(watch_now(), delay);
}

void
watch_absent_forget(void)
{
	HASH_SEQ_STATUS all;
	Absent	   *entry;

	hash_seq_init(&all, absent);
	while ((entry = hash_seq_search(&all)) != NULL)
		drop(entry);
}

void
watch_absent_take_due(TimestampTz now, Names *looks)
{
	HASH_SEQ_STATUS all;
	Absent	   *entry;

	hash_seq_init(&all, absent);
	while ((entry = hash_seq_search(&all)) != NULL)
	{
		if (entry->due > now)
			continue;
		names_add(looks, entry->path, false);
		drop(entry);
	}
}

void
watch_absent_follow(const char *from, const char *to, Names *looks)
{
	HASH_SEQ_STATUS all;
	Absent	   *entry;
	size_t		length = strlen(from);

	hash_seq_init(&all, absent);
	while ((entry = hash_seq_search(&all)) != NULL)
		if (strncmp(entry->path, from, length) == 0 && entry->path[length] == '/')
			names_add(looks, psprintf("%s%s", to, entry->path + length), false);
}

List *
watch_absent_files(void)
{
	HASH_SEQ_STATUS all;
	Absent	   *entry;
	List	   *files = NIL;

	hash_seq_init(&all, absent);
	while ((entry = hash_seq_search(&all)) != NULL)
		if (entry->file != NULL)
			files = lappend(files, entry->file);
	return files;
}

TimestampTz
watch_absent_due(TimestampTz due)
{
	HASH_SEQ_STATUS all;
	Absent	   *entry;

	hash_seq_init(&all, absent);
	while ((entry = hash_seq_search(&all)) != NULL)
		if (due == 0 || entry->due < due)
			due = entry->due;
	return due;
}
