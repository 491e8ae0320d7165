/*
 * watch_walk.c: folders put under watch.
 *
 * A folder is put under watch first and listed afterwards, so that what comes between is told by the
 * kernel, by the listing, or by both.
 *
 *     probe                        somebody
 *     hears of the new folder
 *                                  writes a/1.jpg           (nobody is told)
 *     puts the folder under watch
 *                                  writes a/2.jpg           (told by the kernel)
 *     lists it: 1.jpg, 2.jpg
 *
 * The path of a folder may be of yesterday: what the kernel told of a rename above it is still to be
 * read.  So a folder that isn't found is looked for again a little later; and one whose
 * rename is read after something was walked is walked once more (watch_limbo.c), because what was
 * found under its name may have been another folder.
 */
#include "watch_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dirlist.h"
#include "progress.h"

enum
{
	FOLDERS_AT_ONCE = 64,
	TRIES_ABSENT = 3
};

typedef struct Listing
{
	MpWatch    *watch;
	MpWatched  *folder;
	const char *path;
	int			fd;
	bool		bad;			/* no memory */
} Listing;

void
mp_watch_want(MpWatch *watch, MpWatched *folder, bool loud, bool deep)
{
	folder->loud = folder->loud || loud;
	folder->deep = folder->deep || deep;
	mp_watched_list(&watch->tree.to_walk, folder);
}

void
mp_watch_new_folder(MpWatch *watch, MpWatched *parent, const char *name, const char *path)
{
	MpWatched  *folder = mp_watched_child(&watch->tree, parent, name);

	if (mp_watch_excludes(watch, path))
		return;
	if (folder == NULL)
		folder = mp_watched_add(&watch->tree, parent, name);
	if (folder == NULL)
		watch->fate = MP_WATCH_ANEW;
	else
		mp_watch_want(watch, folder, true, true);
}

/* The path of a name in the folder that is listed; false: too long. */
static bool
path_of(const Listing *listing, const char *name, char *path, size_t size)
{
	int			n = snprintf(path, size, "%s%s%s", listing->path,
							 listing->path[0] != '\0' ? "/" : "", name);

	return n > 0 && (size_t) n < size;
}

static void
tell_file(Listing *listing, const char *name)
{
	char		path[MP_MAX_PATH + 1];
	struct statx st;

	if (!path_of(listing, name, path, sizeof(path)))
		return;
	if (mp_stat_name(listing->fd, name, &st) == 0 && mp_watch_is_at_rest(&st))
		mp_watch_tell(listing->watch, MP_EVENT_LOOK, 0, 0, path, NULL);
	else
		mp_watch_new_file(listing->watch, path);
}

static void
take_folder(Listing *listing, const char *name)
{
	MpWatch    *watch = listing->watch;
	MpWatched  *parent = listing->folder;
	MpWatched  *folder = mp_watched_child(&watch->tree, parent, name);
	char		path[MP_MAX_PATH + 1];

	if (folder != NULL && !parent->deep && (folder->wd >= 0 || folder->list != NULL))
		return;
	if (!path_of(listing, name, path, sizeof(path)) || mp_watch_excludes(watch, path))
		return;
	if (folder == NULL)
		folder = mp_watched_add(&watch->tree, parent, name);
	if (folder == NULL)
		listing->bad = true;
	else
		mp_watch_want(watch, folder, parent->loud, parent->deep);
}

/* A link, or a file system that doesn't tell the types of what it lists. */
static void
take_other(Listing *listing, const char *name)
{
	MpWatch    *watch = listing->watch;
	char		path[MP_MAX_PATH + 1];
	struct statx st;
	MpFound		found;

	if (mp_stat_name(listing->fd, name, &st) != 0)
		return;
	if (S_ISDIR(st.stx_mode))
	{
		take_folder(listing, name);
		return;
	}
	if (listing->folder->loud && (S_ISREG(st.stx_mode) || S_ISLNK(st.stx_mode)))
		tell_file(listing, name);
	if (!S_ISLNK(st.stx_mode))
		return;
	if (!path_of(listing, name, path, sizeof(path)) || mp_watch_excludes(watch, path))
		return;
	mp_find(&watch->guard.tree, path, true, &found);
	if (found.err != 0)
		return;
	close(found.fd);
	/* What lies behind is known by other paths to the kernel. */
	if (watch->refusals++ < MP_WATCH_MOST_REFUSALS)
		mp_watch_tell(watch, MP_EVENT_UNWATCHED, MP_EVENT_FOLDER, ELOOP, path, NULL);
}

static bool
take_name(void *owner, const char *name, MpShown shown)
{
	Listing    *listing = owner;

	/* FUSE may have longer names; nothing else here takes them. */
	if (strlen(name) > MP_MAX_NAME)
		return true;
	if (shown == MP_SHOWN_FOLDER)
		take_folder(listing, name);
	else if (shown == MP_SHOWN_OTHER)
		take_other(listing, name);
	else if (listing->folder->loud)
		tell_file(listing, name);
	return !listing->bad;
}

static int
list_folder(MpWatch *watch, MpWatched *folder, const char *path, int handle)
{
	Listing		listing = {.watch = watch, .folder = folder, .path = path};
	int			err;

	/* One that isn't there any more finds that out itself. */
	for (MpWatched *known = folder->deep ? folder->children : NULL; known != NULL;
		 known = known->next)
		mp_watch_want(watch, known, folder->loud, true);
	listing.fd = openat(handle, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mp_progress_add(1);
	if (listing.fd < 0)
		return errno;
	err = mp_list_each(listing.fd, take_name, &listing);
	close(listing.fd);
	return listing.bad ? ENOMEM : err;
}

/* A folder in hand: watched, listed, or refused. */
static void
walk_open_folder(MpWatch *watch, MpWatched *folder, const char *path, int fd)
{
	MpWatched  *same;
	bool		again;
	int			err = mp_watch_put(watch, folder, fd, &same, &again);

	if (again && mp_watch_arrived(watch, same, folder, path))
		return;
	if (again)
	{
		mp_watched_list(&watch->tree.to_walk, folder);
		return;
	}
	watch->walked = true;
	if (err == 0)
		err = list_folder(watch, folder, path, fd);
	if (mp_judge_errno(err).fate == MP_FATE_SHORTAGE && err != ENOSPC)
		watch->fate = MP_WATCH_ANEW;
	else if (err != 0 && err != ENOENT)
		mp_watch_refuse(watch, folder, path, err);
	folder->loud = folder->deep = false;
}

static void
walk_folder(MpWatch *watch, MpWatched *folder)
{
	char		path[MP_MAX_PATH + 1];
	MpWatched  *top;
	MpFound		found;

	mp_watched_unlist(folder);
	if (!mp_watched_path(&watch->tree, folder, NULL, path, sizeof(path), &top))
	{
		/* Cut off: when it is attached again, all of it is walked. */
		if (top != NULL)
			top->touched = true;
		return;
	}
	mp_find(&watch->guard.tree, path, true, &found);
	if (found.err == ENOENT || found.err == ENOTDIR)
	{
		/* Of the root itself the next look tells. */
		if (folder != watch->tree.root && folder->tries++ < TRIES_ABSENT)
			mp_watched_list(&watch->tree.to_walk, folder);
		else if (folder != watch->tree.root)
			mp_watch_forget(watch, folder);
		return;
	}
	if (found.err != 0)
	{
		mp_watch_refuse(watch, folder, path, found.err);
		return;
	}
	walk_open_folder(watch, folder, path, found.fd);
	close(found.fd);
}

void
mp_watch_walk(MpWatch *watch)
{
	if (!mp_watch_hold(watch))
		return;
	for (int i = 0; i < FOLDERS_AT_ONCE && watch->tree.to_walk.first != NULL &&
		 watch->fate == MP_WATCH_ON && mp_watch_has_room(watch); i++)
	{
		bool		waits = watch->tree.to_walk.first->tries > 0;

		walk_folder(watch, watch->tree.to_walk.first);
		/* It waits for what the kernel has to tell. */
		if (waits)
			break;
	}
	if (watch->tree.to_walk.first == NULL && watch->settling.first == NULL)
		mp_watch_release(watch);
}
