/* claims.c: an owner's paths and what is known of the files there; see claims.h. */
#include "postgres.h"

#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "claims.h"
#include "owner_rights.h"
#include "sql_calls.h"

#define FETCH_ROWS 10000

typedef struct ClaimedPath
{
	uint64		path;
	uint64		file;
	bool		displaced;
	bool		shared;			/* by several files: whose it is can't be told */
	char		status;
} ClaimedPath;

#define SH_PREFIX paths
#define SH_ELEMENT_TYPE ClaimedPath
#define SH_KEY_TYPE uint64
#define SH_KEY path
#define SH_HASH_KEY(table, key) ((uint32) (key))
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct KnownFile
{
	uint64		file;
	uint64		identity;		/* 0: none is known */
	char		status;
} KnownFile;

#define SH_PREFIX files
#define SH_ELEMENT_TYPE KnownFile
#define SH_KEY_TYPE uint64
#define SH_KEY file
#define SH_HASH_KEY(table, key) ((uint32) (key))
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct Claims
{
	paths_hash *paths;
	files_hash *files;
	int64		displaced;
};

Claims *
claims_make(MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "missing_photos claims",
												  ALLOCSET_DEFAULT_SIZES);
	Claims	   *claims = MemoryContextAllocZero(context, sizeof(Claims));

	claims->paths = paths_create(context, 1024, NULL);
	claims->files = files_create(context, 1024, NULL);
	return claims;
}

static uint64
hash_text(const char *text, size_t length)
{
	return hash_bytes_extended((const unsigned char *) text, length, 0);
}

/* What of an identity survives a rename; never 0. */
static uint64
hash_identity(int64 fsid, int64 inode, int64 size, int64 mtime_ns)
{
	int64		what[] = {fsid, inode, size, mtime_ns};

	return hash_text((const char *) what, sizeof(what)) | 1;
}

void
claims_add(Claims *claims, const FileRow *row)
{
	uint64		file = hash_text(row->file, row->file_length);
	ClaimedPath *path;
	KnownFile  *known;
	bool		found;

	if (row->path == NULL)
		return;
	path = paths_insert(claims->paths, hash_text(row->path, row->path_length), &found);
	if (!found)
	{
		path->file = file;
		path->displaced = path->shared = false;
	}
	else if (path->file != file)
		path->shared = true;
	known = files_insert(claims->files, file, &found);
	if (!found)
		known->identity = 0;
}

static void
note_known(Claims *claims, HeapTuple row, TupleDesc shape)
{
	bool		isnull;
	text	   *file = DatumGetTextPP(SPI_getbinval(row, shape, 1, &isnull));
	KnownFile  *known = files_lookup(claims->files,
									 hash_text(VARDATA_ANY(file), VARSIZE_ANY_EXHDR(file)));
	int64		values[4];

	if (known == NULL)
		return;
	for (int i = 0; i < 4; i++)
		values[i] = DatumGetInt64(SPI_getbinval(row, shape, i + 2, &isnull));
	known->identity = hash_identity(values[0], values[1], values[2], values[3]);
}

void
claims_load_known(Claims *claims)
{
	MemoryContext context = CurrentMemoryContext;
	OwnerRights saved;
	Portal		portal;

	owner_rights_begin(&saved);
	portal = SPI_cursor_open_with_args(NULL, "SELECT file, fsid, inode, size, mtime_ns"
									   "  FROM missing_photos.file_identity",
									   0, NULL, NULL, NULL, true, CURSOR_OPT_NO_SCROLL);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed; i++)
			note_known(claims, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
		SPI_freetuptable(SPI_tuptable);
		CHECK_FOR_INTERRUPTS();
	}
	SPI_cursor_close(portal);
	owner_rights_end(&saved);
	MemoryContextSwitchTo(context);
}

static void
displace(Claims *claims, ClaimedPath *path)
{
	if (!path->displaced)
		claims->displaced++;
	path->displaced = true;
}

void
claims_displace(Claims *claims, const char *path, size_t length)
{
	ClaimedPath *claimed = paths_lookup(claims->paths, hash_text(path, length));

	if (claimed != NULL && !claimed->shared)
		displace(claims, claimed);
}

Claim
claims_look(Claims *claims, const char *path, size_t length, const MpIdentity *identity)
{
	ClaimedPath *claimed = paths_lookup(claims->paths, hash_text(path, length));
	const KnownFile *known;

	if (claimed == NULL)
		return CLAIM_NONE;
	if (claimed->shared)
		return CLAIM_KEPT;
	known = files_lookup(claims->files, claimed->file);
	if (known != NULL && known->identity != 0 &&
		known->identity != hash_identity(identity->fsid, identity->inode, identity->size,
										 identity->mtime_ns))
		displace(claims, claimed);
	return claimed->displaced ? CLAIM_DISPLACED : CLAIM_KEPT;
}

bool
claims_is_displaced(const Claims *claims, const FileRow *row)
{
	const ClaimedPath *claimed = row->path == NULL ? NULL :
		paths_lookup(claims->paths, hash_text(row->path, row->path_length));

	return claimed != NULL && claimed->displaced;
}

bool
claims_any_displaced(const Claims *claims)
{
	return claims->displaced > 0;
}
