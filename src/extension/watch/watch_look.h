/*
 * watch_look.h: names looked at on disk and in the library, for watch_apply.c.
 */
#ifndef MISSING_PHOTOS_WATCH_LOOK_H
#define MISSING_PHOTOS_WATCH_LOOK_H

#include "file_row.h"
#include "roots.h"

/* A row of the library that has a path. */
typedef struct PathRow
{
	char	   *owner;
	char	   *photo;
	char	   *file;
	char	   *path;
	bool		flagged;
	bool		readonly;
	int			name;			/* its path's place among those asked for */
} PathRow;

typedef struct Names
{
	int			n;
	int			capacity;
	char	  **paths;
	bool	   *excluded;		/* such a name makes no new photo */
	/* watch_look fills in the rest. */
	MpVerdict  *verdicts;
	MpIdentity *identities;		/* of those present */
	int			n_rows;
	PathRow    *rows;
	bool	   *has_row;
} Names;

extern void names_add(Names *names, const char *path, bool excluded);

/* Looks names up in the library and on disk; doubled ones are looked at once. */
extern void names_look(Names *names);
/* Looks them up in the library once more. */
extern void names_look_for_rows(Names *names);

/* Rows of the library that have these paths. */
extern PathRow *names_find_rows(const Names *names, int *n);

/* Looks paths up on disk, under the guard of their roots. */
extern void paths_look(char *const *paths, int n, MpVerdict *verdicts, MpIdentity *identities);

/*
 * For each: which file of the library it is, by what that looked like when it was last seen; NULL where
 * none did, or several.
 */
extern char **files_recognise(const MpVerdict *verdicts, const MpIdentity *identities, int n);

#endif							/* MISSING_PHOTOS_WATCH_LOOK_H */
