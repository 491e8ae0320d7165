/* folders.c: which folders hold files whose identity was never noted; see folders.h. */
#include "postgres.h"

#include "common/hashfn.h"
#include "executor/spi.h"

#include "folders.h"
#include "sql_calls.h"

typedef struct FolderName
{
	const char *path;
	uint32		length;
} FolderName;

typedef struct KnownFolder
{
	FolderName	name;
	uint64		kept;			/* signature as of the last scan that learnt it */
	uint64		seen;			/* as this scan saw it */
	uint64		learnt;			/* of the rows being learnt */
	bool		failed;
	uint32		hash;
	char		status;
} KnownFolder;

#define SH_PREFIX known
#define SH_ELEMENT_TYPE KnownFolder
#define SH_KEY_TYPE FolderName
#define SH_KEY name
#define SH_HASH_KEY(table, key) hash_bytes((const unsigned char *) (key).path, (key).length)
#define SH_EQUAL(table, a, b) ((a).length == (b).length && memcmp((a).path, (b).path, (a).length) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(table, slot) (slot)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct Folders
{
	MemoryContext context;
	known_hash *table;
};

Folders *
folders_make(MemoryContext parent)
{
	Folders    *folders = MemoryContextAllocZero(parent, sizeof(Folders));

	folders->context = AllocSetContextCreate(parent, "missing_photos folders",
											 ALLOCSET_DEFAULT_SIZES);
	folders->table = known_create(folders->context, 256, NULL);
	return folders;
}

static KnownFolder *
enter(Folders *folders, FolderName name)
{
	KnownFolder *folder = known_lookup(folders->table, name);
	bool		found;

	if (folder != NULL)
		return folder;
	name.path = memcpy(MemoryContextAlloc(folders->context, name.length + 1),
					   name.path, name.length);
	folder = known_insert(folders->table, name, &found);
	folder->kept = folder->seen = folder->learnt = 0;
	folder->failed = false;
	return folder;
}

void
folders_load(Folders *folders, const char *owner)
{
	Arguments	a = {0};

	argument_text(&a, owner);
	call_as_owner("SELECT folder, signature FROM missing_photos.known_folder WHERE owner = $1", &a);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *path = result_text(i, 1);

		enter(folders, (FolderName) {path, strlen(path)})->kept = result_int8(i, 2);
		pfree(path);
	}
}

static FolderName
folder_of(const FileRow *row)
{
	uint32		length = row->path_length;

	while (length > 0 && row->path[length - 1] != '/')
		length--;
	return (FolderName) {row->path, length > 0 ? length - 1 : 0};
}

static bool
counts(const FileRow *row)
{
	return row->path != NULL && row->flags == 0;
}

static uint64
row_hash(const FileRow *row, FolderName folder)
{
	uint64		name = hash_bytes_extended((const unsigned char *) row->path + folder.length,
										   row->path_length - folder.length, 0);

	return hash_bytes_extended((const unsigned char *) row->file, row->file_length, name);
}

static bool
is_new(const KnownFolder *folder)
{
	return folder->seen != 0 && folder->kept != folder->seen;
}

void
folders_see(Folders *folders, const FileRow *row)
{
	FolderName	name = folder_of(row);

	if (counts(row))
		enter(folders, name)->seen += row_hash(row, name);
}

bool
folders_any_new(const Folders *folders)
{
	known_iterator at;
	KnownFolder *folder;

	known_start_iterate(folders->table, &at);
	while ((folder = known_iterate(folders->table, &at)) != NULL)
		if (is_new(folder))
			return true;
	return false;
}

bool
folders_learn(Folders *folders, const FileRow *row)
{
	FolderName	name = folder_of(row);
	KnownFolder *folder = counts(row) ? known_lookup(folders->table, name) : NULL;

	if (folder == NULL || !is_new(folder))
		return false;
	folder->learnt += row_hash(row, name);
	return true;
}

void
folders_fail(Folders *folders, const FileRow *row)
{
	KnownFolder *folder = counts(row) ? known_lookup(folders->table, folder_of(row)) : NULL;

	if (folder != NULL)
		folder->failed = true;
}

void
folders_collect(const Folders *folders, Columns *columns)
{
	known_iterator at;
	KnownFolder *folder;

	known_start_iterate(folders->table, &at);
	while ((folder = known_iterate(folders->table, &at)) != NULL)
	{
		if (!is_new(folder) || folder->failed)
			continue;
		columns_add_row(columns);
		columns_set_text(columns, 0, folder->name.path, folder->name.length);
		columns_set_int8(columns, 1, folder->learnt);
	}
}
