/* job_queue.h: jobs that wait for a background worker (job_queue.c has the verbs). */
#ifndef MISSING_PHOTOS_JOB_QUEUE_H
#define MISSING_PHOTOS_JOB_QUEUE_H

#include "fmgr.h"

/*
 * Needs an SPI connection.  When this transaction commits, workers for all queued jobs, as far as
 * there are free places; ends the jobs of roles that can't have workers.  Returns how many jobs
 * wait.
 */
extern int	job_queue_start_workers(void);

/*
 * Queues those again whose workers ended before they did, and starts workers; the watcher too where
 * watching is wanted.
 */
extern int	job_queue_revive(void);

/*
 * Queues a job of the caller's, with what its procedure is given as the text of a JSON object, in
 * the application's job table too.  Returns its id, palloc'd.
 */
extern Datum job_queue_add(const char *kind, const char *owner, NullableDatum job_id,
						   const char *arguments);

/* An error when the caller's jobs can't run in the background. */
extern void job_queue_require_role(void);

#endif							/* MISSING_PHOTOS_JOB_QUEUE_H */
