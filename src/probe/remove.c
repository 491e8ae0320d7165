/*
 * remove.c: the only code of the probe that changes anything on a disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "progress.h"
#include "remove.h"
#include "root.h"
#include "served.h"
#include "syscalls.h"

/* The folder in hand: files of one folder usually follow each other. */
typedef struct Folder
{
	const char *path;			/* NULL: none yet */
	int			fd;				/* or -1 */
	int			err;			/* why it couldn't be opened */
	bool		changed;		/* something in it was */
} Folder;

static int
retry_openat(int at, const char *name)
{
	int			tries = 0;
	int			fd;

	do
		fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	while (fd < 0 && mp_try_again(&tries));
	mp_progress_add(1);
	return fd;
}

static int
open_by_kernel(int root, const char *path)
{
	struct open_how how;
	int			tries = 0;
	int			fd;

	memset(&how, 0, sizeof(how));
	how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
	do
		fd = (int) syscall(SYS_openat2, root, path[0] != '\0' ? path : ".", &how, sizeof(how));
	while (fd < 0 && mp_try_again(&tries));
	mp_progress_add(1);
	return fd;
}

/* EXDEV when a folder lies on another mount than the root. */
static int
check_mount(const MpNode *root, int fd)
{
	struct statx st;
	MpNode		node;
	int			err = mp_stat_handle(fd, &st);

	if (err != 0)
		return err;
	mp_node_of(&st, &node);
	return node.device == root->device && node.mount_id == root->mount_id ? 0 : EXDEV;
}

/* The same component by component, where the kernel has no openat2. */
static int
open_by_hand(const MpGuard *guard, const char *path)
{
	char		name[MP_MAX_NAME + 1];
	int			at = retry_openat(guard->tree.fd, ".");

	while (at >= 0 && *(path += strspn(path, "/")) != '\0')
	{
		size_t		length = strcspn(path, "/");
		int			next = -1;
		int			err = ENAMETOOLONG;

		if (length <= MP_MAX_NAME)
		{
			memcpy(name, path, length);
			name[length] = '\0';
			next = retry_openat(at, name);
			err = next < 0 ? errno : check_mount(&guard->node, next);
		}
		close(at);
		if (next >= 0 && err != 0)
		{
			close(next);
			next = -1;
		}
		errno = err;
		at = next;
		path += length;
	}
	return at;
}

/* What was done must outlast a power cut before the caller writes down that it was done. */
static void
leave_folder(Folder *folder)
{
	if (folder->fd >= 0)
	{
		if (folder->changed)
			(void) fsync(folder->fd);
		close(folder->fd);
	}
	folder->path = NULL;
	folder->fd = -1;
}

static void
enter_folder(Folder *folder, const MpGuard *guard, const char *path)
{
	if (folder->path != NULL && strcmp(folder->path, path) == 0)
		return;
	leave_folder(folder);
	folder->path = path;
	folder->changed = false;
	folder->fd = guard->tree.by_hand ? open_by_hand(guard, path) :
		open_by_kernel(guard->tree.fd, path);
	folder->err = folder->fd < 0 ? errno : 0;
}

static void
conclude(MpRemoval *removal, MpOutcome outcome, int err)
{
	removal->outcome = (uint8_t) outcome;
	removal->err = (uint16_t) err;
}

/* What an errno of a folder or a name in it means here. */
static void
conclude_errno(MpRemoval *removal, int err)
{
	if (err == ENOENT)
		conclude(removal, MP_ABSENT, 0);
	else if (err == ELOOP || err == ENOTDIR)
		conclude(removal, MP_NO_FILE, err);
	else
		conclude(removal, MP_OUT_OF_REACH, err);
}

static int64_t
mtime_of(const struct statx *st)
{
	return (int64_t) st->stx_mtime.tv_sec * 1000000000 + st->stx_mtime.tv_nsec;
}

static bool
is_expected(const MpRemoval *removal, const struct statx *st)
{
	if (removal->expected == MP_OLDER)
		return mtime_of(st) < removal->mtime_ns;
	return st->stx_size == removal->size && mtime_of(st) == removal->mtime_ns;
}

static bool
is_same_file(const struct statx *a, const struct statx *b)
{
	return a->stx_ino == b->stx_ino && a->stx_size == b->stx_size && mtime_of(a) == mtime_of(b);
}

/* Renames unless the new name is taken (EEXIST); file systems without that way have links. */
static int
rename_unless_taken(int folder, const char *from, const char *to)
{
	mp_progress_add(1);
	if (mp_rename_new(folder, from, to) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return errno;
	if (linkat(folder, from, folder, to, 0) != 0)
		return errno;
	return unlinkat(folder, from, 0) == 0 ? 0 : errno;
}

/* Whether what was renamed is what was looked at; if not, it gets its name back. */
static void
check_aside(Folder *folder, MpRemoval *removal, const struct statx *before)
{
	struct statx after;
	int			err = mp_stat_name(folder->fd, removal->aside.data, &after);
	int			back;

	if (err == 0 && is_same_file(before, &after))
	{
		conclude(removal, MP_DONE, 0);
		return;
	}
	back = rename_unless_taken(folder->fd, removal->aside.data, removal->name.data);
	if (err == 0)
		err = back;
	conclude(removal, err == 0 ? MP_OTHER_FILE : MP_OUT_OF_REACH, err);
}

static void
set_aside(Folder *folder, MpRemoval *removal)
{
	struct statx before;
	struct statx after;
	int			err = mp_stat_name(folder->fd, removal->aside.data, &after);

	/* An earlier try got so far; whatever has the name now came later. */
	if (err == 0)
	{
		conclude(removal, MP_DONE, 0);
		return;
	}
	if (err == ENOENT)
		err = mp_stat_name(folder->fd, removal->name.data, &before);
	if (err != 0)
		conclude_errno(removal, err);
	else if (!S_ISREG(before.stx_mode))
		conclude(removal, MP_NO_FILE, 0);
	else if (!is_expected(removal, &before))
		conclude(removal, MP_OTHER_FILE, 0);
	else if ((err = rename_unless_taken(folder->fd, removal->name.data, removal->aside.data)) != 0)
		conclude_errno(removal, err);
	else
	{
		folder->changed = true;
		check_aside(folder, removal, &before);
	}
}

static void
drop(Folder *folder, MpRemoval *removal, MpOutcome outcome)
{
	mp_progress_add(1);
	if (unlinkat(folder->fd, removal->aside.data, 0) == 0)
	{
		folder->changed = true;
		conclude(removal, outcome, 0);
	}
	else
		conclude_errno(removal, errno);
}

static void
put_back(Folder *folder, MpRemoval *removal)
{
	int			err = rename_unless_taken(folder->fd, removal->aside.data, removal->name.data);

	if (err == EEXIST)
		drop(folder, removal, MP_NAME_TAKEN);
	else if (err != 0)
		conclude_errno(removal, err);
	else
	{
		folder->changed = true;
		conclude(removal, MP_DONE, 0);
	}
}

static void
act(const MpRequest *request, const MpGuard *guard, Folder *folder, MpRemoval *removal)
{
	if (!mp_path_is_sound(removal->folder.data) || !mp_component_is_sound(removal->name.data) ||
		!mp_component_is_sound(removal->aside.data))
	{
		conclude(removal, MP_NO_FILE, EINVAL);
		return;
	}
	enter_folder(folder, guard, removal->folder.data);
	if (folder->fd < 0)
		conclude_errno(removal, folder->err);
	else if (request->act == MP_SET_ASIDE)
		set_aside(folder, removal);
	else if (request->act == MP_PUT_BACK)
		put_back(folder, removal);
	else
		drop(folder, removal, MP_DONE);
}

/* The errno when our own lack stood in the way of any file; 0 otherwise. */
static int
act_on_all(const MpRequest *request, const MpGuard *guard)
{
	Folder		folder = {.fd = -1};
	int			shortage = 0;

	for (uint32_t i = 0; i < request->n_removals; i++)
	{
		MpRemoval  *removal = &request->removals[i];

		act(request, guard, &folder, removal);
		if (removal->outcome == MP_OUT_OF_REACH &&
			mp_judge_errno(removal->err).fate == MP_FATE_SHORTAGE)
			shortage = removal->err;
	}
	leave_folder(&folder);
	return shortage;
}

int
mp_remove_write(const MpRequest *request, MpWriter *w)
{
	MpGuard		guard;
	int			shortage = 0;
	bool		healthy;

	mp_guard_open(&guard, &request->place);
	if (mp_guard_holds(&guard))
		mp_root_look_for_marker(&guard, request->path.data);
	if (mp_guard_holds(&guard) && !mp_serves_removing(guard.tree.fd))
		mp_guard_doubt(&guard, mp_doubt_errno(EACCES));
	healthy = mp_guard_holds(&guard);
	if (healthy)
	{
		shortage = act_on_all(request, &guard);
		mp_guard_compare(&guard);
	}
	else
	{
		for (uint32_t i = 0; i < request->n_removals; i++)
			conclude(&request->removals[i], MP_OUT_OF_REACH, guard.report.err);
	}
	mp_write_root_report(w, &guard.report);
	mp_write_u32(w, request->n_removals);
	for (uint32_t i = 0; i < request->n_removals; i++)
	{
		mp_write_u8(w, request->removals[i].outcome);
		mp_write_u16(w, request->removals[i].err);
	}
	mp_guard_close(&guard);
	return guard.shortage != 0 ? guard.shortage : shortage;
}
