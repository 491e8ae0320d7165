/*
 * merge.c: photos imported a second time after their file moved: missing_photos.merge_reimported.
 *
 * Where the application found a moved file first, it made a new photo of it, and the old one, with
 * its albums, faces and captions, is left without a file.  Here the new one is folded into the old:
 * what references it references the old one from then on, unless the old one has the like already;
 * then it is deleted like any photo that has lost its files, archived with the job.  The references
 * that changed are archived too, so undo_delete takes the merge back.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "nodes/execnodes.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "archive.h"
#include "deletion.h"
#include "job.h"
#include "library.h"
#include "owner_lock.h"
#include "result_set.h"
#include "sql_calls.h"
#include "subtransaction.h"

PG_FUNCTION_INFO_V1(missing_photos_merge_reimported);

/* So many pairs are merged by one set of statements. */
#define MERGE_BATCH 500

enum
{
	PAIR_OLD, PAIR_NEW, PAIR_FILE, PAIR_PATH, PAIR_COLUMNS
};

typedef struct MergeStep
{
	Oid			relation;
	Datum		columns;		/* text[] */
	int			n_keys;
	char	   *statement;
} MergeStep;

typedef struct Merge
{
	Job			job;
	bool		dry_run;
	Columns    *pairs;
	const char **states;
	char	   *lock;			/* a statement, as the steps' are */
	int			n_steps;
	MergeStep  *steps;
	DeletionCounts counts;
	int64		merged;
} Merge;

/* Some of the pairs, in a subtransaction. */
typedef struct MergeBatch
{
	Merge	   *merge;
	Columns    *pairs;
	DeletionCounts counts;
} MergeBatch;

static Columns *
pair_columns(void)
{
	static const Oid types[PAIR_COLUMNS] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID};

	return columns_make(CurrentMemoryContext, PAIR_COLUMNS, types);
}

/* The photos that were imported again; of these old ones, or of all (NULL). */
static void
ask_pairs(const Merge *merge, const Columns *among)
{
	Arguments	a = {0};
	Arguments	asked = {0};

	argument_text(&asked, merge->job.owner);
	call_as_owner("SELECT photos, files FROM missing_photos.losses($1, NULL)", &asked);
	argument_text(&a, merge->job.owner);
	for (int i = 1; i <= 2; i++)
	{
		bool		isnull;
		Datum		array = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i, &isnull);

		argument_datum(&a, TEXTARRAYOID, PointerGetDatum(PG_DETOAST_DATUM_COPY(array)));
	}
	argument_datum(&a, TEXTARRAYOID, among == NULL ? (Datum) 0 : columns_array(among, PAIR_OLD));
	if (among == NULL)
		a.nulls[a.n - 1] = 'n';
	/* One old photo for several new ones, or the other way round, is for a person to decide. */
	call_as_caller("SELECT r.photo, r.reimported, r.file, r.path,"
				   "       pg_catalog.count(*) OVER (PARTITION BY r.photo) OPERATOR(pg_catalog.=) 1"
				   "       AND pg_catalog.count(*) OVER (PARTITION BY r.reimported) OPERATOR(pg_catalog.=) 1"
				   "  FROM (SELECT DISTINCT ON (p.photo, p.reimported) p.photo, p.reimported, p.file, p.path"
				   "          FROM missing_photos.library_reimported($1, $2, $3, $4) AS p"
				   "         ORDER BY p.photo, p.reimported, p.file) AS r"
				   " ORDER BY r.photo, r.reimported", &a);
}

static void
find_pairs(Merge *merge)
{
	merge->pairs = pair_columns();
	ask_pairs(merge, NULL);
	merge->states = palloc((SPI_processed + 1) * sizeof(char *));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		columns_add_row(merge->pairs);
		for (int column = 0; column < PAIR_COLUMNS; column++)
			columns_set_cstring(merge->pairs, column, result_text(i, column + 1));
		merge->states[i] = result_bool(i, 5) ? "ready" : "ambiguous";
	}
}

static void
load_steps(Merge *merge)
{
	Arguments	none = {0};

	call_as_owner("SELECT missing_photos.merge_lock()", &none);
	merge->lock = result_text(0, 1);
	call_as_owner("SELECT s.relation::pg_catalog.int8, s.keys::pg_catalog.int8, s.statement, s.columns"
				  "  FROM missing_photos.merge_steps() AS s", &none);
	merge->n_steps = SPI_processed;
	merge->steps = palloc((merge->n_steps + 1) * sizeof(MergeStep));
	for (int i = 0; i < merge->n_steps; i++)
	{
		bool		isnull;
		Datum		columns = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 4, &isnull);

		merge->steps[i].relation = result_int8(i, 1);
		merge->steps[i].n_keys = result_int8(i, 2);
		merge->steps[i].statement = result_text(i, 3);
		merge->steps[i].columns = PointerGetDatum(PG_DETOAST_DATUM_COPY(columns));
	}
}

/* An error that try_without_waiting takes for a lock somebody holds: nothing of the batch is done. */
static void
give_way(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg("a photo to be merged has changed or is locked by another session")));
}

static void
argument_photos(Arguments *a, const Columns *pairs)
{
	argument_datum(a, TEXTARRAYOID, columns_array(pairs, PAIR_OLD));
	argument_datum(a, TEXTARRAYOID, columns_array(pairs, PAIR_NEW));
}

/* Everything that references the new photos, now of the old ones. */
static void
fold_references(MergeBatch *batch)
{
	for (int i = 0; i < batch->merge->n_steps; i++)
	{
		const MergeStep *step = &batch->merge->steps[i];
		Arguments	a = {0};

		argument_photos(&a, batch->pairs);
		call_as_caller(step->statement, &a);
		if (SPI_processed > 0)
			archive_keep(batch->merge->job.id, step->relation, "change", step->columns, step->n_keys,
						 NULL, archive_take_result());
	}
}

/* The old photos show their file again; what was noted of it as lost is forgotten. */
static void
restore_files(MergeBatch *batch)
{
	Arguments	a = {0};
	Arguments	r = {0};

	argument_text(&a, batch->merge->job.owner);
	argument_datum(&a, TEXTARRAYOID, columns_array(batch->pairs, PAIR_OLD));
	argument_datum(&a, TEXTARRAYOID, columns_array(batch->pairs, PAIR_FILE));
	call_as_owner("SELECT mains_after FROM missing_photos.lost_mains($1, $2, $3)", &a);
	{
		bool		isnull;
		Datum		afters = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);

		argument_datum(&a, TEXTARRAYOID, columns_array(batch->pairs, PAIR_PATH));
		argument_datum(&a, TEXTARRAYOID, PointerGetDatum(PG_DETOAST_DATUM_COPY(afters)));
	}
	call_as_caller("SELECT FROM missing_photos.library_mark_present($1, $2, $3, $4,"
				   " pg_catalog.array_fill(true, ARRAY[pg_catalog.cardinality($2)]), $5)", &a);
	argument_datum(&r, UUIDOID, batch->merge->job.id);
	argument_text(&r, batch->merge->job.owner);
	for (int column = PAIR_OLD; column <= PAIR_PATH; column++)
		if (column != PAIR_NEW)
			argument_datum(&r, TEXTARRAYOID, columns_array(batch->pairs, column));
	call_as_owner("SELECT missing_photos.record_returns($1, $2, $3, $4, $5)", &r);
}

static void
merge_now(void *arg)
{
	MergeBatch *batch = arg;
	Arguments	a = {0};
	int			n = batch->pairs->n_rows;

	memset(&batch->counts, 0, sizeof(batch->counts));
	argument_photos(&a, batch->pairs);
	call_as_caller(batch->merge->lock, &a);
	if (SPI_processed != (uint64) n * 2)
		give_way();
	ask_pairs(batch->merge, batch->pairs);
	if (SPI_processed != (uint64) n)
		give_way();
	fold_references(batch);
	delete_batch(batch->merge->job.id, batch->merge->job.owner, columns_array(batch->pairs, PAIR_NEW),
				 PointerGetDatum(construct_empty_array(TEXTOID)), &batch->counts);
	if (batch->counts.photos != n)
		give_way();
	restore_files(batch);
}

/* Merges some of the pairs; those that somebody else has a hand on are found by trying each alone. */
static void
merge_rows(Merge *merge, const int *rows, int n)
{
	MergeBatch	batch = {.merge = merge, .pairs = pair_columns()};
	bool		done;

	for (int i = 0; i < n; i++)
	{
		columns_add_row(batch.pairs);
		for (int column = 0; column < PAIR_COLUMNS; column++)
			columns_set_datum(batch.pairs, column, merge->pairs, column, rows[i]);
	}
	done = try_without_waiting(merge_now, &batch);
	columns_free(batch.pairs);
	if (!done && n > 1)
	{
		for (int i = 0; i < n; i++)
			merge_rows(merge, rows + i, 1);
		return;
	}
	for (int i = 0; i < n; i++)
		merge->states[rows[i]] = done ? "merged" : "busy";
	if (!done)
		return;
	merge->merged += n;
	merge->counts.rows += batch.counts.rows;
	merge->counts.photos += batch.counts.photos;
}

static void
merge_all(Merge *merge)
{
	int		   *rows = palloc((merge->pairs->n_rows + 1) * sizeof(int));
	int			n = 0;

	load_steps(merge);
	for (int i = 0; i < merge->pairs->n_rows; i++)
		if (strcmp(merge->states[i], "ready") == 0)
			rows[n++] = i;
	for (int first = 0; first < n; first += MERGE_BATCH)
		merge_rows(merge, rows + first, Min(MERGE_BATCH, n - first));
	if (merge->merged > 0)
		(void) delete_settle(merge->job.owner, &merge->counts);
}

static void
close_nothing(Job *job)
{
}

static const char *
result_json(const Job *job)
{
	const Merge *merge = (const Merge *) job;

	return psprintf("{\"merged\": " INT64_FORMAT ", \"rows\": " INT64_FORMAT "}",
					merge->merged, merge->counts.rows);
}

static Merge *
make(FunctionCallInfo fcinfo)
{
	NullableDatum none = {.isnull = true};
	char	   *owner = library_id(fcinfo, 0, "owner");
	Merge	   *merge = job_make(CurrentMemoryContext, sizeof(Merge), "merge", owner, none, false);

	merge->dry_run = PG_ARGISNULL(1) || PG_GETARG_BOOL(1);
	merge->job.close = close_nothing;
	merge->job.result = result_json;
	return merge;
}

static void
return_rows(const Merge *merge, ReturnSetInfo *result)
{
	for (int i = 0; i < merge->pairs->n_rows; i++)
	{
		Datum		values[4];
		bool		nulls[4] = {false};

		values[0] = merge->pairs->values[PAIR_OLD][i];
		values[1] = merge->pairs->values[PAIR_NEW][i];
		values[2] = merge->pairs->values[PAIR_PATH][i];
		nulls[2] = merge->pairs->nulls[PAIR_PATH][i];
		values[3] = CStringGetTextDatum(merge->states[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

Datum
missing_photos_merge_reimported(PG_FUNCTION_ARGS)
{
	Merge	   *merge = make(fcinfo);
	MemoryContext context = CurrentMemoryContext;

	result_set_begin(fcinfo, "missing_photos.merge_reimported(owner)");
	SPI_connect();
	if (merge->dry_run)
		library_check();
	else
		library_check_writable("merge_reimported()");
	library_require_owner(merge->job.owner);
	MemoryContextSwitchTo(context);
	if (!merge->dry_run)
	{
		owner_lock_take(merge->job.owner, false);
		job_begin(&merge->job);
	}
	find_pairs(merge);
	if (!merge->dry_run)
	{
		merge_all(merge);
		job_end(&merge->job, "finished", NULL, merge->pairs->n_rows);
		MemoryContextSwitchTo(context);
	}
	return_rows(merge, (ReturnSetInfo *) fcinfo->resultinfo);
	SPI_finish();
	return (Datum) 0;
}
