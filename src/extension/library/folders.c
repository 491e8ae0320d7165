/* folders.c: which folders hold files whose identity was never noted; see folders.h. */
#include "postgres.h"

#include "executor/spi.h"

#include "folders.h"
#include "protocol/mix.h"
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
	int64		kept_files;		/* how many files those were */
	int64		learnt_files;
	uint64		lost;			/* of rows that were known and are flagged now */
	int64		lost_files;
	bool		failed;
	uint32		hash;
	char		status;
} KnownFolder;

#define SH_PREFIX known
#define SH_ELEMENT_TYPE KnownFolder
#define SH_KEY_TYPE FolderName
#define SH_KEY name
#define SH_HASH_KEY(table, key) (uint32) mp_hash_more(0, (key).path, (key).length)
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
	bool		any_lost;
	bool		failed;			/* nothing was learnt */
	KnownFolder *last;			/* rows of one folder often follow each other; NULL: none yet */
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

/* With a slash behind the name, for judge_foresee. */
static const char *
copy_name(Folders *folders, FolderName name)
{
	char	   *copy = MemoryContextAlloc(folders->context, name.length + 1);

	memcpy(copy, name.path, name.length);
	copy[name.length] = '/';
	return copy;
}

static KnownFolder *
enter(Folders *folders, FolderName name)
{
	KnownFolder *folder = folders->last;
	bool		found;

	if (folder != NULL && folder->name.length == name.length &&
		memcmp(folder->name.path, name.path, name.length) == 0)
		return folder;
	folder = known_lookup(folders->table, name);
	if (folder == NULL)
	{
		name.path = copy_name(folders, name);
		folder = known_insert(folders->table, name, &found);
		folder->kept = folder->seen = folder->learnt = 0;
		folder->lost = 0;
		folder->kept_files = folder->learnt_files = folder->lost_files = 0;
		folder->failed = false;
	}
	return folders->last = folder;
}

void
folders_load(Folders *folders, const char *owner)
{
	Arguments	a = {0};

	argument_text(&a, owner);
	call_as_owner("SELECT folder, signature, files FROM missing_photos.known_folder"
				  " WHERE owner = $1", &a);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *path = result_text(i, 1);
		KnownFolder *folder = enter(folders, (FolderName) {path, strlen(path)});

		folder->kept = result_int8(i, 2);
		folder->kept_files = result_int8(i, 3);
		pfree(path);
	}
}

static FolderName
folder_of(const FileRow *row)
{
	const char *slash = memrchr(row->path, '/', row->path_length);

	return (FolderName) {row->path, slash == NULL ? 0 : slash - row->path};
}

static bool
counts(const FileRow *row)
{
	return row->path != NULL && row->flags == 0;
}

static uint64
row_hash(const FileRow *row, FolderName folder)
{
	uint64		name = mp_hash_more(0, row->path + folder.length, row->path_length - folder.length);

	return mp_hash_more(name, row->file, row->file_length);
}

static bool
is_new(const KnownFolder *folder)
{
	return folder->seen != 0 && folder->kept != folder->seen;
}

void
folders_see(Folders *folders, const FileRow *row)
{
	FolderName	name;

	if (!counts(row))
		return;
	name = folder_of(row);
	enter(folders, name)->seen += row_hash(row, name);
}

void
folders_foresee(const Folders *folders, Judge *judge)
{
	known_iterator at;
	KnownFolder *folder;

	known_start_iterate(folders->table, &at);
	while ((folder = known_iterate(folders->table, &at)) != NULL)
		if (folder->kept_files > 0)
			judge_foresee(judge, folder->name.path, folder->name.length,
						  Min(folder->kept_files, PG_INT32_MAX));
	judge_foreseen(judge);
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
	KnownFolder *folder = counts(row) ? known_lookup(folders->table, folder_of(row)) : NULL;

	if (folder == NULL || !is_new(folder))
		return false;
	folder->learnt += row_hash(row, folder->name);
	folder->learnt_files++;
	return true;
}

void
folders_lose(Folders *folders, const FileRow *row)
{
	KnownFolder *folder = counts(row) ? known_lookup(folders->table, folder_of(row)) : NULL;

	if (folder == NULL || is_new(folder))
		return;
	folder->lost += row_hash(row, folder->name);
	folder->lost_files++;
	folders->any_lost = true;
}

bool
folders_any_lost(const Folders *folders)
{
	return folders->any_lost;
}

void
folders_fail(Folders *folders, const FileRow *row)
{
	KnownFolder *folder = counts(row) ? known_lookup(folders->table, folder_of(row)) : NULL;

	if (folder != NULL)
		folder->failed = true;
}

void
folders_fail_all(Folders *folders)
{
	folders->failed = true;
}

void
folders_collect(const Folders *folders, Columns *columns)
{
	known_iterator at;
	KnownFolder *folder;

	known_start_iterate(folders->table, &at);
	while ((folder = known_iterate(folders->table, &at)) != NULL)
	{
		bool		learnt = is_new(folder) && !folder->failed && !folders->failed;

		if (!learnt && folder->lost_files == 0)
			continue;
		columns_add_row(columns);
		columns_set_text(columns, 0, folder->name.path, folder->name.length);
		columns_set_int8(columns, 1, learnt ? folder->learnt : folder->kept - folder->lost);
		columns_set_int8(columns, 2, learnt ? folder->learnt_files :
						 folder->kept_files - folder->lost_files);
	}
}
