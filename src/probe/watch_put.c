/*
 * watch_put.c: a folder and the kernel's number for it.
 *
 * A folder has one number however it is reached.  When a folder just found has the number of another
 * one, either that was renamed and the kernel's word of it is still to be read, or the folder is
 * mounted at two places: it is tried again a little later, and then left to those who poll.
 */
#include "watch_state.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#ifdef MP_WITH_INOTIFY
#include <sys/inotify.h>
#endif

enum
{
	MOST_TRIES = 50
};

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

void
mp_watch_refuse(MpWatch *watch, MpWatched *folder, const char *path, int err)
{
	mp_watched_list(&watch->tree.refused, folder);
	watch->refusals++;
	if (watch->refusals <= MP_WATCH_MOST_REFUSALS)
		mp_watch_tell(watch, MP_EVENT_UNWATCHED, MP_EVENT_FOLDER, err, path, NULL);
	else if (watch->refusals == MP_WATCH_MOST_REFUSALS + 1)
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

int
mp_watch_put(MpWatch *watch, MpWatched *folder, int fd, MpWatched **same, bool *again)
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

		err = mp_watch_put(watch, folder, found.fd, &same, &again);
		close(found.fd);
		if (err == 0)
			watch->fate = MP_WATCH_ANEW;
	}
	mp_watched_list(&watch->tree.refused, folder);
	if (watch->tree.to_walk.first == NULL && watch->settling.first == NULL)
		mp_watch_release(watch);
}
