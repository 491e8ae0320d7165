/*
 * walk.h: a confined look-up by hand (see confine.h, which is what others call).
 */
#ifndef MP_WALK_H
#define MP_WALK_H

#include "confine.h"

/* As mp_find, without openat2.  EAGAIN: something was renamed on the way, try again. */
extern void mp_walk(const MpTree *tree, const char *path, bool folder, MpFound *found);

/*
 * The rest of an absolute path below root (both absolute; ".", ".." and doubled slashes in path are
 * understood), or NULL when it doesn't lie below it.
 */
extern const char *mp_path_below(const char *path, const char *root);

#endif							/* MP_WALK_H */
