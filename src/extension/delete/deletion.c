/* deletion.c: taking missing photos and lost files out of the library; see deletion.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "deletion.h"
#include "deletion_run.h"
#include "plan_settings.h"
#include "sql_calls.h"
#include "subtransaction.h"

/* A batch that met a row of somebody else's is tried again so often before it is parted. */
#define BUSY_TRIES 3

/* What is deleted: photos or file rows. */
typedef struct Target
{
	const char *part;
	const char *lock;
} Target;

static const Target target_photos = {
	"photo",
	"SELECT l.photo, l.locked FROM missing_photos.library_lock_photos($1, $2) AS l"
};

static const Target target_files = {
	"file",
	"SELECT l.file, l.locked FROM missing_photos.library_lock_files($1, $2) AS l"
};

typedef struct Batch
{
	const Target *target;
	const DeletionPlan *plan;
	Datum		job_id;
	const char *owner;
	Datum	   *keys;
	DeletionCounts *counts;
} Batch;

static Datum
text_array(Datum *values, int n)
{
	return PointerGetDatum(construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Locks what of these keys may go.  Returns the keys locked; others that may go are busy. */
static Datum
lock_rows(const Batch *batch, int first, int n, int *n_locked, int64 *busy)
{
	Arguments	a = {0};
	Datum	   *locked = palloc((n + 1) * sizeof(Datum));

	*n_locked = 0;
	argument_text(&a, batch->owner);
	argument_datum(&a, TEXTARRAYOID, text_array(batch->keys + first, n));
	call_as_caller(batch->target->lock, &a);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		if (result_bool(i, 2))
			locked[(*n_locked)++] = CStringGetTextDatum(result_text(i, 1));
		else
			(*busy)++;
	}
	return text_array(locked, *n_locked);
}

static void
forget(const Batch *batch, Datum keys)
{
	Arguments	a = {0};
	bool		photos = batch->target == &target_photos;
	Datum		none = PointerGetDatum(construct_empty_array(TEXTOID));

	argument_datum(&a, UUIDOID, batch->job_id);
	argument_datum(&a, TEXTARRAYOID, photos ? keys : none);
	argument_datum(&a, TEXTARRAYOID, photos ? none : keys);
	call_as_owner("SELECT missing_photos.forget_deleted($1, $2, $3)", &a);
}

static void
delete_rows(const Batch *batch, int first, int n, DeletionCounts *counts)
{
	DeletionRun run = {.plan = batch->plan, .job_id = batch->job_id, .owner = batch->owner};

	run.given = lock_rows(batch, first, n, &run.n_given, &counts->busy);
	if (run.n_given == 0)
		return;
	deletion_run(&run);
	forget(batch, run.given);
	counts->rows += run.rows;
	if (batch->target == &target_photos)
		counts->photos += run.n_given;
	else
		counts->files += run.n_given;
}

typedef struct Part
{
	const Batch *batch;
	int			first;
	int			n;
	DeletionCounts counts;
} Part;

static void
delete_part_now(void *arg)
{
	Part	   *part = arg;
	/*
	 * A batch is few rows of many, and the next one wants the same pages of the same indexes.
	 * Thinking of a cold disk, the planner would read each table that references photos as a whole.
	 */
	int			level = plan_settings_begin(true);

	memset(&part->counts, 0, sizeof(part->counts));
	delete_rows(part->batch, part->first, part->n, &part->counts);
	plan_settings_end(level);
}

static void
add_counts(DeletionCounts *to, const DeletionCounts *more)
{
	to->photos += more->photos;
	to->files += more->files;
	to->rows += more->rows;
	to->busy += more->busy;
}

/* What is in the way is found by halves, so that one row held for long keeps only its photo. */
static void
delete_part(const Batch *batch, int first, int n, int tries)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "missing_photos batch",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Part		part = {.batch = batch, .first = first, .n = n};
	bool		done = try_without_waiting(delete_part_now, &part);

	for (int i = 1; !done && i < tries; i++)
	{
		pause_for_locks();
		done = try_without_waiting(delete_part_now, &part);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	if (done)
		add_counts(batch->counts, &part.counts);
	else if (n == 1)
		batch->counts->busy++;
	else
	{
		delete_part(batch, first, n / 2, 1);
		delete_part(batch, first + n / 2, n - n / 2, 1);
	}
}

static void
delete_all(const Target *target, Datum job_id, const char *owner, Datum array,
		   DeletionCounts *counts)
{
	Batch		batch = {.target = target, .job_id = job_id, .owner = owner, .counts = counts};
	int			n;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &batch.keys,
					  NULL, &n);
	if (n == 0)
		return;
	batch.plan = deletion_plan(target->part);
	delete_part(&batch, 0, n, BUSY_TRIES);
}

static void
keep_archive(Datum job_id, const char *owner, const DeletionCounts *counts)
{
	Arguments	a = {0};

	if (counts->rows == 0)
		return;
	argument_datum(&a, UUIDOID, job_id);
	argument_text(&a, owner);
	argument_text(&a, GetUserNameFromId(GetUserId(), false));
	argument_int8(&a, counts->photos);
	argument_int8(&a, counts->files);
	argument_int8(&a, counts->rows);
	call_as_owner("SELECT missing_photos.keep_archive($1, $2, $3::name, $4, $5, $6)", &a);
}

void
delete_batch(Datum job_id, const char *owner, Datum photos, Datum files, DeletionCounts *counts)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "missing_photos deletion",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	DeletionCounts now = {0};

	delete_all(&target_photos, job_id, owner, photos, &now);
	delete_all(&target_files, job_id, owner, files, &now);
	keep_archive(job_id, owner, &now);
	add_counts(counts, &now);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/*
 * delete_batch and delete_settle as a function of SQL: (job_id uuid, owner text, photos text[], files
 * text[]) returns counts.  No part of the extension: it asks no disk and no breaker.  The tests make
 * it, to try the database's side alone.
 */
PG_FUNCTION_INFO_V1(missing_photos_delete_unasked);

Datum
missing_photos_delete_unasked(PG_FUNCTION_ARGS)
{
	char	   *owner = text_to_cstring(PG_GETARG_TEXT_PP(1));
	DeletionCounts counts = {0};
	int64		unsettled;
	char	   *answer;

	SPI_connect();
	delete_batch(PG_GETARG_DATUM(0), owner, PG_GETARG_DATUM(2), PG_GETARG_DATUM(3), &counts);
	unsettled = PG_NARGS() < 5 || PG_GETARG_BOOL(4) ? delete_settle(owner, &counts) : 0;
	SPI_finish();
	answer = psprintf("photos " INT64_FORMAT ", files " INT64_FORMAT ", rows " INT64_FORMAT
					  ", busy " INT64_FORMAT ", unsettled " INT64_FORMAT,
					  counts.photos, counts.files, counts.rows, counts.busy, unsettled);
	PG_RETURN_TEXT_P(cstring_to_text(answer));
}
