/*
 * digest.h: the digest of a file's content.
 */
#ifndef MP_DIGEST_H
#define MP_DIGEST_H

#include <stdint.h>

#include "confine.h"

enum
{
	MP_MOST_DIGEST = 64
};

typedef struct MpDigest
{
	MpJudgement judgement;		/* a digest comes with MP_PRESENT alone */
	MpIdentity	identity;
	uint8_t		length;
	uint8_t		bytes[MP_MOST_DIGEST];
} MpDigest;

/*
 * The digest of all that can be read from fd on.  Returns 0 or an errno; *size is how many bytes
 * that were.  For tests as well as for mp_digest_file.
 */
extern int	mp_digest_stream(int fd, MpAlgorithm algorithm, MpDigest *digest, uint64_t *size);

/*
 * Reads a regular file, given by an O_PATH handle, that stays the same from beginning to end.  One
 * that changes meanwhile is read once more, and then is unreachable (MP_CHANGED_WHILE_READ).
 */
extern void mp_digest_file(int handle, MpAlgorithm algorithm, MpDigest *digest);

#endif							/* MP_DIGEST_H */
