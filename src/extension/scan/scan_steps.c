/* scan_steps.c: the steps of a scan; see scan.h for their order and scan.c for what runs them. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "copies.h"
#include "learn.h"
#include "library.h"
#include "reasons.h"
#include "relink.h"
#include "scan.h"
#include "sql_calls.h"

static Found *
make_found(OwnerScan *scan)
{
	return found_make(scan->job.context, scan->job.commits);
}

void
scan_close(Job *job)
{
	OwnerScan  *scan = (OwnerScan *) job;

	if (scan->stream != NULL)
		stream_free(scan->stream);
	if (scan->judge != NULL)
		judge_free(scan->judge);
	if (scan->found != NULL)
		found_free(scan->found);
	if (scan->again != NULL)
		found_free(scan->again);
	scan->stream = NULL;
	scan->judge = NULL;
	scan->found = NULL;
	scan->again = NULL;
}

void
scan_begin_job(OwnerScan *scan)
{
	job_begin(&scan->job);
	scan_count_on(scan);
	MemoryContextSwitchTo(scan->job.context);
	scan->roots = roots_load();
	folders_load(scan->folders, scan->job.owner);
}

bool
scan_see_row(void *arg, const FileRow *row)
{
	OwnerScan  *scan = arg;

	folders_see(scan->folders, row);
	if (scan->claims != NULL)
		claims_add(scan->claims, row);
	roots_see(scan->roots, row);
	return true;
}

void
scan_note_progress(OwnerScan *scan)
{
	int64		judged = stream_fed(scan->stream) - judge_pending(scan->judge);

	job_new_round(&scan->job);
	job_progress(&scan->job, judged + scan->acted, stream_rows(scan->stream) + scan->to_act);
}

void
scan_fetch(OwnerScan *scan)
{
	MemoryContextSwitchTo(scan->job.context);
	scan->found = make_found(scan);
	scan->again = make_found(scan);
	scan->judge = judge_make(scan->job.context, scan->roots, JUDGE_NEWS, found_take, scan->found);
	judge_sit(scan->judge);
	folders_foresee(scan->folders, scan->judge);
	scan->stream = stream_make(scan->job.context, scan->judge, scan_see_row, scan, scan->job.commits);
	MemoryContextSwitchTo(scan->job.round_context);
	library_stream_linked(scan->stream, scan->job.owner);
	library_stream_lost(scan->stream, scan->job.owner, NULL);
	scan->photos = library_photo_count(scan->job.owner);
	scan_note_progress(scan);
}

void
scan_judge(OwnerScan *scan)
{
	scan->more = stream_feed(scan->stream, scan->batch_size);
	if (!scan->more)
		scan->more = judge_finish_one(scan->judge);
	if (!scan->job.goes_on)
		scan->files = stream_rows(scan->stream);
	if (scan->job.commits)
		scan_note_progress(scan);
}

static bool
root_is_healthy(const OwnerScan *scan, int root)
{
	return root < 0 || scan->roots->roots[root].verdict == MP_PRESENT;
}

bool
scan_is_suspect(const OwnerScan *scan, const FoundRow *found)
{
	return found->judgement.verdict == MP_MISSING &&
		(found->row.flags & (ROW_READONLY | ROW_UNLINKED)) == 0 &&
		root_is_healthy(scan, found->judgement.root) && scan_may_flag(scan, &found->row);
}

bool
scan_is_back(const OwnerScan *scan, const FoundRow *found)
{
	return !scan->took_back && found->judgement.verdict == MP_PRESENT &&
		found->judgement.identity != NULL && root_is_healthy(scan, found->judgement.root);
}

/*
 * Looks once more at batch_size suspects; false when there are no more.  A photo's files follow
 * each other, and are kept together: of a photo that loses all of them in one batch the main file
 * stays the one it was.
 */
static bool
look_again(OwnerScan *scan, Found *second)
{
	Judge	   *judge = judge_make(scan->job.round_context, scan->roots, JUDGE_ALL, found_take, second);
	StringInfoData photo;
	bool		more = false;
	int			n = 0;
	FoundRow	next;

	initStringInfo(&photo);
	while (!more && scan_next(scan, scan->found, &next))
	{
		if (!scan_is_suspect(scan, &next))
			continue;
		if (n >= scan->batch_size && (photo.len != (int) next.row.photo_length ||
									  memcmp(photo.data, next.row.photo, photo.len) != 0))
		{
			found_unread(scan->found);
			more = true;
			continue;
		}
		resetStringInfo(&photo);
		appendBinaryStringInfo(&photo, next.row.photo, next.row.photo_length);
		judge_add(judge, &next.row);
		n++;
	}
	judge_finish(judge);
	judge_free(judge);
	return more;
}

static void
lose_rows(OwnerScan *scan, const Columns *rows)
{
	for (int i = 0; i < rows->n_rows; i++)
	{
		Pointer		file = DatumGetPointer(rows->values[MISSING_FILE][i]);
		Pointer		path = DatumGetPointer(rows->values[MISSING_PATH][i]);
		FileRow		row = {.file = VARDATA_ANY(file), .file_length = VARSIZE_ANY_EXHDR(file)};

		if (rows->nulls[MISSING_PATH][i])
			continue;
		row.path = VARDATA_ANY(path);
		row.path_length = VARSIZE_ANY_EXHDR(path);
		folders_lose(scan->folders, &row);
	}
}

void
scan_take_missing(OwnerScan *scan)
{
	Found	   *second;
	Columns    *rows;
	FoundRow	next;
	int64		before = scan_changes(scan);

	job_new_round(&scan->job);
	scan->handled = NULL;
	second = found_make(scan->job.round_context, false);
	rows = apply_missing_columns(scan->job.round_context);
	scan->more = look_again(scan, second);
	while (scan_next(scan, second, &next))
	{
		/* A root that came into doubt makes all of this look doubtful. */
		if (!root_is_healthy(scan, next.judgement.root))
			continue;
		if (next.judgement.verdict != MP_MISSING && next.judgement.verdict != MP_PRESENT)
		{
			found_add(scan->again, &next.row, &next.judgement);
			continue;
		}
		scan_handled(scan, &next.row);
		if (next.judgement.verdict == MP_MISSING)
			apply_add_missing(rows, &next.row, &next.judgement);
	}
	found_free(second);
	copies_use(&scan->changes, scan->roots, &rows);
	twins_find(&scan->twins, scan->roots, &rows);
	scan_confirm(scan, &rows);
	lose_rows(scan, rows);
	apply_missing(&scan->changes, rows);
	scan_note_batch(scan, before);
}

void
scan_ask_back(OwnerScan *scan)
{
	FoundRow	next;

	job_new_round(&scan->job);
	scan->handled = NULL;
	scan->restore = restore_make(scan->job.round_context, &scan->changes, scan->roots, scan->doubts);
	restore_tell(scan->restore, scan->claims);
	while (restore_size(scan->restore) < scan->batch_size &&
		   scan_next(scan, scan->found, &next))
		if (scan_is_back(scan, &next))
		{
			restore_add(scan->restore, &next);
			scan_handled(scan, &next.row);
		}
	restore_ask(scan->restore);
	scan->more = restore_size(scan->restore) > 0;
}

void
scan_read_back(OwnerScan *scan)
{
	MemoryContextSwitchTo(scan->job.round_context);
	restore_read(scan->restore);
}

void
scan_take_back(OwnerScan *scan)
{
	int64		before = scan_changes(scan);

	MemoryContextSwitchTo(scan->job.round_context);
	restore_apply(scan->restore);
	scan_note_batch(scan, before);
}

/* Files that could not be judged, or that are gone and not ours to change. */
static void
collect_doubts(OwnerScan *scan, Found *found)
{
	FoundRow	next;

	while (scan_next(scan, found, &next))
	{
		const FileRow *row = &next.row;
		bool		readonly = (row->flags & ROW_READONLY) != 0;

		if (next.judgement.verdict == MP_PRESENT ||
			(next.judgement.verdict == MP_MISSING && !readonly) ||
			(row->flags & (ROW_FLAGGED | ROW_UNLINKED)) ||
			!root_is_healthy(scan, next.judgement.root))
			continue;
		if (next.judgement.verdict == MP_UNREACHABLE)
			scan->unreachable++;
		else if (next.judgement.verdict == MP_INVALID)
			scan->invalid++;
		apply_add_doubt(scan->doubts, row, &next.judgement);
	}
}

static void
record_root_doubts(OwnerScan *scan)
{
	static const Oid types[4] = {TEXTOID, INT8OID, TEXTOID, INT4OID};
	Columns    *columns = columns_make(CurrentMemoryContext, 4, types);
	Arguments	a = {0};

	for (int i = 0; i < scan->roots->n; i++)
	{
		const Root *root = &scan->roots->roots[i];

		if (root->verdict == MP_PRESENT || root->files == 0)
			continue;
		scan->unreachable += root->files;
		columns_add_row(columns);
		columns_set_cstring(columns, 0, root->name);
		columns_set_int8(columns, 1, root->files);
		columns_set_cstring(columns, 2, reason_text(root->reason, root->err));
		columns_set_int4(columns, 3, root->err);
	}
	argument_datum(&a, UUIDOID, scan->job.id);
	argument_text(&a, scan->job.owner);
	argument_columns(&a, columns);
	call_as_owner("SELECT missing_photos.record_root_doubts($1, $2, $3, $4, $5, $6)", &a);
	columns_free(columns);
}

static void
record_root_files(OwnerScan *scan)
{
	static const Oid types[2] = {TEXTOID, INT8OID};
	Columns    *columns = columns_make(CurrentMemoryContext, 2, types);
	Arguments	a = {0};

	for (int i = 0; i < scan->roots->n; i++)
	{
		columns_add_row(columns);
		columns_set_cstring(columns, 0, scan->roots->roots[i].name);
		columns_set_int8(columns, 1, scan->roots->roots[i].files);
	}
	argument_text(&a, scan->job.owner);
	argument_columns(&a, columns);
	call_as_owner("SELECT missing_photos.record_root_files($1, $2, $3)", &a);
	columns_free(columns);
}

static void
forget_absences(OwnerScan *scan)
{
	Arguments	a = {0};

	argument_text(&a, scan->job.owner);
	call_as_owner("SELECT missing_photos.forget_absences($1)", &a);
}

void
scan_take_doubts(OwnerScan *scan)
{
	job_new_round(&scan->job);
	found_rewind(scan->found);
	collect_doubts(scan, scan->found);
	collect_doubts(scan, scan->again);
	apply_doubts(&scan->changes, NULL, scan->doubts);
	record_root_doubts(scan);
	record_root_files(scan);
	if (!scan->held && !scan->only_relink)
		forget_absences(scan);
	roots_record(scan->roots, scan->job.owner);
}

static bool
learn_row(void *scan, const FileRow *row)
{
	return folders_learn(((OwnerScan *) scan)->folders, row);
}

void
scan_fetch_new(OwnerScan *scan)
{
	job_new_round(&scan->job);
	scan_close(&scan->job);
	scan->more = folders_any_new(scan->folders);
	if (!scan->more && folders_any_lost(scan->folders))
		learn_folders(scan->folders, scan->job.owner);
	if (!scan->more)
		return;
	scan->found = make_found(scan);
	scan->judge = judge_make(scan->job.context, scan->roots, JUDGE_ALL, found_take, scan->found);
	scan->stream = stream_make(scan->job.context, scan->judge, learn_row, scan, scan->job.commits);
	library_stream_linked(scan->stream, scan->job.owner);
}

void
scan_look_at_new(OwnerScan *scan)
{
	scan->more = stream_feed(scan->stream, scan->batch_size);
	if (!scan->more)
		judge_finish(scan->judge);
}

void
scan_note_new(OwnerScan *scan)
{
	job_new_round(&scan->job);
	scan->more = learn_some(scan->found, scan->folders, scan->batch_size);
	if (!scan->more)
		learn_folders(scan->folders, scan->job.owner);
}

const char *
scan_result(const Job *job)
{
	const OwnerScan *scan = (const OwnerScan *) job;

	return psprintf("{\"photos\": " INT64_FORMAT ", \"files\": " INT64_FORMAT
					", \"missing\": " INT64_FORMAT ", \"restored\": " INT64_FORMAT
					", \"unreachable\": " INT64_FORMAT ", \"invalid\": " INT64_FORMAT "%s%s}",
					scan->photos, scan->files, scan->changes.missing, scan->changes.restored,
					scan->unreachable, scan->invalid, scan->relink == NULL ? "" : ", ",
					scan->relink == NULL ? "" : relink_counts(scan->relink));
}

static void
supersede_jobs(OwnerScan *scan)
{
	Arguments	a = {0};

	argument_datum(&a, UUIDOID, scan->job.id);
	argument_text(&a, scan->job.owner);
	call_as_owner("SELECT missing_photos.supersede_jobs($1, $2, 'scan')", &a);
}

void
scan_end_job(OwnerScan *scan)
{
	const char *error = scan->held ?
		"held: more files would be flagged as missing than the settings allow; approve or cancel the job" : NULL;

	job_end(&scan->job, scan->held ? "held" : "finished", error, scan->files);
	if (!scan->only_relink)
		supersede_jobs(scan);
	if (scan->twins.unreadable > 0)
		ereport(NOTICE,
				(errmsg(INT64_FORMAT " file names in the folders of missing files can't be held "
						"in the database's encoding", scan->twins.unreadable)));
}
