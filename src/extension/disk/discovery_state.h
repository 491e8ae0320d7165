/*
 * discovery_state.h: a walk under way; shared by discovery.c, which asks, and discovery_answer.c, which
 * reads what comes back.
 */
#ifndef MISSING_PHOTOS_DISCOVERY_STATE_H
#define MISSING_PHOTOS_DISCOVERY_STATE_H

#include "discovery.h"
#include "key_set.h"
#include "probe_client.h"

#define FOLDERS_PER_REQUEST 64
#define MAX_ASKED 4

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
	KeySet	   *seen;			/* folders by device and inode */
	List	   *globs;
	List	   *markers;
	StringInfoData path;		/* of the entry in hand, as the application names it */
	DiscoveryCounts counts;
};

extern void discovery_push(Discovery *discovery, FolderList *list, const char *path, size_t length,
						   uint32 part, uint32 parts, bool linked);
extern void discovery_add_unread(Discovery *discovery, int64 n, const char *path, const char *reason);

/* Takes what a request brought; false when its root is in doubt. */
extern bool discovery_take_answer(Discovery *discovery, const Asked *asked, MpReader *reader);

#endif							/* MISSING_PHOTOS_DISCOVERY_STATE_H */
