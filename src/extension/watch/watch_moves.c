/*
 * watch_moves.c: files and folders that a watch saw being renamed; see watch_moves.h.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "executor/spi.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "moves.h"
#include "remap.h"
#include "sql_calls.h"
#include "subtransaction.h"
#include "watch_absent.h"
#include "watch_doubts.h"
#include "watch_job.h"
#include "watch_moves.h"

/* Which of the moves has a name, by the name's hash. */
typedef struct Place
{
	uint64		key;
	int			move;
} Place;

static HTAB *
make_places(int most)
{
	HASHCTL		control = {0};

	control.keysize = sizeof(uint64);
	control.entrysize = sizeof(Place);
	control.hcxt = CurrentMemoryContext;
	return hash_create("moves by name", most, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static Place *
find_place(HTAB *places, const char *name, HASHACTION action)
{
	uint64		key = hash_bytes_extended((const unsigned char *) name, strlen(name), 0);

	return hash_search(places, &key, action, NULL);
}

FileMoves *
watch_moves_make(int most)
{
	FileMoves  *moves = palloc0(sizeof(FileMoves));

	moves->from = palloc((most + 1) * sizeof(char *));
	moves->to = palloc((most + 1) * sizeof(char *));
	moves->by_to = make_places(most + 1);
	return moves;
}

void
watch_moves_add(FileMoves *moves, char *from, char *to)
{
	Place	   *before = find_place(moves->by_to, from, HASH_FIND);
	int			move = before != NULL ? before->move : moves->n++;

	if (before != NULL)
		(void) find_place(moves->by_to, from, HASH_REMOVE);
	else
		moves->from[move] = from;
	moves->to[move] = to;
	find_place(moves->by_to, to, HASH_ENTER)->move = move;
}

/*
 * Where the rows' files are now; the last move counts.  A row may say its path otherwise than it was
 * asked for (a collation that ignores case): it isn't what was moved, and stays where it is.
 */
static char **
find_targets(const FileMoves *moves, const PathRow *rows, int n)
{
	HTAB	   *by_from = make_places(moves->n + 1);
	char	  **targets = palloc((n + 1) * sizeof(char *));

	for (int i = 0; i < moves->n; i++)
		find_place(by_from, moves->from[i], HASH_ENTER)->move = i;
	for (int i = 0; i < n; i++)
	{
		const Place *place = find_place(by_from, rows[i].path, HASH_FIND);

		targets[i] = place != NULL ? moves->to[place->move] : rows[i].path;
	}
	hash_destroy(by_from);
	return targets;
}

static void
forget(FileMoves *moves)
{
	hash_destroy(moves->by_to);
	moves->by_to = make_places(moves->n + 1);
	moves->n = 0;
}

/*
 * Names that were exchanged are told as one file's way there and back, and a name told of may be another
 * file's by now.  So a row stays where its file still lies, and doesn't follow to where another row's
 * file does: which that is shows when all these names are looked at (watch_displaced.c).
 */
static bool *
find_others(const PathRow *rows, int n, const MpVerdict *verdicts, const MpIdentity *identities)
{
	char	  **from = palloc((n + 1) * sizeof(char *));
	MpVerdict  *verdicts_from = palloc0((n + 1) * sizeof(MpVerdict));
	MpIdentity *identities_from = palloc0((n + 1) * sizeof(MpIdentity));
	char	  **at_from;
	char	  **at_to = files_recognise(verdicts, identities, n);
	bool	   *others = palloc((n + 1) * sizeof(bool));

	for (int i = 0; i < n; i++)
		from[i] = rows[i].path;
	paths_look(from, n, verdicts_from, identities_from);
	at_from = files_recognise(verdicts_from, identities_from, n);
	for (int i = 0; i < n; i++)
		others[i] = (at_from[i] != NULL && strcmp(at_from[i], rows[i].file) == 0) ||
			(at_to[i] != NULL && strcmp(at_to[i], rows[i].file) != 0);
	return others;
}

/* Moves an owner's files; what can't be done is a scan's to find out. */
static int64
move_of_owner(const char *owner, const PathRow *rows, int n, char *const *to,
			  const MpVerdict *verdicts, const MpIdentity *identities, const bool *others)
{
	Columns    *asked = moves_columns(CurrentMemoryContext);
	Columns    *moved = moves_columns(CurrentMemoryContext);
	Changes		changes = watch_job_changes(owner);
	bool		doubt = false;
	int64		done;

	for (int i = 0; i < n; i++)
	{
		if (strcmp(rows[i].owner, owner) != 0 || rows[i].readonly || others[i] ||
			strcmp(rows[i].path, to[i]) == 0)
			continue;
		if (verdicts[i] == MP_PRESENT)
			moves_add(asked, rows[i].photo, rows[i].file, rows[i].path, to[i], &identities[i]);
		else
			doubt = true;
	}
	moves_apply(&changes, asked, moved);
	watch_job_add(&changes, changes.restored);
	done = moved->n_rows;
	if (doubt || done < asked->n_rows)
		watch_suspect(owner, WATCH_SOON_MS);
	columns_free(asked);
	columns_free(moved);
	return done;
}

static bool
is_first_of_owner(const PathRow *rows, int i)
{
	for (int j = 0; j < i; j++)
		if (strcmp(rows[j].owner, rows[i].owner) == 0)
			return false;
	return true;
}

int64
watch_rows_moved(const PathRow *rows, int n, char *const *to, const MpVerdict *verdicts,
				 const MpIdentity *identities)
{
	const bool *others = find_others(rows, n, verdicts, identities);
	int64		changes = 0;

	for (int i = 0; i < n; i++)
		if (is_first_of_owner(rows, i))
			changes += move_of_owner(rows[i].owner, rows, n, to, verdicts, identities, others);
	return changes;
}

int64
watch_moves_apply(FileMoves *moves)
{
	Names		from = {0};
	PathRow    *rows;
	int			n;
	char	  **to;
	MpVerdict  *verdicts;
	MpIdentity *identities;
	int64		changes = 0;

	if (moves->n == 0)
		return 0;
	for (int i = 0; i < moves->n; i++)
		names_add(&from, moves->from[i], false);
	rows = names_find_rows(&from, &n);
	to = find_targets(moves, rows, n);
	verdicts = palloc0((n + 1) * sizeof(MpVerdict));
	identities = palloc0((n + 1) * sizeof(MpIdentity));
	if (n > 0)
	{
		paths_look(to, n, verdicts, identities);
		changes = watch_rows_moved(rows, n, to, verdicts, identities);
	}
	forget(moves);
	return changes;
}

typedef struct FolderMove
{
	Changes		changes;
	const WatchChange *change;
	bool		doubt;
} FolderMove;

static void
remap(void *arg)
{
	FolderMove *move = arg;
	const WatchChange *change = move->change;

	move->doubt = remap_folder(&move->changes, change->path, change->to);
}

List *
watch_owners_below(const char *folder)
{
	Arguments	a = {0};
	List	   *owners = NIL;

	argument_text(&a, folder);
	call_as_caller("SELECT o.owner FROM missing_photos.library_owners_below($1) AS o", &a);
	for (uint64 i = 0; i < SPI_processed; i++)
		owners = lappend(owners, result_text(i, 1));
	return owners;
}

int64
watch_folder_moved(const WatchChange *change, Names *looks)
{
	List	   *owners = watch_owners_below(change->path);
	Arguments	a = {0};
	int64		changes = 0;
	ListCell   *cell;

	foreach(cell, owners)
	{
		FolderMove	move = {watch_job_changes(lfirst(cell)), change, false};
		ErrorData  *error = try_in_subtransaction(remap, &move);

		if (error != NULL || move.doubt)
			watch_suspect(lfirst(cell), WATCH_SOON_MS);
		if (error != NULL)
		{
			FreeErrorData(error);
			continue;
		}
		watch_job_add(&move.changes, move.changes.restored);
		changes += move.changes.restored;
	}
	watch_absent_follow(change->path, change->to, looks);
	argument_text(&a, change->path);
	argument_text(&a, change->to);
	call_as_owner("SELECT missing_photos.new_file_moved($1, $2)", &a);
	return changes;
}
