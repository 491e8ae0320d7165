/*
 * served.h: the folders a probe that runs as a service was given, and what it may open as a root.
 *
 * The session's own probe serves whatever roots the extension names.  A service serves several
 * databases, perhaps, and trusts none of them further than its operator said: a root is opened only
 * at or below a folder that --root or --derived-root named, wherever links in its path may lead, and
 * files are removed only where it was --derived-root.
 */
#ifndef MP_SERVED_H
#define MP_SERVED_H

#include <stdbool.h>
#include <stdint.h>

#include "../protocol/wire.h"

typedef struct MpFolders
{
	const MpStr *each;
	uint32_t	n;
} MpFolders;

/*
 * From now on only these folders, and what lies below them, may be opened as roots, and files
 * removed only below the second ones.  Call it once, before any thread is started; the strings must
 * stay.
 */
extern void mp_serve_only(MpFolders readable, MpFolders removable);

/* Whether files may be removed below a root that was opened. */
extern bool mp_serves_removing(int fd);

/* Opens a root (O_PATH); -1 with errno EACCES when it isn't served. */
extern int	mp_open_root(const char *path);

#endif							/* MP_SERVED_H */
