/* apply.c: bringing the library in line with what was judged; see apply.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/latch.h"

#include "apply.h"
#include "compat.h"
#include "reasons.h"
#include "sql_calls.h"

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

static void
argument_job(Arguments *a, const Changes *changes)
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

static void
copy_text(Columns *to, int column, uint64 row, int from)
{
	columns_set_cstring(to, column, result_text(row, from));
}

enum
{
	L_PHOTO, L_FILE, L_PATH, L_MAIN, L_MAIN_AFTER, L_FLAGGED, L_REASON, L_COLUMNS
};

/* Sorts one result of library_mark_missing into what changed and what is to be tried again. */
static void
take_missing(Changes *changes, Columns *changed, Columns *again)
{
	char	   *last_file = NULL;

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *file = result_text(i, R_FILE);

		if (outcome_is_busy(i))
		{
			columns_add_row(again);
			copy_text(again, MISSING_PHOTO, i, R_PHOTO);
			copy_text(again, MISSING_FILE, i, R_FILE);
			copy_text(again, MISSING_PATH, i, R_PATH);
			copy_text(again, MISSING_REASON, i, R_REASON);
			continue;
		}
		columns_add_row(changed);
		copy_text(changed, L_PHOTO, i, R_PHOTO);
		copy_text(changed, L_FILE, i, R_FILE);
		copy_text(changed, L_PATH, i, R_PATH);
		columns_set_bool(changed, L_MAIN, result_bool(i, R_MAIN));
		copy_text(changed, L_MAIN_AFTER, i, R_MAIN_AFTER);
		columns_set_bool(changed, L_FLAGGED, result_bool(i, R_FLAGGED));
		copy_text(changed, L_REASON, i, R_REASON);
		if (!result_bool(i, R_FLAGGED) && (last_file == NULL || strcmp(file, last_file) != 0))
			changes->missing++;
		last_file = file;
	}
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
	take_missing(changes, changed, again);
	if (changed->n_rows > 0)
	{
		Arguments	r = {0};

		argument_job(&r, changes);
		argument_text(&r, changes->owner);
		argument_columns(&r, changed);
		call_as_owner("SELECT missing_photos.record_losses($1, $2, $3, $4, $5, $6, $7, $8, $9)", &r);
	}
	columns_free(changed);
}

enum
{
	B_PHOTO, B_FILE, B_PATH, B_COLUMNS
};

static void
take_back(Changes *changes, Columns *changed, Columns *again)
{
	char	   *last_file = NULL;

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *file = result_text(i, R_FILE);

		if (outcome_is_busy(i))
		{
			columns_add_row(again);
			copy_text(again, BACK_PHOTO, i, R_PHOTO);
			copy_text(again, BACK_FILE, i, R_FILE);
			copy_text(again, BACK_PATH, i, R_PATH);
			columns_set_bool(again, BACK_MAIN, result_bool(i, R_MAIN));
			copy_text(again, BACK_MAIN_AFTER, i, R_MAIN_AFTER);
			continue;
		}
		columns_add_row(changed);
		copy_text(changed, B_PHOTO, i, R_PHOTO);
		copy_text(changed, B_FILE, i, R_FILE);
		copy_text(changed, B_PATH, i, R_PATH);
		if (last_file == NULL || strcmp(file, last_file) != 0)
			changes->restored++;
		last_file = file;
	}
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
	take_back(changes, changed, again);
	if (changed->n_rows > 0)
	{
		Arguments	r = {0};

		argument_job(&r, changes);
		argument_text(&r, changes->owner);
		argument_columns(&r, changed);
		call_as_owner("SELECT missing_photos.record_returns($1, $2, $3, $4, $5)", &r);
	}
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

	argument_job(&a, changes);
	argument_text(&a, changes->owner);
	argument_text(&a, photo);
	argument_columns(&a, doubts);
	call_as_owner("SELECT missing_photos.record_doubts($1, $2, $3, $4, $5, $6, $7, $8, $9)", &a);
}
