/* relink_move.h: files and the places they are to be moved to; see relink_apply.c. */
#ifndef MISSING_PHOTOS_RELINK_MOVE_H
#define MISSING_PHOTOS_RELINK_MOVE_H

#include "roots.h"
#include "sql_calls.h"

typedef struct Move
{
	char	   *photo;
	char	   *file;
	char	   *old_path;		/* NULL: the library has none */
	char	   *new_path;
	bool		was_main;		/* what the photo lost with it */
	char	   *main_after;
	bool		displaced;		/* another file may lie at the old path */
	MpIdentity	old_identity;	/* what is known of the file, without file system and ctime */
	MpIdentity	identity;		/* of the file at the new path, when it was found */
	bool		good;			/* said by relink_look_at_places */
} Move;

/* Looks at both places of each. */
extern void relink_look_at_places(RootTable *roots, Move *moves, int n);

/*
 * Moves the good ones.  Returns those that the library moved; the others are rows that somebody holds,
 * and those whose path somebody has.
 */
extern Columns *relink_move_rows(const char *owner, const Move *moves, int n, Columns **busy,
							Columns **refused);

/* The moved ones as the arguments photos, files, old paths, new paths. */
extern void relink_argument_moved(Arguments *a, const Columns *moved);

#endif							/* MISSING_PHOTOS_RELINK_MOVE_H */
