/*
 * syscalls.h: system calls that not every C library has a function for; musl, Alpine's, lacks some.
 */
#ifndef MP_SYSCALLS_H
#define MP_SYSCALLS_H

#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef STATX_BASIC_STATS
#include <linux/stat.h>

static inline int
statx(int folder, const char *name, int flags, unsigned mask, struct statx *st)
{
	return (int) syscall(SYS_statx, folder, name, flags, mask, st);
}
#endif

/* Reads what is in memory already; -1 with EAGAIN where the disk would have to be asked. */
static inline ssize_t
mp_read_cached(int fd, const struct iovec *to, int n, uint64_t offset)
{
	enum
	{
		NOWAIT = 0x8			/* RWF_NOWAIT */
	};

	return syscall(SYS_preadv2, fd, to, n, (unsigned long) offset, (unsigned long) (offset >> 32),
				   NOWAIT);
}

/* Renames unless the new name is taken (EEXIST). */
static inline int
mp_rename_new(int folder, const char *name, const char *new_name)
{
	enum
	{
		NOREPLACE = 0x1			/* RENAME_NOREPLACE */
	};

	return (int) syscall(SYS_renameat2, folder, name, folder, new_name, NOREPLACE);
}

#endif							/* MP_SYSCALLS_H */
