/* watch_doubts.c: owners to be scanned; see watch_doubts.h and watch_apply.h. */
#include "postgres.h"

#include "executor/spi.h"
#include "nodes/pg_list.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "job_queue.h"
#include "library.h"
#include "settings.h"
#include "sql_calls.h"
#include "subtransaction.h"
#include "watch_apply.h"
#include "watch_doubts.h"

#define QUIET_MS 500			/* without any event before a scan: it would chase what moves */
#define MOST_QUIET_MS 300000	/* a storm is waited out for so long */
#define RETRY_MS 30000			/* after a scan could not be queued */
#define WINDOW_MS 3600000		/* in which losses are counted */

typedef struct Doubt
{
	char	   *owner;
	TimestampTz first;
	TimestampTz due;			/* 0: none */
	TimestampTz window;			/* since when files are counted */
	int			flagged;
} Doubt;

static List *doubts = NIL;
static TimestampTz last_event = 0;

void
watch_heard(void)
{
	last_event = GetCurrentTimestamp();
}

static Doubt *
find(const char *owner)
{
	ListCell   *cell;
	Doubt	   *doubt;
	MemoryContext old;

	foreach(cell, doubts)
	{
		doubt = lfirst(cell);
		if (strcmp(doubt->owner, owner) == 0)
			return doubt;
	}
	old = MemoryContextSwitchTo(TopMemoryContext);
	doubt = palloc0(sizeof(Doubt));
	doubt->owner = pstrdup(owner);
	doubts = lappend(doubts, doubt);
	MemoryContextSwitchTo(old);
	return doubt;
}

void
watch_suspect(const char *owner, int quiet_ms)
{
	Doubt	   *doubt = find(owner);
	TimestampTz now = GetCurrentTimestamp();

	if (doubt->due == 0)
		doubt->first = now;
	doubt->due = Max(doubt->due, TimestampTzPlusMilliseconds(now, quiet_ms));
	doubt->due = Min(doubt->due, TimestampTzPlusMilliseconds(doubt->first, MOST_QUIET_MS));
}

void
watch_suspect_all(void)
{
	Arguments	none = {0};
	List	   *owners = NIL;
	ListCell   *cell;

	call_as_caller("SELECT o.owner FROM missing_photos.library_owners() AS o", &none);
	for (uint64 i = 0; i < SPI_processed; i++)
		owners = lappend(owners, result_text(i, 1));
	foreach(cell, owners)
		watch_suspect(lfirst(cell), 0);
}

bool
watch_may_flag(const char *owner, int files)
{
	Doubt	   *doubt = find(owner);
	TimestampTz now = GetCurrentTimestamp();

	if (doubt->due != 0)
		return false;
	if (TimestampDifferenceExceeds(doubt->window, now, WINDOW_MS))
	{
		doubt->window = now;
		doubt->flagged = 0;
	}
	if (doubt->flagged + files > setting_max_missing_files)
		return false;
	doubt->flagged += files;
	return true;
}

TimestampTz
watch_doubts_due(TimestampTz due)
{
	ListCell   *cell;

	foreach(cell, doubts)
	{
		const Doubt *doubt = lfirst(cell);

		if (doubt->due != 0 && (due == 0 || doubt->due < due))
			due = doubt->due;
	}
	return due;
}

/* Files that moved are linked again before anything is called missing. */
static void
start_scan(void *arg)
{
	const char *owner = arg;
	NullableDatum none = {.isnull = true};

	if (library_photo_count(owner) > 0)
		job_queue_add("scan", owner, none, "{\"relink\": true}");
}

void
watch_start_scans(TimestampTz now)
{
	ListCell   *cell;

	foreach(cell, doubts)
	{
		Doubt	   *doubt = lfirst(cell);
		ErrorData  *error;

		if (doubt->due == 0 || doubt->due > now)
			continue;
		if (!TimestampDifferenceExceeds(last_event, now, QUIET_MS) &&
			!TimestampDifferenceExceeds(doubt->first, now, MOST_QUIET_MS))
		{
			doubt->due = TimestampTzPlusMilliseconds(last_event, QUIET_MS);
			continue;
		}
		doubt->due = 0;
		error = try_in_subtransaction(start_scan, doubt->owner);
		if (error == NULL)
			continue;
		ereport(LOG,
				(errmsg("could not queue a scan of owner \"%s\": %s", doubt->owner,
						error->message)));
		FreeErrorData(error);
		watch_suspect(doubt->owner, RETRY_MS);
	}
}
