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
 * rename is read after something was walked is walked once more (watch_kernel.c), because what was
 * found under its name may have been another folder.
 *
 * A folder has one number however it is reached.  When a folder just found has the number of another
 * one, either that was renamed and the kernel's word of it is still to be read, or the folder is
 * mounted at two places: it is tried again a little later, and then left to those who poll.
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

#ifdef MP_WITH_INOTIFY
#include <sys/inotify.h>
#endif

enum
{
	FOLDERS_AT_ONCE = 64,
	MOST_TRIES = 50,
	TRIES_ABSENT = 3,
	MOST_REFUSALS = 256,		/* told one by one */
	MOST_LOOKS = 60,			/* at a file that doesn't come to rest */
	REST_MS = 300
};

typedef struct Listing
{
	MpWatch    *watch;
	MpWatched  *folder;
	const char *path;
	int			fd;
	bool		bad;			/* no memory */
} Listing;

/* File systems where others change files without this kernel's knowing. */
static bool
has_no_events(uint64_t magic)
{
	static const uint32_t magics[] = {
		0x6969,					/* NFS */
		0x517B, 0xFF534D42, 0xFE534D42, /* SMB */
		0x65735546,				/* FUSE, virtiofs */
		0x01021997,				/* 9P */
		0x00C36400,				/* Ceph */
		0x5346414F, 0x6B414653, /* AFS */
		0x73757245,				/* Coda */
		0x0BD00BD0,				/* Lustre */
		0x47504653,				/* GPFS */
		0x786F4256, 0xBACBACBC, /* shared folders of virtual machines */
		0x7461636F, 0x01161970	/* OCFS2, GFS2 */
	};

	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if ((uint32_t) magic == magics[i])
			return true;
	return false;
}

void
mp_watch_want(MpWatch *watch, MpWatched *folder, bool loud, bool deep)
{
	folder->loud = folder->loud || loud;
	folder->deep = folder->deep || deep;
	mp_watched_list(&watch->tree.to_walk, folder);
}

static void
forget_number(void *owner, int wd)
{
#ifdef MP_WITH_INOTIFY
	MpWatch    *watch = owner;

	/* Of a folder that is gone the kernel has forgotten it already. */
	(void) inotify_rm_watch(watch->inotify, wd);
#else
	(void) owner;
	(void) wd;
#endif
}

void
mp_watch_forget(MpWatch *watch, MpWatched *folder)
{
	mp_watched_remove(&watch->tree, folder, forget_number, watch);
}

/* Says that a folder isn't watched; of very many, that the whole root isn't. */
static void
refuse(MpWatch *watch, MpWatched *folder, const char *path, int err)
{
	mp_watched_list(&watch->tree.refused, folder);
	watch->refusals++;
	if (watch->refusals <= MOST_REFUSALS)
		mp_watch_tell(watch, MP_EVENT_UNWATCHED, MP_EVENT_FOLDER, err, path, NULL);
	else if (watch->refusals == MOST_REFUSALS + 1)
		mp_watch_tell(watch, MP_EVENT_UNWATCHED, MP_EVENT_FOLDER, err, "", NULL);
}

/* The kernel's number for a folder; its errno in *err when it is -1. */
static int
add_number(MpWatch *watch, int fd, bool root, int *err)
{
#ifdef MP_WITH_INOTIFY
	uint32_t	mask = IN_CREATE | IN_DELETE | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO |
		IN_ONLYDIR | IN_EXCL_UNLINK | (root ? IN_DELETE_SELF | IN_MOVE_SELF : 0);
	char		link[64];
	int			wd;

	*err = ENOSPC;
	if (watch->request.most_folders > 0 && watch->tree.watched >= watch->request.most_folders)
		return -1;
	/* The folder behind the handle, whatever its path has become meanwhile. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	wd = inotify_add_watch(watch->inotify, link, mask);
	*err = wd < 0 ? errno : 0;
	return wd;
#else
	(void) watch;
	(void) fd;
	(void) root;
	*err = ENOSYS;
	return -1;
#endif
}

/* Whether a folder lies on a file system that the kernel can't tell about. */
static int
check_events(MpWatch *watch, int fd)
{
	struct statx st;
	MpNode		node;
	uint64_t	fsid;
	uint64_t	magic;
	int			err = mp_stat_handle(fd, &st);

	if (err != 0)
		return err;
	mp_node_of(&st, &node);
	if (node.device == watch->root.device)
		return has_no_events(watch->root.fs_magic) ? EOPNOTSUPP : 0;
	err = mp_statfs_handle(fd, &fsid, &magic);
	return err == 0 && has_no_events(magic) ? EOPNOTSUPP : err;
}

/* Whether nobody seems to be writing a file any more. */
static bool
is_at_rest(const struct statx *st)
{
	struct timespec now;
	MpIdentity	identity;

	if (!S_ISREG(st->stx_mode) || st->stx_nlink > 1)
		return true;
	clock_gettime(CLOCK_REALTIME, &now);
	mp_identity_of(st, 0, &identity);
	return identity.size > 0 && identity.mtime_ns / 1000000 <
		(int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000 - REST_MS;
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
	if (mp_stat_name(listing->fd, name, &st) == 0 && is_at_rest(&st))
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
	if (watch->refusals++ < MOST_REFUSALS)
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

/* Puts an open folder under watch; *again: it has the number of *same, try later. */
static int
put_under_watch(MpWatch *watch, MpWatched *folder, int fd, MpWatched **same, bool *again)
{
	int			err = check_events(watch, fd);
	int			wd;

	*again = false;
	*same = NULL;
	if (err != 0)
		return err;
	wd = add_number(watch, fd, folder == watch->tree.root, &err);
	if (wd < 0)
		return err;
	*same = mp_watched_by_wd(&watch->tree, wd);
	if (*same == folder)
	{
		folder->tries = 0;
		return 0;
	}
	if (*same != NULL)
	{
		*again = folder->tries++ < MOST_TRIES;
		return EEXIST;
	}
	mp_watched_set_wd(&watch->tree, folder, wd);
	folder->tries = 0;
	return 0;
}

/* A folder in hand: watched, listed, or refused. */
static void
walk_open_folder(MpWatch *watch, MpWatched *folder, const char *path, int fd)
{
	MpWatched  *same;
	bool		again;
	int			err = put_under_watch(watch, folder, fd, &same, &again);

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
		refuse(watch, folder, path, err);
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
		refuse(watch, folder, path, found.err);
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

void
mp_watch_new_file(MpWatch *watch, const char *path)
{
	MpWaiting  *waiting = mp_queue_find(&watch->settling, MP_EVENT_LOOK, path);

	if (waiting == NULL && watch->settling.n < MP_WATCH_MOST_SETTLING)
		waiting = mp_queue_put(&watch->settling, MP_EVENT_LOOK, path, NULL);
	if (waiting == NULL)
		mp_watch_tell(watch, MP_EVENT_LOOK, 0, 0, path, NULL);
	else
	{
		waiting->due = mp_watch_now() + MP_WATCH_SETTLE_MS;
		mp_queue_defer(&watch->settling, waiting);
	}
}

/* Whether a file is whole, as far as can be seen: gone, a link, or unchanged since the last look. */
static bool
has_settled(MpWatch *watch, MpWaiting *waiting)
{
	struct statx st;
	MpIdentity	now;
	MpFound		found;
	bool		same;
	int			err;

	mp_find(&watch->guard.tree, waiting->path, false, &found);
	if (found.err != 0)
		return true;
	err = mp_stat_handle(found.fd, &st);
	close(found.fd);
	if (err != 0 || is_at_rest(&st))
		return true;
	mp_identity_of(&st, 0, &now);
	same = now.size > 0 && now.size == waiting->size && now.mtime_ns == waiting->mtime_ns;
	waiting->size = now.size;
	waiting->mtime_ns = now.mtime_ns;
	return same || ++waiting->looks > MOST_LOOKS;
}

void
mp_watch_settle(MpWatch *watch)
{
	int64_t		now = mp_watch_now();

	if (watch->settling.first == NULL || watch->settling.first->due > now)
		return;
	if (!mp_watch_hold(watch))
		return;
	while (watch->settling.first != NULL && watch->settling.first->due <= now &&
		   mp_watch_has_room(watch))
	{
		MpWaiting  *waiting = watch->settling.first;

		if (has_settled(watch, waiting))
		{
			mp_watch_tell(watch, MP_EVENT_LOOK, 0, 0, waiting->path, NULL);
			mp_queue_drop(&watch->settling, waiting);
			continue;
		}
		waiting->due = now + MP_WATCH_SETTLE_MS;
		mp_queue_defer(&watch->settling, waiting);
	}
	if (watch->tree.to_walk.first == NULL)
		mp_watch_release(watch);
}

void
mp_watch_retry(MpWatch *watch)
{
	MpWatched  *folder = watch->tree.refused.first;
	char		path[MP_MAX_PATH + 1];
	MpWatched  *top;
	MpFound		found;
	int			err;

	if (folder == NULL || !mp_watched_path(&watch->tree, folder, NULL, path, sizeof(path), &top) ||
		!mp_watch_hold(watch))
		return;
	mp_find(&watch->guard.tree, path, true, &found);
	if (found.err == 0)
	{
		MpWatched  *same;
		bool		again;

		err = put_under_watch(watch, folder, found.fd, &same, &again);
		close(found.fd);
		if (err == 0)
			watch->fate = MP_WATCH_ANEW;
	}
	mp_watched_list(&watch->tree.refused, folder);
	if (watch->tree.to_walk.first == NULL && watch->settling.first == NULL)
		mp_watch_release(watch);
}
