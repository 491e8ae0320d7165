/*
 * relink.c: the order in which files that moved are found; see relink.h.
 *
 *     walk                  every file below the owner's folders
 *     set aside             rows whose files aren't at their paths, files that no row has
 *     same identity         nothing is read
 *     moved folder          a sample of each is read
 *     same content          files of a missing one's size are read
 *     same name and time    where nothing is known of the content
 *
 * After each rule what fits one to one is moved; the next rule sees what is left.
 */
#include "postgres.h"

#include "relink.h"

typedef void (*RelinkStep) (Relink *relink);

/* A step as job_run calls it. */
typedef struct StepCall
{
	Relink	   *relink;
	RelinkStep	step;
} StepCall;

static void
call_step(void *arg)
{
	StepCall   *call = arg;

	call->step(call->relink);
}

static void
run(Relink *relink, RelinkStep step)
{
	StepCall	call = {relink, step};

	job_run(&relink->scan->job, call_step, &call);
}

static void
run_while_more(Relink *relink, RelinkStep step)
{
	do
		run(relink, step);
	while (relink->scan->more);
}

static void
run_apply(Relink *relink)
{
	relink_rewind(relink);
	run_while_more(relink, relink_apply);
}

static void
run_stage(Relink *relink)
{
	run(relink, relink_begin);
	run_while_more(relink, relink_walk);
	run_while_more(relink, relink_set_missing_aside);
	run(relink, relink_set_displaced_aside);
	relink->batch = 0;
	run_while_more(relink, relink_ask_claims);
}

static void
run_folders(Relink *relink)
{
	run(relink, relink_guess_folders);
	if (!relink->scan->more)
		return;
	run(relink, relink_read_batch);
	run(relink, relink_match_folders);
	run_apply(relink);
}

static void
run_contents(Relink *relink)
{
	run(relink, relink_plan_contents);
	for (relink->batch = 1; relink->batch <= relink->batches; relink->batch++)
	{
		run(relink, relink_read_batch);
		run(relink, relink_match_batch);
		run_apply(relink);
	}
	run(relink, relink_plan_unsized);
	while (++relink->batch <= relink->batches)
		run(relink, relink_read_batch);
	run(relink, relink_match_unsized);
	run_apply(relink);
}

/* Rows whose very file isn't found: now their contents count. */
static void
run_rest(Relink *relink)
{
	run_while_more(relink, relink_ask_content);
	run(relink, relink_settle);
	run_folders(relink);
	run_contents(relink);
	run(relink, relink_match_times);
	run_apply(relink);
}

void
relink_run(OwnerScan *scan)
{
	Relink	   *relink = scan->relink;

	run(relink, relink_look_for_missing);
	if (!scan->more && !scan->only_relink)
		return;
	run_stage(relink);
	run(relink, relink_match_identities);
	run_apply(relink);
	run(relink, relink_look_for_rest);
	if (scan->more)
		run_rest(relink);
	run(relink, relink_end);
}
