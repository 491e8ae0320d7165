/* launcher.h: what happens to jobs when the server starts with missing_photos preloaded. */
#ifndef MISSING_PHOTOS_LAUNCHER_H
#define MISSING_PHOTOS_LAUNCHER_H

/* From _PG_init: registers the launcher when the postmaster is loading the library. */
extern void launcher_init(void);

#endif							/* MISSING_PHOTOS_LAUNCHER_H */
