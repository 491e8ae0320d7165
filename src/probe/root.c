/*
 * root.c: the report on a root.
 *
 * The mount that a root lies on is found by its mount id; the table knows only the plain one, so it
 * is asked for without its unique sister.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "dirlist.h"
#include "mountinfo.h"
#include "progress.h"
#include "root.h"

static void
write_text(MpWriter *w, const char *text)
{
	mp_write_str(w, text, strlen(text));
}

static uint64_t
plain_mount_id(int fd)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, MP_STATX_MNT_ID, &st) != 0)
		return 0;
	return (st.stx_mask & MP_STATX_MNT_ID) ? st.stx_mnt_id : 0;
}

/* The mount that holds the root, or NULL. */
static const MpMount *
find_own(const MpMounts *mounts, const char *canonical, uint64_t mount_id)
{
	const MpMount *own = NULL;

	for (size_t i = 0; i < mounts->n; i++)
	{
		const MpMount *mount = &mounts->list[i];

		if (mount_id != 0 && mount->id == mount_id)
			return mount;
		/* Without an id: the deepest one above, and of those the last. */
		if ((strcmp(mount->point, canonical) == 0 ||
			 mp_mount_below(canonical, mount->point) != NULL) &&
			(own == NULL || strlen(mount->point) >= strlen(own->point)))
			own = mount;
	}
	return own;
}

static const MpMount *
find_mount(const MpMounts *mounts, uint64_t id)
{
	for (size_t i = 0; i < mounts->n; i++)
		if (mounts->list[i].id == id)
			return &mounts->list[i];
	return NULL;
}

/*
 * Whether a mount stands on another, directly or by others.  One whose path says so but that doesn't
 * is hidden: something was mounted over the folder it is in.
 */
static bool
stands_on(const MpMounts *mounts, const MpMount *mount, const MpMount *below)
{
	for (size_t depth = 0; mount != NULL && depth <= mounts->n; depth++)
	{
		if (mount->parent == below->id)
			return true;
		mount = find_mount(mounts, mount->parent);
	}
	return false;
}

/*
 * The id of a mounted file system that tells it from another disk under the same device name.  Asked
 * only of those that are local, so that it can't hang, and that take it from their own uuid (others
 * give their device number, which may be another one after a reboot).
 */
static uint64_t
mount_fsid(const MpMount *mount)
{
	static const char *const types[] = {"ext2", "ext3", "ext4", "btrfs"};
	struct statfs fs;
	uint64_t	id;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
	{
		if (strcmp(mount->type, types[i]) != 0)
			continue;
		if (statfs(mount->point, &fs) != 0)
			return 0;
		memcpy(&id, &fs.f_fsid, sizeof(id));
		return id;
	}
	return 0;
}

static void
write_mounts(const MpMounts *mounts, const char *canonical, uint64_t mount_id, MpWriter *w)
{
	const MpMount *own = find_own(mounts, canonical, mount_id);
	size_t		at;
	uint32_t	n = 0;

	write_text(w, own != NULL ? own->type : "");
	write_text(w, own != NULL ? own->source : "");
	at = w->length;
	mp_write_u32(w, 0);
	for (size_t i = 0; i < mounts->n; i++)
	{
		const char *point = mp_mount_below(mounts->list[i].point, canonical);

		if (point == NULL || (own != NULL && !stands_on(mounts, &mounts->list[i], own)))
			continue;
		write_text(w, point);
		write_text(w, mounts->list[i].type);
		write_text(w, mounts->list[i].source);
		write_text(w, mounts->list[i].folder);
		mp_write_u64(w, mount_fsid(&mounts->list[i]));
		n++;
	}
	mp_write_u32_at(w, at, n);
}

/* Reads what is to be told while the root is pinned; canonical is empty where that isn't known. */
static int
describe(const MpGuard *guard, char *canonical, size_t size, uint64_t *mount_id, MpMounts *mounts)
{
	int			err;

	if (!mp_canonical_path(guard->tree.fd, canonical, size))
		canonical[0] = '\0';
	*mount_id = plain_mount_id(guard->tree.fd);
	err = mp_mountinfo_load(mounts);
	return mp_judge_errno(err).fate == MP_FATE_SHORTAGE ? err : 0;
}

void
mp_root_look_for_marker(MpGuard *guard, const char *name)
{
	struct statx st;
	bool		sound = strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
		strcmp(name, "..") != 0;
	int			err = sound ? mp_stat_name(guard->tree.fd, name, &st) : EINVAL;

	if (err == ENOENT || err == ENOTDIR || !sound)
		mp_guard_doubt(guard, mp_judgement(MP_UNREACHABLE, MP_MARKER_ABSENT, err));
	else if (err != 0)
		mp_guard_doubt(guard, mp_doubt_errno(err));
	else if (!S_ISREG(st.stx_mode))
		mp_guard_doubt(guard, mp_judgement(MP_UNREACHABLE, MP_MARKER_ABSENT, 0));
}

static bool
is_empty(int root)
{
	int			fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool		empty;

	mp_progress_add(1);
	if (fd < 0)
		return false;
	empty = mp_list_is_empty(fd);
	close(fd);
	return empty;
}

int
mp_root_write(const MpRequest *request, MpWriter *w)
{
	char		canonical[2 * 4096] = "";
	uint64_t	mount_id = 0;
	MpMounts	mounts = {0};
	MpGuard		guard;
	int			err = 0;

	mp_guard_open(&guard, &request->place);
	if (mp_guard_holds(&guard))
	{
		guard.report.empty = is_empty(guard.tree.fd);
		err = describe(&guard, canonical, sizeof(canonical), &mount_id, &mounts);
		if (request->path.length > 0)
			mp_root_look_for_marker(&guard, request->path.data);
	}
	/* A root that changed meanwhile is said to have changed, whatever its marker did. */
	if (guard.tree.fd >= 0 && guard.shortage == 0)
		mp_guard_compare(&guard);
	if (guard.shortage != 0)
		err = guard.shortage;
	if (!mp_guard_holds(&guard))
	{
		/* Nothing is told of a root that isn't there or didn't hold still. */
		canonical[0] = '\0';
		mount_id = 0;
		mp_mountinfo_free(&mounts);
	}
	mp_write_root_report(w, &guard.report);
	write_text(w, canonical);
	write_mounts(&mounts, canonical, mount_id, w);
	mp_mountinfo_free(&mounts);
	mp_guard_close(&guard);
	return err;
}
