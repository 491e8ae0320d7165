/*
 * job.h: a long piece of work on one owner's library, as a series of steps with a row of its own.
 *
 * As a function a job runs in its caller's transaction, and an error takes everything back.  As a
 * procedure it commits after each step: its progress shows, nothing is done twice over, and no
 * transaction with a snapshot is open while the disk is read; when a step fails, that step alone is
 * rolled back and the job ends as failed.
 */
#ifndef MISSING_PHOTOS_JOB_H
#define MISSING_PHOTOS_JOB_H

#include "compat.h"

typedef struct Job Job;

/* Embedded as the first member by what the job is about (OwnerScan). */
struct Job
{
	MemoryContext context;		/* lives as long as the job */
	MemoryContext round_context;	/* of the batch in hand */
	bool		commits;		/* a procedure that may commit, and does after each step */
	const char *kind;			/* "scan", "relink", "delete" */
	const char *owner;
	Datum		id;				/* uuid */
	int			page;			/* items to a page, as which the application counts progress */
	bool		goes_on;		/* broken off before, and has work staged (job_begin) */
	const char *counted;		/* what it counted before it was broken off, as JSON (job_begin) */
	bool		locked;			/* this session holds the job's lock */
	bool		ended;
	/* Closes what an error would leave open; called also at the end of a run that went well. */
	void		(*close) (Job *job);
	/* What was counted so far, as the text of a JSON object. */
	const char *(*result) (const Job *job);
};

typedef void (*JobStep) (void *arg);

/* A zeroed structure of this size that begins with its Job, in a context below parent. */
extern void *job_make(MemoryContext parent, Size size, const char *kind, const char *owner,
					  NullableDatum job_id, bool commits);

/* Runs a step with the round's context current; raises its error once the job is marked failed. */
extern void job_run(Job *job, JobStep step, void *arg);

/* Runs something in a subtransaction; its error, rolled back, or NULL. */
extern struct ErrorData *job_try(Job *job, JobStep step, void *arg);

/* The row of a job that failed and was rolled back with all it did. */
extern void job_record_failure(Job *job, const struct ErrorData *error);

/* Begins work on the next batch: empties the round's context and makes it current. */
extern void job_new_round(Job *job);

/* Writes the row, also the application's, and ends this owner's jobs whose sessions are gone. */
extern void job_begin(Job *job);

/* In items; the application is told pages of them. */
extern void job_progress(Job *job, int64 done, int64 total);

/* Keeps what was counted so far, for the day the job is broken off, and tells listeners. */
extern void job_note_result(Job *job);

/* State is "finished" or "held"; to the application, which knows no held jobs, that is a failure. */
extern void job_end(Job *job, const char *state, const char *error, int64 total);

/*
 * Raises an error where the procedure couldn't commit: inside somebody's transaction, or in a block
 * of PL/pgSQL that catches exceptions.
 */
extern void job_require_own_transaction(FunctionCallInfo fcinfo, const char *procedure,
										const char *function);

/* For an interval in a verb's result. */
extern Datum job_elapsed_since(TimestampTz start);

#endif							/* MISSING_PHOTOS_JOB_H */
