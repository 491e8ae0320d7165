/*
 * test_workers.c: jobs, steps and threads.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "../../src/probe/workers.h"
#include "tap.h"

enum
{
	JOBS = 200,
	STEPS = 50
};

typedef struct Counted
{
	MpJob		job;
	MpWorkers  *workers;
	atomic_int	steps[STEPS];
	atomic_int	done;
	int			rounds;
} Counted;

static void
step(MpJob *job, uint32_t index, MpScratch *scratch)
{
	(void) scratch;
	atomic_fetch_add(&((Counted *) job)->steps[index], 1);
}

static void
finished(MpJob *job)
{
	Counted    *counted = (Counted *) job;

	/* A job may be submitted again from here: that is how requests go on. */
	if (--counted->rounds > 0)
		mp_workers_submit(counted->workers, job);
	else
		atomic_fetch_add(&counted->done, 1);
}

static void
test_jobs(uint32_t threads)
{
	static Counted jobs[JOBS];
	MpWorkers	workers;
	int			refused = 0;
	int			wrong = 0;
	int			undone = 0;

	memset(jobs, 0, sizeof(jobs));
	mp_workers_start(&workers, threads);
	for (int i = 0; i < JOBS; i++)
	{
		jobs[i].workers = &workers;
		jobs[i].rounds = 3;
		jobs[i].job.steps = 1 + (uint32_t) i % STEPS;
		jobs[i].job.step = step;
		jobs[i].job.done = finished;
		refused += mp_workers_submit(&workers, &jobs[i].job) != 0;
	}
	mp_workers_stop(&workers);
	for (int i = 0; i < JOBS; i++)
	{
		undone += jobs[i].done != 1;
		for (uint32_t s = 0; s < STEPS; s++)
			wrong += jobs[i].steps[s] != (s < jobs[i].job.steps ? 3 : 0);
	}
	is(refused, 0, "%u threads: every job is taken", threads);
	is(wrong, 0, "every step runs once a round");
	is(undone, 0, "every job is done once");
}

static void
test_limits(void)
{
	MpWorkers	workers;

	mp_workers_start(&workers, 0);
	ok(workers.limit >= 4 && workers.limit <= 16, "4 to 16 threads by default");
	mp_workers_stop(&workers);
	mp_workers_start(&workers, 100000);
	is(workers.limit, MP_MOST_THREADS, "never more than that");
	mp_workers_stop(&workers);
}

static void
work_hard(MpJob *job, uint32_t index, MpScratch *scratch)
{
	clock_t		start = clock();

	(void) scratch;
	while (clock() - start < CLOCKS_PER_SEC / 1000)
		;
	atomic_fetch_add(&((Counted *) job)->steps[index], 1);
}

static void
wait_long(MpJob *job, uint32_t index, MpScratch *scratch)
{
	(void) scratch;
	usleep(5000);
	atomic_fetch_add(&((Counted *) job)->steps[index], 1);
}

/* The threads that a pool allows itself after some steps of a kind. */
static uint32_t
limit_after(uint32_t threads, void (*kind) (MpJob *, uint32_t, MpScratch *))
{
	static Counted job;
	MpWorkers	workers;

	memset(&job, 0, sizeof(job));
	mp_workers_start(&workers, threads);
	job.workers = &workers;
	job.rounds = 1;
	job.job.steps = STEPS;
	job.job.step = kind;
	job.job.done = finished;
	mp_workers_submit(&workers, &job.job);
	mp_workers_stop(&workers);
	return workers.limit;
}

static void
test_growth(void)
{
	is(limit_after(0, wait_long), MP_MOST_THREADS, "a pool whose steps wait grows");
	ok(limit_after(0, work_hard) <= 16, "one whose steps work doesn't");
	is(limit_after(3, wait_long), 3, "nor one whose size was given");
}

static void
test_no_threads(void)
{
	struct rlimit old;
	struct rlimit none = {0, 0};
	static Counted job;
	MpWorkers	workers;

	if (geteuid() == 0)
	{
		skip("root has as many threads as it wants", "not a single thread to be had");
		return;
	}
	getrlimit(RLIMIT_NPROC, &old);
	none.rlim_max = old.rlim_max;
	setrlimit(RLIMIT_NPROC, &none);
	mp_workers_start(&workers, 4);
	job.job.steps = 1;
	ok(mp_workers_submit(&workers, &job.job) != 0, "not a single thread to be had");
	setrlimit(RLIMIT_NPROC, &old);
	mp_workers_stop(&workers);
}

int
main(void)
{
	test_jobs(1);
	test_jobs(4);
	test_jobs(16);
	test_limits();
	test_growth();
	test_no_threads();
	return done();
}
