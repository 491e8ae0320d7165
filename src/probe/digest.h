/*
 * digest.h: digests of a file's content: of the whole of it, of its ends.
 */
#ifndef MP_DIGEST_H
#define MP_DIGEST_H

#include <stdint.h>

#include "content.h"

enum
{
	MP_MOST_DIGEST = 64,
	MP_ATTEMPTS = 2				/* to read a file that holds still */
};

typedef struct MpDigest
{
	MpJudgement judgement;		/* a digest comes with MP_PRESENT alone */
	MpIdentity	identity;
	uint8_t		length;			/* of both digests */
	uint8_t		whole[MP_MOST_DIGEST];
	uint8_t		ends[MP_MOST_DIGEST];
} MpDigest;

/*
 * Reads a regular file, given by an O_PATH handle, that stays the same from beginning to end, and
 * digests the parts asked for (MP_WHOLE, MP_ENDS), by OpenSSL.  One that changes meanwhile is read
 * once more, and then is unreachable (MP_CHANGED_WHILE_READ).
 */
extern void mp_digest_file(int handle, MpAlgorithm algorithm, uint8_t parts, MpDigest *digest);

/* Whether OpenSSL offers MD5; one that is confined to approved algorithms doesn't. */
extern bool mp_digest_has_md5(void);

#endif							/* MP_DIGEST_H */
