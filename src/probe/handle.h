/*
 * handle.h: what the kernel tells of an open handle.
 */
#ifndef MP_HANDLE_H
#define MP_HANDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "../protocol/protocol.h"
#include "syscalls.h"

/*
 * The mount a file lies on: the id that no later mount gets again (Linux 6.8) where there is one,
 * else the plain one.  By number, because the C library's headers may be older than the kernel.
 */
#define MP_STATX_MNT_ID 0x00001000U
#define MP_STATX_MNT_ID_UNIQUE 0x00004000U
#define MP_STATX_MOUNT (MP_STATX_MNT_ID | MP_STATX_MNT_ID_UNIQUE)

/* One folder, for as long as a batch lasts; no number in it survives a reboot. */
typedef struct MpNode
{
	uint64_t	device;
	uint64_t	inode;
	uint64_t	mount_id;
} MpNode;

/* Type, inode, size, times, device and mount.  These return 0 or an errno. */
extern int	mp_stat_handle(int fd, struct statx *st);
/* The same of a single name in a folder; a link isn't followed. */
extern int	mp_stat_name(int folder, const char *name, struct statx *st);
extern int	mp_statfs_handle(int fd, uint64_t *fsid, uint64_t *fs_magic);

extern void mp_node_of(const struct statx *st, MpNode *node);
extern bool mp_node_equal(const MpNode *a, const MpNode *b);
/*
 * The file system of a name in a folder: the folder's own, unless something is mounted on the name
 * itself.  Returns 0 or an errno.
 */
extern int	mp_fsid_of_name(int folder, const MpNode *folder_node, uint64_t folder_fsid,
							const char *name, const struct statx *st, uint64_t *fsid);
extern void mp_identity_of(const struct statx *st, uint64_t fsid, MpIdentity *identity);

/* Where a handle lies as the kernel sees it now; false when that can't be told. */
extern bool mp_canonical_path(int fd, char *path, size_t size);

#endif							/* MP_HANDLE_H */
