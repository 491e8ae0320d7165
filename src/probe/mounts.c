/*
 * mounts.c: listmount and statmount, or the table of mounts.
 *
 * listmount and statmount (Linux 6.8) answer from the kernel's own memory, so a mount whose disk or
 * server is dead can't hang them.  Where they are missing, or a container's filter refuses them,
 * /proc/self/mountinfo tells the same, but with numbers that a later mount may get again; the
 * number that stays unique is then asked of the mount point, which is as slow as its file system.
 * Before Linux 6.8 there is none to ask for.
 *
 * The list isn't read in one go, and needn't be: every mount is seen at some moment before the
 * batch and at some moment after it, and what was mounted in between has a number of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "handle.h"
#include "mountinfo.h"
#include "mounts.h"
#include "progress.h"

#ifndef SYS_statmount
#define SYS_statmount 457
#endif
#ifndef SYS_listmount
#define SYS_listmount 458
#endif

enum
{
	IDS = 256,					/* mounts listed by one call */
	WANT_POINT = 0x10			/* STATMOUNT_MNT_POINT */
};

/* As the kernel has them; the C library's headers may be older. */
typedef struct MountRequest
{
	uint32_t	size;
	uint32_t	spare;
	uint64_t	mount_id;
	uint64_t	param;			/* statmount: what is wanted; listmount: the last id so far */
} MountRequest;

typedef struct MountStatus
{
	uint32_t	size;
	uint32_t	options;
	uint64_t	mask;
	unsigned char others[92];
	uint32_t	point;			/* offset of the mount point in text */
	unsigned char spare[400];
	char		text[2 * 4096];
} MountStatus;

_Static_assert(offsetof(MountStatus, point) == 108, "statmount's mount point");
_Static_assert(offsetof(MountStatus, text) == 512, "statmount's text");

static atomic_bool by_table;

void
mp_mounts_force_table(void)
{
	by_table = true;
}

/* FNV-1a. */
static void
mix(uint64_t *hash, const void *data, size_t length)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < length; i++)
		*hash = (*hash ^ bytes[i]) * UINT64_C(0x100000001B3);
}

static void
mix_number(uint64_t *hash, uint64_t number)
{
	mix(hash, &number, sizeof(number));
}

/* With its NUL, so that no two texts run into one. */
static void
mix_text(uint64_t *hash, const char *text)
{
	mix(hash, text, strlen(text) + 1);
}

/*
 * What a mount is to the root: its place below it, or NULL.  Of a place that isn't known it is
 * assumed to be below.
 */
static const char *
place_of(const char *point, const char *canonical)
{
	if (canonical[0] == '\0' || point[0] == '\0')
		return point;
	return mp_mount_below(point, canonical);
}

/* Adds one mount by its unique id. */
static int
add_mount(uint64_t *hash, uint64_t id, const char *canonical)
{
	MountRequest request = {.size = sizeof(request), .mount_id = id, .param = WANT_POINT};
	MountStatus status;
	const char *place = "";
	long		result = syscall(SYS_statmount, &request, &status, sizeof(status), 0);

	/* It has just gone. */
	if (result != 0 && errno == ENOENT)
		return 0;
	/* EOVERFLOW: a mount point too long to be told.  Then the number alone must do. */
	if (result != 0 && errno != EOVERFLOW)
		return errno;
	if (result == 0 && (status.mask & WANT_POINT) != 0 && status.point < sizeof(status.text))
	{
		status.text[sizeof(status.text) - 1] = '\0';
		place = place_of(status.text + status.point, canonical);
	}
	if (place != NULL)
	{
		mix_number(hash, id);
		mix_text(hash, place);
	}
	return 0;
}

/* By listmount: everything below the mount that the root lies on. */
static int
add_by_list(uint64_t *hash, uint64_t mount_id, const char *canonical)
{
	MountRequest request = {.size = sizeof(request), .mount_id = mount_id};
	uint64_t	ids[IDS];
	long		n;

	do
	{
		n = syscall(SYS_listmount, &request, ids, (size_t) IDS, 0);
		mp_progress_add(1);
		if (n < 0)
			return errno;
		for (long i = 0; i < n; i++)
		{
			int			err = add_mount(hash, ids[i], canonical);

			if (err != 0)
				return err;
		}
		if (n > 0)
			request.param = ids[n - 1];
	}
	while (n == IDS);
	return 0;
}

/* The id that stays unique, of what is mounted at a path now; 0 where it can't be told. */
static uint64_t
unique_id(const char *point)
{
	struct statx st;
	int			result = statx(AT_FDCWD, point,
							   AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
							   MP_STATX_MNT_ID_UNIQUE, &st);

	mp_progress_add(1);
	return result == 0 && (st.stx_mask & MP_STATX_MNT_ID_UNIQUE) ? st.stx_mnt_id : 0;
}

static bool
has_unique_ids(int root)
{
	struct statx st;

	return mp_stat_handle(root, &st) == 0 && (st.stx_mask & MP_STATX_MNT_ID_UNIQUE) != 0;
}

static int
add_by_table(uint64_t *hash, int root, const char *canonical)
{
	bool		unique = has_unique_ids(root);
	MpMounts	mounts;
	int			err = mp_mountinfo_load(&mounts);

	mp_progress_add(1);
	if (err != 0)
		/* No table at all: not to be taken for a root that is gone. */
		return err == ENOENT || err == ENOTDIR ? EIO : err;
	for (size_t i = 0; i < mounts.n; i++)
	{
		const MpMount *mount = &mounts.list[i];
		const char *place = place_of(mount->point, canonical);

		if (place == NULL)
			continue;
		mix_number(hash, mount->id);
		mix_text(hash, mount->device);
		mix_text(hash, place);
		if (unique)
			mix_number(hash, unique_id(mount->point));
	}
	mp_mountinfo_free(&mounts);
	return 0;
}

int
mp_mounts_fingerprint(int root, uint64_t mount_id, uint64_t *fingerprint)
{
	char		canonical[2 * 4096];
	uint64_t	start = UINT64_C(0xCBF29CE484222325);
	int			err = ENOSYS;

	if (!mp_canonical_path(root, canonical, sizeof(canonical)))
		canonical[0] = '\0';
	mix_number(&start, mount_id);
	if (!by_table)
	{
		*fingerprint = start;
		err = add_by_list(fingerprint, mount_id, canonical);
		/* A container's filter may say EPERM where it means ENOSYS. */
		if (err == ENOSYS || err == EPERM)
			by_table = true;
	}
	if (err == ENOSYS || err == EPERM)
	{
		*fingerprint = start;
		err = add_by_table(fingerprint, root, canonical);
	}
	return err;
}
