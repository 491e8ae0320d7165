/*
 * workers.c: a queue, a lock, and threads that are started when there is something to do.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "workers.h"

enum
{
	STACK_BYTES = 512 * 1024,	/* a walk by hand keeps paths of full length on it */
	LONG_WAIT_US = 1000,		/* a step that waits this long waits for the disk */
	WAITING_SHARE = 4			/* and that for so many times as long as it works */
};

void
mp_workers_start(MpWorkers *workers, uint32_t threads)
{
	memset(workers, 0, sizeof(*workers));
	pthread_mutex_init(&workers->lock, NULL);
	pthread_cond_init(&workers->wake, NULL);
	if (threads == 0)
	{
		long		processors = sysconf(_SC_NPROCESSORS_ONLN);

		threads = processors > 0 ? (uint32_t) processors * 2 : 4;
		if (threads < 4)
			threads = 4;
		if (threads > 16)
			threads = 16;
		workers->grows = true;
	}
	workers->limit = threads < MP_MOST_THREADS ? threads : MP_MOST_THREADS;
}

/* The next step of the oldest job; waits for one.  NULL: stop.  Called and returns locked. */
static MpJob *
take_step(MpWorkers *workers, uint32_t *index)
{
	MpJob	   *job;

	while (workers->first == NULL)
	{
		if (workers->stopping)
			return NULL;
		workers->idle++;
		pthread_cond_wait(&workers->wake, &workers->lock);
		workers->idle--;
	}
	job = workers->first;
	*index = job->taken++;
	if (job->taken == job->steps)
	{
		workers->first = job->next;
		if (workers->first == NULL)
			workers->last = NULL;
	}
	return job;
}

typedef struct Moment
{
	int64_t		time;			/* us */
	int64_t		worked;			/* us of processor time, of this thread */
	long		waits;			/* times that it gave its processor away by itself */
} Moment;

static void
take_moment(Moment *moment)
{
	struct timespec now;
	struct rusage usage = {0};

	clock_gettime(CLOCK_MONOTONIC, &now);
	getrusage(RUSAGE_THREAD, &usage);
	moment->time = (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
	moment->worked = (int64_t) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
		usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
	moment->waits = usage.ru_nvcsw;
}

/* Takes a step, and tells whether most of its time was spent waiting for the disk. */
static bool
take_timed(MpJob *job, uint32_t index, MpScratch *scratch)
{
	Moment		before;
	Moment		after;
	int64_t		worked;
	int64_t		waited;

	take_moment(&before);
	job->step(job, index, scratch);
	take_moment(&after);
	worked = after.worked - before.worked;
	waited = after.time - before.time - worked;
	return after.waits > before.waits && waited >= LONG_WAIT_US &&
		waited >= WAITING_SHARE * worked;
}

static void weigh(MpWorkers *workers, bool waited);

static void *
work(void *argument)
{
	MpWorkers  *workers = argument;
	MpScratch	scratch = {0};
	MpJob	   *job;
	uint32_t	index;

	pthread_mutex_lock(&workers->lock);
	while ((job = take_step(workers, &index)) != NULL)
	{
		bool		grows = workers->grows;
		bool		waited = false;

		pthread_mutex_unlock(&workers->lock);
		if (grows)
			waited = take_timed(job, index, &scratch);
		else
			job->step(job, index, &scratch);
		pthread_mutex_lock(&workers->lock);
		weigh(workers, waited);
		if (++job->finished == job->steps)
		{
			/* The last one: nobody else touches the job any more, and done may free it. */
			pthread_mutex_unlock(&workers->lock);
			job->done(job);
			pthread_mutex_lock(&workers->lock);
		}
	}
	workers->threads--;
	pthread_cond_broadcast(&workers->wake);
	pthread_mutex_unlock(&workers->lock);
	mp_scratch_free(&scratch);
	return NULL;
}

/* One more thread; false when there can't be one. */
static bool
start_thread(MpWorkers *workers)
{
	pthread_attr_t attributes;
	pthread_t	thread;
	int			err;

	if (pthread_attr_init(&attributes) != 0)
		return false;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	err = pthread_create(&thread, &attributes, work, workers);
	pthread_attr_destroy(&attributes);
	if (err == 0)
		workers->threads++;
	return err == 0;
}

/*
 * Counts the steps that waited against those that didn't.  Once there is a surplus as large as the
 * pool there are as many threads as can be of use from now on.  Called locked.
 */
static void
weigh(MpWorkers *workers, bool waited)
{
	uint32_t	wanted = 0;

	if (!waited)
		workers->waits = workers->waits > 0 ? workers->waits - 1 : 0;
	else if (workers->grows)
		workers->waits++;
	if (!workers->grows || workers->waits < workers->limit)
		return;
	workers->grows = false;
	workers->limit = MP_MOST_THREADS;
	for (const MpJob *job = workers->first; job != NULL; job = job->next)
		wanted += job->steps - job->taken;
	while (wanted-- > 0 && workers->threads < workers->limit && start_thread(workers))
		;
}

int
mp_workers_submit(MpWorkers *workers, MpJob *job)
{
	uint32_t	wanted;
	int			err = 0;

	pthread_mutex_lock(&workers->lock);
	wanted = job->steps > workers->idle ? job->steps - workers->idle : 0;
	while (wanted > 0 && workers->threads < workers->limit && start_thread(workers))
		wanted--;
	if (workers->threads == 0)
		err = EAGAIN;
	else
	{
		job->next = NULL;
		job->taken = 0;
		job->finished = 0;
		if (workers->last != NULL)
			workers->last->next = job;
		else
			workers->first = job;
		workers->last = job;
		if (job->steps > 1)
			pthread_cond_broadcast(&workers->wake);
		else
			pthread_cond_signal(&workers->wake);
	}
	pthread_mutex_unlock(&workers->lock);
	return err;
}

void
mp_workers_stop(MpWorkers *workers)
{
	pthread_mutex_lock(&workers->lock);
	workers->stopping = true;
	pthread_cond_broadcast(&workers->wake);
	while (workers->threads > 0)
		pthread_cond_wait(&workers->wake, &workers->lock);
	pthread_mutex_unlock(&workers->lock);
	pthread_cond_destroy(&workers->wake);
	pthread_mutex_destroy(&workers->lock);
}
