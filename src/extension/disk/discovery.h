/*
 * discovery.h: walking folders: every file below them, with its identity.
 *
 * The probe is asked for many folders at a time, and the next ones are known from its answers; the
 * folders still to be walked are kept here.  A folder that can't be read, and everything below a root
 * in doubt, is "not looked at" and counted; nothing is concluded from what wasn't found there.
 *
 * Symbolic links are followed inside the roots.  A folder that a link leads to is walked after all
 * others, and only if it wasn't met on the way, so that links in a circle end.  Names and folders of
 * missing_photos.exclude, and folders with a file of missing_photos.exclude_markers, are left out.
 */
#ifndef MISSING_PHOTOS_DISCOVERY_H
#define MISSING_PHOTOS_DISCOVERY_H

#include "roots.h"

typedef struct Discovery Discovery;

/* A file; valid during the call only.  linked: it was reached through a symbolic link. */
typedef void (*TakeDiscovered) (void *taker, const char *path, size_t length,
								const MpIdentity *identity, bool linked);

typedef struct DiscoveryCounts
{
	int64		files;
	int64		folders;
	int64		unread;			/* folders, or entries of folders, that were not looked at */
	char	   *unread_path;	/* the first of them, and why */
	char	   *unread_reason;
	int64		unreadable;		/* names that the database's encoding can't hold */
} DiscoveryCounts;

extern Discovery *discovery_make(MemoryContext parent, RootTable *roots, TakeDiscovered take,
								 void *taker);

/*
 * Adds a folder, as the application names it, with everything below it: also the roots that lie
 * below it.  False when neither it nor anything below it is below a root.
 */
extern bool discovery_add(Discovery *discovery, const char *folder);

/*
 * Walks on until so many files more were taken; false when all is walked.  Waits for the probe.
 * Requests may be under way afterwards.
 */
extern bool discovery_walk(Discovery *discovery, int64 files);

extern const DiscoveryCounts *discovery_counts(const Discovery *discovery);

#endif							/* MISSING_PHOTOS_DISCOVERY_H */
