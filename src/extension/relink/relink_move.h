/* relink_move.h: files and the places they are to be moved to; see relink_apply.c. */
#ifndef MISSING_PHOTOS_RELINK_MOVE_H
#define MISSING_PHOTOS_RELINK_MOVE_H

#include "moves.h"
#include "roots.h"

typedef struct Move
{
	char	   *photo;
	char	   *file;
	char	   *old_path;		/* NULL: the library has none */
	char	   *new_path;
	bool		displaced;		/* another file may lie at the old path */
	MpIdentity	old_identity;	/* what is known of the file, without file system and ctime */
	MpIdentity	identity;		/* of the file at the new path, when it was found */
	const char *algorithm;		/* of what was read of it there; NULL: nothing was */
	const char *digest;
	const char *ends;
	bool		good;			/* said by relink_look_at_places */
} Move;

/* Looks at both places of each. */
extern void relink_look_at_places(RootTable *roots, Move *moves, int n);

/* The good ones, for moves_apply. */
extern Columns *relink_good_moves(const Move *moves, int n);

#endif							/* MISSING_PHOTOS_RELINK_MOVE_H */
