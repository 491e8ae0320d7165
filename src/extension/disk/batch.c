/*
 * batch.c: rows of one root on their way to the probe, grouped by folder; see batch.h.
 *
 * Rows of one folder usually follow each other, so the folder of the last row is tried first and
 * the hash table only asked when that fails.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "batch.h"

/* Large enough that a folder is seldom cut in two, small enough to keep the probe busy early. */
#define BATCH_ROWS 16384
#define BATCH_BYTES (3 * 1024 * 1024)

typedef struct FolderKey
{
	const char *path;
	uint32		length;
} FolderKey;

typedef struct FolderSlot
{
	FolderKey	key;
	int			folder;
	uint32		hash;
	char		status;
} FolderSlot;

static inline uint32
folder_key_hash(FolderKey key)
{
	return hash_bytes((const unsigned char *) key.path, key.length);
}

static inline bool
folder_key_equal(FolderKey a, FolderKey b)
{
	return a.length == b.length && memcmp(a.path, b.path, a.length) == 0;
}

#define SH_PREFIX folder
#define SH_ELEMENT_TYPE FolderSlot
#define SH_KEY_TYPE FolderKey
#define SH_KEY key
#define SH_HASH_KEY(table, key) folder_key_hash(key)
#define SH_EQUAL(table, a, b) folder_key_equal(a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(table, slot) (slot)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

Batch *
batch_make(MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "missing_photos batch",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Batch	   *batch = palloc0(sizeof(Batch));

	batch->context = context;
	batch->passing = AllocSetContextCreate(context, "missing_photos batch's answers",
										   ALLOCSET_DEFAULT_SIZES);
	batch->capacity = 64;
	batch->entries = palloc(batch->capacity * sizeof(BatchEntry));
	batch->folder_capacity = 16;
	batch->folders = palloc(batch->folder_capacity * sizeof(BatchFolder));
	initStringInfo(&batch->bytes);
	batch->index = folder_create(context, 16, NULL);
	MemoryContextSwitchTo(old);
	return batch;
}

void
batch_begin(Batch *batch, Root *root, int root_number)
{
	MemoryContextReset(batch->passing);
	resetStringInfo(&batch->bytes);
	folder_reset(batch->index);
	batch->root = root;
	batch->root_number = root_number;
	batch->n_entries = 0;
	batch->n_folders = 0;
	batch->n_news = 0;
	batch->current = -1;
	batch->order = NULL;
	batch->request = NULL;
}

bool
batch_is_full(const Batch *batch)
{
	return batch->n_entries >= BATCH_ROWS || batch->n_folders >= BATCH_ROWS ||
		batch->bytes.len >= BATCH_BYTES;
}

static bool
is_dots(const char *name, size_t length)
{
	return (length == 1 && name[0] == '.') || (length == 2 && name[0] == '.' && name[1] == '.');
}

/* Whether a folder's path can be asked for: whole names only, no dots, no empty component. */
static bool
folder_is_usable(const char *path, size_t length)
{
	size_t		start = 1;

	for (size_t i = 1; i <= length; i++)
	{
		if (i < length && path[i] != '/')
			continue;
		if (i == start || is_dots(path + start, i - start))
			return false;
		start = i + 1;
	}
	return true;
}

static int
new_folder(Batch *batch, const char *path, uint32 length)
{
	BatchFolder *folder;

	if (batch->n_folders == batch->folder_capacity)
	{
		batch->folder_capacity *= 2;
		batch->folders = repalloc(batch->folders, batch->folder_capacity * sizeof(BatchFolder));
	}
	folder = &batch->folders[batch->n_folders];
	folder->path = memcpy(MemoryContextAlloc(batch->passing, length + 1), path, length);
	folder->length = length;
	folder->first = folder->last = -1;
	folder->count = 0;
	folder->to_come = 0;
	return batch->n_folders++;
}

/* The folder's number, or -1 when its path can't be asked for. */
static int
find_folder(Batch *batch, const char *path, uint32 length)
{
	FolderKey	key = {path, length};
	FolderSlot *slot;
	bool		found;

	if (batch->current >= 0 &&
		folder_key_equal(key, (FolderKey) {batch->folders[batch->current].path,
				batch->folders[batch->current].length}))
		return batch->current;
	slot = folder_lookup(batch->index, key);
	if (slot != NULL)
		return batch->current = slot->folder;
	if (!folder_is_usable(path, length))
		return -1;
	batch->current = new_folder(batch, path, length);
	key.path = batch->folders[batch->current].path;
	slot = folder_insert(batch->index, key, &found);
	slot->folder = batch->current;
	return batch->current;
}

static void
append_entry(Batch *batch, int folder_number, const BatchEntry *entry)
{
	BatchFolder *folder = &batch->folders[folder_number];

	if (batch->n_entries == batch->capacity)
	{
		batch->capacity *= 2;
		batch->entries = repalloc(batch->entries, batch->capacity * sizeof(BatchEntry));
	}
	batch->entries[batch->n_entries] = *entry;
	if (folder->first < 0)
		folder->first = batch->n_entries;
	else
		batch->entries[folder->last].next = batch->n_entries;
	folder->last = batch->n_entries++;
	folder->count++;
}

static void
append_row(Batch *batch, const FileRow *row)
{
	uint32		lengths[3] = {row->photo_length, row->file_length, row->path_length};
	size_t		size = sizeof(lengths) + row->photo_length + row->file_length + row->path_length;
	char	   *at;

	enlargeStringInfo(&batch->bytes, size);
	at = batch->bytes.data + batch->bytes.len;
	memcpy(at, lengths, sizeof(lengths));
	at += sizeof(lengths);
	memcpy(at, row->photo, row->photo_length);
	at += row->photo_length;
	memcpy(at, row->file, row->file_length);
	at += row->file_length;
	memcpy(at, row->path, row->path_length);
	batch->bytes.len += size;
}

MpReason
batch_add(Batch *batch, const FileRow *row, bool want_identity)
{
	const char *slash = memrchr(row->path, '/', row->path_length);
	BatchEntry	entry = {.next = -1, .offset = batch->bytes.len, .flags = row->flags,
	.want_identity = want_identity};
	size_t		name_length;
	int			folder;

	if (slash == NULL)
		return MP_BAD_PATH;
	entry.name = slash + 1 - row->path;
	name_length = row->path_length - entry.name;
	if (row->path_length > MP_MAX_PATH || name_length == 0 || name_length > MP_MAX_NAME ||
		is_dots(slash + 1, name_length))
		return MP_BAD_PATH;
	folder = find_folder(batch, row->path, slash - row->path);
	if (folder < 0)
		return MP_BAD_PATH;
	append_entry(batch, folder, &entry);
	append_row(batch, row);
	batch->n_news += want_identity;
	return MP_OK;
}

void
batch_add_folder(Batch *batch, const char *path, uint32 length, uint32 to_come)
{
	int			folder = find_folder(batch, path, length);

	if (folder >= 0)
		batch->folders[folder].to_come = to_come;
}

void
batch_row(const Batch *batch, int number, FileRow *row)
{
	const BatchEntry *entry = &batch->entries[number];
	const char *at = batch->bytes.data + entry->offset;
	uint32		lengths[3];

	memcpy(lengths, at, sizeof(lengths));
	row->photo = at + sizeof(lengths);
	row->photo_length = lengths[0];
	row->file = row->photo + lengths[0];
	row->file_length = lengths[1];
	row->path = row->file + lengths[1];
	row->path_length = lengths[2];
	row->flags = entry->flags;
}

static void
write_folder(Batch *batch, const BatchFolder *folder, MpWriter *w, int *sent)
{
	size_t		below = batch->root->app_length;

	if (folder->length > below)
		mp_write_str(w, folder->path + below + 1, folder->length - below - 1);
	else
		mp_write_str(w, "", 0);
	mp_write_u32(w, folder->to_come);
	mp_write_u32(w, folder->count);
	for (int i = folder->first; i >= 0; i = batch->entries[i].next)
	{
		FileRow		row;

		batch_row(batch, i, &row);
		mp_write_u8(w, batch->entries[i].want_identity ? MP_WANT_IDENTITY : 0);
		mp_write_str(w, row.path + batch->entries[i].name,
					 row.path_length - batch->entries[i].name);
		batch->order[(*sent)++] = i;
	}
}

void
batch_send(Batch *batch, const RootTable *roots, uint64 sitting)
{
	MpWriter   *w;
	int			sent = 0;

	batch->order = MemoryContextAlloc(batch->passing, Max(batch->n_entries, 1) * sizeof(int));
	w = probe_request(MP_CHECK);
	roots_write_place(roots, batch->root, w);
	mp_write_u64(w, sitting);
	mp_write_u32(w, batch->n_folders);
	for (int i = 0; i < batch->n_folders; i++)
		write_folder(batch, &batch->folders[i], w, &sent);
	batch->request = probe_send();
}
