/*
 * undo_chunk.c: see undo_chunk.h.
 *
 * A part takes two statements: one looks which rows can't be put back and why, the other puts back the
 * rest.  Where that fails for a reason that could not be seen before (another unique value, a trigger),
 * the rows are tried one by one.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"

#include "sql_calls.h"
#include "subtransaction.h"
#include "undo_chunk.h"

#define TRIES 3

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

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &chunk->rows.values,
					  &chunk->rows.nulls, &n);
	chunk->rows.n_rows = ARR_NDIM(array) == 2 ? ARR_DIMS(array)[0] : 0;
	chunk->rows.n_columns = ARR_NDIM(array) == 2 ? ARR_DIMS(array)[1] : 0;
	chunk->arrays = palloc((chunk->rows.n_columns + 1) * sizeof(Datum));
	for (int c = 0; c < chunk->rows.n_columns; c++)
		chunk->arrays[c] = archive_column(&chunk->rows, c);
	chunk->reasons = palloc0((chunk->rows.n_rows + 1) * sizeof(char *));
}

Chunk *
chunk_read(int64 id)
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
	int			n = chunk->rows.n_columns + (places != 0 ? 1 : 0);
	Oid		   *types = palloc((n + 1) * sizeof(Oid));
	Datum	   *values = palloc((n + 1) * sizeof(Datum));
	int			rc;

	for (int i = 0; i < chunk->rows.n_columns; i++)
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

	rows.places = palloc((chunk->rows.n_rows + 1) * sizeof(Datum));
	for (int r = 0; r < chunk->rows.n_rows; r++)
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

void
chunk_put_back(Chunk *chunk)
{
	look(chunk);
	put_back_free(chunk);
}

bool
chunk_conflicts(const Chunk *chunk, int row)
{
	return chunk->reasons[row] != NULL && chunk->reasons[row][0] != '\0';
}

void
chunk_keep_conflicts(const Chunk *chunk)
{
	Arguments	a = {0};
	int			dims[2] = {0, chunk->rows.n_columns};
	int			lbs[2] = {1, 1};
	Datum	   *values = palloc((Size) (chunk->rows.n_rows * chunk->rows.n_columns + 1) * sizeof(Datum));
	bool	   *nulls = palloc((Size) chunk->rows.n_rows * chunk->rows.n_columns + 1);

	for (int r = 0; r < chunk->rows.n_rows; r++)
	{
		if (!chunk_conflicts(chunk, r) || chunk->rule != NULL)
			continue;
		memcpy(values + dims[0] * chunk->rows.n_columns, chunk->rows.values + r * chunk->rows.n_columns,
			   chunk->rows.n_columns * sizeof(Datum));
		memcpy(nulls + dims[0] * chunk->rows.n_columns, chunk->rows.nulls + r * chunk->rows.n_columns,
			   chunk->rows.n_columns);
		dims[0]++;
	}
	argument_int8(&a, chunk->id);
	argument_int4(&a, dims[0]);
	argument_datum(&a, TEXTARRAYOID, dims[0] == 0 ? PointerGetDatum(construct_empty_array(TEXTOID)) :
				   PointerGetDatum(construct_md_array(values, nulls, 2, dims, lbs, TEXTOID, -1,
													  false, TYPALIGN_INT)));
	call_as_owner("SELECT missing_photos.keep_conflicts($1, $2, $3)", &a);
}
