/* watch_moves.h: files and folders that a watch saw being renamed. */
#ifndef MISSING_PHOTOS_WATCH_MOVES_H
#define MISSING_PHOTOS_WATCH_MOVES_H

#include "nodes/pg_list.h"

#include "watch_changes.h"
#include "watch_look.h"

typedef struct FileMoves
{
	int			n;
	char	  **from;			/* place for all that may come */
	char	  **to;
	struct HTAB *by_to;
} FileMoves;

extern FileMoves *watch_moves_make(int most);
/* A file that moved on is one move, from where the library has it. */
extern void watch_moves_add(FileMoves *moves, char *from, char *to);

/*
 * Moves the rows of the library that have the old paths, and forgets the moves; all names that were told
 * are to be looked at then.  Returns how many were moved; what can't be is a scan's to find out.
 */
extern int64 watch_moves_apply(FileMoves *moves);

/*
 * Gives rows other paths (those of `to`, a path per row; its own: it stays), where their files are seen
 * there, and aren't any more where they were.  The last two are of the new paths.
 */
extern int64 watch_rows_moved(const PathRow *rows, int n, char *const *to, const MpVerdict *verdicts,
							  const MpIdentity *identities);

/* A folder: the rows of all below it in one step. */
extern int64 watch_folder_moved(const WatchChange *change, Names *looks);
/* Who has files below a folder. */
extern List *watch_owners_below(const char *folder);

#endif							/* MISSING_PHOTOS_WATCH_MOVES_H */
