/*
 * confine.c: the kernel's confined look-up, and what a failed one means.
 *
 * openat2 with RESOLVE_BENEATH never opens anything outside, also while folders are renamed beside
 * it.  (Resolving a path first and opening the result afterwards does escape under such a race;
 * RESOLVE_IN_ROOT would turn an escaping link into ENOENT, a false "missing".)  Its answers that
 * need a closer look are settled by the walk in walk.c:
 *
 *     ENOENT, ENOTDIR   is the file gone, or the target of a link?  which folder vouches for it?
 *     EXDEV             a link with an absolute target, or one that leaves the root
 *     ELOOP             a magic link or too many links
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine.h"
#include "progress.h"
#include "walk.h"

static atomic_bool by_hand;

static int
open_beneath(int fd, const char *path, bool folder)
{
	struct open_how how;
	int			tries = 0;
	int			result;

	memset(&how, 0, sizeof(how));
	how.flags = O_PATH | O_CLOEXEC | (folder ? O_DIRECTORY : 0);
	how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
	/* EAGAIN: ".." in a link, and something was renamed meanwhile. */
	do
		result = (int) syscall(SYS_openat2, fd, path, &how, sizeof(how));
	while (result < 0 && mp_try_again(&tries));
	mp_progress_add(1);
	return result;
}

void
mp_confine_start(void)
{
	int			fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int			probe;

	if (fd < 0)
		return;
	probe = open_beneath(fd, ".", true);
	/* A container's filter may say EPERM where it means ENOSYS. */
	if (probe < 0 && (errno == ENOSYS || errno == EPERM))
		by_hand = true;
	if (probe >= 0)
		close(probe);
	close(fd);
}

bool
mp_confine_by_hand(void)
{
	return by_hand;
}

void
mp_confine_force_by_hand(void)
{
	by_hand = true;
}

void
mp_find(const MpTree *tree, const char *path, bool folder, MpFound *found)
{
	memset(found, 0, sizeof(*found));
	found->fd = -1;
	if (!tree->by_hand)
	{
		found->fd = open_beneath(tree->fd, path[0] != '\0' ? path : ".", folder);
		if (found->fd >= 0)
			return;
		found->err = errno;
		if (found->err != ENOENT && found->err != ENOTDIR && found->err != EXDEV &&
			found->err != ELOOP && found->err != ENOSYS)
			return;
	}
	for (int tries = 0; tries <= MP_RETRIES; tries++)
	{
		mp_walk(tree, path, folder, found);
		if (found->err != EAGAIN)
			break;
	}
}

MpJudgement
mp_judge_found(const MpFound *found)
{
	MpJudgement judgement = mp_judge_errno(found->err);

	/*
	 * Behind a link nobody vouches for the folder: its target may lie on a mount that is down.  The
	 * same holds for another root, whose identity this request doesn't guard.
	 */
	if (judgement.verdict == MP_MISSING && (found->behind_link || found->other_root))
		return mp_judgement(MP_UNREACHABLE, MP_LINK_TARGET_OFFLINE, found->err);
	return judgement;
}
