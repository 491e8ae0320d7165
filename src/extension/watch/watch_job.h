/*
 * watch_job.h: the job that what a watch changes belongs to.
 *
 * One per owner, for as long as something happens every ten minutes and for an hour at most.  Its row is
 * that of a finished job: it is written, and counts on, with each transaction that changed something,
 * so that there is nothing to end, and nothing is lost in a crash.
 */
#ifndef MISSING_PHOTOS_WATCH_JOB_H
#define MISSING_PHOTOS_WATCH_JOB_H

#include "apply.h"

/* At the begin of each transaction that may change something. */
extern void watch_jobs_begin(void);

/* To change an owner's library with. */
extern Changes watch_job_changes(const char *owner);

/* What was changed with that, and not rolled back. */
extern void watch_job_add(const Changes *changes, int64 relinked);

/* Before the end of the transaction: writes the rows. */
extern void watch_jobs_note(void);

#endif							/* MISSING_PHOTOS_WATCH_JOB_H */
