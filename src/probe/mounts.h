/*
 * mounts.h: a fingerprint of what is mounted at and below a root.
 *
 * A file system mounted on a folder below the root may go, come, or go and come back while its
 * names are looked up; the root itself stays what it was.  Each mount has a number that no later
 * mount gets again (Linux 6.8), so a fingerprint over those numbers and their places differs after
 * any of that.
 */
#ifndef MP_MOUNTS_H
#define MP_MOUNTS_H

#include <stdint.h>

/*
 * The fingerprint for a root, by its handle and the id of the mount it lies on.  Returns 0 or an
 * errno; ENOENT: the root's own mount is gone.
 */
extern int	mp_mounts_fingerprint(int root, uint64_t mount_id, uint64_t *fingerprint);

/* For tests: without listmount, as on older kernels. */
extern void mp_mounts_force_table(void);

#endif							/* MP_MOUNTS_H */
