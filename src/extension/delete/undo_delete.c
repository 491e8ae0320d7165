/*
 * undo_delete.c: putting back what a deletion took.
 *
 * The archive's parts are gone through backwards, each in two statements: one looks which rows can't
 * be put back and why, the other puts back the rest.  Where that fails for a reason that could not
 * be seen before (another unique value, a trigger), the rows are tried one by one.  Nothing that the
 * application wrote since is overwritten: what is in the way is reported and stays in the archive.
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
#include "sql_calls.h"
#include "subtransaction.h"

#define TRIES 3

/* A part of the archive. */
typedef struct Chunk
{
	int64		id;
	char	   *relation;
	char	   *action;
	char	   *rule;			/* NULL: rows of foreign keys */
	int			rule_place;		/* column by which the rule can do its work anew; -1: it can't */
	ArrayType  *columns;
	ArrayType  *key_places;
	char	   *look;
	char	   *apply;
	int			n_rows;
	int			n_columns;
	Datum	   *values;			/* row by row */
	bool	   *nulls;
	Datum	   *arrays;			/* the columns as text[] */
	const char **reasons;		/* per row: why it can't be put back; NULL it can, "" it needn't */
} Chunk;

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

enum
{
	C_RELATION = 1, C_ACTION, C_COLUMNS, C_KEY_PLACES, C_RULE, C_RULE_PLACE, C_VALUES, C_LOOK, C_APPLY
};

static ArrayType *
result_array(int column, Oid element)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? construct_empty_array(element) : DatumGetArrayTypePCopy(value);
}

static void
read_values(Chunk *chunk, ArrayType *array)
{
	int			n;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &chunk->values, &chunk->nulls, &n);
	chunk->n_rows = ARR_NDIM(array) == 2 ? ARR_DIMS(array)[0] : 0;
	chunk->n_columns = ARR_NDIM(array) == 2 ? ARR_DIMS(array)[1] : 0;
	chunk->arrays = palloc((chunk->n_columns + 1) * sizeof(Datum));
	for (int c = 0; c < chunk->n_columns; c++)
	{
		Datum	   *values = palloc(chunk->n_rows * sizeof(Datum));
		bool	   *nulls = palloc(chunk->n_rows);
		int			lbs[1] = {1};

		for (int r = 0; r < chunk->n_rows; r++)
		{
			values[r] = chunk->values[r * chunk->n_columns + c];
			nulls[r] = chunk->nulls[r * chunk->n_columns + c];
		}
		chunk->arrays[c] = PointerGetDatum(construct_md_array(values, nulls, 1, &chunk->n_rows, lbs,
															  TEXTOID, -1, false, TYPALIGN_INT));
	}
	chunk->reasons = palloc0(chunk->n_rows * sizeof(char *));
}

static Chunk *
read_chunk(int64 id)
{
	Chunk	   *chunk = palloc0(sizeof(Chunk));
	Arguments	a = {0};
	bool		isnull;

	argument_int8(&a, id);
	call_as_owner("SELECT c.relation, c.action, c.columns, c.key_places, c.rule, c.rule_place::int8,"
				  "       c.row_values, c.look, c.apply FROM missing_photos.undo_chunk($1) AS c", &a);
	chunk->id = id;
	chunk->relation = result_text(0, C_RELATION);
	chunk->action = result_text(0, C_ACTION);
	chunk->columns = result_array(C_COLUMNS, TEXTOID);
	chunk->key_places = result_array(C_KEY_PLACES, INT4OID);
	chunk->rule = result_text(0, C_RULE);
	(void) SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, C_RULE_PLACE, &isnull);
	chunk->rule_place = isnull ? -1 : (int) result_int8(0, C_RULE_PLACE);
	chunk->look = result_text(0, C_LOOK);
	chunk->apply = result_text(0, C_APPLY);
	read_values(chunk, result_array(C_VALUES, TEXTOID));
	return chunk;
}

/* Runs one of the chunk's statements as the caller; places is an int8[] or 0. */
static void
run_statement(const Chunk *chunk, const char *statement, Datum places)
{
	MemoryContext context = CurrentMemoryContext;
	int			n = chunk->n_columns + (places != 0 ? 1 : 0);
	Oid		   *types = palloc((n + 1) * sizeof(Oid));
	Datum	   *values = palloc((n + 1) * sizeof(Datum));
	int			rc;

	for (int i = 0; i < chunk->n_columns; i++)
	{
		types[i] = TEXTARRAYOID;
		values[i] = chunk->arrays[i];
	}
	if (places != 0)
	{
		types[n - 1] = INT8ARRAYOID;
		values[n - 1] = places;
	}
	if (SPI_tuptable != NULL)
		SPI_freetuptable(SPI_tuptable);
	rc = SPI_execute_with_args(statement, n, types, values, NULL, false, 0);
	MemoryContextSwitchTo(context);
	if (rc < 0)
		elog(ERROR, "could not execute \"%s\": %s", statement, SPI_result_code_string(rc));
}

static void
look(Chunk *chunk)
{
	run_statement(chunk, chunk->look, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
		chunk->reasons[result_int8(i, 1) - 1] = result_text(i, 2);
}

/* Some of a chunk's rows, to be put back together. */
typedef struct Rows
{
	const Chunk *chunk;
	Datum	   *places;			/* int8, from 1 */
	int			n;
} Rows;

static void
put_back(void *arg)
{
	Rows	   *rows = arg;

	run_statement(rows->chunk, rows->chunk->apply,
				  PointerGetDatum(construct_array(rows->places, rows->n, INT8OID, sizeof(int64),
												  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)));
	if (SPI_processed != (uint64) rows->n)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("another row has one of its unique values, or a trigger keeps it out")));
}

/* Puts back the rows that nothing is known to be in the way of; others of them get their reasons. */
static void
put_back_free(Chunk *chunk)
{
	Rows		rows = {.chunk = chunk};
	bool		done;

	rows.places = palloc((chunk->n_rows + 1) * sizeof(Datum));
	for (int r = 0; r < chunk->n_rows; r++)
		if (chunk->reasons[r] == NULL)
			rows.places[rows.n++] = Int64GetDatum(r + 1);
	if (rows.n == 0)
		return;
	done = try_in_subtransaction(put_back, &rows) == NULL;
	for (int i = 0; !done && i < rows.n; i++)
	{
		Rows		one = {.chunk = chunk, .places = &rows.places[i], .n = 1};
		ErrorData  *error = try_in_subtransaction(put_back, &one);

		CHECK_FOR_INTERRUPTS();
		for (int again = 1; error != NULL && again < TRIES &&
			 error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE; again++)
		{
			pause_for_locks();
			error = try_in_subtransaction(put_back, &one);
		}
		if (error != NULL)
			chunk->reasons[DatumGetInt64(rows.places[i]) - 1] = error->message;
	}
}

static bool
is_conflict(const Chunk *chunk, int row)
{
	return chunk->reasons[row] != NULL && chunk->reasons[row][0] != '\0';
}

/* Keeps in the archive only what could not be put back. */
static void
keep_conflicts(const Chunk *chunk)
{
	Arguments	a = {0};
	int			dims[2] = {0, chunk->n_columns};
	int			lbs[2] = {1, 1};
	Datum	   *values = palloc((Size) (chunk->n_rows * chunk->n_columns + 1) * sizeof(Datum));
	bool	   *nulls = palloc((Size) chunk->n_rows * chunk->n_columns + 1);

	for (int r = 0; r < chunk->n_rows; r++)
	{
		if (!is_conflict(chunk, r) || chunk->rule != NULL)
			continue;
		memcpy(values + dims[0] * chunk->n_columns, chunk->values + r * chunk->n_columns,
			   chunk->n_columns * sizeof(Datum));
		memcpy(nulls + dims[0] * chunk->n_columns, chunk->nulls + r * chunk->n_columns,
			   chunk->n_columns);
		dims[0]++;
	}
	argument_int8(&a, chunk->id);
	argument_int4(&a, dims[0]);
	argument_datum(&a, TEXTARRAYOID, dims[0] == 0 ? PointerGetDatum(construct_empty_array(TEXTOID)) :
				   PointerGetDatum(construct_md_array(values, nulls, 2, dims, lbs, TEXTOID, -1,
													  false, TYPALIGN_INT)));
	call_as_owner("SELECT missing_photos.keep_conflicts($1, $2, $3)", &a);
}

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
			   chunk->values + row * chunk->n_columns, chunk->nulls + row * chunk->n_columns,
			   places, n);
}

static Datum
rule_keys(const Chunk *chunk, bool all)
{
	Datum	   *keys = palloc((chunk->n_rows + 1) * sizeof(Datum));
	int			n = 0;

	for (int r = 0; r < chunk->n_rows; r++)
	{
		int			place = r * chunk->n_columns + chunk->rule_place;

		if ((all || is_conflict(chunk, r)) && !chunk->nulls[place])
			keys[n++] = chunk->values[place];
	}
	return PointerGetDatum(construct_array(keys, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* What the rule derives is to be derived anew. */
static void
note_touched(const Undo *undo, const char *rule, Datum keys)
{
	Arguments	a = {0};

	argument_datum(&a, UUIDOID, undo->job_id);
	argument_text(&a, undo->owner);
	argument_text(&a, rule);
	argument_datum(&a, TEXTARRAYOID, keys);
	call_as_owner("SELECT missing_photos.note_touched($1, $2, $3, $4)", &a);
}

static void
note_derived(Undo *undo, const Chunk *chunk)
{
	MemoryContext old;
	Derived    *derived;

	note_touched(undo, chunk->rule, rule_keys(chunk, false));
	old = MemoryContextSwitchTo(undo->context);
	derived = palloc(sizeof(Derived));
	derived->rule = pstrdup(chunk->rule);
	derived->keys = rule_keys(chunk, true);
	undo->derived = lappend(undo->derived, derived);
	MemoryContextSwitchTo(old);
}

static void
undo_chunk(Undo *undo, int64 id)
{
	Chunk	   *chunk = read_chunk(id);
	int64		restored = 0;

	if (chunk->apply == NULL)
	{
		report_count(undo->report, chunk->relation, "its table is gone", chunk->n_rows);
		undo->conflicts = true;
		return;
	}
	look(chunk);
	put_back_free(chunk);
	for (int r = 0; r < chunk->n_rows; r++)
	{
		if (!is_conflict(chunk, r))
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
	keep_conflicts(chunk);
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
			note_touched(undo, derived->rule, derived->keys);
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
	undo_all(&undo);
	settle(&undo);
	report_end(undo.report);
	SPI_finish();
	return (Datum) 0;
}
