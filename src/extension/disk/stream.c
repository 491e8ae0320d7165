/* stream.c: a library query's rows on their way to the judge; see stream.h. */
#include "postgres.h"

#include <unistd.h>

#include "executor/executor.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "nodes/params.h"
#include "optimizer/cost.h"
#include "tcop/dest.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "found.h"
#include "owner_rights.h"
#include "stream.h"

#define POLL_ROWS 1024			/* how often the probe is looked after while rows come in */

/*
 * What the planner is told that a row costs on its way from a parallel worker.  The default of 0.1 is
 * ten times what reading a row costs, and keeps a query that returns all its rows on one processor:
 * 0.93 s instead of 0.59 s for a million rows.
 */
#define WORKER_ROW_COST "0.02"

enum
{
	S_PHOTO, S_FILE, S_PATH, S_FLAGGED, S_READONLY
};

typedef struct StreamReceiver
{
	DestReceiver pub;
	Stream	   *stream;
} StreamReceiver;

struct Stream
{
	MemoryContext context;
	MemoryContext scratch;		/* values that had to be unpacked, reset now and then */
	Judge	   *judge;
	SeeRow		see;
	void	   *seer;
	uint32		flags;
	Found	   *aside;
	int64		n_aside;
	int64		received;
	int64		rows;			/* of these, wanted by see */
	int64		fed;
	StreamReceiver receiver;
};

Stream *
stream_make(MemoryContext parent, Judge *judge, SeeRow see, void *seer, bool across_transactions)
{
	MemoryContext context = AllocSetContextCreate(parent, "missing_photos stream",
												  ALLOCSET_DEFAULT_SIZES);
	Stream	   *stream = MemoryContextAllocZero(context, sizeof(Stream));

	stream->context = context;
	stream->scratch = AllocSetContextCreate(context, "missing_photos stream values",
											ALLOCSET_SMALL_SIZES);
	stream->judge = judge;
	stream->see = see;
	stream->seer = seer;
	stream->aside = found_make(context, across_transactions);
	return stream;
}

void
stream_free(Stream *stream)
{
	found_free(stream->aside);
	MemoryContextDelete(stream->context);
}

static void
get_row(TupleTableSlot *slot, uint32 flags, FileRow *row)
{
	slot_getallattrs(slot);
	row->photo = row_text(slot, S_PHOTO, &row->photo_length);
	row->file = row_text(slot, S_FILE, &row->file_length);
	row->path = row_text(slot, S_PATH, &row->path_length);
	row->flags = flags;
	if (DatumGetBool(slot->tts_values[S_FLAGGED]))
		row->flags |= ROW_FLAGGED;
	if (DatumGetBool(slot->tts_values[S_READONLY]))
		row->flags |= ROW_READONLY;
}

static void
pass_on(Stream *stream, const FileRow *row)
{
	static const Judgement none = {MP_PRESENT, MP_OK, 0, -1, NULL};

	if (judge_is_busy(stream->judge))
	{
		found_add(stream->aside, row, &none);
		stream->n_aside++;
	}
	else
	{
		judge_add(stream->judge, row);
		stream->fed++;
	}
}

static bool
receive(TupleTableSlot *slot, DestReceiver *self)
{
	Stream	   *stream = ((StreamReceiver *) self)->stream;
	MemoryContext old = MemoryContextSwitchTo(stream->scratch);
	FileRow		row;

	get_row(slot, stream->flags, &row);
	MemoryContextSwitchTo(stream->context);
	if (row.photo != NULL && row.file != NULL && stream->see(stream->seer, &row))
	{
		pass_on(stream, &row);
		stream->rows++;
	}
	MemoryContextSwitchTo(old);
	if (++stream->received % POLL_ROWS == 0)
	{
		MemoryContextReset(stream->scratch);
		if (stream->judge != NULL)
			judge_poll(stream->judge);
	}
	return true;
}

static void
start_receiving(DestReceiver *self, int operation, TupleDesc shape)
{
}

static void
end_receiving(DestReceiver *self)
{
}

static ParamListInfo
parameters(const Arguments *a)
{
	ParamListInfo list = makeParamList(a->n);

	for (int i = 0; i < a->n; i++)
	{
		list->params[i].value = a->values[i];
		list->params[i].isnull = a->nulls[i] == 'n';
		list->params[i].pflags = PARAM_FLAG_CONST;
		list->params[i].ptype = a->types[i];
	}
	return list;
}

static void
set_for_now(const char *setting, const char *value)
{
	(void) set_config_option(setting, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
}

/*
 * Lets the planner share a query's work out to as many processes as there are processors, one of
 * which the probe needs; never to more than the session allows.  Each would compile the query for
 * itself, and plain joins gain nothing by that.  Until AtEOXact_GUC, or the end of the transaction.
 */
static int
let_workers_help(void)
{
	int			level = NewGUCNestLevel();
	long		others = sysconf(_SC_NPROCESSORS_ONLN) - 1;
	char		most[16];

	snprintf(most, sizeof(most), "%ld", Max(0, Min(others, max_parallel_workers_per_gather)));
	set_for_now("max_parallel_workers_per_gather", most);
	set_for_now("parallel_tuple_cost", WORKER_ROW_COST);
	set_for_now("jit", "off");
	return level;
}

void
stream_fetch(Stream *stream, const char *sql, const Arguments *arguments, uint32 flags)
{
	SPIExecuteOptions options = {0};
	MemoryContext context = CurrentMemoryContext;
	int			level = let_workers_help();
	int			rc;

	stream->flags = flags;
	stream->receiver.pub.receiveSlot = receive;
	stream->receiver.pub.rStartup = start_receiving;
	stream->receiver.pub.rShutdown = end_receiving;
	stream->receiver.pub.rDestroy = end_receiving;
	stream->receiver.pub.mydest = DestNone;
	stream->receiver.stream = stream;
	options.params = parameters(arguments);
	options.dest = &stream->receiver.pub;
	rc = SPI_execute_extended(sql, &options);
	AtEOXact_GUC(true, level);
	MemoryContextSwitchTo(context);
	if (rc < 0)
		elog(ERROR, "could not execute \"%s\": %s", sql, SPI_result_code_string(rc));
}

void
stream_fetch_as_owner(Stream *stream, const char *sql, const Arguments *arguments, uint32 flags)
{
	OwnerRights saved;

	owner_rights_begin(&saved);
	stream_fetch(stream, sql, arguments, flags);
	owner_rights_end(&saved);
}

bool
stream_feed(Stream *stream, int64 rows)
{
	FoundRow	next;

	while (rows-- > 0)
	{
		if (stream->n_aside == 0 || !found_next(stream->aside, &next))
			return false;
		stream->n_aside--;
		judge_add(stream->judge, &next.row);
		stream->fed++;
		if (rows % POLL_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
	}
	return true;
}

int64
stream_rows(const Stream *stream)
{
	return stream->rows;
}

int64
stream_fed(const Stream *stream)
{
	return stream->fed;
}
