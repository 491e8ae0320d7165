/*
 * watcher.h: the background worker that watches a database's roots.
 *
 * There is one per database, known by a lock that it holds.  It is started by start_watching(), and
 * started again by whoever takes broken-off jobs up.
 */
#ifndef MISSING_PHOTOS_WATCHER_H
#define MISSING_PHOTOS_WATCHER_H

/*
 * Needs an SPI connection.  Starts the watcher where watching is wanted and none runs; false: it is
 * wanted, and no background worker is free or its role can't have one.
 */
extern bool watcher_revive(void);

/* Whether this database's watcher runs. */
extern bool watcher_is_alive(void);

/* The watcher's own: takes the lock for as long as it lives. */
extern bool watcher_lock_take(void);

#endif							/* MISSING_PHOTOS_WATCHER_H */
