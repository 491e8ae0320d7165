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
 * Moves the rows of the library that have the old paths, and forgets the moves; both names are to be
 * looked at then.  Returns how many were moved; what can't be is a scan's to find out.
 */
extern int64 watch_moves_apply(FileMoves *moves, Names *looks);

/* A folder: the rows of all below it in one step. */
extern int64 watch_folder_moved(const WatchChange *change, Names *looks);
/* Who has files below a folder. */
extern List *watch_owners_below(const char *folder);

#endif							/* MISSING_PHOTOS_WATCH_MOVES_H */
