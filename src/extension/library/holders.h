/*
 * holders.h: who has the content, or the path, of a file that was found (add_file.c).
 */
#ifndef MISSING_PHOTOS_HOLDERS_H
#define MISSING_PHOTOS_HOLDERS_H

#include "apply.h"
#include "digest.h"
#include "key_set.h"

/* A photo that has the content, by the library. */
typedef struct Holder
{
	char	   *photo;
	char	   *file;			/* NULL: only the photo remembers its content */
	char	   *path;
	bool		linked;
	bool		flagged;
} Holder;

typedef struct Addition
{
	const char *path;
	char	   *kind;
	bool		single;			/* in this library a photo is its file */
	RootTable  *roots;
	MpAlgorithm algorithm;
	Digest		digest;			/* of the file that was found */
	int			n;
	Holder	   *holders;		/* the best first */
	Changes    *changes;
	const KeySet *may_flag;		/* as check_photo has it */
	char	   *photo;			/* the outcome */
	const char *action;
} Addition;

/* The photos that have the content, by the library or by what we remember; the best first. */
extern void holders_of_content(Addition *add);

/* Instead: the owner's row that has this very path, if the library doesn't know what it holds. */
extern void holders_at_path(Addition *add);

/* The holder whose row has this very path; NULL: none has. */
extern const Holder *holder_here(const Addition *add);

extern const char *holders_algorithm(MpAlgorithm algorithm);

#endif							/* MISSING_PHOTOS_HOLDERS_H */
