/*
 * verdict.h: what each answer of the operating system means for a file.
 *
 * One table says it all, so that no other file has to know that only two errors in the world may
 * call a file missing.
 */
#ifndef MP_VERDICT_H
#define MP_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "../protocol/protocol.h"

/* What to do about an error before any verdict is given. */
typedef enum MpFate
{
	MP_FATE_JUDGE = 0,			/* the verdict holds */
	MP_FATE_RETRY = 1,			/* try again, MP_RETRIES times at most; then the verdict holds */
	MP_FATE_SHORTAGE = 2		/* our own lack: the request is dropped, nothing is concluded */
} MpFate;

enum
{
	MP_RETRIES = 16
};

typedef struct MpJudgement
{
	uint8_t		verdict;		/* MpVerdict */
	uint8_t		reason;			/* MpReason */
	uint16_t	err;
	uint8_t		fate;			/* MpFate */
} MpJudgement;

/*
 * After a call that failed: whether errno is one to try again for, and hasn't been MP_RETRIES times
 * already.  A file system may answer so for ever.
 */
extern bool mp_try_again(int *tries);

/* The meaning of a confined look-up's errno for the file looked up; 0 is a regular file. */
extern MpJudgement mp_judge_errno(int err);
/* The same for a registered root: never missing and never invalid, only out of reach. */
extern MpJudgement mp_judge_root_errno(int err);
/* The same for a file that was seen before: doubt at worst, never missing and never invalid. */
extern MpJudgement mp_doubt_errno(int err);
/* A judgement that comes from elsewhere than an errno. */
extern MpJudgement mp_judgement(MpVerdict verdict, MpReason reason, int err);

#endif							/* MP_VERDICT_H */
