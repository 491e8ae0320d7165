/* watch_displaced.c: files that changed places; see watch_displaced.h. */
#include "postgres.h"

#include "watch_displaced.h"
#include "watch_doubts.h"
#include "watch_moves.h"

#define MANY 200				/* files settled one by one; more is relinking's work */

/* Names where other rows' files were found. */
typedef struct Search
{
	Names	   *names;
	int		   *first;			/* of each name, a row that has it; -1: none */
	int		   *next;			/* of each row, another one that has the same name */
	char	  **to;				/* of each row; its own path where it stays */
	int		   *name;			/* the same by its place among the names */
	int			n;
} Search;

/* Whether a row of the library has this name and means the file that lies there. */
static bool
is_known_here(const Search *search, int name, const char *file)
{
	for (int i = search->first[name]; i >= 0; i = search->next[i])
		if (strcmp(search->names->rows[i].file, file) == 0)
			return true;
	return false;
}

/* Whether a row's file is at its own name as well: another name of it was found, or nobody can tell. */
static bool
is_at_home(const Names *names, const PathRow *row, int found)
{
	const MpIdentity *home = &names->identities[row->name];

	if (names->verdicts[row->name] == MP_MISSING)
		return false;
	return names->verdicts[row->name] != MP_PRESENT ||
		(home->inode == names->identities[found].inode && home->fsid == names->identities[found].fsid);
}

/* The file was found at a name that isn't its row's; false: none of the rows at hand is its. */
static bool
take_found(Search *search, int name, const char *file)
{
	const Names *names = search->names;
	bool		known = false;

	for (int i = 0; i < names->n_rows; i++)
	{
		const PathRow *row = &names->rows[i];

		if (row->name < 0 || strcmp(row->file, file) != 0)
			continue;
		known = true;
		if (row->flagged || row->readonly || is_at_home(names, row, name))
			continue;
		search->to[i] = names->paths[name];
		search->name[i] = name;
		search->n++;
	}
	return known;
}

/* Another file lies where a row's should: whose, is a question of the whole library. */
static void
suspect_rows(const Search *search, int name)
{
	const PathRow *rows = search->names->rows;

	for (int i = search->first[name]; i >= 0; i = search->next[i])
		if (!rows[i].flagged && !rows[i].readonly)
			watch_suspect_displaced(rows[i].owner);
}

static int64
move_found(const Search *search)
{
	const Names *names = search->names;
	MpVerdict  *verdicts = palloc0((names->n_rows + 1) * sizeof(MpVerdict));
	MpIdentity *identities = palloc0((names->n_rows + 1) * sizeof(MpIdentity));
	int64		done;

	for (int i = 0; i < names->n_rows; i++)
	{
		if (search->name[i] < 0)
			continue;
		verdicts[i] = names->verdicts[search->name[i]];
		identities[i] = names->identities[search->name[i]];
	}
	done = watch_rows_moved(names->rows, names->n_rows, search->to, verdicts, identities);
	for (int i = 0; i < names->n_rows && done < search->n; i++)
		if (search->name[i] >= 0)
			watch_suspect_displaced(names->rows[i].owner);
	return done;
}

static void
begin(Search *search, Names *names)
{
	search->names = names;
	search->n = 0;
	search->first = palloc((names->n + 1) * sizeof(int));
	search->next = palloc((names->n_rows + 1) * sizeof(int));
	search->to = palloc((names->n_rows + 1) * sizeof(char *));
	search->name = palloc((names->n_rows + 1) * sizeof(int));
	for (int i = 0; i < names->n; i++)
		search->first[i] = -1;
	for (int i = 0; i < names->n_rows; i++)
	{
		const PathRow *row = &names->rows[i];

		search->to[i] = row->path;
		search->name[i] = -1;
		if (row->name < 0)
			continue;
		search->next[i] = search->first[row->name];
		search->first[row->name] = i;
	}
}

int64
watch_settle_displaced(Names *names)
{
	char	  **files = files_recognise(names->verdicts, names->identities, names->n);
	Search		search;
	int64		done;

	begin(&search, names);
	for (int i = 0; i < names->n; i++)
		if (files[i] != NULL && !is_known_here(&search, i, files[i]) &&
			(search.n >= MANY || !take_found(&search, i, files[i])))
			suspect_rows(&search, i);
	if (search.n == 0)
		return 0;
	done = move_found(&search);
	names_look_for_rows(names);
	return done;
}
