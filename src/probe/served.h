/*
 * served.h: the folders a probe that runs as a service was given, and what it may open as a root.
 *
 * The session's own probe serves whatever roots the extension names.  A service serves several
 * databases, perhaps, and trusts none of them further than its operator said: a root is opened only
 * at or below a folder that --root named, wherever links in its path may lead.
 */
#ifndef MP_SERVED_H
#define MP_SERVED_H

#include <stdbool.h>
#include <stdint.h>

#include "../protocol/wire.h"

/*
 * From now on only these folders, and what lies below them, may be opened as roots.  Call it once,
 * before any thread is started; the strings must stay.
 */
extern void mp_serve_only(const MpStr *folders, uint32_t n);

/* Whether that was said: a service looks, and removes nothing. */
extern bool mp_serves_only(void);

/* Opens a root (O_PATH); -1 with errno EACCES when it isn't served. */
extern int	mp_open_root(const char *path);

#endif							/* MP_SERVED_H */
