/*
 * landlock.h: giving up the right to read anything but the registered roots.
 *
 * The confined look-ups (confine.h) are the wall; this is a second one, of the kernel's, for the
 * day that the first has a hole.  It forbids opening for reading, writing, executing, the network
 * and signals; looking a name up or asking for its size was never Landlock's business.
 */
#ifndef MP_LANDLOCK_H
#define MP_LANDLOCK_H

#include "request.h"

/*
 * Confines this thread, and every thread it starts from now on, to reading below the paths of both
 * lists, and to renaming and removing files below those of the second.
 * Returns the ABI of the kernel's Landlock, or 0: nothing was given up.  Takes no longer than a
 * fraction of a second: a path that can't be opened by then is left out, and what lies below it
 * can't be read.
 */
extern int	mp_landlock_confine(const MpStr *readable, uint32_t n_readable,
								const MpStr *removable, uint32_t n_removable);

#endif							/* MP_LANDLOCK_H */
