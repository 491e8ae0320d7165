/*
 * check_files.c: one photo, looked at now: check_files, and whether its media is gone.
 *
 * The same rules as a scan, for one photo: its linked files and those it lost are judged, gone ones
 * are unlinked and flagged, files that are back are linked again.  All of it is done before the
 * first row is returned.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "check_files.h"
#include "copies.h"
#include "found.h"
#include "judge.h"
#include "learn.h"
#include "library.h"
#include "reasons.h"
#include "restore.h"
#include "result_set.h"
#include "settings.h"
#include "sql_calls.h"
#include "twins.h"

PG_FUNCTION_INFO_V1(missing_photos_check_files);
PG_FUNCTION_INFO_V1(missing_photos_media_is_gone);

typedef struct Check
{
	const char *photo;
	char	   *owner;
	RootTable  *roots;
	Found	   *found;
	Changes    *changes;
	const KeySet *may_flag;		/* NULL: all */
	Columns    *doubts;
} Check;

static bool
take_all(void *unused, const FileRow *row)
{
	return true;
}

/* The photo's owner; an error when there is no such photo, or the caller may not see it. */
static char *
owner_of(const char *photo)
{
	Arguments	a = {0};

	argument_text(&a, photo);
	call_as_caller("SELECT p.owner FROM missing_photos.library_photo($1) AS p", &a);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("photo \"%s\" does not exist", photo),
				 errhint("Give a photo's key as the library holds it.")));
	return result_text(0, 1);
}

/* Judges the photo's files, those it lost too; every row ends up in check->found. */
static void
judge_photo(Check *check)
{
	Arguments	a = {0};
	Judge	   *judge;
	Stream	   *stream;

	check->found = found_make(CurrentMemoryContext, false);
	judge = judge_make(CurrentMemoryContext, check->roots, JUDGE_ALL, found_take, check->found);
	stream = stream_make(CurrentMemoryContext, judge, take_all, NULL, false);
	argument_text(&a, check->photo);
	stream_fetch(stream,
				 "SELECT f.photo, f.file, f.path, f.flagged, f.readonly"
				 "  FROM missing_photos.library_photo_files($1) AS f", &a, 0);
	library_stream_lost(stream, check->owner, check->photo);
	while (stream_feed(stream, 1000))
		;
	judge_finish(judge);
	stream_free(stream);
	judge_free(judge);
}

static bool
next_concluded(Check *check, FoundRow *next)
{
	if (!found_next(check->found, next))
		return false;
	roots_conclude(check->roots, &next->row, &next->judgement);
	return true;
}

static bool
is_lost_already(const FileRow *row)
{
	return (row->flags & (ROW_FLAGGED | ROW_UNLINKED)) != 0;
}

uint64
check_file_key(const char *file, size_t length)
{
	return hash_bytes_extended((const unsigned char *) file, length, 0);
}

static bool
may_flag(const Check *check, const FileRow *row)
{
	return check->may_flag == NULL ||
		key_set_has(check->may_flag, check_file_key(row->file, row->file_length));
}

/* Where scans have to confirm that a file is gone, one look flags nothing; it only tells. */
static void
take_missing(Check *check, FoundRow *found, Columns *missing)
{
	if (!may_flag(check, &found->row))
		return;
	if (!settings_ask_confirmation())
	{
		apply_add_missing(missing, &found->row, &found->judgement);
		return;
	}
	found->judgement.reason = MP_NOT_CONFIRMED;
	apply_add_doubt(check->doubts, &found->row, &found->judgement);
}

/* Brings the library in line with what was found. */
static void
apply_found(Check *check)
{
	Columns    *missing = apply_missing_columns(CurrentMemoryContext);
	Restore    *restore = restore_make(CurrentMemoryContext, check->changes, check->roots,
									   check->doubts);
	TwinSearch	twins = {.folders_left = TWIN_FOLDERS};
	FoundRow	next;

	found_rewind(check->found);
	while (next_concluded(check, &next))
	{
		const FileRow *row = &next.row;

		if (next.judgement.verdict == MP_PRESENT && is_lost_already(row))
			restore_add(restore, &next);
		else if (next.judgement.verdict == MP_MISSING &&
				 (row->flags & (ROW_READONLY | ROW_UNLINKED)) == 0)
			take_missing(check, &next, missing);
		else if (next.judgement.verdict != MP_PRESENT && !is_lost_already(row))
			apply_add_doubt(check->doubts, row, &next.judgement);
	}
	restore_ask(restore);
	restore_read(restore);
	copies_use(check->changes, check->roots, &missing);
	twins_find(&twins, check->roots, &missing);
	apply_missing(check->changes, missing);
	restore_apply(restore);
	/* No change, so no job's. */
	apply_doubts(&(Changes) {.owner = check->owner}, check->photo, check->doubts);
	roots_record(check->roots, NULL);
}

enum
{
	OUT_FILE, OUT_PATH, OUT_STATE, OUT_REASON, OUT_COLUMNS
};

/* The doubt that came up about a file after it was found present: it may be another file. */
static int
second_thoughts(const Columns *doubts, const FileRow *row)
{
	for (int i = 0; i < doubts->n_rows; i++)
	{
		text	   *file = DatumGetTextPP(doubts->values[DOUBT_FILE][i]);

		if (VARSIZE_ANY_EXHDR(file) == row->file_length &&
			memcmp(VARDATA_ANY(file), row->file, row->file_length) == 0)
			return i;
	}
	return -1;
}

static void
put_row(Check *check, Tuplestorestate *store, TupleDesc shape, const FoundRow *found)
{
	const FileRow *row = &found->row;
	int			doubt = second_thoughts(check->doubts, row);
	const char *state = verdict_name(found->judgement.verdict);
	const char *reason = reason_text(found->judgement.reason, found->judgement.err);
	Datum		values[OUT_COLUMNS] = {0};
	bool		nulls[OUT_COLUMNS] = {false};

	if (doubt >= 0)
	{
		state = TextDatumGetCString(check->doubts->values[DOUBT_STATE][doubt]);
		reason = TextDatumGetCString(check->doubts->values[DOUBT_REASON][doubt]);
	}

	values[OUT_FILE] = PointerGetDatum(cstring_to_text_with_len(row->file, row->file_length));
	nulls[OUT_PATH] = row->path == NULL;
	if (row->path != NULL)
		values[OUT_PATH] = PointerGetDatum(cstring_to_text_with_len(row->path, row->path_length));
	values[OUT_STATE] = result_set_state(state, TupleDescAttr(shape, OUT_STATE)->atttypid);
	nulls[OUT_REASON] = reason == NULL;
	if (reason != NULL)
		values[OUT_REASON] = CStringGetTextDatum(reason);
	tuplestore_putvalues(store, shape, values, nulls);
}

static void
return_found(Check *check, ReturnSetInfo *result)
{
	FoundRow	next;

	found_rewind(check->found);
	while (next_concluded(check, &next))
		put_row(check, result->setResult, result->setDesc, &next);
}

static void
begin_check(Check *check, const char *photo, Changes *changes, const KeySet *may_flag)
{
	memset(check, 0, sizeof(*check));
	check->changes = changes;
	check->may_flag = may_flag;
	check->photo = photo;
	check->owner = owner_of(photo);
	check->roots = roots_load();
	changes->owner = check->owner;
	check->doubts = apply_doubt_columns(CurrentMemoryContext);
}

/* All that check_files does but returning rows. */
static void
run_check(Check *check, const char *photo, Changes *changes, const KeySet *may_flag)
{
	begin_check(check, photo, changes, may_flag);
	judge_photo(check);
	apply_found(check);
	learn_known(check->found);
}

void
check_photo(const char *photo, Changes *changes, const KeySet *may_flag)
{
	Check		check;

	run_check(&check, photo, changes, may_flag);
	found_free(check.found);
}

Datum
missing_photos_check_files(PG_FUNCTION_ARGS)
{
	char	   *photo = library_id(fcinfo, 0, "photo");
	Changes		changes = {0};
	Check		check;

	result_set_begin(fcinfo, "check_files(photo)");
	SPI_connect();
	library_check_writable("check_files()");
	run_check(&check, photo, &changes, NULL);
	return_found(&check, (ReturnSetInfo *) fcinfo->resultinfo);
	found_free(check.found);
	SPI_finish();
	return (Datum) 0;
}

/* Whether all of the photo's media files, as linked now, are gone from the disk. */
static bool
media_is_gone(const char *photo, RootTable *roots)
{
	Found	   *found = found_make(CurrentMemoryContext, false);
	Judge	   *judge = judge_make(CurrentMemoryContext, roots, JUDGE_ALL, found_take, found);
	Stream	   *stream = stream_make(CurrentMemoryContext, judge, take_all, NULL, false);
	Arguments	a = {0};
	FoundRow	next;
	bool		gone = true;

	argument_text(&a, photo);
	stream_fetch(stream,
				 "SELECT f.photo, f.file, f.path, f.flagged, f.readonly"
				 "  FROM missing_photos.library_photo_files($1) AS f"
				 " WHERE f.media AND NOT f.flagged", &a, 0);
	while (stream_feed(stream, 1000))
		;
	judge_finish(judge);
	while (gone && found_next(found, &next))
	{
		roots_conclude(roots, &next.row, &next.judgement);
		gone = next.judgement.verdict == MP_MISSING;
	}
	stream_free(stream);
	judge_free(judge);
	found_free(found);
	return gone;
}

Datum
missing_photos_media_is_gone(PG_FUNCTION_ARGS)
{
	char	   *photo = library_id(fcinfo, 0, "photo");
	bool		gone;

	SPI_connect();
	library_check();
	(void) owner_of(photo);
	gone = media_is_gone(photo, roots_load());
	SPI_finish();
	PG_RETURN_BOOL(gone);
}
