/*
 * watch_tree.c: a tree of names with two hash tables, see watch_tree.h.
 *
 * The tables are chained through the folders themselves: nothing is allocated for a folder but the
 * folder and its name.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "watch_tree.h"

enum
{
	FIRST_BUCKETS = 256
};

static uint64_t
hash_name(const MpWatched *parent, const char *name)
{
	uint64_t	hash = UINT64_C(14695981039346656037) ^ (uint64_t) (uintptr_t) parent;

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char) *name) * UINT64_C(1099511628211);
	return hash ^ hash >> 29;
}

static MpWatched **
wd_bucket(const MpWatchTree *tree, int wd)
{
	return &tree->by_wd[(size_t) wd & (tree->buckets - 1)];
}

static MpWatched **
name_bucket(const MpWatchTree *tree, uint64_t hash)
{
	return &tree->by_name[(size_t) hash & (tree->buckets - 1)];
}

static void
into_wd_table(MpWatchTree *tree, MpWatched *folder)
{
	MpWatched **bucket = wd_bucket(tree, folder->wd);

	folder->by_wd = *bucket;
	*bucket = folder;
}

static void
out_of_wd_table(MpWatchTree *tree, MpWatched *folder)
{
	MpWatched **at = wd_bucket(tree, folder->wd);

	while (*at != folder)
		at = &(*at)->by_wd;
	*at = folder->by_wd;
}

static void
into_name_table(MpWatchTree *tree, MpWatched *folder)
{
	MpWatched **bucket = name_bucket(tree, folder->hash);

	folder->by_name = *bucket;
	*bucket = folder;
}

static void
out_of_name_table(MpWatchTree *tree, MpWatched *folder)
{
	MpWatched **at = name_bucket(tree, folder->hash);

	while (*at != folder)
		at = &(*at)->by_name;
	*at = folder->by_name;
}

/* Doubles the tables.  Without memory they stay as they are, only slower. */
static void
grow(MpWatchTree *tree)
{
	MpWatchTree bigger = *tree;

	bigger.buckets *= 2;
	bigger.by_wd = calloc(bigger.buckets, sizeof(*bigger.by_wd));
	bigger.by_name = calloc(bigger.buckets, sizeof(*bigger.by_name));
	if (bigger.by_wd == NULL || bigger.by_name == NULL)
	{
		free(bigger.by_wd);
		free(bigger.by_name);
		return;
	}
	for (size_t i = 0; i < tree->buckets; i++)
	{
		for (MpWatched *folder = tree->by_wd[i], *next; folder != NULL; folder = next)
		{
			next = folder->by_wd;
			into_wd_table(&bigger, folder);
		}
		for (MpWatched *folder = tree->by_name[i], *next; folder != NULL; folder = next)
		{
			next = folder->by_name;
			into_name_table(&bigger, folder);
		}
	}
	free(tree->by_wd);
	free(tree->by_name);
	*tree = bigger;
}

static MpWatched *
new_folder(const char *name)
{
	MpWatched  *folder = calloc(1, sizeof(*folder));

	if (folder == NULL)
		return NULL;
	folder->name = strdup(name);
	folder->wd = -1;
	if (folder->name != NULL)
		return folder;
	free(folder);
	return NULL;
}

int
mp_watch_tree_start(MpWatchTree *tree)
{
	memset(tree, 0, sizeof(*tree));
	tree->buckets = FIRST_BUCKETS;
	tree->by_wd = calloc(tree->buckets, sizeof(*tree->by_wd));
	tree->by_name = calloc(tree->buckets, sizeof(*tree->by_name));
	tree->root = new_folder("");
	if (tree->by_wd != NULL && tree->by_name != NULL && tree->root != NULL)
	{
		tree->folders = 1;
		return 0;
	}
	mp_watch_tree_free(tree);
	return ENOMEM;
}

void
mp_watch_tree_free(MpWatchTree *tree)
{
	if (tree->root != NULL)
		mp_watched_remove(tree, tree->root, NULL, NULL);
	free(tree->by_wd);
	free(tree->by_name);
	memset(tree, 0, sizeof(*tree));
}

MpWatched *
mp_watched_child(const MpWatchTree *tree, const MpWatched *parent, const char *name)
{
	uint64_t	hash = hash_name(parent, name);
	MpWatched  *folder = *name_bucket(tree, hash);

	while (folder != NULL && (folder->hash != hash || folder->parent != parent ||
							  strcmp(folder->name, name) != 0))
		folder = folder->by_name;
	return folder;
}

MpWatched *
mp_watched_by_wd(const MpWatchTree *tree, int wd)
{
	MpWatched  *folder = *wd_bucket(tree, wd);

	while (folder != NULL && folder->wd != wd)
		folder = folder->by_wd;
	return folder;
}

static void
link_to(MpWatchTree *tree, MpWatched *folder, MpWatched *parent)
{
	folder->parent = parent;
	folder->previous = NULL;
	folder->next = parent->children;
	if (folder->next != NULL)
		folder->next->previous = folder;
	parent->children = folder;
	folder->hash = hash_name(parent, folder->name);
	into_name_table(tree, folder);
}

MpWatched *
mp_watched_add(MpWatchTree *tree, MpWatched *parent, const char *name)
{
	MpWatched  *folder = new_folder(name);

	if (folder == NULL)
		return NULL;
	if (tree->folders >= tree->buckets)
		grow(tree);
	link_to(tree, folder, parent);
	tree->folders++;
	return folder;
}

void
mp_watched_set_wd(MpWatchTree *tree, MpWatched *folder, int wd)
{
	if (folder->wd >= 0)
	{
		out_of_wd_table(tree, folder);
		tree->watched--;
	}
	folder->wd = wd;
	if (wd >= 0)
	{
		into_wd_table(tree, folder);
		tree->watched++;
	}
}

void
mp_watched_cut(MpWatchTree *tree, MpWatched *folder)
{
	if (folder->parent == NULL)
		return;
	out_of_name_table(tree, folder);
	if (folder->previous != NULL)
		folder->previous->next = folder->next;
	else
		folder->parent->children = folder->next;
	if (folder->next != NULL)
		folder->next->previous = folder->previous;
	folder->parent = folder->previous = folder->next = NULL;
	folder->touched = false;
}

bool
mp_watched_attach(MpWatchTree *tree, MpWatched *folder, MpWatched *parent, const char *name)
{
	char	   *copy = strdup(name);

	if (copy == NULL)
		return false;
	free(folder->name);
	folder->name = copy;
	link_to(tree, folder, parent);
	return true;
}

/* Takes one folder, which has no children any more, out of everything. */
static void
remove_one(MpWatchTree *tree, MpWatched *folder, void (*forget) (void *owner, int wd), void *owner)
{
	int			wd = folder->wd;

	mp_watched_unlist(folder);
	mp_watched_set_wd(tree, folder, -1);
	mp_watched_cut(tree, folder);
	if (wd >= 0 && forget != NULL)
		forget(owner, wd);
	if (folder == tree->root)
		tree->root = NULL;
	tree->folders--;
	free(folder->name);
	free(folder);
}

void
mp_watched_remove(MpWatchTree *tree, MpWatched *folder, void (*forget) (void *owner, int wd),
				  void *owner)
{
	MpWatched  *at = folder;

	/* From the leaves up, without a recursion that a deep tree could make deep. */
	for (;;)
	{
		MpWatched  *parent = at->parent;

		if (at->children != NULL)
		{
			at = at->children;
			continue;
		}
		if (at == folder)
			break;
		remove_one(tree, at, forget, owner);
		at = parent;
	}
	remove_one(tree, folder, forget, owner);
}

bool
mp_watched_path(const MpWatchTree *tree, MpWatched *folder, const char *name, char *path,
				size_t size, MpWatched **top)
{
	size_t		at = size - 1;

	path[at] = '\0';
	*top = NULL;
	for (;;)
	{
		const char *part = name != NULL ? name : folder->name;
		size_t		length = strlen(part);
		bool		slash = path[at] != '\0';

		if (name == NULL && folder->parent == NULL)
			break;
		if (length + slash > at)
			return false;
		if (slash)
			path[--at] = '/';
		at -= length;
		memcpy(path + at, part, length);
		if (name == NULL)
			folder = folder->parent;
		name = NULL;
	}
	if (folder != tree->root)
	{
		*top = folder;
		return false;
	}
	memmove(path, path + at, size - at);
	return true;
}

void
mp_watched_unlist(MpWatched *folder)
{
	MpWatchList *list = folder->list;

	if (list == NULL)
		return;
	if (folder->list_previous != NULL)
		folder->list_previous->list_next = folder->list_next;
	else
		list->first = folder->list_next;
	if (folder->list_next != NULL)
		folder->list_next->list_previous = folder->list_previous;
	else
		list->last = folder->list_previous;
	folder->list = NULL;
	folder->list_previous = folder->list_next = NULL;
}

void
mp_watched_list(MpWatchList *list, MpWatched *folder)
{
	mp_watched_unlist(folder);
	folder->list = list;
	folder->list_previous = list->last;
	if (list->last != NULL)
		list->last->list_next = folder;
	else
		list->first = folder;
	list->last = folder;
}
