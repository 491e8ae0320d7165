/*
 * guard.c: pinning and comparing (guard.h tells why).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "guard.h"
#include "mounts.h"
#include "progress.h"
#include "served.h"

/* What a root is, in the terms that hold around one batch. */
typedef struct Sight
{
	int			fd;
	MpNode		node;
	uint64_t	fsid;
	uint64_t	fs_magic;
	uint64_t	mounts;
} Sight;

/* Opens the root's path.  A link in that path itself is its owner's choice and followed. */
static int
look_once(const char *path, Sight *sight)
{
	struct statx st;
	int			err;

	sight->fd = mp_open_root(path);
	mp_progress_add(1);
	if (sight->fd < 0)
		return errno;
	err = mp_stat_handle(sight->fd, &st);
	if (err == 0)
	{
		mp_node_of(&st, &sight->node);
		err = mp_statfs_handle(sight->fd, &sight->fsid, &sight->fs_magic);
	}
	if (err != 0)
		close(sight->fd);
	return err;
}

/* A stale handle of a network file system deserves one more look by name. */
static int
look(const char *path, Sight *sight)
{
	int			err = EINTR;

	for (int tries = 0; tries <= MP_RETRIES && (err == EINTR || err == EAGAIN); tries++)
		err = look_once(path, sight);
	return err == ESTALE ? look_once(path, sight) : err;
}

static int
look_below(Sight *sight)
{
	return mp_mounts_fingerprint(sight->fd, sight->node.mount_id, &sight->mounts);
}

/* The folder was opened a moment ago, so a mount that isn't there now has gone in between. */
static MpJudgement
judge_mounts_errno(int err)
{
	return err == ENOENT ? mp_judgement(MP_UNREACHABLE, MP_ROOT_CHANGED, 0) : mp_doubt_errno(err);
}

void
mp_guard_doubt(MpGuard *guard, MpJudgement judgement)
{
	guard->report.verdict = judgement.verdict;
	guard->report.reason = judgement.reason;
	guard->report.err = judgement.err;
	if (judgement.fate == MP_FATE_SHORTAGE)
		guard->shortage = judgement.err;
}

void
mp_guard_open(MpGuard *guard, const MpPlace *place)
{
	Sight		sight;
	int			err;

	memset(guard, 0, sizeof(*guard));
	guard->tree.fd = -1;
	guard->tree.place = place;
	guard->tree.by_hand = mp_confine_by_hand();
	err = look(place->root.data, &sight);
	mp_guard_doubt(guard, mp_judge_root_errno(err));
	if (err != 0)
		return;
	err = look_below(&sight);
	if (err != 0)
	{
		close(sight.fd);
		mp_guard_doubt(guard, judge_mounts_errno(err));
		return;
	}
	guard->tree.fd = sight.fd;
	guard->node = sight.node;
	guard->fsid = guard->report.fsid = sight.fsid;
	guard->fs_magic = guard->report.fs_magic = sight.fs_magic;
	guard->report.inode = sight.node.inode;
	guard->report.device = sight.node.device;
	guard->report.mount_id = sight.node.mount_id;
	guard->report.mounts = sight.mounts;
}

static bool
is_same(const MpGuard *guard, const Sight *sight)
{
	return mp_node_equal(&sight->node, &guard->node) && sight->fsid == guard->fsid &&
		sight->mounts == guard->report.mounts;
}

void
mp_guard_compare(MpGuard *guard)
{
	struct statx st;
	Sight		sight = {.fd = -1};
	int			err = mp_stat_handle(guard->tree.fd, &st);

	if (err == 0)
		err = look(guard->tree.place->root.data, &sight);
	if (err != 0)
		sight.fd = -1;
	else
		err = look_below(&sight);
	if (mp_judge_errno(err).fate == MP_FATE_SHORTAGE)
		guard->shortage = err;
	if (err == 0 && is_same(guard, &sight))
	{
		close(guard->tree.fd);
		guard->tree.fd = sight.fd;
		return;
	}
	if (sight.fd >= 0)
		close(sight.fd);
	mp_guard_doubt(guard, mp_judgement(MP_UNREACHABLE, MP_ROOT_CHANGED, err));
}

void
mp_guard_close(MpGuard *guard)
{
	if (guard->tree.fd >= 0)
		close(guard->tree.fd);
	guard->tree.fd = -1;
}

bool
mp_guard_holds(const MpGuard *guard)
{
	return guard->shortage == 0 && guard->report.verdict == MP_PRESENT;
}

void
mp_witness_note(MpWitness *witness, size_t length, const MpNode *node)
{
	witness->wanted = true;
	witness->length = length;
	witness->node = *node;
}

bool
mp_witness_holds(const MpWitness *witness, const MpTree *tree, const char *path, int *shortage)
{
	char		prefix[MP_MAX_PATH + 1];
	struct statx st;
	MpFound		found;
	MpNode		node;
	int			err;

	if (witness->length > MP_MAX_PATH)
		return false;
	memcpy(prefix, path, witness->length);
	prefix[witness->length] = '\0';
	mp_find(tree, prefix, true, &found);
	err = found.err;
	if (err == 0)
	{
		err = mp_stat_handle(found.fd, &st);
		close(found.fd);
	}
	if (mp_judge_errno(err).fate == MP_FATE_SHORTAGE)
		*shortage = err;
	if (err != 0)
		return false;
	mp_node_of(&st, &node);
	return mp_node_equal(&node, &witness->node);
}
