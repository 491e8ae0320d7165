/*
 * relink_missing.c: relink_missing, relink_missing_photos and choose_candidate.
 *
 * Relinking alone is a scan that judges, finds what moved, and flags nothing; only of photos that got
 * a file back are the other files brought up to date too.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "digest.h"
#include "library.h"
#include "owner_lock.h"
#include "reasons.h"
#include "relink.h"
#include "relink_move.h"

PG_FUNCTION_INFO_V1(missing_photos_relink_missing);
PG_FUNCTION_INFO_V1(missing_photos_relink_missing_photos);
PG_FUNCTION_INFO_V1(missing_photos_choose_candidate);

enum
{
	OUT_JOB, OUT_FILES_SEEN, OUT_CANDIDATES, OUT_RELINKED, OUT_AMBIGUOUS, OUT_HASHED_FILES,
	OUT_HASHED_BYTES, OUT_ELAPSED, OUT_COLUMNS
};

static Datum
make_result(FunctionCallInfo fcinfo, const OwnerScan *scan, TimestampTz start)
{
	const Relink *relink = scan->relink;
	TupleDesc	shape;
	Datum		values[OUT_COLUMNS];
	bool		nulls[OUT_COLUMNS] = {false};

	if (get_call_result_type(fcinfo, NULL, &shape) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[OUT_JOB] = scan->job.id;
	values[OUT_FILES_SEEN] = Int64GetDatum(relink->files_seen);
	values[OUT_CANDIDATES] = Int64GetDatum(relink->candidates);
	values[OUT_RELINKED] = Int64GetDatum(relink->relinked);
	values[OUT_AMBIGUOUS] = Int64GetDatum(relink->ambiguous);
	values[OUT_HASHED_FILES] = Int64GetDatum(relink->hashed_files);
	values[OUT_HASHED_BYTES] = Int64GetDatum(relink->hashed_bytes);
	values[OUT_ELAPSED] = job_elapsed_since(start);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls));
}

static char *
optional_text(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

Datum
missing_photos_relink_missing(PG_FUNCTION_ARGS)
{
	TimestampTz start = GetCurrentTimestamp();
	MemoryContext context = CurrentMemoryContext;
	char	   *owner = library_id(fcinfo, 0, "owner");
	char	   *under = optional_text(fcinfo, 1);
	bool		dry_run = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	NullableDatum no_job = {.isnull = true};
	OwnerScan  *scan;

	SPI_connect();
	library_check_writable("relink_missing()");
	library_require_owner(owner);
	owner_lock_take(owner, false);
	scan = scan_make(context, "relink", owner, FUNCTION_BATCH, no_job, false);
	scan->only_relink = true;
	relink_prepare(scan, under, dry_run);
	scan_run(scan);
	SPI_finish();
	MemoryContextSwitchTo(context);
	return make_result(fcinfo, scan, start);
}

static void
prepare_relink(OwnerScan *scan, FunctionCallInfo fcinfo)
{
	scan->only_relink = true;
	relink_prepare(scan, optional_text(fcinfo, 1), false);
}

Datum
missing_photos_relink_missing_photos(PG_FUNCTION_ARGS)
{
	static const ScanProcedure procedure = {"relink_missing_photos", "relink_missing", "relink",
	.batch_size = 2, .job_id = 3, .prepare = prepare_relink};

	scan_run_procedure(&procedure, fcinfo);
	PG_RETURN_VOID();
}

/* A candidate as it is kept, and what is known of its file. */
typedef struct Choice
{
	char	   *file;
	char	   *path;
	char	   *owner;
	char	   *old_path;
	char	   *algorithm;		/* NULL: unknown */
	char	   *digest;
	int			n;
	Move	   *moves;			/* one for each photo */
} Choice;

pg_noreturn static void
refuse(const Choice *choice, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("\"%s\" can't be file \"%s\": %s", choice->path, choice->file, why),
			 errhint("SELECT relink_missing(owner) looks anew for what it may be.")));
}

/* The same where there is one that the caller may not see. */
pg_noreturn static void
refuse_unoffered(const Choice *choice)
{
	ereport(ERROR,
			(errcode(ERRCODE_NO_DATA_FOUND),
			 errmsg("\"%s\" is not offered for file \"%s\"", choice->path, choice->file),
			 errhint("SELECT file, path FROM missing_photos.candidates lists what is.")));
}

static void
require_visible(const Choice *choice)
{
	Arguments	a = {0};

	argument_text(&a, choice->owner);
	call_as_caller("SELECT FROM missing_photos.library_owners() AS o"
				   " WHERE o.owner OPERATOR(pg_catalog.=) $1", &a);
	if (SPI_processed == 0)
		refuse_unoffered(choice);
}

static void
load_choice(Choice *choice)
{
	Arguments	a = {0};
	bool		isnull;
	Datum	   *photos;

	argument_text(&a, choice->file);
	argument_text(&a, choice->path);
	call_as_owner("SELECT owner, photos, old_path, algorithm, digest"
				  "  FROM missing_photos.take_candidate($1, $2)", &a);
	if (SPI_processed == 0)
		refuse_unoffered(choice);
	choice->owner = result_text(0, 1);
	choice->old_path = result_text(0, 3);
	choice->algorithm = result_text(0, 4);
	choice->digest = result_text(0, 5);
	deconstruct_array(DatumGetArrayTypeP(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2,
													   &isnull)),
					  TEXTOID, -1, false, TYPALIGN_INT, &photos, NULL, &choice->n);
	choice->moves = palloc0(choice->n * sizeof(Move));
	for (int i = 0; i < choice->n; i++)
		choice->moves[i] = (Move) {
			.photo = TextDatumGetCString(photos[i]), .file = choice->file,
			.old_path = choice->old_path, .new_path = choice->path};
}

/* The library's own word of the content goes before what we once read. */
static void
ask_library(Choice *choice)
{
	Arguments	a = {0};

	argument_text(&a, choice->file);
	call_as_caller("SELECT c.algorithm, c.digest"
				   "  FROM missing_photos.library_content(ARRAY[$1]) AS c"
				   " WHERE c.digest IS NOT NULL", &a);
	if (SPI_processed == 0)
		return;
	choice->algorithm = result_text(0, 1);
	choice->digest = result_text(0, 2);
}

/* A file whose content is known to be another one is never taken. */
static void
require_content(RootTable *roots, Choice *choice)
{
	Digest		digest;

	digest_file(roots, choice->path, strlen(choice->path), digest_algorithm(choice->algorithm),
				&digest);
	if (digest.verdict != MP_PRESENT)
		refuse(choice, psprintf("it could not be read (%s)",
								reason_text(digest.reason, digest.err)));
	if (choice->digest != NULL && strcmp(choice->digest, digest.text) != 0)
		refuse(choice, "its content is another one");
	for (int i = 0; i < choice->n; i++)
		choice->moves[i].identity = digest.identity;
}

/* Whoever has a row with this path keeps it. */
static void
require_unclaimed(const Choice *choice)
{
	Arguments	a = {0};

	argument_text(&a, choice->path);
	call_as_caller("SELECT c.path FROM missing_photos.library_claimed(ARRAY[$1]) AS c", &a);
	if (SPI_processed > 0)
		refuse(choice, "another row has that path");
}

/* Nothing is offered for the file any more; what else has its content is known as a copy. */
static void
forget_candidates(const Choice *choice)
{
	Arguments	a = {0};

	argument_text(&a, choice->owner);
	argument_text(&a, choice->file);
	argument_text(&a, choice->path);
	call_as_owner("SELECT missing_photos.note_other_candidates($1, $2, $3)", &a);
	call_as_owner("SELECT missing_photos.forget_candidates($1, ARRAY[$2], ARRAY[$3])", &a);
}

Datum
missing_photos_choose_candidate(PG_FUNCTION_ARGS)
{
	Choice		choice = {.file = library_id(fcinfo, 0, "file")};
	RootTable  *roots;
	Changes		changes = {0};
	Columns    *moved;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("path must not be null")));
	choice.path = text_to_cstring(PG_GETARG_TEXT_PP(1));
	SPI_connect();
	library_check_writable("choose_candidate()");
	load_choice(&choice);
	require_visible(&choice);
	owner_lock_take(choice.owner, false);
	ask_library(&choice);
	require_unclaimed(&choice);
	roots = roots_load();
	require_content(roots, &choice);
	relink_look_at_places(roots, choice.moves, choice.n);
	if (!choice.moves[0].good)
		refuse(&choice, "the file is at its old path, or it can't be told");
	changes.owner = choice.owner;
	moved = moves_columns(CurrentMemoryContext);
	moves_apply(&changes, relink_good_moves(choice.moves, choice.n), moved);
	if (changes.busy > 0)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("another session is writing the row of file \"%s\"", choice.file),
				 errhint("Try again.")));
	if (moved->n_rows == 0)
		refuse(&choice, "its row has changed");
	forget_candidates(&choice);
	SPI_finish();
	PG_RETURN_VOID();
}
