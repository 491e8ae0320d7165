/* served.c: opening a root, if it is served; see served.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "handle.h"
#include "served.h"

static MpFolders served;
static MpFolders served_removing;
static bool limited;

void
mp_serve_only(MpFolders readable, MpFolders removable)
{
	served = readable;
	served_removing = removable;
	limited = true;
}

static bool
lies_within(const char *path, const MpStr *folder)
{
	if (folder->length == 1)
		return true;			/* "/" */
	return strncmp(path, folder->data, folder->length) == 0 &&
		(path[folder->length] == '/' || path[folder->length] == '\0');
}

/* Asked of the handle, not of the path: between the two a link could change. */
static bool
is_within(int fd, MpFolders folders)
{
	char		path[2 * 4096];

	if (!mp_canonical_path(fd, path, sizeof(path)))
		return false;
	for (uint32_t i = 0; i < folders.n; i++)
		if (lies_within(path, &folders.each[i]))
			return true;
	return false;
}

bool
mp_serves_removing(int fd)
{
	return !limited || is_within(fd, served_removing);
}

int
mp_open_root(const char *path)
{
	int			fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && limited && !is_within(fd, served) && !is_within(fd, served_removing))
	{
		close(fd);
		errno = EACCES;
		return -1;
	}
	return fd;
}
