/*
 * undo_delete.c: putting back what a deletion took.
 *
 * The archive's parts are gone through backwards (undo_chunk.h).  Nothing that the application wrote
 * since is overwritten: what is in the way is reported and stays in the archive.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "deletion.h"
#include "deletion_report.h"
#include "derived.h"
#include "library.h"
#include "owner_lock.h"
#include "plan_settings.h"
#include "sql_calls.h"
#include "touched.h"
#include "undo_chunk.h"

/* What undo goes through with. */
typedef struct Undo
{
	Datum		job_id;
	const char *owner;
	Report	   *report;
	bool		conflicts;
	MemoryContext context;		/* of derived */
	List	   *derived;		/* of Derived */
} Undo;

/* Rows whose counters are to be made anew should not all of the archive go back. */
typedef struct Derived
{
	char	   *rule;
	Datum		keys;			/* text[] */
} Derived;

static void
report_conflict(Undo *undo, const Chunk *chunk, int row)
{
	Datum	   *names;
	int			n_names;
	Datum	   *places;
	int			n;

	deconstruct_array(chunk->columns, TEXTOID, -1, false, TYPALIGN_INT, &names, NULL, &n_names);
	deconstruct_array(chunk->key_places, INT4OID, sizeof(int32), true, TYPALIGN_INT, &places, NULL,
					  &n);
	report_row(undo->report, chunk->relation, chunk->reasons[row], names,
			   chunk->rows.values + row * chunk->rows.n_columns,
			   chunk->rows.nulls + row * chunk->rows.n_columns, places, n);
}

/* What the rule derives is to be derived anew. */
static void
note_derived(Undo *undo, const Chunk *chunk)
{
	bool	   *conflicts = palloc0(chunk->rows.n_rows + 1);
	MemoryContext old;
	Derived    *derived;

	for (int r = 0; r < chunk->rows.n_rows; r++)
		conflicts[r] = chunk_conflicts(chunk, r);
	touched_note(undo->job_id, undo->owner, chunk->rule,
				 touched_keys(&chunk->rows, chunk->rule_place, conflicts));
	old = MemoryContextSwitchTo(undo->context);
	derived = palloc(sizeof(Derived));
	derived->rule = pstrdup(chunk->rule);
	derived->keys = touched_keys(&chunk->rows, chunk->rule_place, NULL);
	undo->derived = lappend(undo->derived, derived);
	MemoryContextSwitchTo(old);
}

static void
undo_chunk(Undo *undo, int64 id)
{
	Chunk	   *chunk = chunk_read(id);
	int64		restored = 0;

	if (chunk->apply == NULL)
	{
		report_count(undo->report, chunk->relation, "its table is gone", chunk->rows.n_rows);
		undo->conflicts = true;
		return;
	}
	chunk_put_back(chunk);
	for (int r = 0; r < chunk->rows.n_rows; r++)
	{
		if (!chunk_conflicts(chunk, r))
			restored += chunk->reasons[r] == NULL ? 1 : 0;
		else if (chunk->rule == NULL)
		{
			report_conflict(undo, chunk, r);
			undo->conflicts = true;
		}
	}
	if (chunk->rule_place >= 0)
		note_derived(undo, chunk);
	if (strcmp(chunk->action, "delete") == 0)
		report_count(undo->report, chunk->relation, "restored", restored);
	chunk_keep_conflicts(chunk);
}

static void
undo_all(Undo *undo)
{
	MemoryContext round = AllocSetContextCreate(CurrentMemoryContext, "missing_photos undo",
												ALLOCSET_DEFAULT_SIZES);
	Arguments	a = {0};
	int64	   *ids;
	int			n;

	argument_datum(&a, UUIDOID, undo->job_id);
	call_as_owner("SELECT c.id FROM missing_photos.undo_chunks($1) AS c (id)", &a);
	n = (int) SPI_processed;
	ids = palloc((n + 1) * sizeof(int64));
	for (int i = 0; i < n; i++)
		ids[i] = result_int8(i, 1);
	for (int i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(round);

		CHECK_FOR_INTERRUPTS();
		undo_chunk(undo, ids[i]);
		MemoryContextSwitchTo(old);
		MemoryContextReset(round);
	}
}

/*
 * Counters that nobody changed since hold again what they held before; the others are made anew, all
 * of them where something could not be put back.
 */
static void
settle(Undo *undo)
{
	Arguments	a = {0};
	DeletionCounts counts = {0};
	ListCell   *cell;

	foreach(cell, undo->derived)
	{
		Derived    *derived = lfirst(cell);

		if (undo->conflicts)
			touched_note(undo->job_id, undo->owner, derived->rule, derived->keys);
	}
	(void) delete_settle(undo->owner, &counts);
	argument_datum(&a, UUIDOID, undo->job_id);
	call_as_owner("SELECT missing_photos.end_undo($1)", &a);
	derived_dequeue(undo->job_id);
}

static char *
owner_of_archive(Datum job_id)
{
	Arguments	a = {0};
	char	   *owner;

	argument_datum(&a, UUIDOID, job_id);
	call_as_owner("SELECT missing_photos.archive_owner($1)", &a);
	owner = result_text(0, 1);
	if (owner == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("there is no archive of job %s",
						DatumGetCString(DirectFunctionCall1(uuid_out, job_id))),
				 errhint("missing_photos.archives lists the deletions that can be undone; "
						 "missing_photos.undo_retention says for how long.")));
	return owner;
}

PG_FUNCTION_INFO_V1(missing_photos_undo_delete);

Datum
missing_photos_undo_delete(PG_FUNCTION_ARGS)
{
	Undo		undo = {0};
	int			level;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("job_id must not be null"),
				 errhint("missing_photos.archives lists the deletions that can be undone.")));
	undo.report = report_begin(fcinfo, "missing_photos.undo_delete", true);
	SPI_connect();
	library_check();
	undo.job_id = PG_GETARG_DATUM(0);
	undo.owner = owner_of_archive(undo.job_id);
	library_require_owner(undo.owner);
	owner_lock_take(undo.owner, false);
	undo.context = CurrentMemoryContext;
	level = plan_settings_begin(false);
	undo_all(&undo);
	settle(&undo);
	plan_settings_end(level);
	report_end(undo.report);
	SPI_finish();
	return (Datum) 0;
}
