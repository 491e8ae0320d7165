/* moves.c: files that were found elsewhere, brought into the library; see moves.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/latch.h"

#include "beside.h"
#include "compat.h"
#include "learn.h"
#include "moves.h"
#include "sql_calls.h"

/* A row someone else holds is tried again this often, this many ms apart, then left for next time. */
#define BUSY_TRIES 5
#define BUSY_PAUSE 20

Columns *
moves_columns(MemoryContext parent)
{
	static const Oid types[MOVE_COLUMNS] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, INT8OID,
	INT8OID, INT8OID, INT8OID, BOOLOID};

	return columns_make(parent, MOVE_COLUMNS, types);
}

void
moves_add(Columns *moves, const char *photo, const char *file, const char *from, const char *to,
		  const MpIdentity *identity)
{
	columns_add_row(moves);
	columns_set_cstring(moves, MOVE_PHOTO, photo);
	columns_set_cstring(moves, MOVE_FILE, file);
	columns_set_cstring(moves, MOVE_FROM, from);
	columns_set_cstring(moves, MOVE_TO, to);
	columns_set_bool(moves, MOVE_PATH_ONLY, identity == NULL);
	if (identity == NULL)
		return;
	columns_set_int8(moves, MOVE_FSID, identity->fsid);
	columns_set_int8(moves, MOVE_INODE, identity->inode);
	columns_set_int8(moves, MOVE_SIZE, identity->size);
	columns_set_int8(moves, MOVE_MTIME, identity->mtime_ns);
	columns_set_int8(moves, MOVE_CTIME, identity->ctime_ns);
}

bool
moves_seen(const Columns *moves, int row, MpIdentity *identity)
{
	if (moves->nulls[MOVE_FSID][row])
		return false;
	*identity = (MpIdentity) {
		.fsid = DatumGetInt64(moves->values[MOVE_FSID][row]),
		.inode = DatumGetInt64(moves->values[MOVE_INODE][row]),
		.size = DatumGetInt64(moves->values[MOVE_SIZE][row]),
		.mtime_ns = DatumGetInt64(moves->values[MOVE_MTIME][row]),
		.ctime_ns = DatumGetInt64(moves->values[MOVE_CTIME][row])
	};
	return true;
}

static void
copy_row(Columns *to, const Columns *from, int row)
{
	columns_add_row(to);
	for (int i = 0; i < MOVE_COLUMNS; i++)
		columns_set_datum(to, i, from, i, row);
}

/* What each photo lost with its file, as two more array arguments. */
static void
argument_losses(Arguments *a, const char *owner, const Columns *moves)
{
	Arguments	asked = {0};

	argument_text(&asked, owner);
	argument_datum(&asked, TEXTARRAYOID, columns_array(moves, MOVE_PHOTO));
	argument_datum(&asked, TEXTARRAYOID, columns_array(moves, MOVE_FILE));
	call_as_owner("SELECT mains, mains_after FROM missing_photos.lost_mains($1, $2, $3)", &asked);
	for (int i = 1; i <= 2; i++)
	{
		bool		isnull;
		Datum		array = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i, &isnull);

		argument_datum(a, i == 1 ? BOOLARRAYOID : TEXTARRAYOID,
					   PointerGetDatum(PG_DETOAST_DATUM_COPY(array)));
	}
}

/* The rows of moves in the order of their files and photos, to find them again. */
typedef struct MoveKey
{
	const char *file;
	const char *photo;
	int			row;
	bool		moved;			/* the file, told of the first of its rows */
} MoveKey;

static int
compare_keys(const void *a, const void *b)
{
	const MoveKey *one = a;
	const MoveKey *two = b;
	int			order = strcmp(one->file, two->file);

	return order != 0 ? order : strcmp(one->photo, two->photo);
}

static const char *
key_text(const Columns *moves, int column, int row)
{
	const char *text = columns_cstring(moves, column, row);

	return text == NULL ? "" : text;
}

static MoveKey
key_of(const Columns *rows, int photo, int file, int row)
{
	return (MoveKey) {key_text(rows, file, row), key_text(rows, photo, row), row, false};
}

static MoveKey *
sorted_keys(const Columns *moves)
{
	MoveKey    *keys = MemoryContextAllocHuge(CurrentMemoryContext,
											  (Size) (moves->n_rows + 1) * sizeof(MoveKey));

	for (int i = 0; i < moves->n_rows; i++)
		keys[i] = key_of(moves, MOVE_PHOTO, MOVE_FILE, i);
	qsort(keys, moves->n_rows, sizeof(MoveKey), compare_keys);
	return keys;
}

/* The first key that isn't before this one. */
static MoveKey *
find_key(MoveKey *keys, int n, const MoveKey *wanted)
{
	int			low = 0;

	while (n > 0)
	{
		int			half = n / 2;

		if (compare_keys(&keys[low + half], wanted) < 0)
		{
			low += half + 1;
			n -= half + 1;
		}
		else
			n = half;
	}
	return &keys[low];
}

bool *
moves_made(const Columns *rows, int photo, int file, const Columns *moved)
{
	MoveKey    *keys = sorted_keys(moved);
	MoveKey    *end = keys + moved->n_rows;
	bool	   *made = palloc(rows->n_rows + 1);

	for (int i = 0; i < rows->n_rows; i++)
	{
		MoveKey		wanted = key_of(rows, photo, file, i);
		MoveKey    *key = find_key(keys, moved->n_rows, &wanted);

		made[i] = key != end && compare_keys(key, &wanted) == 0;
	}
	pfree(keys);
	return made;
}

/* Counts a file once, however many photos it has. */
static void
count_file(Changes *changes, MoveKey *keys, int n, const char *file)
{
	MoveKey    *first = find_key(keys, n, &(MoveKey) {.file = file, .photo = ""});

	if (!first->moved)
		changes->restored++;
	first->moved = true;
}

enum
{
	R_PHOTO = 1, R_FILE, R_MOVED
};

/* One statement for all; sorts its rows into what was moved and what is to be tried again. */
static void
move(Changes *changes, const Columns *moves, Columns *moved, Columns *again)
{
	Arguments	a = {0};
	MoveKey    *keys = sorted_keys(moves);

	argument_text(&a, changes->owner);
	for (int i = MOVE_PHOTO; i <= MOVE_TO; i++)
		argument_datum(&a, TEXTARRAYOID, columns_array(moves, i));
	argument_losses(&a, changes->owner, moves);
	argument_datum(&a, BOOLARRAYOID, columns_array(moves, MOVE_PATH_ONLY));
	call_as_caller("SELECT m.photo, m.file, m.moved"
				   "  FROM missing_photos.library_move($1, $2, $3, $4, $5, $6, $7, $8) AS m"
				   " WHERE m.moved OR m.busy", &a);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MoveKey		wanted = {.file = result_text(i, R_FILE), .photo = result_text(i, R_PHOTO)};
		MoveKey    *key = find_key(keys, moves->n_rows, &wanted);

		if (key == keys + moves->n_rows || compare_keys(key, &wanted) != 0)
			elog(ERROR, "the library moved a file that wasn't to be moved");
		copy_row(result_bool(i, R_MOVED) ? moved : again, moves, key->row);
		if (result_bool(i, R_MOVED))
			count_file(changes, keys, moves->n_rows, wanted.file);
	}
	pfree(keys);
}

/* What the files look like at their new places, where somebody saw them there. */
static void
note_identities(const Columns *moved)
{
	Columns    *seen = learn_columns(CurrentMemoryContext);

	for (int i = 0; i < moved->n_rows; i++)
	{
		const char *file = columns_cstring(moved, MOVE_FILE, i);
		MpIdentity	identity;

		if (moves_seen(moved, i, &identity))
			learn_add(seen, file, strlen(file), &identity);
	}
	(void) learn_note(seen, true);
	columns_free(seen);
}

static void
record(const Changes *changes, const Columns *moved)
{
	Arguments	a = {0};

	apply_argument_job(&a, changes);
	argument_text(&a, changes->owner);
	for (int i = MOVE_PHOTO; i <= MOVE_TO; i++)
		argument_datum(&a, TEXTARRAYOID, columns_array(moved, i));
	argument_datum(&a, BOOLARRAYOID, columns_array(moved, MOVE_PATH_ONLY));
	call_as_owner("SELECT missing_photos.record_moves($1, $2, $3, $4, $5, $6, $7)", &a);
	note_identities(moved);
}

static void
pause_for_others(void)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, BUSY_PAUSE,
					 WAIT_FOR_PROBE);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

void
moves_apply(Changes *changes, const Columns *moves, Columns *moved)
{
	Columns    *done = moves_columns(CurrentMemoryContext);
	Columns    *trying = moves_columns(CurrentMemoryContext);
	Columns    *again = moves_columns(CurrentMemoryContext);

	if (moves->n_rows > 0)
		move(changes, moves, done, again);
	for (int i = 0; again->n_rows > 0 && i < BUSY_TRIES; i++)
	{
		Columns    *swap = trying;

		trying = again;
		again = swap;
		columns_clear(again);
		pause_for_others();
		move(changes, trying, done, again);
	}
	changes->busy += again->n_rows;
	if (done->n_rows > 0)
	{
		record(changes, done);
		beside_follow(changes, done);
	}
	for (int i = 0; moved != NULL && i < done->n_rows; i++)
		copy_row(moved, done, i);
	columns_free(done);
	columns_free(trying);
	columns_free(again);
}
