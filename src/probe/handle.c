/*
 * handle.c: statx, fstatfs and /proc for open handles.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "handle.h"
#include "progress.h"
#include "verdict.h"

static int
stat_at(int fd, const char *name, int flags, struct statx *st)
{
	int			tries = 0;
	int			result;

	do
		result = statx(fd, name, flags | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | MP_STATX_MOUNT, st);
	while (result != 0 && mp_try_again(&tries));
	mp_progress_add(1);
	return result == 0 ? 0 : errno;
}

int
mp_stat_handle(int fd, struct statx *st)
{
	return stat_at(fd, "", AT_EMPTY_PATH, st);
}

int
mp_stat_name(int folder, const char *name, struct statx *st)
{
	return stat_at(folder, name, AT_SYMLINK_NOFOLLOW, st);
}

void
mp_node_of(const struct statx *st, MpNode *node)
{
	node->device = (uint64_t) st->stx_dev_major << 32 | st->stx_dev_minor;
	node->inode = st->stx_ino;
	/* Before Linux 5.8 there is none; 0 then compares equal and says nothing. */
	node->mount_id = (st->stx_mask & MP_STATX_MOUNT) ? st->stx_mnt_id : 0;
}

bool
mp_node_equal(const MpNode *a, const MpNode *b)
{
	return a->device == b->device && a->inode == b->inode && a->mount_id == b->mount_id;
}

bool
mp_canonical_path(int fd, char *path, size_t size)
{
	char		link[64];
	ssize_t		n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, size);
	/* Cut off, or "(unreachable)" because it was unmounted: no path. */
	if (n <= 0 || (size_t) n >= size || path[0] != '/')
		return false;
	path[n] = '\0';
	return true;
}

int
mp_statfs_handle(int fd, uint64_t *fsid, uint64_t *fs_magic)
{
	struct statfs fs;
	uint32_t	words[2];
	int			tries = 0;
	int			result;

	do
		result = fstatfs(fd, &fs);
	while (result != 0 && mp_try_again(&tries));
	mp_progress_add(1);
	if (result != 0)
		return errno;
	memcpy(words, &fs.f_fsid, sizeof(words));
	*fsid = (uint64_t) words[1] << 32 | words[0];
	*fs_magic = (uint64_t) fs.f_type;
	return 0;
}

static int64_t
nanoseconds(const struct statx_timestamp *at)
{
	/* In unsigned numbers: a file may claim a time far beyond what 64 bits of them can hold. */
	return (int64_t) ((uint64_t) at->tv_sec * 1000000000 + at->tv_nsec);
}

void
mp_identity_of(const struct statx *st, uint64_t fsid, MpIdentity *identity)
{
	identity->fsid = fsid;
	identity->inode = st->stx_ino;
	identity->size = st->stx_size;
	identity->mtime_ns = nanoseconds(&st->stx_mtime);
	identity->ctime_ns = nanoseconds(&st->stx_ctime);
}

int
mp_fsid_of_name(int folder, const MpNode *folder_node, uint64_t folder_fsid, const char *name,
				const struct statx *st, uint64_t *fsid)
{
	uint64_t	fs_magic;
	MpNode		node;
	int			fd;
	int			err;

	mp_node_of(st, &node);
	*fsid = folder_fsid;
	if (node.mount_id == folder_node->mount_id && node.mount_id != 0)
		return 0;
	fd = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno;
	err = mp_statfs_handle(fd, fsid, &fs_magic);
	close(fd);
	return err;
}
