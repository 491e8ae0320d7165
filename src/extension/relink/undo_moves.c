/* undo_moves.c: gives files the paths back that a job took from them: missing_photos.undo_moves. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"

#include "library.h"
#include "moves.h"
#include "owner_lock.h"
#include "sql_calls.h"

PG_FUNCTION_INFO_V1(missing_photos_undo_moves);

/* So many files are moved by one statement. */
#define UNDO_BATCH 20000

static char *
owner_of_job(Datum job_id)
{
	Arguments	a = {0};

	argument_datum(&a, UUIDOID, job_id);
	call_as_owner("SELECT missing_photos.owner_of_moves($1)", &a);
	if (result_text(0, 1) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("no job of this id moved any file"),
				 errhint("SELECT DISTINCT job_id FROM missing_photos.findings WHERE new_path <> '' "
						 "lists them.")));
	return result_text(0, 1);
}

/* What the job moved, the other way round; nobody has looked whether anything is there. */
static Columns *
load_moves(Datum job_id, int64 after, int64 *last)
{
	Columns    *moves = moves_columns(CurrentMemoryContext);
	Arguments	a = {0};

	argument_datum(&a, UUIDOID, job_id);
	argument_int8(&a, after);
	argument_int4(&a, UNDO_BATCH);
	call_as_owner("SELECT m.id, m.photo, m.file, m.new_path, m.path"
				  "  FROM missing_photos.moves_of($1, $2, $3) AS m", &a);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		*last = result_int8(i, 1);
		moves_add(moves, result_text(i, 2), result_text(i, 3), result_text(i, 4), result_text(i, 5),
				  NULL);
	}
	return moves;
}

Datum
missing_photos_undo_moves(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	Changes		changes = {0};
	int64		last = 0;
	int			n;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("job_id must not be null")));
	SPI_connect();
	library_check_writable("undo_moves()");
	MemoryContextSwitchTo(context);
	changes.owner = owner_of_job(PG_GETARG_DATUM(0));
	library_require_owner(changes.owner);
	owner_lock_take(changes.owner, false);
	do
	{
		Columns    *moves = load_moves(PG_GETARG_DATUM(0), last, &last);

		n = moves->n_rows;
		moves_apply(&changes, moves, NULL);
		columns_free(moves);
	} while (n == UNDO_BATCH);
	SPI_finish();
	PG_RETURN_INT64(changes.restored);
}
