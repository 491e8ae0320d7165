/*
 * worker_start.h: asking the postmaster for background workers.
 *
 * A worker is asked for when the transaction that queued its job is about to commit, and waits for
 * that commit; a transaction that is rolled back starts none.  A worker does one role's jobs, as
 * that role, until none is left (worker.c).
 */
#ifndef MISSING_PHOTOS_WORKER_START_H
#define MISSING_PHOTOS_WORKER_START_H

extern void worker_start_init(void);

/*
 * When this transaction commits, so many workers for a role's queued jobs.  A second call for the
 * same role adds none unless it asks for more.
 */
extern void worker_start_at_commit(Oid role, int workers);

#endif							/* MISSING_PHOTOS_WORKER_START_H */
