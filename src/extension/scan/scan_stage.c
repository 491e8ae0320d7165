/*
 * scan_stage.c: what a scan has judged and not yet acted on, written down (table suspect) so that
 * a scan that was broken off goes on with it.
 *
 * A scan that has nothing to act on, or no more than fits in one batch, writes nothing here: there is
 * no committed batch it could go on from.  One that goes on probes what is staged again, and takes
 * the owner's rows only to know his folders.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/memutils.h"

#include "library.h"
#include "relink.h"
#include "scan.h"
#include "sql_calls.h"

/* Rows written per transaction. */
#define STAGE_ROWS 16384

enum
{
	STAGE_PHOTO, STAGE_FILE, STAGE_PATH, STAGE_FLAGS, STAGE_COLUMNS
};

enum
{
	HANDLED_PHOTO, HANDLED_FILE, HANDLED_COLUMNS
};

void
scan_count_on(OwnerScan *scan)
{
	Arguments	a = {0};

	argument_text(&a, scan->job.counted);
	call_as_owner("SELECT ($1::jsonb ->> 'photos')::bigint, ($1::jsonb ->> 'files')::bigint,"
				  "       ($1::jsonb ->> 'missing')::bigint, ($1::jsonb ->> 'restored')::bigint", &a);
	scan->photos = result_int8(0, 1);
	scan->files = result_int8(0, 2);
	scan->changes.missing = result_int8(0, 3);
	scan->changes.restored = result_int8(0, 4);
	if (scan->relink != NULL)
		relink_count_on(scan->relink, scan->job.counted);
}

int64
scan_changes(const OwnerScan *scan)
{
	return scan->changes.missing + scan->changes.restored;
}

/* The owner's rows aren't judged again, but what they say of folders and roots is wanted. */
static bool
see_only(void *arg, const FileRow *row)
{
	OwnerScan  *scan = arg;
	Root	   *root;

	(void) scan_see_row(scan, row);
	if (row->path == NULL || (row->flags & (ROW_FLAGGED | ROW_UNLINKED)) != 0)
		return false;
	root = roots_find(scan->roots, row->path, row->path_length);
	if (root != NULL)
		root->files++;
	return false;
}

static bool
see_all(void *scan, const FileRow *row)
{
	return true;
}

/* Sets aside what is still news. */
static void
take_staged(void *arg, const FileRow *row, const Judgement *judgement)
{
	OwnerScan  *scan = arg;

	if (judgement->verdict != MP_PRESENT || (row->flags & (ROW_FLAGGED | ROW_UNLINKED)) != 0)
		found_add(scan->found, row, judgement);
}

static Stream *
make_stream(OwnerScan *scan, SeeRow see)
{
	return stream_make(scan->job.context, scan->judge, see, scan, scan->job.commits);
}

static void
fetch_staged(OwnerScan *scan, bool linked)
{
	Arguments	a = {0};

	argument_datum(&a, UUIDOID, scan->job.id);
	argument_bool(&a, linked);
	stream_fetch_as_owner(scan->stream,
						  "SELECT s.photo, s.file, s.path, s.flags & 1 <> 0, s.flags & 2 <> 0"
						  "  FROM missing_photos.suspect AS s"
						  " WHERE s.job_id = $1 AND (s.flags & 4 = 0) = $2"
						  " ORDER BY s.photo, s.file", &a, linked ? 0 : ROW_UNLINKED);
}

void
scan_fetch_staged(OwnerScan *scan)
{
	Stream	   *library;

	MemoryContextSwitchTo(scan->job.context);
	scan->staged = true;
	scan->found = found_make(scan->job.context, scan->job.commits);
	scan->again = found_make(scan->job.context, scan->job.commits);
	/* Not JUDGE_NEWS, which counts a root's files: see_only has. */
	scan->judge = judge_make(scan->job.context, scan->roots, JUDGE_ALL, take_staged, scan);
	library = make_stream(scan, see_only);
	scan->stream = make_stream(scan, see_all);
	MemoryContextSwitchTo(scan->job.round_context);
	library_stream_linked(library, scan->job.owner);
	library_stream_lost(library, scan->job.owner, NULL);
	stream_free(library);
	fetch_staged(scan, true);
	fetch_staged(scan, false);
	scan->to_act = stream_rows(scan->stream);
}

/* Whether more is to be acted on than one batch takes. */
static bool
is_worth_it(OwnerScan *scan)
{
	int64		n = 0;
	FoundRow	next;

	while (n <= scan->batch_size && scan_next(scan, scan->found, &next))
		if (scan_is_suspect(scan, &next) || scan_is_back(scan, &next))
			n++;
	found_rewind(scan->found);
	return n > scan->batch_size;
}

void
scan_stage(OwnerScan *scan)
{
	static const Oid types[STAGE_COLUMNS] = {TEXTOID, TEXTOID, TEXTOID, INT4OID};
	Columns    *rows;
	Arguments	a = {0};
	FoundRow	next;

	scan->more = false;
	if (!scan->job.commits || scan->only_relink || scan->job.goes_on || (!scan->staged && !is_worth_it(scan)))
		return;
	job_new_round(&scan->job);
	rows = columns_make(scan->job.round_context, STAGE_COLUMNS, types);
	while (!scan->more && scan_next(scan, scan->found, &next))
	{
		columns_add_row(rows);
		columns_set_text(rows, STAGE_PHOTO, next.row.photo, next.row.photo_length);
		columns_set_text(rows, STAGE_FILE, next.row.file, next.row.file_length);
		if (next.row.path != NULL)
			columns_set_text(rows, STAGE_PATH, next.row.path, next.row.path_length);
		columns_set_int4(rows, STAGE_FLAGS, next.row.flags);
		scan->more = rows->n_rows == STAGE_ROWS;
	}
	argument_datum(&a, UUIDOID, scan->job.id);
	argument_columns(&a, rows);
	argument_bool(&a, !scan->more);
	call_as_owner("SELECT missing_photos.stage($1, $2, $3, $4, $5, $6)", &a);
	if (!scan->staged)
		job_note_result(&scan->job);
	scan->staged = true;
	scan->to_act += rows->n_rows;
	if (!scan->more)
		found_rewind(scan->found);
}

void
scan_handled(OwnerScan *scan, const FileRow *row)
{
	static const Oid types[HANDLED_COLUMNS] = {TEXTOID, TEXTOID};

	if (!scan->staged)
		return;
	if (scan->handled == NULL)
		scan->handled = columns_make(scan->job.round_context, HANDLED_COLUMNS, types);
	columns_add_row(scan->handled);
	columns_set_text(scan->handled, HANDLED_PHOTO, row->photo, row->photo_length);
	columns_set_text(scan->handled, HANDLED_FILE, row->file, row->file_length);
}

/* In the transaction that acted on the batch. */
void
scan_note_batch(OwnerScan *scan, int64 changes_before)
{
	Arguments	a = {0};

	if (!scan->job.commits)
		return;
	if (scan->handled != NULL)
	{
		argument_datum(&a, UUIDOID, scan->job.id);
		argument_columns(&a, scan->handled);
		call_as_owner("SELECT missing_photos.unstage($1, $2, $3)", &a);
		scan->acted += scan->handled->n_rows;
		scan->handled = NULL;
		scan_note_progress(scan);
	}
	if (scan_changes(scan) > changes_before)
		job_note_result(&scan->job);
}
