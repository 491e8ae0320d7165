/*
 * discovery.c: walking folders; see discovery.h.
 *
 *     todo, by root        folders to be asked for, the last found first: depth first keeps it short
 *     asked                requests under way, each with the folders it names
 *     links                folders that links lead to, kept until todo is empty
 *     seen                 every folder walked, by device and inode, for those
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "discovery.h"
#include "probe_client.h"
#include "reasons.h"
#include "settings.h"

#define FOLDERS_PER_REQUEST 64
#define MAX_ASKED 4
#define MORE_PARTS 8			/* into so many a folder is divided that is too big for an answer */

typedef struct Folder
{
	char	   *path;			/* relative to the root */
	uint32		part;
	uint32		parts;			/* 0: not asked alone yet */
	bool		linked;			/* a symbolic link is on the way */
} Folder;

typedef struct FolderList
{
	Folder	   *list;
	int			n;
	int			capacity;
} FolderList;

typedef struct Asked
{
	ProbeRequest *request;
	int			root;
	int			n;
	Folder		folders[FOLDERS_PER_REQUEST];
} Asked;

typedef struct SeenFolder
{
	uint64		key;			/* a hash of device, inode and part */
	char		status;
} SeenFolder;

#define SH_PREFIX seen
#define SH_ELEMENT_TYPE SeenFolder
#define SH_KEY_TYPE uint64
#define SH_KEY key
#define SH_HASH_KEY(table, key) ((uint32) (key))
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct Discovery
{
	MemoryContext context;
	RootTable  *roots;
	TakeDiscovered take;
	void	   *taker;
	FolderList *todo;			/* by root */
	FolderList *links;			/* by root */
	Asked	   *asked[MAX_ASKED];
	int			n_asked;
	seen_hash  *seen;
	List	   *globs;
	List	   *markers;
	StringInfoData path;		/* of the entry in hand, as the application names it */
	DiscoveryCounts counts;
};

Discovery *
discovery_make(MemoryContext parent, RootTable *roots, TakeDiscovered take, void *taker)
{
	MemoryContext context = AllocSetContextCreate(parent, "missing_photos discovery",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Discovery  *discovery = palloc0(sizeof(Discovery));

	discovery->context = context;
	discovery->roots = roots;
	discovery->take = take;
	discovery->taker = taker;
	discovery->todo = palloc0(roots->n * sizeof(FolderList));
	discovery->links = palloc0(roots->n * sizeof(FolderList));
	discovery->seen = seen_create(context, 1024, NULL);
	discovery->globs = settings_list(setting_exclude);
	discovery->markers = settings_list(setting_exclude_markers);
	initStringInfo(&discovery->path);
	MemoryContextSwitchTo(old);
	return discovery;
}

const DiscoveryCounts *
discovery_counts(const Discovery *discovery)
{
	return &discovery->counts;
}

static void
push(Discovery *discovery, FolderList *list, const char *path, size_t length, uint32 part,
	 uint32 parts, bool linked)
{
	MemoryContext old = MemoryContextSwitchTo(discovery->context);

	if (list->n == list->capacity)
	{
		list->capacity = Max(64, list->capacity * 2);
		list->list = list->list == NULL ? palloc(list->capacity * sizeof(Folder)) :
			repalloc_huge(list->list, (Size) list->capacity * sizeof(Folder));
	}
	list->list[list->n++] = (Folder) {pnstrdup(path, length), part, parts, linked};
	MemoryContextSwitchTo(old);
}

/* Whether folder (without a slash at its end) is path or lies above it; both are absolute. */
static bool
is_at_or_above(const char *folder, size_t length, const char *path)
{
	return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static void
add_unread(Discovery *discovery, int64 n, const char *path, const char *reason)
{
	DiscoveryCounts *counts = &discovery->counts;

	if (n > 0 && counts->unread == 0)
	{
		counts->unread_path = MemoryContextStrdup(discovery->context, path);
		counts->unread_reason = MemoryContextStrdup(discovery->context, reason);
	}
	counts->unread += n;
}

/* A root that isn't there is told of, and nothing below it walked. */
static void
add_start(Discovery *discovery, int number, const char *path, size_t length)
{
	Root	   *root = &discovery->roots->roots[number];

	roots_look(root);
	if (root->verdict != MP_PRESENT)
		add_unread(discovery, 1, root->name, reason_text(root->reason, root->err));
	else
		push(discovery, &discovery->todo[number], path, length, 0, 0, false);
}

bool
discovery_add(Discovery *discovery, const char *folder)
{
	RootTable  *roots = discovery->roots;
	size_t		length = strlen(folder);
	bool		any = false;
	Root	   *root;

	while (length > 0 && folder[length - 1] == '/')
		length--;
	for (int i = 0; i < roots->n; i++)
	{
		if (!is_at_or_above(folder, length, roots->roots[i].app_path))
			continue;
		add_start(discovery, i, "", 0);
		any = true;
	}
	root = roots_find(roots, folder, length);
	if (root == NULL || is_at_or_above(folder, length, root->app_path))
		return any;
	add_start(discovery, root - roots->roots, folder + root->app_length + 1,
			  length - root->app_length - 1);
	return true;
}

/* Sets discovery->path to what the application calls a name in a folder ("": the folder itself). */
static void
name_path(Discovery *discovery, const Root *root, const Folder *folder, MpStr name)
{
	StringInfo	path = &discovery->path;

	resetStringInfo(path);
	appendBinaryStringInfo(path, root->app_path, root->app_length);
	if (folder->path[0] != '\0')
	{
		appendStringInfoChar(path, '/');
		appendStringInfoString(path, folder->path);
	}
	if (name.length > 0)
	{
		appendStringInfoChar(path, '/');
		appendBinaryStringInfo(path, name.data, name.length);
	}
}

static void
write_list(MpWriter *w, const List *strings)
{
	ListCell   *cell;

	mp_write_u32(w, list_length(strings));
	foreach(cell, strings)
		mp_write_str(w, lfirst(cell), strlen(lfirst(cell)));
}

/*
 * Takes folders of a root for one request.  One that has to be asked for alone is, and leaves no room
 * for others.
 */
static int
take_folders(FolderList *list, Folder *folders)
{
	int			n = 0;

	while (list->n > 0 && n < FOLDERS_PER_REQUEST)
	{
		const Folder *next = &list->list[list->n - 1];

		if (next->parts > 0 && n > 0)
			break;
		folders[n++] = *next;
		list->n--;
		if (folders[0].parts > 0)
			break;
	}
	return n;
}

static void
ask(Discovery *discovery, int number)
{
	const Root *root = &discovery->roots->roots[number];
	Asked	   *asked = MemoryContextAllocZero(discovery->context, sizeof(Asked));
	MpWriter   *w = probe_request(MP_DISCOVER);

	asked->root = number;
	asked->n = take_folders(&discovery->todo[number], asked->folders);
	roots_write_place(discovery->roots, root, w);
	write_list(w, discovery->globs);
	write_list(w, discovery->markers);
	mp_write_u32(w, asked->n);
	for (int i = 0; i < asked->n; i++)
	{
		const Folder *folder = &asked->folders[i];

		mp_write_str(w, folder->path, strlen(folder->path));
		mp_write_u32(w, folder->part);
		mp_write_u32(w, Max(folder->parts, 1));
	}
	asked->request = probe_send();
	discovery->asked[discovery->n_asked++] = asked;
}

/* Gives up what is still to be walked below a root in doubt. */
static void
give_up_root(Discovery *discovery, int number)
{
	const Root *root = &discovery->roots->roots[number];
	FolderList *todo = &discovery->todo[number];

	add_unread(discovery, Max(1, todo->n), root->name, reason_text(root->reason, root->err));
	todo->n = 0;
	discovery->links[number].n = 0;
}

/* Folders that are themselves a root are walked as that root, where the application's names begin. */
static bool
is_another_root(const Discovery *discovery)
{
	for (int i = 0; i < discovery->roots->n; i++)
		if (strcmp(discovery->roots->roots[i].app_path, discovery->path.data) == 0)
			return true;
	return false;
}

static void
take_entry(Discovery *discovery, int number, const Folder *folder, MpReader *reader, bool wanted)
{
	const Root *root = &discovery->roots->roots[number];
	MpEntryKind kind = mp_read_u8(reader);
	MpStr		name = mp_read_str(reader, MP_MAX_NAME);
	bool		is_file = kind == MP_ENTRY_FILE || kind == MP_ENTRY_FILE_LINK;
	MpIdentity	identity;
	size_t		below = root->app_length + 1;

	if (is_file)
		mp_read_identity(reader, &identity);
	if (kind < MP_ENTRY_FILE || kind > MP_ENTRY_FOLDER_LINK || reader->bad || name.length == 0)
		probe_malformed();
	if (!wanted)
		return;
	if (!pg_verifymbstr(name.data, name.length, true))
	{
		discovery->counts.unreadable++;
		return;
	}
	name_path(discovery, root, folder, name);
	if (is_file)
	{
		discovery->counts.files++;
		discovery->take(discovery->taker, discovery->path.data, discovery->path.len, &identity,
						kind == MP_ENTRY_FILE_LINK || folder->linked);
	}
	else if (!is_another_root(discovery) && discovery->path.len - below <= MP_MAX_PATH)
		push(discovery, kind == MP_ENTRY_FOLDER_LINK ? &discovery->links[number] :
			 &discovery->todo[number],
			 discovery->path.data + below, discovery->path.len - below, 0, 0,
			 kind == MP_ENTRY_FOLDER_LINK || folder->linked);
}

/* Asks for a folder that was too big for its share of an answer, alone, or for a part of it. */
static void
ask_again(Discovery *discovery, int number, const Folder *folder)
{
	FolderList *todo = &discovery->todo[number];
	size_t		length = strlen(folder->path);

	if (folder->parts == 0)
	{
		push(discovery, todo, folder->path, length, 0, 1, folder->linked);
		return;
	}
	if (folder->parts > MP_MAX_PARTS / MORE_PARTS)
		probe_malformed();
	/* What is left over by number % parts is told apart by number % (parts * MORE_PARTS). */
	for (uint32 i = 0; i < MORE_PARTS; i++)
		push(discovery, todo, folder->path, length, folder->part + i * folder->parts,
			 folder->parts * MORE_PARTS, folder->linked);
}

/* Whether a folder, or part of it, is met for the first time; it only matters behind a link. */
static bool
is_news(Discovery *discovery, const Folder *folder, uint64 device, uint64 inode)
{
	uint64		who[] = {device, inode, folder->part, Max(folder->parts, 1)};
	bool		found;

	(void) seen_insert(discovery->seen,
					   hash_bytes_extended((unsigned char *) who, sizeof(who), 0), &found);
	return !found || !folder->linked;
}

static void
take_folder(Discovery *discovery, int number, const Folder *folder, MpReader *reader, bool usable)
{
	const Root *root = &discovery->roots->roots[number];
	MpVerdict	verdict = mp_read_u8(reader);
	MpReason	reason = mp_read_u8(reader);
	int			err = mp_read_u16(reader);
	int			flags = mp_read_u8(reader);
	uint64		device = mp_read_u64(reader);
	uint64		inode = mp_read_u64(reader);
	uint32		unread = mp_read_u32(reader);
	uint32		n = mp_read_count(reader, 5);

	if (usable)
	{
		name_path(discovery, root, folder, (MpStr) {NULL, 0});
		discovery->counts.folders++;
		if (verdict != MP_PRESENT)
			add_unread(discovery, 1, discovery->path.data, reason_text(reason, err));
		else
			add_unread(discovery, unread, discovery->path.data,
					   "some of its entries could not be looked at");
		if (flags & MP_TOO_MANY)
			ask_again(discovery, number, folder);
		else
			usable = is_news(discovery, folder, device, inode);
	}
	for (uint32 i = 0; i < n; i++)
		take_entry(discovery, number, folder, reader, usable);
}

static void
free_asked(Asked *asked)
{
	for (int i = 0; i < asked->n; i++)
		pfree(asked->folders[i].path);
	pfree(asked);
}

static void
take_answer(Discovery *discovery, Asked *asked, MpReader *reader)
{
	Root	   *root = &discovery->roots->roots[asked->root];
	bool		was_healthy = root->verdict == MP_PRESENT;
	MpRootReport report;
	uint32		n;

	mp_read_root_report(reader, &report);
	n = mp_read_count(reader, 29);
	if (n != (report.verdict == MP_PRESENT ? (uint32) asked->n : 0))
		probe_malformed();
	if (!roots_judge(root, &report) && was_healthy)
		give_up_root(discovery, asked->root);
	for (uint32 i = 0; i < n; i++)
		take_folder(discovery, asked->root, &asked->folders[i], reader,
					root->verdict == MP_PRESENT);
	if (!mp_read_done(reader))
		probe_malformed();
	free_asked(asked);
}

/* No sign of life from the disk: every root that was being walked is in doubt. */
static void
give_up_waiting(Discovery *discovery)
{
	while (discovery->n_asked > 0)
	{
		Asked	   *asked = discovery->asked[--discovery->n_asked];
		Root	   *root = &discovery->roots->roots[asked->root];

		if (root->verdict == MP_PRESENT)
		{
			roots_doubt(root, MP_TIMED_OUT, 0);
			give_up_root(discovery, asked->root);
		}
		free_asked(asked);
	}
}

static Asked *
remove_asked(Discovery *discovery, const ProbeRequest *request)
{
	for (int i = 0; i < discovery->n_asked; i++)
		if (discovery->asked[i]->request == request)
		{
			Asked	   *asked = discovery->asked[i];

			discovery->asked[i] = discovery->asked[--discovery->n_asked];
			return asked;
		}
	probe_malformed();
}

static void
wait_for_answer(Discovery *discovery)
{
	ProbeAnswer answer;

	switch (probe_wait(&answer))
	{
		case PROBE_SILENT:
			give_up_waiting(discovery);
			break;
		case PROBE_NOTHING:
			elog(ERROR, "requests to the probe were given up by somebody else");
			break;
		case PROBE_ANSWER:
			take_answer(discovery, remove_asked(discovery, answer.request), &answer.body);
			probe_answer_done(&answer);
			break;
	}
}

/* Keeps the probe busy. */
static void
ask_more(Discovery *discovery)
{
	for (int i = 0; i < discovery->roots->n; i++)
		while (discovery->todo[i].n > 0 && discovery->n_asked < MAX_ASKED)
			ask(discovery, i);
}

/* When everything else is walked, the folders that links lead to; false when there are none. */
static bool
take_up_links(Discovery *discovery)
{
	bool		any = false;

	for (int i = 0; i < discovery->roots->n; i++)
	{
		FolderList	empty = discovery->todo[i];

		discovery->todo[i] = discovery->links[i];
		discovery->links[i] = empty;
		any |= discovery->todo[i].n > 0;
	}
	return any;
}

bool
discovery_walk(Discovery *discovery, int64 files)
{
	int64		end = discovery->counts.files + files;

	while (discovery->counts.files < end)
	{
		ask_more(discovery);
		if (discovery->n_asked > 0)
			wait_for_answer(discovery);
		else if (!take_up_links(discovery))
			return false;
	}
	return true;
}
