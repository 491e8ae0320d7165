/* digest.h: the digest of one file's content, read by the probe. */
#ifndef MISSING_PHOTOS_DIGEST_H
#define MISSING_PHOTOS_DIGEST_H

#include "roots.h"

#define MAX_DIGEST_TEXT 129

typedef struct Digest
{
	MpVerdict	verdict;		/* anything but MP_PRESENT: no digest */
	MpReason	reason;
	int			err;
	MpIdentity	identity;
	char		text[MAX_DIGEST_TEXT];	/* lower case hexadecimal */
} Digest;

/* Waits for the probe; a path that isn't below a root is MP_INVALID. */
extern void digest_file(RootTable *roots, const char *path, size_t length, MpAlgorithm algorithm,
						Digest *digest);

#endif							/* MISSING_PHOTOS_DIGEST_H */
