/*
 * watch_apply.c: what a watch tells becomes changes of the library; see watch_apply.h.
 *
 * Events are taken in the order in which they were told.  Names that came, went or were written are
 * gathered and looked at together; a folder that was renamed comes between: what was told before it
 * is settled by the old names, what is told after it by the new ones.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "check_files.h"
#include "moves.h"
#include "settings.h"
#include "sql_calls.h"
#include "subtransaction.h"
#include "watch_apply.h"
#include "watch_doubts.h"
#include "watch_look.h"
#include "watch_new.h"

#define FEW 20					/* photos settled one by one; more is a scan's work */
#define MANY 200				/* of those that are there */
#define SOON_MS 300				/* of quiet before a scan */
#define STORM_MS 1000
#define FORGET_MS 3000			/* a name that nobody knows */

/* A name that wasn't there when it was looked for. */
typedef struct Absent
{
	uint64		key;			/* of its path: first, as the hash table wants it */
	char	   *path;
	char	   *file;			/* NULL: no row of the library has it */
	TimestampTz due;
} Absent;

static HTAB *absent = NULL;

void
watch_apply_init(void)
{
	HASHCTL		control = {0};

	control.keysize = sizeof(uint64);
	control.entrysize = sizeof(Absent);
	control.hcxt = TopMemoryContext;
	absent = hash_create("names that missing_photos looks for again", 256, &control,
						 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
look_later(const char *path, const char *file)
{
	uint64		key = hash_bytes_extended((const unsigned char *) path, strlen(path), 0);
	bool		found;
	Absent	   *entry = hash_search(absent, &key, HASH_ENTER, &found);
	int			delay = file != NULL ? setting_watch_delay : FORGET_MS;

	if (found)
		return;
	entry->path = MemoryContextStrdup(TopMemoryContext, path);
	entry->file = file == NULL ? NULL : MemoryContextStrdup(TopMemoryContext, file);
	entry->due = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), delay);
}

static void
drop_absent(Absent *entry)
{
	pfree(entry->path);
	if (entry->file != NULL)
		pfree(entry->file);
	(void) hash_search(absent, &entry->key, HASH_REMOVE, NULL);
}

TimestampTz
watch_next_due(void)
{
	HASH_SEQ_STATUS all;
	Absent	   *entry;
	TimestampTz due = 0;

	hash_seq_init(&all, absent);
	while ((entry = hash_seq_search(&all)) != NULL)
		if (due == 0 || entry->due < due)
			due = entry->due;
	return watch_doubts_due(due);
}

/* The files that are gone, as far as a second look is still to come. */
List *
watch_absent_files(void)
{
	HASH_SEQ_STATUS all;
	Absent	   *entry;
	List	   *files = NIL;

	hash_seq_init(&all, absent);
	while ((entry = hash_seq_search(&all)) != NULL)
		if (entry->file != NULL)
			files = lappend(files, entry->file);
	return files;
}

static void
check_one(void *photo)
{
	check_photo(photo);
}

/* Brings one photo in line with the disk; a doubt about it is a scan's to settle. */
static bool
check(const PathRow *row)
{
	ErrorData  *error = try_in_subtransaction(check_one, row->photo);

	if (error == NULL)
		return true;
	/* The photo may be gone since; anything else the scan will say itself. */
	if (error->sqlerrcode != ERRCODE_NO_DATA_FOUND)
		watch_suspect(row->owner, SOON_MS);
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

/* What a file that was written anew looks like now. */
static void
note_identity(const PathRow *row, const MpIdentity *identity)
{
	Arguments	a = {0};

	argument_text(&a, row->file);
	argument_int8(&a, identity->fsid);
	argument_int8(&a, identity->inode);
	argument_int8(&a, identity->size);
	argument_int8(&a, identity->mtime_ns);
	argument_int8(&a, identity->ctime_ns);
	call_as_owner("SELECT missing_photos.note_identities(ARRAY[$1], ARRAY[$2], ARRAY[$3], ARRAY[$4],"
				  " ARRAY[$5], ARRAY[$6])", &a);
}

/*
 * Photos of files that are there.  Only those held as missing are checked: a check looks once more,
 * and a file that moves on meanwhile would be gone without any delay.
 */
static int64
settle_present(const Names *names, PathRow **rows, int n)
{
	int64		changes = 0;

	for (int i = 0; i < n; i++)
	{
		if (n > MANY || (rows[i]->flagged && watch_is_suspected(rows[i]->owner)))
			watch_suspect(rows[i]->owner, SOON_MS);
		else if (!rows[i]->flagged)
			note_identity(rows[i], &names->identities[rows[i]->name]);
		else if (is_first_of_photo(rows, i))
			changes += check(rows[i]);
	}
	return changes;
}

/*
 * Photos of files that are gone, and were when the delay began.  Where many more wait for their delay
 * to be over this is the beginning of a storm, and not to be believed bit by bit.
 */
static int64
settle_gone(PathRow **rows, int n)
{
	int64		changes = 0;
	int			waiting = list_length(watch_absent_files());

	for (int i = 0; i < n; i++)
	{
		if (n + waiting > FEW || !watch_may_flag(rows[i]->owner, 1))
			watch_suspect(rows[i]->owner, STORM_MS);
		else if (is_first_of_photo(rows, i) && check(rows[i]))
			changes++;
	}
	return changes;
}

/* Looks at names, for the first time or once more. */
static int64
look(Names *names, bool again)
{
	PathRow   **there;
	PathRow   **gone;
	int			n_there = 0;
	int			n_gone = 0;

	if (names->n == 0)
		return 0;
	names_look(names);
	there = palloc((names->n_rows + 1) * sizeof(PathRow *));
	gone = palloc((names->n_rows + 1) * sizeof(PathRow *));
	for (int i = 0; i < names->n_rows; i++)
	{
		PathRow    *row = &names->rows[i];

		if (row->name < 0 || row->readonly)
			continue;
		if (names->verdicts[row->name] == MP_PRESENT)
			there[n_there++] = row;
		else if (names->verdicts[row->name] == MP_MISSING && !row->flagged && again)
			gone[n_gone++] = row;
		else if (names->verdicts[row->name] == MP_MISSING && !row->flagged)
			look_later(row->path, row->file);
	}
	for (int i = 0; i < names->n && !again; i++)
		if (!names->has_row[i] && names->verdicts[i] == MP_MISSING)
			look_later(names->paths[i], NULL);
	return settle_present(names, there, n_there) + settle_gone(gone, n_gone) + watch_new_files(names);
}

typedef struct FileMoves
{
	int			n;
	char	  **from;
	char	  **to;
} FileMoves;

/* A file that moved on is one move, from where the library has it. */
static void
add_move(FileMoves *moves, char *from, char *to)
{
	for (int i = moves->n - 1; i >= 0; i--)
		if (strcmp(moves->to[i], from) == 0)
		{
			moves->to[i] = to;
			return;
		}
	moves->from[moves->n] = from;
	moves->to[moves->n++] = to;
}

static const char *
target_of(const FileMoves *moves, const char *path)
{
	for (int i = moves->n - 1; i >= 0; i--)
		if (strcmp(moves->from[i], path) == 0)
			return moves->to[i];
	return NULL;
}

/* Moves an owner's files; what can't be done is a scan's to find out. */
static int64
move_of_owner(const char *owner, const PathRow *rows, int n, char *const *to,
			  const MpVerdict *verdicts, const MpIdentity *identities)
{
	Columns    *asked = moves_columns(CurrentMemoryContext);
	Columns    *moved = moves_columns(CurrentMemoryContext);
	Changes		changes = {.owner = owner};
	bool		doubt = false;
	int64		done;

	for (int i = 0; i < n; i++)
	{
		if (strcmp(rows[i].owner, owner) != 0 || rows[i].readonly)
			continue;
		if (verdicts[i] == MP_PRESENT)
			moves_add(asked, rows[i].photo, rows[i].file, rows[i].path, to[i], &identities[i]);
		else
			doubt = true;
	}
	moves_apply(&changes, asked, moved);
	done = moved->n_rows;
	if (doubt || done < asked->n_rows)
		watch_suspect(owner, SOON_MS);
	columns_free(asked);
	columns_free(moved);
	return done;
}

/* Of renamed files those the library has; the new names of the others are looked at. */
static int64
apply_moves(const FileMoves *moves, Names *looks)
{
	Names		from = {0};
	PathRow    *rows;
	int			n;
	char	  **to;
	MpVerdict  *verdicts;
	MpIdentity *identities;
	int64		changes = 0;

	for (int i = 0; i < moves->n; i++)
		names_add(&from, moves->from[i], false);
	rows = names_find_rows(&from, &n);
	to = palloc((n + 1) * sizeof(char *));
	verdicts = palloc0((n + 1) * sizeof(MpVerdict));
	identities = palloc0((n + 1) * sizeof(MpIdentity));
	for (int i = 0; i < n; i++)
		to[i] = (char *) target_of(moves, rows[i].path);
	paths_look(to, n, verdicts, identities);
	for (int i = 0; i < n; i++)
	{
		bool		first = true;

		for (int j = 0; j < i; j++)
			first = first && strcmp(rows[j].owner, rows[i].owner) != 0;
		if (first)
			changes += move_of_owner(rows[i].owner, rows, n, to, verdicts, identities);
	}
	/* Both names once more, now that the rows have moved: another file may be there by now. */
	for (int i = 0; i < moves->n; i++)
	{
		names_add(looks, moves->from[i], false);
		names_add(looks, moves->to[i], false);
	}
	return changes;
}

typedef struct FolderMove
{
	const char *owner;
	const char *from;
	const char *to;
	int64		moved;
	bool		doubt;
} FolderMove;

static void
remap(void *arg)
{
	FolderMove *move = arg;
	Arguments	a = {0};

	argument_text(&a, move->owner);
	argument_text(&a, move->from);
	argument_text(&a, move->to);
	call_as_caller("SELECT pg_catalog.count(*) FILTER (WHERE r.state OPERATOR(pg_catalog.=) 'moved'),"
				   "       pg_catalog.count(*) FILTER (WHERE r.state OPERATOR(pg_catalog.<>) 'moved')"
				   "  FROM missing_photos.remap_paths($1, $2, $3, false) AS r", &a);
	move->moved = result_int8(0, 1);
	move->doubt = result_int8(0, 2) > 0;
}

static List *
owners_below(const char *folder)
{
	Arguments	a = {0};
	List	   *owners = NIL;

	argument_text(&a, folder);
	call_as_caller("SELECT o.owner FROM missing_photos.library_owners_below($1) AS o", &a);
	for (uint64 i = 0; i < SPI_processed; i++)
		owners = lappend(owners, result_text(i, 1));
	return owners;
}

/* Names that weren't there may be below the folder's new name. */
static void
follow_absent(const WatchChange *change, Names *looks)
{
	HASH_SEQ_STATUS all;
	Absent	   *entry;
	size_t		length = strlen(change->path);

	hash_seq_init(&all, absent);
	while ((entry = hash_seq_search(&all)) != NULL)
		if (strncmp(entry->path, change->path, length) == 0 && entry->path[length] == '/')
			names_add(looks, psprintf("%s%s", change->to, entry->path + length), false);
}

static int64
move_folder(const WatchChange *change, Names *looks)
{
	List	   *owners = owners_below(change->path);
	Arguments	a = {0};
	int64		changes = 0;
	ListCell   *cell;

	foreach(cell, owners)
	{
		FolderMove	move = {lfirst(cell), change->path, change->to, 0, false};
		ErrorData  *error = try_in_subtransaction(remap, &move);

		if (error != NULL || move.doubt)
			watch_suspect(move.owner, SOON_MS);
		if (error != NULL)
			FreeErrorData(error);
		else
			changes += move.moved;
	}
	follow_absent(change, looks);
	argument_text(&a, change->path);
	argument_text(&a, change->to);
	call_as_owner("SELECT missing_photos.new_file_moved($1, $2)", &a);
	return changes;
}

int64
watch_apply(const WatchChange *changes, int n)
{
	FileMoves	moves = {0};
	Names		looks = {0};
	int64		done = 0;

	watch_heard();
	moves.from = palloc((n + 1) * sizeof(char *));
	moves.to = palloc((n + 1) * sizeof(char *));
	for (int i = 0; i < n; i++)
	{
		const WatchChange *change = &changes[i];

		if (change->kind == MP_EVENT_LOOK)
			names_add(&looks, change->path, (change->flags & MP_EVENT_EXCLUDED) != 0);
		else if (change->kind == MP_EVENT_MOVED && !(change->flags & MP_EVENT_FOLDER))
			add_move(&moves, change->path, change->to);
		else
		{
			ListCell   *cell;

			done += apply_moves(&moves, &looks);
			moves.n = 0;
			done += look(&looks, false);
			memset(&looks, 0, sizeof(looks));
			if (change->kind == MP_EVENT_MOVED)
				done += move_folder(change, &looks);
			else
				foreach(cell, owners_below(change->path))
					watch_suspect(lfirst(cell), setting_watch_delay);
		}
	}
	done += apply_moves(&moves, &looks);
	done += look(&looks, false);
	/* More may have come while this was applied. */
	watch_heard();
	return done;
}

int64
watch_look_again(TimestampTz now)
{
	HASH_SEQ_STATUS all;
	Absent	   *entry;
	Names		names = {0};

	hash_seq_init(&all, absent);
	while ((entry = hash_seq_search(&all)) != NULL)
	{
		if (entry->due > now)
			continue;
		names_add(&names, entry->path, false);
		drop_absent(entry);
	}
	return look(&names, true);
}
