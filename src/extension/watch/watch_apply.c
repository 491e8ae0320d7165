/*
 * watch_apply.c: what a watch tells becomes changes of the library; see watch_apply.h.
 *
 * Events are taken in the order in which they were told.  Names that came, went or were written are
 * gathered and looked at together; a folder that was renamed comes between: what was told before it
 * is settled by the old names, what is told after it by the new ones.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "check_files.h"
#include "columns.h"
#include "key_set.h"
#include "learn.h"
#include "settings.h"
#include "sql_calls.h"
#include "subtransaction.h"
#include "watch_absent.h"
#include "watch_apply.h"
#include "watch_displaced.h"
#include "watch_doubts.h"
#include "watch_job.h"
#include "watch_look.h"
#include "watch_moves.h"
#include "watch_new.h"

#define FEW 20					/* photos settled one by one; more is a scan's work */
#define MANY 200				/* of those that are back */
#define STORM_MS 300			/* of quiet before a scan weighs what is gone */

typedef struct PhotoCheck
{
	const PathRow *row;
	Changes		changes;
	const KeySet *gone;			/* what may be flagged */
} PhotoCheck;

static void
check_in_subtransaction(void *arg)
{
	PhotoCheck *check = arg;

	check_photo(check->row->photo, &check->changes, check->gone);
}

/*
 * Brings one photo in line with the disk; a doubt about it is a scan's to settle.  A check looks at all
 * the photo's files, and those that only just went have a delay of their own: they aren't flagged.
 */
static bool
check(const PathRow *row, const KeySet *gone)
{
	PhotoCheck	check = {row, watch_job_changes(row->owner), gone};
	ErrorData  *error = try_in_subtransaction(check_in_subtransaction, &check);

	if (error == NULL)
	{
		watch_job_add(&check.changes, 0);
		return true;
	}
	/* The photo may be gone since; anything else the scan will say itself. */
	if (error->sqlerrcode != ERRCODE_NO_DATA_FOUND)
		watch_suspect(row->owner, WATCH_SOON_MS);
	FreeErrorData(error);
	return false;
}

static bool
is_first_of_photo(PathRow *const *rows, int i)
{
	for (int j = 0; j < i; j++)
		if (strcmp(rows[j]->photo, rows[i]->photo) == 0)
			return false;
	return true;
}

/* That they couldn't be judged before is over. */
static void
forget_doubts(PathRow *const *rows, int n)
{
	static const Oid types[2] = {TEXTOID, TEXTOID};
	Columns    *seen = columns_make(CurrentMemoryContext, 2, types);
	Arguments	a = {0};

	for (int i = 0; i < n; i++)
	{
		columns_add_row(seen);
		columns_set_cstring(seen, 0, rows[i]->photo);
		columns_set_cstring(seen, 1, rows[i]->file);
	}
	argument_columns(&a, seen);
	if (n > 0)
		call_as_owner("SELECT missing_photos.forget_doubts($1, $2)", &a);
	columns_free(seen);
}

/* What files that were written anew look like now. */
static void
note_identities(const Names *names, PathRow *const *rows, int n)
{
	Columns    *seen = learn_columns(CurrentMemoryContext);

	for (int i = 0; i < n; i++)
		learn_add(seen, rows[i]->file, strlen(rows[i]->file), &names->identities[rows[i]->name]);
	(void) learn_note(seen, false);
	columns_free(seen);
}

/* Photos held as missing whose files are there, or that have something else there; nothing is flagged. */
static int64
check_without_flagging(PathRow **rows, int n)
{
	const KeySet *none = key_set_make(CurrentMemoryContext);
	int64		changes = 0;

	for (int i = 0; i < n; i++)
	{
		if (n > MANY || watch_is_suspected(rows[i]->owner))
			watch_suspect(rows[i]->owner, WATCH_SOON_MS);
		else if (is_first_of_photo(rows, i))
			changes += check(rows[i], none);
	}
	return changes;
}

/* A file that is gone, and was when the delay began, and isn't elsewhere. */
static bool
settle_one(const PathRow *row)
{
	KeySet	   *gone = key_set_make(CurrentMemoryContext);

	if (watch_is_elsewhere(row))
		return true;
	if (!watch_may_flag(row->owner, 1))
	{
		watch_suspect(row->owner, STORM_MS);
		return false;
	}
	(void) key_set_add(gone, check_file_key(row->file, strlen(row->file)));
	return check(row, gone);
}

/*
 * Where many more wait for their delay to be over this is the beginning of a storm, and not to be
 * believed bit by bit.
 */
static int64
settle_gone(PathRow **rows, int n)
{
	int64		changes = 0;
	bool		many = n + list_length(watch_absent_files()) > FEW;

	for (int i = 0; i < n; i++)
	{
		if (many || watch_is_suspected(rows[i]->owner))
			watch_suspect(rows[i]->owner, STORM_MS);
		else
			changes += settle_one(rows[i]);
	}
	return changes;
}

/* What to do with rows of the library, by what was seen of their files. */
typedef struct Sorted
{
	PathRow   **there;
	PathRow   **back;
	PathRow   **gone;
	PathRow   **odd;			/* no file, but there is something: a person should know */
	int			n_there;
	int			n_back;
	int			n_gone;
	int			n_odd;
} Sorted;

static void
sort_row(Sorted *sorted, PathRow *row, MpVerdict verdict, bool again)
{
	if (verdict == MP_PRESENT && row->flagged)
		sorted->back[sorted->n_back++] = row;
	else if (verdict == MP_PRESENT)
		sorted->there[sorted->n_there++] = row;
	else if (verdict == MP_INVALID && !row->flagged)
		sorted->odd[sorted->n_odd++] = row;
	else if (verdict == MP_MISSING && !row->flagged && again)
		sorted->gone[sorted->n_gone++] = row;
	else if (verdict == MP_MISSING && !row->flagged)
		watch_absent_add(row->path, row->file);
}

/* Looks at names, for the first time or once more, and forgets them. */
static int64
look(Names *names, bool again)
{
	Sorted		sorted = {0};
	int64		displaced;
	int64		changes;

	if (names->n == 0)
		return 0;
	names_look(names);
	displaced = watch_settle_displaced(names);
	sorted.there = palloc((names->n_rows + 1) * sizeof(PathRow *));
	sorted.back = palloc((names->n_rows + 1) * sizeof(PathRow *));
	sorted.gone = palloc((names->n_rows + 1) * sizeof(PathRow *));
	sorted.odd = palloc((names->n_rows + 1) * sizeof(PathRow *));
	for (int i = 0; i < names->n; i++)
	{
		if (names->verdicts[i] == MP_PRESENT)
			watch_absent_drop(names->paths[i]);
		else if (!names->has_row[i] && names->verdicts[i] == MP_MISSING && !again)
			watch_absent_add(names->paths[i], NULL);
	}
	for (int i = 0; i < names->n_rows; i++)
	{
		PathRow    *row = &names->rows[i];

		if (row->name >= 0 && !row->readonly)
			sort_row(&sorted, row, names->verdicts[row->name], again);
	}
	note_identities(names, sorted.there, sorted.n_there);
	forget_doubts(sorted.there, sorted.n_there);
	(void) check_without_flagging(sorted.odd, sorted.n_odd);
	changes = check_without_flagging(sorted.back, sorted.n_back) +
		settle_gone(sorted.gone, sorted.n_gone) + watch_new_files(names);
	memset(names, 0, sizeof(*names));
	return displaced + changes;
}

/* A folder's name changed, or it went: what was told before is settled first. */
static int64
take_folder(const WatchChange *change, FileMoves *moves, Names *looks)
{
	int64		done = watch_moves_apply(moves) + look(looks, false);
	ListCell   *cell;

	if (change->kind == MP_EVENT_MOVED)
		return done + watch_folder_moved(change, looks);
	foreach(cell, watch_owners_below(change->path))
		watch_suspect(lfirst(cell), setting_watch_delay);
	return done;
}

int64
watch_apply(const WatchChange *changes, int n)
{
	FileMoves  *moves = watch_moves_make(n);
	Names		looks = {0};
	int64		done = 0;

	watch_heard();
	for (int i = 0; i < n; i++)
	{
		const WatchChange *change = &changes[i];

		if (change->kind == MP_EVENT_LOOK)
			names_add(&looks, change->path, (change->flags & MP_EVENT_EXCLUDED) != 0);
		else if (change->kind == MP_EVENT_MOVED && !(change->flags & MP_EVENT_FOLDER))
		{
			watch_moves_add(moves, change->path, change->to);
			/* Another file may be there by now. */
			names_add(&looks, change->path, false);
			names_add(&looks, change->to, false);
		}
		else
			done += take_folder(change, moves, &looks);
	}
	done += watch_moves_apply(moves);
	done += look(&looks, false);
	/* More may have come while this was applied. */
	watch_heard();
	return done;
}

int64
watch_look_again(TimestampTz now)
{
	Names		looks = {0};

	watch_absent_take_due(now, &looks);
	return look(&looks, true);
}

TimestampTz
watch_next_due(void)
{
	return watch_doubts_due(watch_absent_due(0));
}
