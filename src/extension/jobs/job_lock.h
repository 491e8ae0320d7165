/*
 * job_lock.h: locks that say who is at work.
 *
 * A job that commits between its steps is alive only while its session holds the job's lock: a
 * session that is terminated or crashes can't say that it ended, but its locks go with it.  And a
 * background worker works only while it holds one of the database's places for workers.
 */
#ifndef MISSING_PHOTOS_JOB_LOCK_H
#define MISSING_PHOTOS_JOB_LOCK_H

#include "utils/uuid.h"

/* For the session, until released.  False when another session has it. */
extern bool job_lock_take(const pg_uuid_t *job_id);
extern void job_lock_release(const pg_uuid_t *job_id);

/* Takes it again should pg_advisory_unlock_all() have taken it away (owner_lock.h). */
extern void job_lock_keep(const pg_uuid_t *job_id);

/* Whether some session holds it, this one too; disturbs nobody who wants to take it. */
extern bool job_lock_is_held(const pg_uuid_t *job_id);

/* Takes one of missing_photos.max_workers places for the session; false: all are taken. */
extern bool job_lock_take_place(void);
extern void job_lock_leave_place(void);

/* How many of the places are free now. */
extern int	job_lock_free_places(void);

#endif							/* MISSING_PHOTOS_JOB_LOCK_H */
