/*
 * scan_guard.c: what stands between a scan's findings and the library: renewal of roots, the
 * breaker, and confirmation by later scans.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "reasons.h"
#include "scan.h"
#include "settings.h"
#include "sql_calls.h"

bool
scan_next(OwnerScan *scan, Found *found, FoundRow *next)
{
	do
	{
		if (!found_next(found, next))
			return false;
	} while (relinked_has_file(scan->relinked, &next->row));
	roots_conclude(scan->roots, &next->row, &next->judgement);
	return true;
}

void
scan_look_at_roots(OwnerScan *scan)
{
	MemoryContextSwitchTo(scan->job.context);
	for (int i = 0; i < scan->roots->n; i++)
		roots_look(&scan->roots->roots[i]);
}

void
scan_ask_sample(OwnerScan *scan)
{
	scan->renewal = NULL;
	for (int i = 0; i < scan->roots->n && scan->renewal == NULL; i++)
	{
		Root	   *root = &scan->roots->roots[i];

		if (root->reason == MP_ROOT_REPLACED && !root->renewal_tried)
		{
			root->renewal_tried = true;
			scan->renewal = renew_ask(scan->job.context, scan->roots, root, scan->job.owner);
		}
	}
	scan->more = scan->renewal != NULL;
}

void
scan_read_sample(OwnerScan *scan)
{
	renew_read(scan->renewal);
}

void
scan_keep_root(OwnerScan *scan)
{
	renew_keep(scan->renewal);
}

bool
scan_may_flag(const OwnerScan *scan, const FileRow *row)
{
	return !scan->only_relink || (!scan->too_many && relinked_has_photo(scan->relinked, row));
}

/* A file that this scan would flag and that wasn't flagged before. */
static bool
would_be_flagged(const OwnerScan *scan, const FoundRow *found)
{
	return found->judgement.verdict == MP_MISSING && found->row.flags == 0 &&
		scan_may_flag(scan, &found->row);
}

static bool
is_too_much(int64 missing, int64 files)
{
	return missing > setting_max_missing_files &&
		missing * 100 > files * setting_max_missing_percent;
}

static void
hold(OwnerScan *scan, int64 missing, int64 files, const char *where)
{
	/* Relinking alone has nothing a person could approve of: flagging is left to the next scan. */
	if (scan->only_relink)
	{
		scan->too_many = true;
		ereport(NOTICE,
				(errmsg("photos that were relinked still miss " INT64_FORMAT " files %s", missing, where),
				 errdetail("They are not flagged; a scan would be held."),
				 errhint("SELECT scan_missing(owner) tells more.")));
		return;
	}
	scan->held = true;
	ereport(WARNING,
			(errmsg("the scan is held: " INT64_FORMAT " of " INT64_FORMAT
					" files %s would be flagged as missing", missing, files, where),
			 errdetail("Nothing was changed."),
			 errhint("Look whether the files are really gone; then SELECT "
					 "missing_photos.approve_job('%s') or missing_photos.cancel_job.",
					 DatumGetCString(DirectFunctionCall1(uuid_out, scan->changes.job_id)))));
}

void
scan_weigh(OwnerScan *scan)
{
	int64		without_path = 0;
	FoundRow	next;

	found_rewind(scan->found);
	while (scan_next(scan, scan->found, &next))
	{
		if (!would_be_flagged(scan, &next))
			continue;
		if (next.judgement.root >= 0)
			scan->roots->roots[next.judgement.root].missing++;
		else
			without_path++;
	}
	found_rewind(scan->found);
	if (scan->force)
		return;
	for (int i = 0; i < scan->roots->n; i++)
	{
		const Root *root = &scan->roots->roots[i];

		if (is_too_much(root->missing, root->changeable))
			hold(scan, root->missing, root->changeable, psprintf("below \"%s\"", root->name));
	}
	if (is_too_much(without_path, scan->files))
		hold(scan, without_path, scan->files, "without a path");
}

void
scan_hold(OwnerScan *scan)
{
	static const Oid types[3] = {TEXTOID, TEXTOID, TEXTOID};
	Columns    *suspects;
	Arguments	a = {0};
	FoundRow	next;

	MemoryContextReset(scan->job.round_context);
	MemoryContextSwitchTo(scan->job.round_context);
	suspects = columns_make(scan->job.round_context, 3, types);
	scan->more = false;
	while (!scan->more && scan_next(scan, scan->found, &next))
	{
		if (!would_be_flagged(scan, &next))
			continue;
		columns_add_row(suspects);
		columns_set_text(suspects, 0, next.row.photo, next.row.photo_length);
		columns_set_text(suspects, 1, next.row.file, next.row.file_length);
		columns_set_text(suspects, 2, next.row.path, next.row.path_length);
		scan->more = suspects->n_rows == scan->batch_size;
	}
	argument_datum(&a, UUIDOID, scan->changes.job_id);
	argument_columns(&a, suspects);
	call_as_owner("SELECT missing_photos.keep_suspects($1, $2, $3, $4)", &a);
}

void
scan_take_up_job(OwnerScan *scan)
{
	Arguments	a = {0};

	argument_datum(&a, UUIDOID, scan->changes.job_id);
	call_as_owner("SELECT missing_photos.take_up_job($1)", &a);
	MemoryContextSwitchTo(scan->job.context);
	scan->roots = roots_load();
}

static bool
see_suspect(void *scan, const FileRow *row)
{
	return true;
}

void
scan_fetch_suspects(OwnerScan *scan)
{
	Arguments	a = {0};

	MemoryContextSwitchTo(scan->job.context);
	scan->found = found_make(scan->job.context, scan->job.commits);
	scan->again = found_make(scan->job.context, scan->job.commits);
	scan->judge = judge_make(scan->job.context, scan->roots, JUDGE_NEWS, found_take, scan->found);
	scan->stream = stream_make(scan->job.context, scan->judge, see_suspect, scan, scan->job.commits);
	argument_datum(&a, UUIDOID, scan->changes.job_id);
	stream_fetch_as_owner(scan->stream,
						  "SELECT s.photo, s.file, s.path, false, false"
						  "  FROM missing_photos.suspect AS s WHERE s.job_id = $1", &a, 0);
}

void
scan_require_roots(OwnerScan *scan)
{
	for (int i = 0; i < scan->roots->n; i++)
	{
		const Root *root = &scan->roots->roots[i];

		if (root->verdict == MP_PRESENT || root->files == 0)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_IO_ERROR),
				 errmsg("the files below \"%s\" could not be looked at again: %s", root->name,
						reason_text(root->reason, root->err)),
				 errdetail("Nothing was changed; the job is still held."),
				 errhint("Approve it again when the root is back.")));
	}
}

void
scan_drop_suspects(OwnerScan *scan)
{
	Arguments	a = {0};

	argument_datum(&a, UUIDOID, scan->changes.job_id);
	call_as_owner("SELECT missing_photos.drop_suspects($1)", &a);
}

/* Whom it concerns reads in missing_files that the file is on its way to being flagged. */
static void
report_unconfirmed(OwnerScan *scan, const Columns *rows, int row)
{
	Columns    *doubts = scan->doubts;

	columns_add_row(doubts);
	columns_set_datum(doubts, DOUBT_PHOTO, rows, MISSING_PHOTO, row);
	columns_set_datum(doubts, DOUBT_FILE, rows, MISSING_FILE, row);
	columns_set_datum(doubts, DOUBT_PATH, rows, MISSING_PATH, row);
	columns_set_cstring(doubts, DOUBT_STATE, verdict_name(MP_MISSING));
	columns_set_cstring(doubts, DOUBT_REASON, reason_text(MP_NOT_CONFIRMED, 0));
	columns_set_int4(doubts, DOUBT_ERRNO, 0);
}

void
scan_confirm(OwnerScan *scan, Columns **rows)
{
	Columns    *confirmed;
	Arguments	a = {0};

	/* A person's approval confirms. */
	if (!settings_ask_confirmation() || scan->approved || (*rows)->n_rows == 0)
		return;
	confirmed = apply_missing_columns(CurrentMemoryContext);
	argument_text(&a, scan->job.owner);
	argument_columns(&a, *rows);
	argument_int4(&a, setting_confirm_scans);
	argument_int4(&a, setting_confirm_after);
	call_as_owner("SELECT ordinal, confirmed FROM missing_photos.note_absences($1, $2, $3, $4, $6, $7)",
				  &a);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		int			row = result_int8(i, 1) - 1;

		if (!result_bool(i, 2))
		{
			report_unconfirmed(scan, *rows, row);
			continue;
		}
		columns_add_row(confirmed);
		for (int column = 0; column < MISSING_COLUMNS; column++)
			columns_set_datum(confirmed, column, *rows, column, row);
	}
	*rows = confirmed;
}
