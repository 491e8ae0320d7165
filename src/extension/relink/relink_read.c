/* relink_read.c: reading the contents of files that may be the missing ones; see relink.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/memutils.h"

#include "digest.h"
#include "relink.h"

#define ROUNDS 2				/* the ends, and then the whole of those whose ends fit */

/* What a file to be read is to relinking; its place in `files` is the same. */
typedef struct Wanted
{
	int			number;
	MpIdentity	identity;		/* as the walk found it */
} Wanted;

typedef struct Reading
{
	Relink	   *relink;
	Wanted	   *wanted;
	Digested   *files;
	int			n;
	bool		again;			/* all of files whose ends were read */
	Columns    *digests;
} Reading;

enum
{
	D_NUMBER, D_ALGORITHM, D_WHOLE, D_ENDS, D_COLUMNS
};

static void
load_wanted(Reading *reading, int row)
{
	Wanted	   *wanted = &reading->wanted[row];
	char	   *path = result_text(row, 2);

	wanted->number = result_int8(row, 1);
	wanted->identity.inode = result_int8(row, 5);
	wanted->identity.size = result_int8(row, 6);
	wanted->identity.mtime_ns = result_int8(row, 7);
	reading->files[row] = digested(path, strlen(path), digest_algorithm(result_text(row, 3)));
	reading->files[row].parts = result_bool(row, 4) ? MP_ENDS : MP_WHOLE | MP_ENDS;
}

/* What is to be read of the batch. */
static void
load(Reading *reading)
{
	Relink	   *relink = reading->relink;
	Arguments	a = {0};
	Size		most;

	relink_argument_job(&a, relink);
	argument_int4(&a, relink->batch);
	call_as_owner("SELECT r.number::int8, r.path, r.algorithm, r.ends_only, r.inode, r.size, r.mtime_ns"
				  "  FROM missing_photos.relink_to_read($1, $2) AS r", &a);
	reading->n = SPI_processed;
	most = (Size) reading->n + 1;
	reading->wanted = MemoryContextAllocHuge(CurrentMemoryContext, most * sizeof(Wanted));
	reading->files = MemoryContextAllocHuge(CurrentMemoryContext, most * sizeof(Digested));
	for (int i = 0; i < reading->n; i++)
		load_wanted(reading, i);
}

static void
add_digest(Reading *reading, int row, const char *whole, const char *ends)
{
	Columns    *digests = reading->digests;

	columns_add_row(digests);
	columns_set_int4(digests, D_NUMBER, reading->wanted[row].number);
	columns_set_cstring(digests, D_ALGORITHM,
						reading->files[row].algorithm == MP_SHA1 ? "sha1" : "md5");
	if (whole[0] != '\0')
		columns_set_cstring(digests, D_WHOLE, whole);
	if (ends[0] != '\0')
		columns_set_cstring(digests, D_ENDS, ends);
}

static bool
is_as_found(const MpIdentity *found, const MpIdentity *read)
{
	return found->inode == read->inode && found->size == read->size &&
		found->mtime_ns == read->mtime_ns;
}

static void
take_digest(Reading *reading, int row)
{
	Relink	   *relink = reading->relink;
	const Digested *file = &reading->files[row];
	const Digest *digest = &file->digest;

	if (digest->verdict != MP_PRESENT ||
		!is_as_found(&reading->wanted[row].identity, &digest->identity))
	{
		add_digest(reading, row, "", "");
		return;
	}
	if (!reading->again)
		relink->hashed_files++;
	relink->hashed_bytes += (file->parts & MP_WHOLE) ? digest->identity.size :
		Min(digest->identity.size, 2 * MP_END_BYTES);
	add_digest(reading, row, digest->text, digest->ends);
}

void
relink_read_batch(Relink *relink)
{
	static const Oid types[D_COLUMNS] = {INT4OID, TEXTOID, TEXTOID, TEXTOID};
	Reading		reading = {.relink = relink};

	for (int round = 0; round < ROUNDS; round++)
	{
		Arguments	a = {0};

		job_new_round(&relink->scan->job);
		load(&reading);
		reading.again = round > 0;
		if (reading.n == 0)
			break;
		reading.digests = columns_make(CurrentMemoryContext, D_COLUMNS, types);
		digest_files(relink->scan->roots, reading.files, reading.n);
		for (int i = 0; i < reading.n; i++)
			take_digest(&reading, i);
		relink_argument_job(&a, relink);
		argument_int4(&a, relink->batch);
		argument_columns(&a, reading.digests);
		call_as_owner("SELECT missing_photos.relink_note_digests($1, $2, $3, $4, $5, $6)", &a);
	}
}
