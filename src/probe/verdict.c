/*
 * verdict.c: the table of errors.
 *
 * An error that isn't in the table is doubt, and doubt is "unreachable": it changes nothing.  The
 * errors of a dying disk or network stand in the table although they mean just that, to show that
 * they were thought of.
 */
#include <errno.h>
#include <stddef.h>

#include "verdict.h"

typedef struct Meaning
{
	uint8_t		verdict;
	uint8_t		reason;
	uint8_t		fate;
} Meaning;

#define DOUBT {MP_UNREACHABLE, MP_IO_ERROR, MP_FATE_JUDGE}
#define LACK {MP_UNREACHABLE, MP_IO_ERROR, MP_FATE_SHORTAGE}
#define AGAIN {MP_UNREACHABLE, MP_IO_ERROR, MP_FATE_RETRY}

static const Meaning meanings[] = {
	[0] = {MP_PRESENT, MP_OK, MP_FATE_JUDGE},

	/* Gone.  These two alone. */
	[ENOENT] = {MP_MISSING, MP_NOT_FOUND, MP_FATE_JUDGE},
	[ENOTDIR] = {MP_MISSING, MP_PARENT_NOT_FOLDER, MP_FATE_JUDGE},

	/* No path of a file in a library. */
	[ENAMETOOLONG] = {MP_INVALID, MP_BAD_PATH, MP_FATE_JUDGE},
	[EXDEV] = {MP_INVALID, MP_OUTSIDE_ROOTS, MP_FATE_JUDGE},
	[ELOOP] = {MP_INVALID, MP_OUTSIDE_ROOTS, MP_FATE_JUDGE},

	[EACCES] = {MP_UNREACHABLE, MP_NO_PERMISSION, MP_FATE_JUDGE},
	[EPERM] = {MP_UNREACHABLE, MP_NO_PERMISSION, MP_FATE_JUDGE},

	/* The disk or the way to it fails. */
	[EIO] = DOUBT,
	[ESTALE] = DOUBT,
	[ETIMEDOUT] = DOUBT,
	[EHOSTDOWN] = DOUBT,
	[EHOSTUNREACH] = DOUBT,
	[ENETDOWN] = DOUBT,
	[ENETUNREACH] = DOUBT,
	[ENOTCONN] = DOUBT,
	[ENODEV] = DOUBT,
	[ENXIO] = DOUBT,
	[EBUSY] = DOUBT,
	[EREMOTEIO] = DOUBT,
	[ESHUTDOWN] = DOUBT,
	[EUCLEAN] = DOUBT,

	[EINTR] = AGAIN,
	[EAGAIN] = AGAIN,

	[ENOMEM] = LACK,
	[EMFILE] = LACK,
	[ENFILE] = LACK,
};

MpJudgement
mp_judge_errno(int err)
{
	static const Meaning doubt = DOUBT;
	const size_t known = sizeof(meanings) / sizeof(meanings[0]);
	const Meaning *meaning = &doubt;
	MpJudgement judgement;

	/* An errno without a line of its own reads as present there: all zero. */
	if (err == 0 || (err > 0 && (size_t) err < known && meanings[err].reason != MP_OK))
		meaning = &meanings[err];
	judgement.verdict = meaning->verdict;
	judgement.reason = meaning->reason;
	judgement.fate = meaning->fate;
	judgement.err = (uint16_t) err;
	return judgement;
}

MpJudgement
mp_doubt_errno(int err)
{
	MpJudgement judgement = mp_judge_errno(err);

	if (judgement.verdict == MP_MISSING || judgement.verdict == MP_INVALID)
	{
		judgement.verdict = MP_UNREACHABLE;
		judgement.reason = MP_IO_ERROR;
	}
	return judgement;
}

MpJudgement
mp_judge_root_errno(int err)
{
	MpJudgement judgement = mp_doubt_errno(err);

	if (err == ENOENT)
		judgement.reason = MP_ROOT_ABSENT;
	else if (err == ENOTDIR)
		judgement.reason = MP_ROOT_NOT_FOLDER;
	return judgement;
}

MpJudgement
mp_judgement(MpVerdict verdict, MpReason reason, int err)
{
	MpJudgement judgement;

	judgement.verdict = (uint8_t) verdict;
	judgement.reason = (uint8_t) reason;
	judgement.fate = MP_FATE_JUDGE;
	judgement.err = (uint16_t) err;
	return judgement;
}

bool
mp_try_again(int *tries)
{
	return mp_judge_errno(errno).fate == MP_FATE_RETRY && (*tries)++ < MP_RETRIES;
}
