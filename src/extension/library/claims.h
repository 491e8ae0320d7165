/*
 * claims.h: an owner's paths and what is known of the files there, small enough to be kept for a
 * whole library: two tables of hashes, no path and no key.
 *
 * It answers, for a file that a walk finds, whether a row of the owner has this path, and whether the
 * file there is the one the row means.
 */
#ifndef MISSING_PHOTOS_CLAIMS_H
#define MISSING_PHOTOS_CLAIMS_H

#include "file_row.h"

typedef struct Claims Claims;

typedef enum Claim
{
	CLAIM_NONE,					/* no row has this path */
	CLAIM_KEPT,					/* one has, and nothing speaks against it */
	CLAIM_DISPLACED				/* one has, but another file lies there */
} Claim;

extern Claims *claims_make(MemoryContext parent);
extern void claims_add(Claims *claims, const FileRow *row);

/* Learns what was noted of the files that were added.  Needs an SPI connection. */
extern void claims_load_known(Claims *claims);

/* A row whose file was found to be another one; its path counts as displaced from now on. */
extern void claims_displace(Claims *claims, const char *path, size_t length);

extern Claim claims_look(Claims *claims, const char *path, size_t length,
						 const MpIdentity *identity);

/* Whether claims_look, or claims_displace, called a row's path displaced; and whether any. */
extern bool claims_is_displaced(const Claims *claims, const FileRow *row);
extern bool claims_any_displaced(const Claims *claims);

#endif							/* MISSING_PHOTOS_CLAIMS_H */
