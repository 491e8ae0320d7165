/*
 * job_verbs.h: what each kind of job does when a person approves of it; job_verbs.c holds the table.
 *
 * Called with SPI connected and the owner's lock held until the transaction ends; fcinfo is
 * approve_job's, whose first argument is the job's id.  Returns approve_job's row, in the context
 * that was current.
 */
#ifndef MISSING_PHOTOS_JOB_VERBS_H
#define MISSING_PHOTOS_JOB_VERBS_H

#include "fmgr.h"

extern void job_verbs_init(void);

extern Datum scan_approve(FunctionCallInfo fcinfo, const char *owner);
extern Datum delete_approve(FunctionCallInfo fcinfo, const char *owner);

#endif							/* MISSING_PHOTOS_JOB_VERBS_H */
