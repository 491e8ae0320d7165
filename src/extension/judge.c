/* judge.c: rows in, judgements out; see judge.h. */
#include "postgres.h"

#include "utils/memutils.h"

#include "batch.h"
#include "judge.h"
#include "probe_client.h"

#define MAX_UNDER_WAY 2			/* one being read, one waiting for its turn */

struct Judge
{
	MemoryContext context;
	RootTable  *roots;
	JudgeMode	mode;
	TakeJudgement take;
	void	   *taker;
	Batch	  **filling;		/* by root; NULL: none */
	Batch	   *under_way[MAX_UNDER_WAY];
	int			n_under_way;
};

Judge *
judge_make(MemoryContext parent, RootTable *roots, JudgeMode mode, TakeJudgement take, void *taker)
{
	MemoryContext context = AllocSetContextCreate(parent, "missing_photos judge",
												  ALLOCSET_DEFAULT_SIZES);
	Judge	   *judge = MemoryContextAllocZero(context, sizeof(Judge));

	judge->context = context;
	judge->roots = roots;
	judge->mode = mode;
	judge->take = take;
	judge->taker = taker;
	judge->filling = MemoryContextAllocZero(context, roots->n * sizeof(Batch *));
	return judge;
}

void
judge_free(Judge *judge)
{
	MemoryContextDelete(judge->context);
}

/* Whether a scan wants to hear of a row that is there. */
static bool
is_news_when_present(const FileRow *row)
{
	return (row->flags & (ROW_FLAGGED | ROW_UNLINKED)) != 0;
}

static void
report(Judge *judge, const FileRow *row, MpVerdict verdict, MpReason reason, int err, int root)
{
	Judgement	judgement = {verdict, reason, err, root, NULL};

	judge->take(judge->taker, row, &judgement);
}

/* A row below a root in doubt. */
static void
report_unreachable(Judge *judge, const FileRow *row, int root_number)
{
	const Root *root = &judge->roots->roots[root_number];

	if (judge->mode == JUDGE_ALL)
		report(judge, row, MP_UNREACHABLE, root->reason, root->err, root_number);
}

/* Ends a batch whose root came into doubt. */
static void
give_up_batch(Judge *judge, Batch *batch)
{
	FileRow		row;

	for (int i = 0; i < batch->n_entries; i++)
	{
		batch_row(batch, i, &row);
		report_unreachable(judge, &row, batch->root_number);
	}
	batch_free(batch);
}

/* What an answer says of each entry of its batch. */
typedef struct Answered
{
	const MpException **exceptions; /* by number in the request; NULL: present */
	const MpIdentity **identities;
} Answered;

static void
read_exceptions(Batch *batch, MpReader *reader, Answered *answered)
{
	uint32		n = mp_read_count(reader, 8);
	MpException *exceptions = MemoryContextAlloc(batch->context,
												 Max(n, 1) * sizeof(MpException));

	answered->exceptions = MemoryContextAllocZero(batch->context,
												  batch->n_entries * sizeof(MpException *));
	for (uint32 i = 0; i < n; i++)
	{
		mp_read_exception(reader, &exceptions[i]);
		if (exceptions[i].entry >= (uint32) batch->n_entries || exceptions[i].verdict == MP_PRESENT ||
			exceptions[i].verdict > MP_INVALID)
			probe_malformed();
		answered->exceptions[exceptions[i].entry] = &exceptions[i];
	}
}

static void
read_identities(Batch *batch, MpReader *reader, Answered *answered)
{
	uint32		n = mp_read_count(reader, 4 + sizeof(MpIdentity));
	MpIdentity *identities = MemoryContextAlloc(batch->context, Max(n, 1) * sizeof(MpIdentity));

	answered->identities = MemoryContextAllocZero(batch->context,
												  batch->n_entries * sizeof(MpIdentity *));
	for (uint32 i = 0; i < n; i++)
	{
		uint32		entry = mp_read_u32(reader);

		mp_read_identity(reader, &identities[i]);
		if (entry >= (uint32) batch->n_entries)
			probe_malformed();
		answered->identities[entry] = &identities[i];
	}
}

static void
report_entry(Judge *judge, Batch *batch, const Answered *answered, int number)
{
	const MpException *exception = answered->exceptions[number];
	Judgement	judgement = {MP_PRESENT, MP_OK, 0, batch->root_number, NULL};
	FileRow		row;

	batch_row(batch, batch->order[number], &row);
	if (exception != NULL)
	{
		judgement.verdict = exception->verdict;
		judgement.reason = exception->reason;
		judgement.err = exception->err;
	}
	else if (judge->mode == JUDGE_NEWS && !is_news_when_present(&row))
		return;
	else
		judgement.identity = answered->identities[number];
	judge->take(judge->taker, &row, &judgement);
}

static void
take_answer(Judge *judge, Batch *batch, MpReader *reader)
{
	Answered	answered;
	MpRootReport root;

	mp_read_root_report(reader, &root);
	read_exceptions(batch, reader, &answered);
	read_identities(batch, reader, &answered);
	if (!mp_read_done(reader))
		probe_malformed();
	if (!roots_judge(batch->root, &root))
	{
		give_up_batch(judge, batch);
		return;
	}
	for (int i = 0; i < batch->n_entries; i++)
		report_entry(judge, batch, &answered, i);
	batch_free(batch);
}

static Batch *
remove_under_way(Judge *judge, const ProbeRequest *request)
{
	for (int i = 0; i < judge->n_under_way; i++)
		if (judge->under_way[i]->request == request)
		{
			Batch	   *batch = judge->under_way[i];

			judge->under_way[i] = judge->under_way[--judge->n_under_way];
			return batch;
		}
	probe_malformed();
}

/* No sign of life from the disk: every root that was being read is in doubt. */
static void
give_up_waiting(Judge *judge)
{
	for (int i = 0; i < judge->n_under_way; i++)
		roots_doubt(judge->under_way[i]->root, MP_TIMED_OUT, 0);
	while (judge->n_under_way > 0)
		give_up_batch(judge, judge->under_way[--judge->n_under_way]);
}

static void
handle_event(Judge *judge, ProbeEvent event, ProbeAnswer *answer)
{
	if (event == PROBE_SILENT)
		give_up_waiting(judge);
	if (event != PROBE_ANSWER)
		return;
	take_answer(judge, remove_under_way(judge, answer->request), &answer->body);
	probe_answer_done(answer);
}

void
judge_poll(Judge *judge)
{
	ProbeAnswer answer;
	ProbeEvent	event;

	while (judge->n_under_way > 0 && (event = probe_poll(&answer)) != PROBE_NOTHING)
		handle_event(judge, event, &answer);
}

static void
wait_for_answer(Judge *judge)
{
	ProbeAnswer answer;
	ProbeEvent	event = probe_wait(&answer);

	/* Waiting again would be for ever. */
	if (event == PROBE_NOTHING)
		elog(ERROR, "requests to the probe were given up by somebody else");
	handle_event(judge, event, &answer);
}

bool
judge_is_busy(const Judge *judge)
{
	return judge->n_under_way == MAX_UNDER_WAY;
}

/* A verb that didn't look at its roots beforehand has each looked at before it is first asked. */
static void
look_at_root(Judge *judge, Root *root)
{
	if (root->looked_at)
		return;
	while (judge->n_under_way > 0)
		wait_for_answer(judge);
	roots_look(root);
}

static void
send_batch(Judge *judge, Batch *batch)
{
	judge->filling[batch->root_number] = NULL;
	look_at_root(judge, batch->root);
	while (judge_is_busy(judge))
		wait_for_answer(judge);
	if (batch->root->verdict != MP_PRESENT)
	{
		give_up_batch(judge, batch);
		return;
	}
	batch_send(batch, judge->roots);
	judge->under_way[judge->n_under_way++] = batch;
}

void
judge_add(Judge *judge, const FileRow *row)
{
	Root	   *root;
	Batch	   *batch;
	MpReason	reason;
	int			number;

	if (row->path == NULL || row->path_length == 0)
	{
		report(judge, row, MP_MISSING, MP_NO_PATH, 0, -1);
		return;
	}
	root = roots_find(judge->roots, row->path, row->path_length);
	if (root == NULL)
	{
		report(judge, row, MP_INVALID,
			   row->path[0] == '/' ? MP_OUTSIDE_ROOTS : MP_BAD_PATH, 0, -1);
		return;
	}
	number = root - judge->roots->roots;
	if (judge->mode == JUDGE_NEWS && !is_news_when_present(row))
		root->files++;
	if (judge->mode == JUDGE_NEWS && row->flags == 0)
		root->changeable++;
	if (root->verdict != MP_PRESENT)
	{
		report_unreachable(judge, row, number);
		return;
	}
	if (judge->filling[number] == NULL)
		judge->filling[number] = batch_make(judge->context, root, number);
	batch = judge->filling[number];
	reason = batch_add(batch, row, judge->mode == JUDGE_ALL || is_news_when_present(row));
	if (reason != MP_OK)
		report(judge, row, MP_INVALID, reason, 0, number);
	else if (batch_is_full(batch))
		send_batch(judge, batch);
}

void
judge_finish(Judge *judge)
{
	for (int i = 0; i < judge->roots->n; i++)
		if (judge->filling[i] != NULL)
			send_batch(judge, judge->filling[i]);
	while (judge->n_under_way > 0)
		wait_for_answer(judge);
}
