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
	char		text[MAX_DIGEST_TEXT];	/* of all of it, lower case hexadecimal; "": not asked */
	char		ends[MAX_DIGEST_TEXT];	/* of its ends */
} Digest;

/* Bytes that one file takes at least in an answer to HASH. */
#define DIGEST_LEAST (1 + 1 + 2 + 40 + 1 + 1)

/* Waits for the probe; a path that isn't below a root is MP_INVALID. */
extern void digest_file(RootTable *roots, const char *path, size_t length, MpAlgorithm algorithm,
						Digest *digest);

/* An error that says why there is no digest of this path. */
extern void digest_require(const Digest *digest, const char *path);

/* One file of an answer to HASH. */
extern void digest_read(MpReader *reader, Digest *digest);

#endif							/* MISSING_PHOTOS_DIGEST_H */
