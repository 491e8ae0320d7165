/*
 * discovery.c: walking folders; see discovery.h.
 *
 *     todo, by root        folders to be asked for, the last found first: depth first keeps it short
 *     asked                requests under way, each with the folders it names
 *     links                folders that links lead to, kept until todo is empty
 *     seen                 every folder walked, by device and inode, for those
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "discovery_state.h"
#include "reasons.h"
#include "settings.h"

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
	discovery->seen = key_set_make(context);
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

void
discovery_push(Discovery *discovery, FolderList *list, const char *path, size_t length, uint32 part,
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

void
discovery_add_unread(Discovery *discovery, int64 n, const char *path, const char *reason)
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
		discovery_add_unread(discovery, 1, root->name, reason_text(root->reason, root->err));
	else
		discovery_push(discovery, &discovery->todo[number], path, length, 0, 0, false);
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

	discovery_add_unread(discovery, Max(1, todo->n), root->name, reason_text(root->reason, root->err));
	todo->n = 0;
	discovery->links[number].n = 0;
}

static void
free_asked(Asked *asked)
{
	for (int i = 0; i < asked->n; i++)
		pfree(asked->folders[i].path);
	pfree(asked);
}

static void
take(Discovery *discovery, Asked *asked, MpReader *reader)
{
	bool		was_healthy = discovery->roots->roots[asked->root].verdict == MP_PRESENT;

	if (!discovery_take_answer(discovery, asked, reader) && was_healthy)
		give_up_root(discovery, asked->root);
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
			take(discovery, remove_asked(discovery, answer.request), &answer.body);
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
