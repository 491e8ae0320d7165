/*
 * test_verdict.c: the meaning of every errno there is, written down a second time.
 */
#include <errno.h>
#include <string.h>

#include "../../src/probe/confine.h"
#include "tap.h"

static bool
among(int err, const int *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		if (list[i] == err)
			return true;
	}
	return false;
}

#define AMONG(err, ...) \
	among(err, (const int[]) {__VA_ARGS__}, sizeof((const int[]) {__VA_ARGS__}) / sizeof(int))

static void
test_errno(int err)
{
	MpJudgement j = mp_judge_errno(err);
	MpVerdict	verdict = MP_UNREACHABLE;
	MpReason	reason = MP_IO_ERROR;
	MpFate		fate = MP_FATE_JUDGE;

	if (err == ENOENT)
		verdict = MP_MISSING, reason = MP_NOT_FOUND;
	else if (err == ENOTDIR)
		verdict = MP_MISSING, reason = MP_PARENT_NOT_FOLDER;
	else if (err == ENAMETOOLONG)
		verdict = MP_INVALID, reason = MP_BAD_PATH;
	else if (AMONG(err, EXDEV, ELOOP))
		verdict = MP_INVALID, reason = MP_OUTSIDE_ROOTS;
	else if (AMONG(err, EACCES, EPERM))
		reason = MP_NO_PERMISSION;
	else if (AMONG(err, EINTR, EAGAIN))
		fate = MP_FATE_RETRY;
	else if (AMONG(err, ENOMEM, EMFILE, ENFILE))
		fate = MP_FATE_SHORTAGE;
	ok(j.verdict == verdict && j.reason == reason && j.fate == fate && j.err == err,
	   "errno %d, %s", err, strerror(err));
}

static void
test_roots(void)
{
	int			wrong = 0;

	for (int err = 1; err <= 133; err++)
		wrong += mp_judge_root_errno(err).verdict != MP_UNREACHABLE;
	is(wrong, 0, "no errno makes a root anything but unreachable");
	is(mp_judge_root_errno(ENOENT).reason, MP_ROOT_ABSENT, "an absent root");
	is(mp_judge_root_errno(ENOTDIR).reason, MP_ROOT_NOT_FOLDER, "a root that is no folder");
	is(mp_judge_root_errno(EACCES).reason, MP_NO_PERMISSION, "a root behind a closed door");
	is(mp_judge_root_errno(EMFILE).fate, MP_FATE_SHORTAGE, "a shortage stays one");
	is(mp_judge_root_errno(0).verdict, MP_PRESENT, "a root that is there");
}

static void
test_doubts(void)
{
	MpFound		found = {.err = ENOENT};

	is(mp_judge_found(&found).verdict, MP_MISSING, "a name that isn't there");
	found.behind_link = true;
	is(mp_judge_found(&found).reason, MP_LINK_TARGET_OFFLINE, "a link's target that isn't there");
	found.behind_link = false;
	found.other_root = true;
	is(mp_judge_found(&found).verdict, MP_UNREACHABLE, "a name not there in an unguarded root");
	is(mp_doubt_errno(ENOENT).verdict, MP_UNREACHABLE, "a file lost after it was found");
	is(mp_doubt_errno(ENAMETOOLONG).verdict, MP_UNREACHABLE, "and no error makes it invalid");
}

int
main(void)
{
	is(mp_judge_errno(0).verdict, MP_PRESENT, "no error");
	for (int err = 1; err <= 133; err++)
		test_errno(err);
	is(mp_judge_errno(134).verdict, MP_UNREACHABLE, "an errno beyond the last one known");
	is(mp_judge_errno(-1).verdict, MP_UNREACHABLE, "an errno that is none");
	is(mp_judge_errno(1 << 20).verdict, MP_UNREACHABLE, "a very large one");
	test_roots();
	test_doubts();
	return done();
}
