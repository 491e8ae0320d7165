/*
 * watch_tree.h: the folders of a watch, as the probe knows them.
 *
 * The kernel names a folder by a number (its watch descriptor) and never by a path.  Here each folder
 * knows its parent and its own name, so a folder that is renamed takes everything below it along at
 * once.  A folder is also in at most one list: of those still to be walked, or of those that the
 * kernel wouldn't watch.
 */
#ifndef MP_WATCH_TREE_H
#define MP_WATCH_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct MpWatched
{
	struct MpWatched *parent;	/* NULL: the root, or cut off from it */
	struct MpWatched *children;
	struct MpWatched *previous; /* among its siblings */
	struct MpWatched *next;
	struct MpWatched *by_wd;	/* next in the same bucket */
	struct MpWatched *by_name;
	struct MpWatched *list_previous;
	struct MpWatched *list_next;
	struct MpWatchList *list;
	char	   *name;
	uint64_t	hash;			/* of parent and name */
	int			wd;				/* -1: not watched */
	uint8_t		tries;			/* times that another folder had the same number */
	bool		loud;			/* tell what lies in it when it is walked */
	bool		deep;			/* walk the folders known below it once more, too */
	bool		touched;		/* cut off, and something happened in it since */
} MpWatched;

typedef struct MpWatchList
{
	MpWatched  *first;
	MpWatched  *last;
} MpWatchList;

typedef struct MpWatchTree
{
	MpWatched  *root;
	MpWatched **by_wd;
	MpWatched **by_name;
	size_t		buckets;		/* of each, a power of two */
	size_t		folders;		/* in the tree */
	size_t		watched;		/* those with a number */
	MpWatchList to_walk;
	MpWatchList refused;
} MpWatchTree;

/* These return 0 or ENOMEM. */
extern int	mp_watch_tree_start(MpWatchTree *tree);
extern void mp_watch_tree_free(MpWatchTree *tree);

/* The folder of this name in another one, or NULL. */
extern MpWatched *mp_watched_child(const MpWatchTree *tree, const MpWatched *parent,
								   const char *name);
extern MpWatched *mp_watched_by_wd(const MpWatchTree *tree, int wd);
/* A new folder without a number, or NULL: no memory. */
extern MpWatched *mp_watched_add(MpWatchTree *tree, MpWatched *parent, const char *name);
extern void mp_watched_set_wd(MpWatchTree *tree, MpWatched *folder, int wd);

/* Cuts a folder and what is below it off the tree; later it is attached again, or removed. */
extern void mp_watched_cut(MpWatchTree *tree, MpWatched *folder);
/* false: no memory; the folder is still cut off then. */
extern bool mp_watched_attach(MpWatchTree *tree, MpWatched *folder, MpWatched *parent,
							  const char *name);
/* Removes a folder and all below it; forget() is called with the number of each that has one. */
extern void mp_watched_remove(MpWatchTree *tree, MpWatched *folder,
							  void (*forget) (void *owner, int wd), void *owner);

/*
 * The path of a name in a folder, from the root; name NULL: of the folder itself.  false: it is too
 * long, or the folder is cut off (then *top is what it was cut off with, else NULL).
 */
extern bool mp_watched_path(const MpWatchTree *tree, MpWatched *folder, const char *name,
							char *path, size_t size, MpWatched **top);

/* Puts a folder at the end of a list, taking it out of the one it is in. */
extern void mp_watched_list(MpWatchList *list, MpWatched *folder);
extern void mp_watched_unlist(MpWatched *folder);

#endif							/* MP_WATCH_TREE_H */
