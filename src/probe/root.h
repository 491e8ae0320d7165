/*
 * root.h: one ROOT request: what a root is, and what is mounted below it.
 */
#ifndef MP_ROOT_H
#define MP_ROOT_H

#include "guard.h"

/*
 * Writes the payload of the answer.  Returns 0, or the errno of our own shortage; the writer's
 * content is then of no use.
 */
extern int	mp_root_write(const MpRequest *request, MpWriter *w);

/*
 * Looks for the marker, a file by which a person tells the root from the place it is mounted on; the
 * guard's report says so when it isn't there.
 */
extern void mp_root_look_for_marker(MpGuard *guard, const char *name);

#endif							/* MP_ROOT_H */
