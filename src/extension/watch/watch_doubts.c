/* watch_doubts.c: owners to be scanned; see watch_doubts.h and watch_apply.h. */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "nodes/pg_list.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "job_queue.h"
#include "library.h"
#include "settings.h"
#include "sql_calls.h"
#include "subtransaction.h"
#include "watch_apply.h"
#include "watch_clock.h"
#include "watch_doubts.h"

#define QUIET_MS 300			/* without any event before a scan: it would chase what moves */
#define MOST_QUIET_MS 300000	/* a storm is waited out for so long */
#define RETRY_MS 30000			/* after a scan could not be queued */
#define WINDOW_MS 3600000		/* in which losses are counted */

typedef struct Doubt
{
	char	   *owner;
	TimestampTz first;
	TimestampTz due;			/* 0: none */
	bool		displaced;		/* to be relinked first */
	char		job[40];		/* of the scan that was queued last, as far as it hasn't ended */
	TimestampTz window;			/* since when files are counted */
	int			flagged;
} Doubt;

static List *doubts = NIL;
static TimestampTz last_event = 0;
static bool is_blind = false;

void
watch_heard(void)
{
	last_event = watch_now();
}

void
watch_is_blind(bool blind)
{
	if (blind || is_blind)
		watch_heard();
	is_blind = blind;
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
	TimestampTz now = watch_now();

	if (doubt->due == 0)
		doubt->first = now;
	doubt->due = Max(doubt->due, TimestampTzPlusMilliseconds(now, quiet_ms));
	doubt->due = Min(doubt->due, TimestampTzPlusMilliseconds(doubt->first, MOST_QUIET_MS));
}

void
watch_suspect_displaced(const char *owner)
{
	find(owner)->displaced = true;
	watch_suspect(owner, WATCH_SOON_MS);
}

void
watch_suspect_nobody(void)
{
	ListCell   *cell;

	foreach(cell, doubts)
		((Doubt *) lfirst(cell))->due = 0;
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

/* What it finds comes before what is seen of a single file: that may have moved. */
static bool
is_being_scanned(Doubt *doubt)
{
	Arguments	a = {0};

	if (doubt->job[0] == '\0')
		return false;
	argument_text(&a, doubt->job);
	call_as_owner("SELECT FROM missing_photos.job AS j"
				  " WHERE j.job_id = $1::uuid AND j.state IN ('queued', 'running')", &a);
	if (SPI_processed == 0)
		doubt->job[0] = '\0';
	return SPI_processed > 0;
}

bool
watch_is_suspected(const char *owner)
{
	Doubt	   *doubt = find(owner);

	return doubt->due != 0 || is_blind || is_being_scanned(doubt);
}

bool
watch_may_flag(const char *owner, int files)
{
	Doubt	   *doubt = find(owner);
	TimestampTz now = watch_now();

	if (watch_is_suspected(owner))
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
start_job(void *arg)
{
	Doubt	   *doubt = arg;
	NullableDatum none = {.isnull = true};
	Datum		id;

	if (library_photo_count(doubt->owner) == 0)
		return;
	if (doubt->displaced)
		id = job_queue_add("relink", doubt->owner, none, "{}");
	else
		id = job_queue_add("scan", doubt->owner, none, "{\"relink\": true}");
	strlcpy(doubt->job, DatumGetCString(DirectFunctionCall1(uuid_out, id)), sizeof(doubt->job));
}

/* It isn't quiet, or the last scan goes on; a storm is waited out for a while only. */
static bool
is_too_soon(Doubt *doubt, TimestampTz now)
{
	if (TimestampDifferenceExceeds(doubt->first, now, MOST_QUIET_MS))
		return false;
	return is_blind || !TimestampDifferenceExceeds(last_event, now, QUIET_MS) ||
		is_being_scanned(doubt);
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
		if (is_too_soon(doubt, now))
		{
			doubt->due = Max(TimestampTzPlusMilliseconds(last_event, QUIET_MS),
							 TimestampTzPlusMilliseconds(now, QUIET_MS / 4));
			continue;
		}
		doubt->due = 0;
		error = try_in_subtransaction(start_job, doubt);
		if (error == NULL && doubt->displaced)
		{
			/* Then scanned. */
			doubt->displaced = false;
			watch_suspect(doubt->owner, WATCH_SOON_MS);
		}
		if (error == NULL)
			continue;
		ereport(LOG,
				(errmsg("could not queue a scan of owner \"%s\": %s", doubt->owner,
						error->message)));
		FreeErrorData(error);
		watch_suspect(doubt->owner, RETRY_MS);
	}
}
