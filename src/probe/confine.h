/*
 * confine.h: look-ups that can't leave the registered roots.
 *
 * A path is looked up below the handle of a root.  A symbolic link may lead anywhere inside that
 * root or into another registered root, and nowhere else; ".." climbs no higher than where the
 * look-up began.  The kernel does it where it can (openat2); what it can't do or explain, links
 * with absolute targets above all, is walked by hand, component by component, never following a
 * link unseen.
 */
#ifndef MP_CONFINE_H
#define MP_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

#include "handle.h"
#include "request.h"
#include "verdict.h"

/* A root to look up in; its handle and the place belong to the caller. */
typedef struct MpTree
{
	int			fd;				/* O_PATH */
	const MpPlace *place;
	bool		by_hand;		/* never use openat2 */
} MpTree;

typedef struct MpFound
{
	int			fd;				/* O_PATH handle of what was found, the caller's to close; or -1 */
	int			err;			/* 0, or why there is none */
	bool		behind_link;	/* the error was met on the way that a symbolic link points out */
	bool		other_root;		/* a symbolic link led through another registered root */
	/* ENOENT, ENOTDIR: the deepest folder on the way, and how much of the path leads to it */
	size_t		exists;
	MpNode		node;
} MpFound;

/* Finds out whether the kernel has openat2 and lets us use it; call once, before any look-up. */
extern void mp_confine_start(void);
/* The answer: trees should be by hand. */
extern bool mp_confine_by_hand(void);
/* For tests and kernels that lie: no tree uses openat2 from now on. */
extern void mp_confine_force_by_hand(void);

/*
 * Looks a sound path up (mp_path_is_sound; "" is the root itself).  With `folder` anything but a
 * folder is ENOTDIR.
 */
extern void mp_find(const MpTree *tree, const char *path, bool folder, MpFound *found);

/* What a failed look-up means: the table of errors, and doubt where a link was in play. */
extern MpJudgement mp_judge_found(const MpFound *found);

#endif							/* MP_CONFINE_H */
