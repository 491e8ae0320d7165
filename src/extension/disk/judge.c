/* judge.c: rows in, judgements out; see judge.h. */
#include "postgres.h"

#include "utils/memutils.h"

#include "batch.h"
#include "judge.h"
#include "probe_client.h"

#define MAX_UNDER_WAY 4			/* batches of rows with the probe: enough that it never idles */

struct Judge
{
	MemoryContext context;
	RootTable  *roots;
	JudgeMode	mode;
	TakeJudgement take;
	void	   *taker;
	uint64		sitting;		/* 0: each batch is on its own */
	Batch	  **filling;		/* by root; NULL: none */
	Batch	   *under_way;
	Batch	   *spare;			/* to be used again */
	int			n_under_way;	/* those that hold rows */
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

void
judge_sit(Judge *judge)
{
	/* No two of a session's judges must share one: a probe keeps what it saw until the next. */
	static uint64 sittings = 0;

	judge->sitting = ++sittings;
}

/* The batch that collects a root's rows. */
static Batch *
filling_batch(Judge *judge, int root_number)
{
	Batch	   *batch = judge->filling[root_number];

	if (batch != NULL)
		return batch;
	batch = judge->spare;
	if (batch != NULL)
		judge->spare = batch->next;
	else
		batch = batch_make(judge->context);
	batch_begin(batch, &judge->roots->roots[root_number], root_number);
	return judge->filling[root_number] = batch;
}

static void
put_aside(Judge *judge, Batch *batch)
{
	batch->next = judge->spare;
	judge->spare = batch;
}

/* What an answer says of the entries of its batch. */
typedef struct IdentifiedEntry
{
	uint32		entry;
	MpIdentity	identity;
} IdentifiedEntry;

typedef struct Answered
{
	MpException *exceptions;
	IdentifiedEntry *identities;
	uint32		n_exceptions;
	uint32		n_identities;
} Answered;

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
	put_aside(judge, batch);
}

/* What was judged of a batch's entry, by its number in the request. */
static void
report_entry(Judge *judge, Batch *batch, uint32 number, const MpException *exception,
			 const MpIdentity *identity)
{
	Judgement	judgement = {MP_PRESENT, MP_OK, 0, batch->root_number, identity};
	FileRow		row;

	if (exception != NULL)
	{
		judgement.verdict = exception->verdict;
		judgement.reason = exception->reason;
		judgement.err = exception->err;
		judgement.identity = NULL;
	}
	batch_row(batch, batch->order[number], &row);
	judge->take(judge->taker, &row, &judgement);
}

static uint32
read_entry(const Batch *batch, uint32 number)
{
	if (number >= (uint32) batch->n_entries)
		probe_malformed();
	return number;
}

static MpException *
read_exceptions(const Batch *batch, MpReader *reader, uint32 *n)
{
	MpException *exceptions;

	*n = mp_read_count(reader, 8);
	exceptions = MemoryContextAlloc(batch->passing, Max(*n, 1) * sizeof(MpException));
	for (uint32 i = 0; i < *n; i++)
	{
		mp_read_exception(reader, &exceptions[i]);
		read_entry(batch, exceptions[i].entry);
		if (exceptions[i].verdict == MP_PRESENT || exceptions[i].verdict > MP_INVALID)
			probe_malformed();
	}
	return exceptions;
}

static IdentifiedEntry *
read_identities(const Batch *batch, MpReader *reader, uint32 *n)
{
	IdentifiedEntry *entries;

	*n = mp_read_count(reader, 4 + sizeof(MpIdentity));
	entries = MemoryContextAlloc(batch->passing, Max(*n, 1) * sizeof(IdentifiedEntry));
	for (uint32 i = 0; i < *n; i++)
	{
		entries[i].entry = read_entry(batch, mp_read_u32(reader));
		mp_read_identity(reader, &entries[i].identity);
	}
	return entries;
}

/* Reports the entries that an answer names; the others are present, and that is no news. */
static void
report_news(Judge *judge, Batch *batch, const Answered *answered)
{
	for (uint32 i = 0; i < answered->n_exceptions; i++)
		report_entry(judge, batch, answered->exceptions[i].entry, &answered->exceptions[i], NULL);
	for (uint32 i = 0; i < answered->n_identities; i++)
		report_entry(judge, batch, answered->identities[i].entry, NULL,
					 &answered->identities[i].identity);
}

static void
report_all(Judge *judge, Batch *batch, const Answered *answered)
{
	const MpException **exceptions = MemoryContextAllocZero(batch->passing,
															batch->n_entries * sizeof(void *));
	const MpIdentity **identities = MemoryContextAllocZero(batch->passing,
														   batch->n_entries * sizeof(void *));

	for (uint32 i = 0; i < answered->n_exceptions; i++)
		exceptions[answered->exceptions[i].entry] = &answered->exceptions[i];
	for (uint32 i = 0; i < answered->n_identities; i++)
		identities[answered->identities[i].entry] = &answered->identities[i].identity;
	for (int i = 0; i < batch->n_entries; i++)
		report_entry(judge, batch, i, exceptions[i], identities[i]);
}

static void
take_answer(Judge *judge, Batch *batch, MpReader *reader)
{
	Answered	answered;
	MpRootReport root;

	mp_read_root_report(reader, &root);
	answered.exceptions = read_exceptions(batch, reader, &answered.n_exceptions);
	answered.identities = read_identities(batch, reader, &answered.n_identities);
	if (!mp_read_done(reader))
		probe_malformed();
	if (!roots_judge(batch->root, &root))
	{
		give_up_batch(judge, batch);
		return;
	}
	if (judge->mode == JUDGE_ALL)
		report_all(judge, batch, &answered);
	else
		report_news(judge, batch, &answered);
	put_aside(judge, batch);
}

static Batch *
remove_under_way(Judge *judge, const ProbeRequest *request)
{
	for (Batch **at = &judge->under_way; *at != NULL; at = &(*at)->next)
		if ((*at)->request == request)
		{
			Batch	   *batch = *at;

			*at = batch->next;
			judge->n_under_way -= batch->n_entries > 0;
			return batch;
		}
	probe_malformed();
}

/* No sign of life from the disk: every root that was being read is in doubt. */
static void
give_up_waiting(Judge *judge)
{
	for (Batch *batch = judge->under_way; batch != NULL; batch = batch->next)
		roots_doubt(batch->root, MP_TIMED_OUT, 0);
	while (judge->under_way != NULL)
		give_up_batch(judge, remove_under_way(judge, judge->under_way->request));
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

	while (judge->under_way != NULL && (event = probe_poll(&answer)) != PROBE_NOTHING)
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
	while (judge->under_way != NULL)
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
	batch_send(batch, judge->roots, judge->sitting);
	batch->next = judge->under_way;
	judge->under_way = batch;
	judge->n_under_way += batch->n_entries > 0;
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
	batch = filling_batch(judge, number);
	reason = batch_add(batch, row, judge->mode == JUDGE_ALL || is_news_when_present(row));
	if (reason != MP_OK)
		report(judge, row, MP_INVALID, reason, 0, number);
	else if (batch_is_full(batch))
		send_batch(judge, batch);
}

static void
send_all(Judge *judge)
{
	for (int i = 0; i < judge->roots->n; i++)
		if (judge->filling[i] != NULL)
			send_batch(judge, judge->filling[i]);
}

void
judge_foresee(Judge *judge, const char *folder, uint32 length, uint32 files)
{
	/* A root's own folder lies "below" it only with the slash. */
	Root	   *root = roots_find(judge->roots, folder, length + 1);
	Batch	   *batch;
	int			number;

	Assert(folder[length] == '/');
	if (root == NULL || !root->looked_at || root->verdict != MP_PRESENT)
		return;
	number = root - judge->roots->roots;
	batch = filling_batch(judge, number);
	batch_add_folder(batch, folder, length, files);
	if (batch_is_full(batch))
		send_batch(judge, batch);
}

void
judge_foreseen(Judge *judge)
{
	send_all(judge);
}

void
judge_finish(Judge *judge)
{
	while (judge_finish_one(judge))
		;
}

bool
judge_finish_one(Judge *judge)
{
	send_all(judge);
	if (judge->under_way != NULL)
		wait_for_answer(judge);
	return judge->under_way != NULL;
}

int64
judge_pending(const Judge *judge)
{
	int64		rows = 0;

	for (const Batch *batch = judge->under_way; batch != NULL; batch = batch->next)
		rows += batch->n_entries;
	for (int i = 0; i < judge->roots->n; i++)
		if (judge->filling[i] != NULL)
			rows += judge->filling[i]->n_entries;
	return rows;
}
