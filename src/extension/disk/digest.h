/*
 * digest.h: digests of files' contents, read by the probe.
 *
 * The probe reads many files faster than one (its hash.h), if it has them in one request: so ask for
 * all that are wanted at once.
 */
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

/* A file whose digest is wanted. */
typedef struct Digested
{
	const char *path;			/* needs no NUL at its end */
	size_t		length;
	MpAlgorithm algorithm;
	uint8		parts;			/* MP_WHOLE, MP_ENDS or both */
	int			root;			/* set by digest_files: its number, -1: it is below none */
	Digest		digest;			/* likewise */
} Digested;

/*
 * Waits for the probe, with several requests under way; there may be none of anybody else's.  A path
 * that isn't below a root is MP_INVALID; below a root or mount in doubt nothing is MP_MISSING.
 */
extern void digest_files(RootTable *roots, Digested *files, int n);

/* A file of which the whole is wanted. */
extern Digested digested(const char *path, size_t length, MpAlgorithm algorithm);

/* By the name that the library has for it; NULL is MD5. */
extern MpAlgorithm digest_algorithm(const char *name);

/* The same for one file. */
extern void digest_file(RootTable *roots, const char *path, size_t length, MpAlgorithm algorithm,
						Digest *digest);

/* An error that says why there is no digest of this path. */
extern void digest_require(const Digest *digest, const char *path);

#endif							/* MISSING_PHOTOS_DIGEST_H */
