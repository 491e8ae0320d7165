/* apply.c: bringing the library in line with what was judged; see apply.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/latch.h"

#include "apply.h"
#include "compat.h"
#include "reasons.h"

/* A row someone else holds is tried again this often, this many ms apart, then left for next time. */
#define BUSY_TRIES 5
#define BUSY_PAUSE 20

Columns *
apply_missing_columns(MemoryContext parent)
{
	static const Oid types[MISSING_COLUMNS] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID};

	return columns_make(parent, MISSING_COLUMNS, types);
}

Columns *
apply_back_columns(MemoryContext parent)
{
	static const Oid types[BACK_COLUMNS] = {TEXTOID, TEXTOID, TEXTOID, BOOLOID, TEXTOID};

	return columns_make(parent, BACK_COLUMNS, types);
}

Columns *
apply_doubt_columns(MemoryContext parent)
{
	static const Oid types[DOUBT_COLUMNS] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT4OID};

	return columns_make(parent, DOUBT_COLUMNS, types);
}

void
apply_add_missing(Columns *rows, const FileRow *row, const Judgement *judgement)
{
	columns_add_row(rows);
	columns_set_text(rows, MISSING_PHOTO, row->photo, row->photo_length);
	columns_set_text(rows, MISSING_FILE, row->file, row->file_length);
	columns_set_text(rows, MISSING_PATH, row->path, row->path_length);
	columns_set_cstring(rows, MISSING_REASON, reason_text(judgement->reason, judgement->err));
}

void
apply_add_doubt(Columns *doubts, const FileRow *row, const Judgement *judgement)
{
	columns_add_row(doubts);
	columns_set_text(doubts, DOUBT_PHOTO, row->photo, row->photo_length);
	columns_set_text(doubts, DOUBT_FILE, row->file, row->file_length);
	columns_set_text(doubts, DOUBT_PATH, row->path, row->path_length);
	columns_set_cstring(doubts, DOUBT_STATE, verdict_name(judgement->verdict));
	/* Whoever asks for a doubt about a missing file may not flag it, or not yet. */
	columns_set_cstring(doubts, DOUBT_REASON,
						judgement->verdict == MP_MISSING && judgement->reason != MP_NOT_CONFIRMED ?
						"gone, but the application manages this file itself" :
						reason_text(judgement->reason, judgement->err));
	columns_set_int4(doubts, DOUBT_ERRNO, judgement->err);
}

void
apply_argument_job(Arguments *a, const Changes *changes)
{
	argument_datum(a, UUIDOID, changes->job_id);
	if (!changes->has_job)
		a->nulls[a->n - 1] = 'n';
}

/* Result columns that both calls share. */
enum
{
	R_PHOTO = 1, R_FILE, R_PATH, R_OUTCOME, R_MAIN, R_MAIN_AFTER, R_FLAGGED, R_REASON
};

static bool
outcome_is_busy(uint64 row)
{
	char	   *outcome = result_text(row, R_OUTCOME);

	return outcome != NULL && strcmp(outcome, "busy") == 0;
}

enum
{
	L_PHOTO, L_FILE, L_PATH, L_MAIN, L_MAIN_AFTER, L_FLAGGED, L_REASON, L_COLUMNS
};

enum
{
	B_PHOTO, B_FILE, B_PATH, B_COLUMNS
};

/* Which result columns become what: a row to be recorded, or to be tried again. */
typedef struct Outcomes
{
	int			changed[L_COLUMNS];
	int			again[BACK_COLUMNS];	/* the longer one */
	int			flagged;		/* true for files that don't count, as they were before; or 0 */
} Outcomes;

static const Outcomes of_missing = {
	.changed = {
		[L_PHOTO] = R_PHOTO, [L_FILE] = R_FILE, [L_PATH] = R_PATH, [L_MAIN] = R_MAIN,
		[L_MAIN_AFTER] = R_MAIN_AFTER, [L_FLAGGED] = R_FLAGGED, [L_REASON] = R_REASON
	},
	.again = {
		[MISSING_PHOTO] = R_PHOTO, [MISSING_FILE] = R_FILE, [MISSING_PATH] = R_PATH,
		[MISSING_REASON] = R_REASON
	},
	.flagged = R_FLAGGED
};

static const Outcomes of_back = {
	.changed = {[B_PHOTO] = R_PHOTO, [B_FILE] = R_FILE, [B_PATH] = R_PATH},
	.again = {
		[BACK_PHOTO] = R_PHOTO, [BACK_FILE] = R_FILE, [BACK_PATH] = R_PATH, [BACK_MAIN] = R_MAIN,
		[BACK_MAIN_AFTER] = R_MAIN_AFTER
	}
};

static void
copy_result(Columns *to, uint64 row, const int *from)
{
	columns_add_row(to);
	for (int i = 0; i < to->n_columns; i++)
	{
		if (to->types[i] == BOOLOID)
			columns_set_bool(to, i, result_bool(row, from[i]));
		else
			columns_set_cstring(to, i, result_text(row, from[i]));
	}
}

/* Sorts a result by file into what changed and what is to be tried again; returns how many files. */
static int64
take_outcomes(const Outcomes *outcomes, Columns *changed, Columns *again)
{
	char	   *last_file = NULL;
	int64		files = 0;

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *file = result_text(i, R_FILE);

		if (outcome_is_busy(i))
		{
			copy_result(again, i, outcomes->again);
			continue;
		}
		copy_result(changed, i, outcomes->changed);
		if ((outcomes->flagged == 0 || !result_bool(i, outcomes->flagged)) &&
			(last_file == NULL || strcmp(file, last_file) != 0))
			files++;
		last_file = file;
	}
	return files;
}

/* Writes down what changed, and nothing else. */
static void
record(const Changes *changes, const Columns *changed, const char *sql)
{
	Arguments	a = {0};

	if (changed->n_rows == 0)
		return;
	apply_argument_job(&a, changes);
	argument_text(&a, changes->owner);
	argument_columns(&a, changed);
	call_as_owner(sql, &a);
}

static void
mark_missing(Changes *changes, const Columns *rows, Columns *again)
{
	static const Oid types[L_COLUMNS] = {TEXTOID, TEXTOID, TEXTOID, BOOLOID, TEXTOID, BOOLOID, TEXTOID};
	Columns    *changed = columns_make(CurrentMemoryContext, L_COLUMNS, types);
	Arguments	a = {0};

	argument_text(&a, changes->owner);
	argument_columns(&a, rows);
	call_as_caller("SELECT DISTINCT ON (m.file, m.photo)"
				   "       m.photo, m.file, j.path, m.outcome, m.was_main, m.main_after,"
				   "       m.was_flagged, j.reason"
				   "  FROM missing_photos.library_mark_missing($1, $2, $3, $4) AS m"
				   "  JOIN ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3),"
				   "                  pg_catalog.unnest($4), pg_catalog.unnest($5))"
				   "       AS j (photo, file, path, reason)"
				   "    ON j.photo OPERATOR(pg_catalog.=) m.photo"
				   "   AND j.file OPERATOR(pg_catalog.=) m.file"
				   " ORDER BY m.file, m.photo", &a);
	changes->missing += take_outcomes(&of_missing, changed, again);
	record(changes, changed,
		   "SELECT missing_photos.record_losses($1, $2, $3, $4, $5, $6, $7, $8, $9)");
	columns_free(changed);
}

static void
mark_back(Changes *changes, const Columns *rows, Columns *again)
{
	static const Oid types[B_COLUMNS] = {TEXTOID, TEXTOID, TEXTOID};
	Columns    *changed = columns_make(CurrentMemoryContext, B_COLUMNS, types);
	Arguments	a = {0};

	argument_text(&a, changes->owner);
	argument_columns(&a, rows);
	call_as_caller("SELECT DISTINCT ON (m.file, m.photo)"
				   "       m.photo, m.file, j.path, m.outcome, j.main, j.main_after"
				   "  FROM missing_photos.library_mark_present($1, $2, $3, $4, $5, $6) AS m"
				   "  JOIN ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3),"
				   "                  pg_catalog.unnest($4), pg_catalog.unnest($5),"
				   "                  pg_catalog.unnest($6))"
				   "       AS j (photo, file, path, main, main_after)"
				   "    ON j.photo OPERATOR(pg_catalog.=) m.photo"
				   "   AND j.file OPERATOR(pg_catalog.=) m.file"
				   " ORDER BY m.file, m.photo", &a);
	changes->restored += take_outcomes(&of_back, changed, again);
	record(changes, changed, "SELECT missing_photos.record_returns($1, $2, $3, $4, $5)");
	columns_free(changed);
}

typedef void (*Mark) (Changes *changes, const Columns *rows, Columns *again);

/*
 * The library's functions never wait for a row someone else has locked: waiting with locks of our
 * own is how deadlocks begin.  We come back for such rows a few times instead.
 */
static void
apply(Changes *changes, const Columns *rows, Mark mark)
{
	Columns    *trying = columns_make(CurrentMemoryContext, rows->n_columns, rows->types);
	Columns    *again = columns_make(CurrentMemoryContext, rows->n_columns, rows->types);

	mark(changes, rows, again);
	for (int i = 0; again->n_rows > 0 && i < BUSY_TRIES; i++)
	{
		Columns    *swap = trying;

		trying = again;
		again = swap;
		columns_clear(again);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 BUSY_PAUSE, WAIT_FOR_PROBE);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		mark(changes, trying, again);
	}
	changes->busy += again->n_rows;
	columns_free(trying);
	columns_free(again);
}

void
apply_missing(Changes *changes, const Columns *rows)
{
	if (rows->n_rows > 0)
		apply(changes, rows, mark_missing);
}

void
apply_back(Changes *changes, const Columns *rows)
{
	if (rows->n_rows > 0)
		apply(changes, rows, mark_back);
}

void
apply_doubts(const Changes *changes, const char *photo, const Columns *doubts)
{
	Arguments	a = {0};

	apply_argument_job(&a, changes);
	argument_text(&a, changes->owner);
	argument_text(&a, photo);
	argument_columns(&a, doubts);
	call_as_owner("SELECT missing_photos.record_doubts($1, $2, $3, $4, $5, $6, $7, $8, $9)", &a);
}
