/*
 * file_hashes.c: the digests of many files' contents, for whoever may ask.
 *
 * The paths are taken from the array in portions, so that memory is bounded by them and the result,
 * which goes to a file when it outgrows work_mem.  A portion is several requests; the probe idles
 * only while one is replaced by the next.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "nodes/execnodes.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "digest.h"
#include "reasons.h"
#include "result_set.h"

PG_FUNCTION_INFO_V1(missing_photos_file_hashes);

#define PORTION (4 * 4096)

enum
{
	OUT_PATH, OUT_HASH, OUT_STATE, OUT_COLUMNS
};

typedef struct Portion
{
	Datum		paths[PORTION];
	bool		nulls[PORTION];
	Digested	files[PORTION];
	int			n;
} Portion;

static void
take_paths(Portion *portion, ArrayIterator paths)
{
	portion->n = 0;
	while (portion->n < PORTION &&
		   array_iterate(paths, &portion->paths[portion->n], &portion->nulls[portion->n]))
	{
		bool		is_null = portion->nulls[portion->n];
		text	   *path = is_null ? NULL : DatumGetTextPP(portion->paths[portion->n]);

		/* What is no path is below no root. */
		portion->files[portion->n++] = digested(is_null ? "" : VARDATA_ANY(path),
												is_null ? 0 : VARSIZE_ANY_EXHDR(path), MP_MD5);
	}
}

static void
put_rows(const Portion *portion, ReturnSetInfo *result)
{
	Oid			state = TupleDescAttr(result->setDesc, OUT_STATE)->atttypid;

	for (int i = 0; i < portion->n; i++)
	{
		const Digest *digest = &portion->files[i].digest;
		Datum		values[OUT_COLUMNS] = {portion->paths[i]};
		bool		nulls[OUT_COLUMNS] = {portion->nulls[i]};

		nulls[OUT_HASH] = digest->verdict != MP_PRESENT;
		if (!nulls[OUT_HASH])
			values[OUT_HASH] = CStringGetTextDatum(digest->text);
		values[OUT_STATE] = result_set_state(verdict_name(digest->verdict), state);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

Datum
missing_photos_file_hashes(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	MemoryContext passing;
	ReturnSetInfo *result;
	ArrayIterator paths;
	RootTable  *roots;
	Portion    *portion;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("paths must not be null")));
	result_set_begin(fcinfo, "file_hashes(paths)");
	result = (ReturnSetInfo *) fcinfo->resultinfo;
	paths = array_create_iterator(PG_GETARG_ARRAYTYPE_P(0), 0, NULL);
	SPI_connect();
	roots = roots_load();
	portion = palloc(sizeof(Portion));
	passing = AllocSetContextCreate(CurrentMemoryContext, "missing_photos hashes",
									ALLOCSET_DEFAULT_SIZES);
	context = MemoryContextSwitchTo(passing);
	for (take_paths(portion, paths); portion->n > 0; take_paths(portion, paths))
	{
		digest_files(roots, portion->files, portion->n);
		put_rows(portion, result);
		MemoryContextReset(passing);
	}
	MemoryContextSwitchTo(context);
	SPI_finish();
	return (Datum) 0;
}
