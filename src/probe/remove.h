/*
 * remove.h: one REMOVE request: derived files set aside, put back or removed.
 *
 * A file goes in two steps.  First it is renamed within its folder to a name nobody else knows; what
 * was renamed is then compared with what was to be renamed, because a name may have got another file
 * between look and rename, and no system call compares and unlinks in one.  Later, when the caller
 * has made sure that nobody needs it, it is removed by that name, or put back.
 *
 * Folders are opened from the root's handle without following a symbolic link and without leaving
 * the root's file system; everything in a folder is done relative to the handle held of it.
 */
#ifndef MP_REMOVE_H
#define MP_REMOVE_H

#include "guard.h"

/*
 * Does what is asked and writes the payload of the answer.  Returns 0, or the errno of our own
 * shortage; the writer's content is then of no use, and what was done stays done.
 */
extern int	mp_remove_write(const MpRequest *request, MpWriter *w);

#endif							/* MP_REMOVE_H */
