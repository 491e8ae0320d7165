/* beside.c: sidecars that go with their photos; see beside.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"

#include "beside.h"
#include "judge.h"
#include "moves.h"
#include "roots.h"
#include "sql_calls.h"

enum
{
	B_PHOTO, B_FILE, B_PATH, B_PLACE, BESIDE_COLUMNS
};

/* What came of the look at a sidecar's places, by its number. */
typedef struct Sights
{
	RootTable  *roots;
	MpVerdict  *at_path;
	MpVerdict  *at_place;
} Sights;

static void
take_sight(void *taker, const FileRow *row, const Judgement *judgement)
{
	Sights	   *sights = taker;
	Judgement	concluded = *judgement;
	int			number = atoi(pnstrdup(row->file, row->file_length));

	roots_conclude(sights->roots, row, &concluded);
	(row->photo[0] == 'o' ? sights->at_path : sights->at_place)[number] = concluded.verdict;
}

static void
look_at(Judge *judge, int number, const char *which, const char *path)
{
	char	   *name = psprintf("%d", number);
	FileRow		row = {.photo = which, .photo_length = strlen(which), .file = name,
	.file_length = strlen(name), .path = path, .path_length = strlen(path)};

	judge_add(judge, &row);
}

static Columns *
beside_columns(void)
{
	static const Oid types[BESIDE_COLUMNS] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID};

	return columns_make(CurrentMemoryContext, BESIDE_COLUMNS, types);
}

/* Rows of the result just fetched: photo, file, path, place. */
static Columns *
fetched(void)
{
	Columns    *rows = beside_columns();

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		columns_add_row(rows);
		for (int c = B_PHOTO; c <= B_PLACE; c++)
			columns_set_cstring(rows, c, result_text(i, c + 1));
	}
	return rows;
}

static Sights
look_for(const Columns *rows)
{
	Sights		sights = {.roots = roots_load()};
	Judge	   *judge;

	for (int i = 0; i < sights.roots->n; i++)
		roots_look(&sights.roots->roots[i]);
	sights.at_path = palloc0((rows->n_rows + 1) * sizeof(MpVerdict));
	sights.at_place = palloc0((rows->n_rows + 1) * sizeof(MpVerdict));
	judge = judge_make(CurrentMemoryContext, sights.roots, JUDGE_ALL, take_sight, &sights);
	for (int i = 0; i < rows->n_rows; i++)
	{
		look_at(judge, i, "old", columns_cstring(rows, B_PATH, i));
		look_at(judge, i, "new", columns_cstring(rows, B_PLACE, i));
	}
	judge_finish(judge);
	judge_free(judge);
	return sights;
}

static void
record(const Changes *changes, const Columns *rows)
{
	Arguments	a = {0};

	if (rows->n_rows == 0)
		return;
	argument_datum(&a, UUIDOID, changes->job_id);
	if (!changes->has_job)
		a.nulls[0] = 'n';
	argument_text(&a, changes->owner);
	argument_datum(&a, TEXTARRAYOID, columns_array(rows, B_PHOTO));
	argument_datum(&a, TEXTARRAYOID, columns_array(rows, B_PATH));
	argument_datum(&a, TEXTARRAYOID, columns_array(rows, B_PLACE));
	call_as_owner("SELECT missing_photos.record_beside($1, $2, $3, $4, $5)", &a);
}

static void
add_row(Columns *to, const Columns *from, int row, bool with_place)
{
	columns_add_row(to);
	for (int c = 0; c < BESIDE_COLUMNS; c++)
		if (c != B_PLACE || with_place)
			columns_set_datum(to, c, from, c, row);
}

static void
move(const Changes *changes, const Columns *rows)
{
	Arguments	a = {0};

	if (rows->n_rows == 0)
		return;
	for (int c = B_FILE; c <= B_PLACE; c++)
		argument_datum(&a, TEXTARRAYOID, columns_array(rows, c));
	call_as_caller("SELECT FROM missing_photos.library_move_beside($1, $2, $3)", &a);
	record(changes, rows);
}

static void
append(Columns *moves, const Columns *moved, bool unseen)
{
	static const int wanted[] = {MOVE_PHOTO, MOVE_FROM, MOVE_TO};

	for (int i = 0; i < moved->n_rows; i++)
	{
		if (moved->nulls[MOVE_FROM][i] ||
			DatumGetBool(moved->values[MOVE_PATH_ONLY][i]) != unseen)
			continue;
		columns_add_row(moves);
		for (int c = 0; c < (int) lengthof(wanted); c++)
			columns_set_datum(moves, c, moved, wanted[c], i);
	}
}

/* Sidecars of what was moved; unseen: by moves of paths alone, which nobody looked at. */
static Columns *
ask(const Columns *moved, bool unseen)
{
	static const Oid types[3] = {TEXTOID, TEXTOID, TEXTOID};
	Columns    *moves = columns_make(CurrentMemoryContext, 3, types);
	Arguments	a = {0};

	append(moves, moved, unseen);
	argument_columns(&a, moves);
	call_as_caller("SELECT b.photo, b.file, b.path, b.place"
				   "  FROM missing_photos.library_beside($1, $2, $3) AS b", &a);
	columns_free(moves);
	return fetched();
}

void
beside_follow(const Changes *changes, const Columns *moved)
{
	Columns    *rows = ask(moved, false);
	Columns    *there = beside_columns();
	Columns    *lacking = beside_columns();
	Sights		sights;

	if (rows->n_rows > 0)
	{
		sights = look_for(rows);
		for (int i = 0; i < rows->n_rows; i++)
		{
			bool		found = sights.at_place[i] == MP_PRESENT;

			add_row(found ? there : lacking, rows, i, found);
		}
		move(changes, there);
		record(changes, lacking);
	}
	columns_free(rows);
	move(changes, rows = ask(moved, true));
	columns_free(rows);
	columns_free(there);
	columns_free(lacking);
}

void
beside_find_astray(const Changes *changes)
{
	Arguments	a = {0};
	Columns    *rows;
	Columns    *there;
	Sights		sights;

	argument_text(&a, changes->owner);
	call_as_caller("SELECT s.photo, s.file, s.path, s.place"
				   "  FROM missing_photos.library_astray($1) AS s", &a);
	rows = fetched();
	there = beside_columns();
	if (rows->n_rows > 0)
	{
		const char *last = NULL;

		/* One may lie at either of two places; the likelier comes first. */
		sights = look_for(rows);
		for (int i = 0; i < rows->n_rows; i++)
		{
			const char *file = columns_cstring(rows, B_FILE, i);

			if (sights.at_path[i] != MP_MISSING || sights.at_place[i] != MP_PRESENT ||
				(last != NULL && strcmp(last, file) == 0))
				continue;
			add_row(there, rows, i, true);
			last = file;
		}
		move(changes, there);
	}
	columns_free(rows);
	columns_free(there);
}
