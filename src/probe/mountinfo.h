/*
 * mountinfo.h: the kernel's table of mounts, /proc/self/mountinfo.
 */
#ifndef MP_MOUNTINFO_H
#define MP_MOUNTINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct MpMount
{
	uint64_t	id;				/* the plain mount id, which a later mount may get again */
	uint64_t	parent;			/* the mount it is mounted on */
	const char *device;			/* major:minor */
	const char *point;			/* where it is mounted, as an absolute path */
	const char *type;
	const char *source;
	const char *folder;			/* which folder of the file system is mounted: "/" but for binds */
} MpMount;

/* All mounts, in the kernel's order: a later one covers an earlier one at the same point. */
typedef struct MpMounts
{
	char	   *text;			/* what the mounts point into */
	MpMount    *list;
	size_t		n;
} MpMounts;

/* Reads the table.  Returns 0 or an errno; mp_mountinfo_free() is due after 0. */
extern int	mp_mountinfo_load(MpMounts *mounts);
extern void mp_mountinfo_free(MpMounts *mounts);

/*
 * Takes the next mount off the text and moves *at past it; false at the end.  The text is changed
 * (its escapes undone in place), and what *mount points to lies in it.  A line that isn't as
 * proc(5) says is passed over.
 */
extern bool mp_mountinfo_next(char **at, MpMount *mount);

/* What follows folder and a slash in an absolute path; NULL when nothing does. */
extern const char *mp_mount_below(const char *path, const char *folder);

#endif							/* MP_MOUNTINFO_H */
