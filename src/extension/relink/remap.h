/*
 * remap.h: a library that moved as a whole, as its parts see it: remap_look.c looks for every file at its
 * new place, remap.c is the verb and writes.
 */
#ifndef MISSING_PHOTOS_REMAP_H
#define MISSING_PHOTOS_REMAP_H

#include "job.h"
#include "moves.h"
#include "roots.h"

typedef enum RemapState
{
	REMAP_READY,				/* found at the new place */
	REMAP_ABSENT,
	REMAP_DIFFERENT,			/* another file is there */
	REMAP_UNREACHABLE,
	REMAP_INVALID,
	REMAP_READONLY,				/* the application moves it itself */
	REMAP_COLLISION,			/* another row has the new path and keeps it */
	REMAP_MOVED,
	REMAP_BUSY					/* another session holds the row */
} RemapState;

/*
 * A folder of the owner that was seen being renamed: what remap_paths does, with the job of `changes`.
 * Needs an SPI connection.  True when there are files that couldn't be given their new paths: those are a
 * scan's to find.
 */
extern bool remap_folder(Changes *changes, const char *from, const char *to);

typedef struct Remap
{
	Job			job;
	const char *from;			/* without a slash at the end */
	const char *to;
	bool		dry_run;
	bool		force;
	RootTable  *roots;
	int			n;
	Columns    *files;			/* moves_columns, a row per pair; the rest goes with it */
	RemapState *states;
	const char **reasons;
	int			capacity;
	Changes		changes;
} Remap;

/* Looks for every file of the owner's below the old folder at its new place: files, states, reasons. */
extern void remap_look(Remap *remap);

/* Marks rows whose new path another row keeps; how many. */
extern int	remap_find_collisions(Remap *remap);

/*
 * The rows that may move among so many of `order` (NULL: as they come) from number `from` on; their
 * numbers go to `numbers`.
 */
extern Columns *remap_movable(const Remap *remap, const int *order, int from, int n, int *numbers);

/* A text of a row; palloc'd, NULL when null. */
extern char *remap_text(const Remap *remap, int column, int row);

#endif							/* MISSING_PHOTOS_REMAP_H */
