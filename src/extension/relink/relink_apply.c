/*
 * relink_apply.c: giving files their new paths; see relink.h.
 *
 * Right before, both places are looked at once more: the file must not be at its old path any more,
 * by a root in good health, and must be at the new one just as it was when it was found.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/memutils.h"

#include "relink.h"
#include "relink_move.h"
#include "sql_calls.h"

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

Columns *
relink_good_moves(const Move *moves, int n)
{
	Columns    *good = moves_columns(CurrentMemoryContext);

	for (int i = 0; i < n; i++)
		if (moves[i].good)
			moves_add(good, moves[i].photo, moves[i].file, moves[i].old_path, moves[i].new_path,
					  &moves[i].identity);
	return good;
}

void
relink_rewind(Relink *relink)
{
	relink->chained = claims_any_displaced(relink->scan->claims);
	relink->after = PG_INT32_MIN;
}

/* Takes the moves to be made next: those that exchange their paths, or others. */
static Move *
take_moves(Relink *relink, bool chained, int *n)
{
	Arguments	a = {0};
	Move	   *moves;

	relink_argument_job(&a, relink);
	argument_bool(&a, chained);
	argument_int4(&a, relink->after);
	argument_int4(&a, relink->scan->batch_size);
	call_as_owner("SELECT photo, file, old_path, new_path, displaced, old_inode, old_size,"
				  "       old_mtime_ns, fsid, inode, size, mtime_ns, ctime_ns, algorithm, digest,"
				  "       ends, number::int8"
				  "  FROM missing_photos.relink_take($1, $2, $3, $4)", &a);
	*n = SPI_processed;
	moves = MemoryContextAllocHuge(CurrentMemoryContext, (Size) (*n + 1) * sizeof(Move));
	for (int i = 0; i < *n; i++)
	{
		moves[i] = (Move) {
			.photo = result_text(i, 1), .file = result_text(i, 2), .old_path = result_text(i, 3),
			.new_path = result_text(i, 4), .displaced = result_bool(i, 5),
			.old_identity = {.inode = result_int8(i, 6), .size = result_int8(i, 7),
			.mtime_ns = result_int8(i, 8)},
			.identity = {.fsid = result_int8(i, 9), .inode = result_int8(i, 10),
			.size = result_int8(i, 11), .mtime_ns = result_int8(i, 12),
			.ctime_ns = result_int8(i, 13)},
			.algorithm = result_text(i, 14), .digest = result_text(i, 15), .ends = result_text(i, 16)};
		if (!chained)
			relink->after = Max(relink->after, (int) result_int8(i, 17));
	}
	return moves;
}

static bool
was_moved(const Relink *relink, const Move *move)
{
	FileRow		row = {.file = move->file, .file_length = strlen(move->file)};

	return relinked_has_file(relink->scan->relinked, &row);
}

enum
{
	C_FILE, C_SIZE, C_MTIME, C_ALGORITHM, C_DIGEST, C_ENDS, C_COLUMNS
};

/* What was read of files that were moved is known of them from now on. */
static void
note_contents(const Relink *relink, const Move *moves, int n)
{
	static const Oid types[C_COLUMNS] = {TEXTOID, INT8OID, INT8OID, TEXTOID, TEXTOID, TEXTOID};
	Columns    *known = columns_make(CurrentMemoryContext, C_COLUMNS, types);
	Arguments	a = {0};

	for (int i = 0; i < n; i++)
	{
		if (moves[i].digest == NULL || !was_moved(relink, &moves[i]))
			continue;
		columns_add_row(known);
		columns_set_cstring(known, C_FILE, moves[i].file);
		columns_set_int8(known, C_SIZE, moves[i].identity.size);
		columns_set_int8(known, C_MTIME, moves[i].identity.mtime_ns);
		columns_set_cstring(known, C_ALGORITHM, moves[i].algorithm);
		columns_set_cstring(known, C_DIGEST, moves[i].digest);
		columns_set_cstring(known, C_ENDS, moves[i].ends);
	}
	if (known->n_rows == 0)
		return;
	argument_columns(&a, known);
	call_as_owner("SELECT missing_photos.relink_note_contents($1, $2, $3, $4, $5, $6)", &a);
}

static void
note_moved(Relink *relink, const Columns *moved)
{
	Arguments	a = {0};

	if (moved->n_rows == 0)
		return;
	argument_text(&a, relink->scan->job.owner);
	argument_datum(&a, TEXTARRAYOID, columns_array(moved, MOVE_FILE));
	argument_datum(&a, TEXTARRAYOID, columns_array(moved, MOVE_TO));
	call_as_owner("SELECT missing_photos.forget_candidates($1, $2, $3)", &a);
	for (int i = 0; i < moved->n_rows; i++)
		if (relinked_add(relink->scan->relinked, columns_cstring(moved, MOVE_PHOTO, i),
						 columns_cstring(moved, MOVE_FILE, i)))
			relink->relinked++;
}

/*
 * Those that weren't moved: a second look spoke against them, somebody holds their row, or it is no
 * more.  Where somebody's row has the path, a person should know.
 */
static void
put_off(Relink *relink, const Columns *wanted, const Move *moves, int n)
{
	static const Oid types[4] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Columns    *left = columns_make(CurrentMemoryContext, 4, types);
	Arguments	a = {0};
	Arguments	p = {0};
	Datum		claimed;
	bool		isnull;

	argument_datum(&a, TEXTARRAYOID, columns_array(wanted, MOVE_TO));
	call_as_caller("SELECT pg_catalog.array_agg(c.path) FROM missing_photos.library_claimed($1) AS c",
				   &a);
	claimed = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (isnull)
		return;
	for (int i = 0; i < n; i++)
	{
		const char *values[] = {moves[i].file, moves[i].photo, moves[i].old_path, moves[i].new_path};

		if (was_moved(relink, &moves[i]))
			continue;
		columns_add_row(left);
		for (int column = 0; column < 4; column++)
			columns_set_cstring(left, column, values[column]);
	}
	relink_argument_job(&p, relink);
	argument_columns(&p, left);
	argument_datum(&p, TEXTARRAYOID, PointerGetDatum(PG_DETOAST_DATUM_COPY(claimed)));
	call_as_owner("SELECT missing_photos.relink_put_off($1, $2, $3, $4, $5, $6)", &p);
}

static Move *
take_next_moves(Relink *relink, int *n)
{
	Move	   *moves;

	if (relink->chained)
	{
		relink->chained = false;
		moves = take_moves(relink, true, n);
		if (*n > 0)
			return moves;
	}
	return take_moves(relink, false, n);
}

void
relink_apply(Relink *relink)
{
	OwnerScan  *scan = relink->scan;
	Changes		changes = {.owner = scan->job.owner, .job_id = scan->job.id, .has_job = true};
	Columns    *wanted;
	Columns    *moved;
	Move	   *moves;
	int			n;

	job_new_round(&scan->job);
	scan->more = false;
	if (scan->dry_run)
		return;
	moves = take_next_moves(relink, &n);
	scan->more = n > 0;
	if (n == 0)
		return;
	relink_look_at_places(scan->roots, moves, n);
	wanted = relink_good_moves(moves, n);
	moved = moves_columns(CurrentMemoryContext);
	moves_apply(&changes, wanted, moved);
	note_moved(relink, moved);
	note_contents(relink, moves, n);
	if (moved->n_rows < n)
		put_off(relink, wanted, moves, n);
	scan->changes.busy += changes.busy;
	if (scan->job.commits)
		job_note_result(&scan->job);
}
