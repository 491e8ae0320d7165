/* probe_process.h: starting the probe and letting it go. */
#ifndef MISSING_PHOTOS_PROBE_PROCESS_H
#define MISSING_PHOTOS_PROBE_PROCESS_H

/* Starts keeper and probe; returns a non-blocking socket to the probe or raises an error. */
extern pgsocket probe_process_start(void);

/*
 * Lets the probe go: closing the socket ends it, even when one of its threads is stuck in the
 * kernel (what can't end stays behind with its keeper and harms nobody).  Never raises an error.
 */
extern void probe_process_release(pgsocket sock);

/* Buries keepers that have ended.  Never raises an error. */
extern void probe_process_reap(void);

#endif							/* MISSING_PHOTOS_PROBE_PROCESS_H */
