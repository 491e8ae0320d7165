/*
 * relink_apply.c: giving files their new paths; see relink.h.
 *
 * Right before, both places are looked at once more: the file must not be at its old path any more,
 * by a root in good health, and must be at the new one just as it was when it was found.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/memutils.h"

#include "relink.h"
#include "relink_move.h"
#include "sql_calls.h"

/* A row someone else holds is tried again this often, this many ms apart, then left for next time. */
#define BUSY_TRIES 5
#define BUSY_PAUSE 20

/* A place that was looked at. */
typedef struct Sight
{
	Judgement	judgement;
	MpIdentity	identity;
} Sight;

typedef struct Looking
{
	Sight	   *old;
	Sight	   *new;
} Looking;

/* Rows are known to the judge by their number among the moves, and which of their places it is. */
static void
take_sight(void *taker, const FileRow *row, const Judgement *judgement)
{
	Looking    *looking = taker;
	int			number = atoi(pnstrdup(row->file, row->file_length));
	Sight	   *sight = row->photo[0] == 'o' ? &looking->old[number] : &looking->new[number];

	sight->judgement = *judgement;
	if (judgement->identity != NULL)
		sight->identity = *judgement->identity;
	sight->judgement.identity = NULL;
}

static void
look_at(Judge *judge, int number, const char *which, const char *path)
{
	char	   *name = psprintf("%d", number);
	FileRow		row = {.photo = which, .photo_length = strlen(which), .file = name,
	.file_length = strlen(name), .path = path, .path_length = path == NULL ? 0 : strlen(path)};

	judge_add(judge, &row);
}

/* What may be concluded of a place now that all answers are in. */
static void
conclude(RootTable *roots, const char *path, Sight *sight)
{
	FileRow		row = {.path = path, .path_length = path == NULL ? 0 : strlen(path)};

	roots_conclude(roots, &row, &sight->judgement);
}

static bool
is_away(const Move *move, const Sight *sight)
{
	if (sight->judgement.verdict == MP_MISSING)
		return true;
	return move->displaced && sight->judgement.verdict == MP_PRESENT &&
		(sight->identity.size != move->old_identity.size ||
		 sight->identity.mtime_ns != move->old_identity.mtime_ns ||
		 sight->identity.inode != move->old_identity.inode);
}

static bool
is_there(const Move *move, const Sight *sight)
{
	return sight->judgement.verdict == MP_PRESENT &&
		sight->identity.inode == move->identity.inode &&
		sight->identity.size == move->identity.size &&
		sight->identity.mtime_ns == move->identity.mtime_ns;
}

void
relink_look_at_places(RootTable *roots, Move *moves, int n)
{
	Looking		looking;
	Judge	   *judge = judge_make(CurrentMemoryContext, roots, JUDGE_ALL, take_sight, &looking);

	looking.old = palloc0((Size) (n + 1) * sizeof(Sight));
	looking.new = palloc0((Size) (n + 1) * sizeof(Sight));
	for (int i = 0; i < n; i++)
	{
		look_at(judge, i, "old", moves[i].old_path);
		look_at(judge, i, "new", moves[i].new_path);
	}
	judge_finish(judge);
	judge_free(judge);
	for (int i = 0; i < n; i++)
	{
		conclude(roots, moves[i].old_path, &looking.old[i]);
		conclude(roots, moves[i].new_path, &looking.new[i]);
		moves[i].good = is_away(&moves[i], &looking.old[i]) && is_there(&moves[i], &looking.new[i]);
	}
}

enum
{
	M_PHOTO, M_FILE, M_OLD, M_NEW, M_MAIN, M_MAIN_AFTER, M_COLUMNS
};

static Columns *
move_columns(void)
{
	static const Oid types[M_COLUMNS] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, TEXTOID};

	return columns_make(CurrentMemoryContext, M_COLUMNS, types);
}

static void
copy_result(Columns *to, uint64 row)
{
	columns_add_row(to);
	for (int column = 0; column < M_COLUMNS; column++)
		if (column == M_MAIN)
			columns_set_bool(to, column, result_bool(row, column + 1));
		else
			columns_set_cstring(to, column, result_text(row, column + 1));
}

/* Asks the library once; sorts its answer. */
static void
move(const char *owner, const Columns *rows, Columns *moved, Columns *busy, Columns *refused)
{
	Arguments	a = {0};

	argument_text(&a, owner);
	argument_columns(&a, rows);
	call_as_caller("SELECT j.photo, j.file, j.old_path, j.new_path, j.main, j.main_after, m.moved,"
				   "       m.busy"
				   "  FROM missing_photos.library_move($1, $2, $3, $4, $5, $6, $7) AS m"
				   "  JOIN ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3),"
				   "                  pg_catalog.unnest($4), pg_catalog.unnest($5),"
				   "                  pg_catalog.unnest($6), pg_catalog.unnest($7))"
				   "       AS j (photo, file, old_path, new_path, main, main_after)"
				   "    ON j.photo OPERATOR(pg_catalog.=) m.photo"
				   "   AND j.file OPERATOR(pg_catalog.=) m.file", &a);
	for (uint64 i = 0; i < SPI_processed; i++)
		copy_result(result_bool(i, 7) ? moved : result_bool(i, 8) ? busy : refused, i);
}

Columns *
relink_move_rows(const char *owner, const Move *moves, int n, Columns **busy, Columns **refused)
{
	Columns    *moved = move_columns();
	Columns    *trying;

	*refused = move_columns();
	*busy = move_columns();
	for (int i = 0; i < n; i++)
	{
		if (!moves[i].good)
			continue;
		columns_add_row(*busy);
		columns_set_cstring(*busy, M_PHOTO, moves[i].photo);
		columns_set_cstring(*busy, M_FILE, moves[i].file);
		columns_set_cstring(*busy, M_OLD, moves[i].old_path);
		columns_set_cstring(*busy, M_NEW, moves[i].new_path);
		columns_set_bool(*busy, M_MAIN, moves[i].was_main);
		columns_set_cstring(*busy, M_MAIN_AFTER, moves[i].main_after);
	}
	for (int i = 0; (*busy)->n_rows > 0 && i < BUSY_TRIES; i++)
	{
		trying = *busy;
		*busy = move_columns();
		if (i > 0)
		{
			(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
							 BUSY_PAUSE, WAIT_FOR_PROBE);
			ResetLatch(MyLatch);
			CHECK_FOR_INTERRUPTS();
		}
		move(owner, trying, moved, *busy, *refused);
	}
	return moved;
}

/* Photos, files, old and new paths, as arguments. */
void
relink_argument_moved(Arguments *a, const Columns *moved)
{
	for (int column = M_PHOTO; column <= M_NEW; column++)
		argument_datum(a, columns_array_type(moved, column), columns_array(moved, column));
}

/* The moves to be made next. */
static Move *
load_moves(Relink *relink, int *n)
{
	Arguments	a = {0};
	Move	   *moves;

	argument_datum(&a, UUIDOID, relink->scan->job.id);
	argument_text(&a, relink->scan->job.owner);
	argument_int4(&a, relink->scan->batch_size);
	call_as_owner("SELECT photo, file, old_path, new_path, was_main, main_after, displaced,"
				  "       old_inode, old_size, old_mtime_ns, inode, size, mtime_ns"
				  "  FROM missing_photos.relink_next($1, $2, $3)", &a);
	*n = SPI_processed;
	moves = MemoryContextAllocHuge(CurrentMemoryContext, (Size) (*n + 1) * sizeof(Move));
	for (int i = 0; i < *n; i++)
		moves[i] = (Move) {
			.photo = result_text(i, 1), .file = result_text(i, 2), .old_path = result_text(i, 3),
			.new_path = result_text(i, 4), .was_main = result_bool(i, 5),
			.main_after = result_text(i, 6), .displaced = result_bool(i, 7),
			.old_identity = {.inode = result_int8(i, 8), .size = result_int8(i, 9),
			.mtime_ns = result_int8(i, 10)},
			.identity = {.inode = result_int8(i, 11), .size = result_int8(i, 12),
			.mtime_ns = result_int8(i, 13)}};
	return moves;
}

static void
note_moved(Relink *relink, const Columns *moved)
{
	Arguments	a = {0};

	if (moved->n_rows == 0)
		return;
	argument_datum(&a, UUIDOID, relink->scan->job.id);
	argument_text(&a, relink->scan->job.owner);
	relink_argument_moved(&a, moved);
	call_as_owner("SELECT missing_photos.relink_note_moved($1, $2, $3, $4, $5, $6)", &a);
	for (int i = 0; i < moved->n_rows; i++)
		if (relinked_add(relink->scan->relinked, columns_cstring(moved, M_PHOTO, i),
						 columns_cstring(moved, M_FILE, i)))
			relink->relinked++;
}

static void
put_off(Relink *relink, const Columns *rows, const char *reason)
{
	Arguments	a = {0};

	if (rows->n_rows == 0)
		return;
	argument_datum(&a, UUIDOID, relink->scan->job.id);
	argument_datum(&a, columns_array_type(rows, M_FILE), columns_array(rows, M_FILE));
	argument_text(&a, reason);
	call_as_owner("SELECT missing_photos.relink_put_off($1, $2, $3)", &a);
}

static Columns *
all_files(const Move *moves, int n)
{
	Columns    *rows = move_columns();

	for (int i = 0; i < n; i++)
	{
		columns_add_row(rows);
		columns_set_cstring(rows, M_FILE, moves[i].file);
	}
	return rows;
}

void
relink_apply(Relink *relink)
{
	OwnerScan  *scan = relink->scan;
	Columns    *moved;
	Columns    *busy;
	Columns    *refused;
	Move	   *moves;
	int			n;

	job_new_round(&scan->job);
	scan->more = false;
	if (scan->dry_run)
		return;
	moves = load_moves(relink, &n);
	scan->more = n > 0;
	if (n == 0)
		return;
	relink_look_at_places(scan->roots, moves, n);
	moved = relink_move_rows(scan->job.owner, moves, n, &busy, &refused);
	note_moved(relink, moved);
	put_off(relink, refused, "it is the file, but another row has its path");
	/* All others: those that a second look spoke against, that somebody holds, that are no more. */
	put_off(relink, all_files(moves, n), NULL);
	scan->changes.busy += busy->n_rows;
	if (scan->job.commits)
		job_note_result(&scan->job);
}
