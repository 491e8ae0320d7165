/* served.c: opening a root, if it is served; see served.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "handle.h"
#include "served.h"

static const MpStr *served;
static uint32_t n_served;
static bool limited;

void
mp_serve_only(const MpStr *folders, uint32_t n)
{
	served = folders;
	n_served = n;
	limited = true;
}

bool
mp_serves_only(void)
{
	return limited;
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
is_served(int fd)
{
	char		path[2 * 4096];

	if (!mp_canonical_path(fd, path, sizeof(path)))
		return false;
	for (uint32_t i = 0; i < n_served; i++)
		if (lies_within(path, &served[i]))
			return true;
	return false;
}

int
mp_open_root(const char *path)
{
	int			fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && limited && !is_served(fd))
	{
		close(fd);
		errno = EACCES;
		return -1;
	}
	return fd;
}
