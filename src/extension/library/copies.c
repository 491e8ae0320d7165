/* copies.c: further copies of files, looked at before a file is called missing; see copies.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "copies.h"
#include "digest.h"
#include "moves.h"
#include "sql_calls.h"

typedef struct Copy
{
	int			row;			/* of the missing rows */
	char	   *file;
	char	   *path;
	int64		size;
	int64		mtime_ns;
	MpAlgorithm algorithm;
	char	   *digest;			/* NULL: the library doesn't know the content */
} Copy;

typedef struct Copies
{
	int			n;
	Copy	   *copies;			/* those of one row together */
} Copies;

/* The noted copies of missing files. */
static void
ask_memory(Copies *copies, const char *owner, const Columns *missing)
{
	Arguments	a = {0};

	argument_text(&a, owner);
	argument_datum(&a, TEXTARRAYOID, columns_array(missing, MISSING_FILE));
	call_as_owner("SELECT c.ordinal, c.path, c.size, c.mtime_ns"
				  "  FROM missing_photos.copies_of($1, $2) AS c", &a);
	copies->n = SPI_processed;
	copies->copies = palloc0((copies->n + 1) * sizeof(Copy));
	for (int i = 0; i < copies->n; i++)
	{
		Copy	   *copy = &copies->copies[i];

		copy->row = result_int8(i, 1) - 1;
		copy->file = columns_cstring(missing, MISSING_FILE, copy->row);
		copy->path = result_text(i, 2);
		copy->size = result_int8(i, 3);
		copy->mtime_ns = result_int8(i, 4);
		copy->algorithm = MP_MD5;
	}
}

/* What their content must be. */
static void
ask_library(Copies *copies)
{
	static const Oid types[1] = {TEXTOID};
	Columns    *files = columns_make(CurrentMemoryContext, 1, types);
	Arguments	a = {0};

	for (int i = 0; i < copies->n; i++)
	{
		columns_add_row(files);
		columns_set_cstring(files, 0, copies->copies[i].file);
	}
	argument_columns(&a, files);
	call_as_caller("SELECT f.ordinal, c.algorithm, c.digest"
				   "  FROM missing_photos.library_content($1) AS c"
				   "  JOIN pg_catalog.unnest($1) WITH ORDINALITY AS f (file, ordinal)"
				   "    ON f.file OPERATOR(pg_catalog.=) c.file"
				   " WHERE c.digest IS NOT NULL", &a);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Copy	   *copy = &copies->copies[result_int8(i, 1) - 1];

		copy->algorithm = digest_algorithm(result_text(i, 2));
		copy->digest = result_text(i, 3);
	}
	columns_free(files);
}

/* All of them at once: that is faster than stopping at the first that is there. */
static Digested *
read_copies(RootTable *roots, const Copies *copies)
{
	Digested   *files = MemoryContextAllocHuge(CurrentMemoryContext,
											   (Size) (copies->n + 1) * sizeof(Digested));

	for (int i = 0; i < copies->n; i++)
	{
		const Copy *copy = &copies->copies[i];

		files[i] = digested(copy->path, strlen(copy->path), copy->algorithm);
	}
	digest_files(roots, files, copies->n);
	return files;
}

/* Whether the copy is there and still is one. */
static bool
is_there(const Copy *copy, const Digest *digest)
{
	if (digest->verdict != MP_PRESENT)
		return false;
	if (copy->digest != NULL)
		return strcmp(copy->digest, digest->text) == 0;
	return (int64) digest->identity.size == copy->size && digest->identity.mtime_ns == copy->mtime_ns;
}

/* The rows without those that moved. */
static Columns *
without(const Columns *missing, const Columns *moved)
{
	Columns    *left = apply_missing_columns(CurrentMemoryContext);
	bool	   *made = moves_made(missing, MISSING_PHOTO, MISSING_FILE, moved);

	for (int row = 0; row < missing->n_rows; row++)
	{
		if (made[row])
			continue;
		columns_add_row(left);
		for (int column = 0; column < MISSING_COLUMNS; column++)
			columns_set_datum(left, column, missing, column, row);
	}
	pfree(made);
	return left;
}

void
copies_use(Changes *changes, RootTable *roots, Columns **missing)
{
	Copies		copies;
	Columns    *moves;
	Columns    *moved;
	Digested   *files;
	int			last_row = -1;

	if ((*missing)->n_rows == 0)
		return;
	ask_memory(&copies, changes->owner, *missing);
	if (copies.n == 0)
		return;
	ask_library(&copies);
	files = read_copies(roots, &copies);
	moves = moves_columns(CurrentMemoryContext);
	moved = moves_columns(CurrentMemoryContext);
	for (int i = 0; i < copies.n; i++)
	{
		const Copy *copy = &copies.copies[i];
		const Digest *digest = &files[i].digest;

		if (copy->row == last_row || !is_there(copy, digest))
			continue;
		last_row = copy->row;
		moves_add(moves, columns_cstring(*missing, MISSING_PHOTO, copy->row), copy->file,
				  columns_cstring(*missing, MISSING_PATH, copy->row), copy->path, &digest->identity);
	}
	moves_apply(changes, moves, moved);
	if (moved->n_rows > 0)
		*missing = without(*missing, moved);
	columns_free(moves);
	columns_free(moved);
	pfree(files);
}
