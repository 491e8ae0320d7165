/*
 * dispatch.c: the way of a request through the workers.
 *
 *     ROOT, HASH,
 *     LIST         run                                   answer
 *     CHECK        open    each directory    compare     answer
 *                                            compare    confirm each directory    answer
 *
 * Every column is a job of its own, submitted by the one before it when that is done.  So no worker
 * ever waits for another, and the disk is never touched on the server's thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "dispatch.h"
#include "hash.h"
#include "listing.h"
#include "root.h"

typedef struct Task
{
	MpJob		job;			/* first: a job's address is its task's */
	MpDispatch	dispatch;
	MpRequest	request;
	MpCheck		check;
	MpWriter	answer;
	int			shortage;
} Task;

void
mp_write_shortage(MpWriter *w, uint64_t request, int err, const char *what)
{
	mp_write_message(w, MP_SHORTAGE, request);
	mp_write_u16(w, (uint16_t) err);
	mp_write_str(w, what, strlen(what));
	mp_write_message_end(w);
}

/* Sends the answer, or the shortage that took its place, and ends the task. */
static void
finish(Task *task)
{
	mp_write_message_end(&task->answer);
	if (task->shortage == 0 && task->answer.bad)
		task->shortage = task->answer.length > MP_MAX_PAYLOAD / 2 ? EMSGSIZE : ENOMEM;
	if (task->shortage != 0)
		mp_write_shortage(&task->answer, task->request.id, task->shortage,
						  strerror(task->shortage));
	task->dispatch.answer(task->dispatch.owner, task->request.id, task->request.length,
						  &task->answer);
	mp_request_free(&task->request);
	free(task);
}

static void
submit(Task *task, uint32_t steps, void (*step) (MpJob *, uint32_t, MpScratch *),
	   void (*done) (MpJob *))
{
	int			err;

	task->job.steps = steps;
	task->job.step = step;
	task->job.done = done;
	err = mp_workers_submit(task->dispatch.workers, &task->job);
	if (err != 0)
	{
		task->shortage = err;
		finish(task);
	}
}

static void
done_simple(MpJob *job)
{
	finish((Task *) job);
}

static void
run_root(MpJob *job, uint32_t index, MpScratch *scratch)
{
	Task	   *task = (Task *) job;

	(void) index;
	(void) scratch;
	task->shortage = mp_root_write(&task->request, &task->answer);
}

static void
run_hash(MpJob *job, uint32_t index, MpScratch *scratch)
{
	Task	   *task = (Task *) job;
	MpHash		hash;

	(void) index;
	(void) scratch;
	mp_hash_run(&hash, &task->request);
	task->shortage = hash.shortage;
	mp_hash_write(&hash, &task->answer);
}

static void
run_list(MpJob *job, uint32_t index, MpScratch *scratch)
{
	Task	   *task = (Task *) job;

	(void) index;
	(void) scratch;
	task->shortage = mp_listing_write(&task->request, &task->answer);
}

static void
answer_check(MpJob *job)
{
	Task	   *task = (Task *) job;

	task->shortage = atomic_load(&task->check.shortage);
	if (task->shortage == 0)
		mp_check_write(&task->check, &task->answer);
	mp_check_close(&task->check);
	finish(task);
}

static void
confirm_directory(MpJob *job, uint32_t index, MpScratch *scratch)
{
	(void) scratch;
	mp_check_confirm(&((Task *) job)->check, index);
}

static void
compare(MpJob *job)
{
	Task	   *task = (Task *) job;

	mp_check_compare(&task->check);
	if (mp_check_wants_confirming(&task->check))
		submit(task, task->request.n_directories, confirm_directory, answer_check);
	else
		answer_check(job);
}

static void
judge_directory(MpJob *job, uint32_t index, MpScratch *scratch)
{
	mp_check_directory(&((Task *) job)->check, index, scratch);
}

static void
open_check(MpJob *job, uint32_t index, MpScratch *scratch)
{
	Task	   *task = (Task *) job;

	(void) index;
	(void) scratch;
	mp_check_open(&task->check, &task->request);
}

static void
judge_directories(MpJob *job)
{
	Task	   *task = (Task *) job;

	if (task->request.n_directories > 0)
		submit(task, task->request.n_directories, judge_directory, compare);
	else
		compare(job);
}

static void
answer_without_memory(const MpDispatch *dispatch, MpRequest *request)
{
	MpWriter	answer;

	mp_write_start(&answer);
	mp_write_shortage(&answer, request->id, ENOMEM, strerror(ENOMEM));
	dispatch->answer(dispatch->owner, request->id, request->length, &answer);
	mp_request_free(request);
}

void
mp_dispatch(const MpDispatch *dispatch, MpRequest *request)
{
	Task	   *task = calloc(1, sizeof(*task));

	if (task == NULL)
	{
		answer_without_memory(dispatch, request);
		return;
	}
	task->dispatch = *dispatch;
	task->request = *request;
	memset(request, 0, sizeof(*request));
	mp_write_start(&task->answer);
	mp_write_message(&task->answer, task->request.type, task->request.id);
	if (task->request.type == MP_CHECK)
		submit(task, 1, open_check, judge_directories);
	else if (task->request.type == MP_HASH)
		submit(task, 1, run_hash, done_simple);
	else if (task->request.type == MP_LIST)
		submit(task, 1, run_list, done_simple);
	else
		submit(task, 1, run_root, done_simple);
}
