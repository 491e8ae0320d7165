/*
 * dispatch.c: the way of a request through the workers.
 *
 *     ROOT, LIST,
 *     REMOVE             run                              answer
 *     CHECK, DISCOVER    open    each item    compare     answer
 *                                             compare     confirm each item    answer
 *     HASH               open    survey each item    each stream    compare, as above
 *
 * Every column is a job of its own, submitted by the one before it when that is done.  So no worker
 * ever waits for another, and the disk is never touched on the server's thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "discover.h"
#include "dispatch.h"
#include "hash.h"
#include "listing.h"
#include "remove.h"
#include "root.h"

typedef struct Task Task;

/* What a request with many items (folders, files) is made of; the order is that of check.h. */
typedef struct Phases
{
	void		(*open) (Task *task);
	uint32_t	(*items) (const Task *task);
	/* With a survey, each item has one first, and then there are as many steps as `plan` says. */
	void		(*survey) (Task *task, uint32_t item);
	uint32_t	(*plan) (Task *task);
	/* Without one there is a step for each item. */
	void		(*step) (Task *task, uint32_t index, MpScratch *scratch);
	/* Compares; whether items are to be confirmed. */
	bool		(*compare) (Task *task);
	void		(*confirm) (Task *task, uint32_t item);
	/* Writes the answer unless the shortage it returns isn't 0, and closes. */
	int			(*end) (Task *task);
} Phases;

struct Task
{
	MpJob		job;			/* first: a job's address is its task's */
	MpDispatch	dispatch;
	MpRequest	request;
	const Phases *phases;
	union
	{
		MpCheck		check;
		MpHash		hash;
		MpDiscovery discovery;
	}			work;
	MpWriter	answer;
	int			shortage;
};

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
run_list(MpJob *job, uint32_t index, MpScratch *scratch)
{
	Task	   *task = (Task *) job;

	(void) index;
	(void) scratch;
	task->shortage = mp_listing_write(&task->request, &task->answer);
}

static void
run_remove(MpJob *job, uint32_t index, MpScratch *scratch)
{
	Task	   *task = (Task *) job;

	(void) index;
	(void) scratch;
	task->shortage = mp_remove_write(&task->request, &task->answer);
}

static void
check_open(Task *task)
{
	mp_check_open(&task->work.check, &task->request, task->dispatch.recall);
}

static uint32_t
check_items(const Task *task)
{
	return task->request.n_directories;
}

static void
check_step(Task *task, uint32_t index, MpScratch *scratch)
{
	mp_check_directory(&task->work.check, index, scratch);
}

static bool
check_compare(Task *task)
{
	mp_check_compare(&task->work.check);
	return mp_check_wants_confirming(&task->work.check);
}

static void
check_confirm(Task *task, uint32_t index)
{
	mp_check_confirm(&task->work.check, index);
}

static int
check_end(Task *task)
{
	int			shortage = atomic_load(&task->work.check.shortage);

	if (shortage == 0)
		mp_check_write(&task->work.check, &task->answer);
	mp_check_close(&task->work.check);
	return shortage;
}

static void
hash_open(Task *task)
{
	mp_hash_open(&task->work.hash, &task->request);
}

static uint32_t
hash_items(const Task *task)
{
	return task->request.paths.n;
}

static void
hash_survey(Task *task, uint32_t item)
{
	mp_hash_survey(&task->work.hash, item);
}

static uint32_t
hash_plan(Task *task)
{
	return mp_hash_plan(&task->work.hash, task->dispatch.workers->limit);
}

static void
hash_step(Task *task, uint32_t index, MpScratch *scratch)
{
	(void) index;
	(void) scratch;
	mp_hash_read(&task->work.hash);
}

static bool
hash_compare(Task *task)
{
	mp_hash_compare(&task->work.hash);
	return mp_hash_wants_confirming(&task->work.hash);
}

static void
hash_confirm(Task *task, uint32_t index)
{
	mp_hash_confirm(&task->work.hash, index);
}

static int
hash_end(Task *task)
{
	int			shortage = atomic_load(&task->work.hash.shortage);

	if (shortage == 0)
		mp_hash_write(&task->work.hash, &task->answer);
	mp_hash_close(&task->work.hash);
	return shortage;
}

static void
discover_open(Task *task)
{
	mp_discover_open(&task->work.discovery, &task->request);
}

static uint32_t
discover_items(const Task *task)
{
	return task->request.n_folders;
}

static void
discover_step(Task *task, uint32_t index, MpScratch *scratch)
{
	(void) scratch;
	mp_discover_folder(&task->work.discovery, index);
}

static bool
discover_compare(Task *task)
{
	mp_discover_compare(&task->work.discovery);
	return false;
}

static int
discover_end(Task *task)
{
	int			shortage = atomic_load(&task->work.discovery.shortage);

	if (shortage == 0)
		mp_discover_write(&task->work.discovery, &task->answer);
	mp_discover_close(&task->work.discovery);
	return shortage;
}

static const Phases check_phases = {
	check_open, check_items, NULL, NULL, check_step, check_compare, check_confirm, check_end
};

static const Phases hash_phases = {
	hash_open, hash_items, hash_survey, hash_plan, hash_step, hash_compare, hash_confirm,
	hash_end
};

static const Phases discover_phases = {
	discover_open, discover_items, NULL, NULL, discover_step, discover_compare, NULL,
	discover_end
};

static const Phases *
phases_of(uint8_t type)
{
	switch (type)
	{
		case MP_CHECK:
			return &check_phases;
		case MP_HASH:
			return &hash_phases;
		case MP_DISCOVER:
			return &discover_phases;
		default:
			return NULL;
	}
}

static void
run_open(MpJob *job, uint32_t index, MpScratch *scratch)
{
	Task	   *task = (Task *) job;

	(void) index;
	(void) scratch;
	task->phases->open(task);
}

static void
run_survey(MpJob *job, uint32_t index, MpScratch *scratch)
{
	Task	   *task = (Task *) job;

	(void) scratch;
	task->phases->survey(task, index);
}

static void
run_step(MpJob *job, uint32_t index, MpScratch *scratch)
{
	Task	   *task = (Task *) job;

	task->phases->step(task, index, scratch);
}

static void
run_confirm(MpJob *job, uint32_t index, MpScratch *scratch)
{
	Task	   *task = (Task *) job;

	(void) scratch;
	task->phases->confirm(task, index);
}

static void
done_all(MpJob *job)
{
	Task	   *task = (Task *) job;

	task->shortage = task->phases->end(task);
	finish(task);
}

static void
done_steps(MpJob *job)
{
	Task	   *task = (Task *) job;

	if (task->phases->compare(task))
		submit(task, task->phases->items(task), run_confirm, done_all);
	else
		done_all(job);
}

static void
submit_steps(Task *task, uint32_t steps)
{
	if (steps > 0)
		submit(task, steps, run_step, done_steps);
	else
		done_steps(&task->job);
}

static void
done_survey(MpJob *job)
{
	Task	   *task = (Task *) job;

	submit_steps(task, task->phases->plan(task));
}

static void
done_open(MpJob *job)
{
	Task	   *task = (Task *) job;
	uint32_t	items = task->phases->items(task);

	if (task->phases->survey == NULL || items == 0)
		submit_steps(task, items);
	else
		submit(task, items, run_survey, done_survey);
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
	task->phases = phases_of(task->request.type);
	if (task->phases != NULL)
		submit(task, 1, run_open, done_open);
	else if (task->request.type == MP_LIST)
		submit(task, 1, run_list, done_simple);
	else if (task->request.type == MP_REMOVE)
		submit(task, 1, run_remove, done_simple);
	else
		submit(task, 1, run_root, done_simple);
}
