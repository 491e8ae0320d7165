/*
 * workers.h: the threads that touch the disk.
 *
 * Work comes in jobs of many steps.  Idle workers take steps of the oldest job first; a job's
 * `done` is called once, by the worker that finished its last step.  A step never waits for another
 * step, so a pool of a single thread gets through everything.  Steps may hang in the kernel for
 * ever: nothing here waits for them, and the process ends with _exit.
 *
 * Where steps mostly wait (a far mount, a cold disk), more threads get more done: a pool whose size
 * was left to it grows as soon as it sees that.
 */
#ifndef MP_WORKERS_H
#define MP_WORKERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "dirlist.h"

/* Part of the caller's own structure; the pool only borrows it until `done` is called. */
typedef struct MpJob
{
	struct MpJob *next;
	uint32_t	steps;			/* at least 1 */
	uint32_t	taken;
	uint32_t	finished;
	void		(*step) (struct MpJob *job, uint32_t index, MpScratch *scratch);
	void		(*done) (struct MpJob *job);
} MpJob;

typedef struct MpWorkers
{
	pthread_mutex_t lock;		/* guards everything below, and the counters of queued jobs */
	pthread_cond_t wake;
	MpJob	   *first;			/* jobs with steps not yet taken */
	MpJob	   *last;
	uint32_t	threads;		/* running */
	uint32_t	limit;			/* of threads */
	bool		grows;			/* the limit rises where steps wait */
	uint32_t	waits;			/* steps that waited, less those that didn't */
	uint32_t	idle;
	bool		stopping;
} MpWorkers;

enum
{
	MP_MOST_THREADS = 64
};

/* threads 0: twice the processors, at least 4, at most 16, and more where steps wait.  Starts none yet. */
extern void mp_workers_start(MpWorkers *workers, uint32_t threads);

/*
 * Queues a job whose steps, step and done are set, and starts threads as needed.  Returns 0, or
 * EAGAIN when not a single thread can be had: the job is then the caller's again.  Called from a
 * `done` it always succeeds, because that runs on a worker.
 */
extern int	mp_workers_submit(MpWorkers *workers, MpJob *job);

/* For tests: waits until all jobs are done and all threads are gone. */
extern void mp_workers_stop(MpWorkers *workers);

#endif							/* MP_WORKERS_H */
