/* watch_job.c: the job that what a watch changes belongs to; see watch_job.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/pg_list.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "sql_calls.h"
#include "watch_job.h"

typedef struct WatchJob
{
	char	   *owner;
	pg_uuid_t	id;
	int64		missing;
	int64		restored;
	int64		relinked;
} WatchJob;

static List *jobs = NIL;		/* of this transaction, in its memory */

void
watch_jobs_begin(void)
{
	jobs = NIL;
}

static WatchJob *
find(const char *owner)
{
	ListCell   *cell;
	Arguments	a = {0};
	MemoryContext old;
	WatchJob   *job;
	bool		isnull;

	foreach(cell, jobs)
	{
		job = lfirst(cell);
		if (strcmp(job->owner, owner) == 0)
			return job;
	}
	argument_text(&a, owner);
	call_as_owner("SELECT missing_photos.watch_job($1)", &a);
	old = MemoryContextSwitchTo(TopTransactionContext);
	job = palloc0(sizeof(WatchJob));
	job->owner = pstrdup(owner);
	job->id = *DatumGetUUIDP(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	jobs = lappend(jobs, job);
	MemoryContextSwitchTo(old);
	return job;
}

Changes
watch_job_changes(const char *owner)
{
	WatchJob   *job = find(owner);

	return (Changes) {.owner = job->owner, .job_id = UUIDPGetDatum(&job->id), .has_job = true};
}

void
watch_job_add(const Changes *changes, int64 relinked)
{
	WatchJob   *job = find(changes->owner);

	job->missing += changes->missing;
	job->restored += changes->restored - relinked;
	job->relinked += relinked;
}

void
watch_jobs_note(void)
{
	ListCell   *cell;

	foreach(cell, jobs)
	{
		const WatchJob *job = lfirst(cell);
		Arguments	a = {0};

		if (job->missing + job->restored + job->relinked == 0)
			continue;
		argument_datum(&a, UUIDOID, UUIDPGetDatum(&job->id));
		argument_text(&a, job->owner);
		argument_int8(&a, job->missing);
		argument_int8(&a, job->restored);
		argument_int8(&a, job->relinked);
		call_as_owner("SELECT missing_photos.note_watch_job($1, $2, $3, $4, $5)", &a);
	}
	jobs = NIL;
}
