/* undo_moves.c: gives files the paths back that a job took from them; see undo.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/timestamp.h"

#include "library.h"
#include "moves.h"
#include "owner_lock.h"
#include "sql_calls.h"
#include "undo.h"

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

/* What was moved, the other way round; nobody has looked whether anything is there. */
static Columns *
load_moves(const Undo *undo, int64 after, int64 *last)
{
	Columns    *moves = moves_columns(CurrentMemoryContext);
	Arguments	a = {0};

	undo_arguments(&a, undo);
	argument_int8(&a, after);
	argument_int4(&a, UNDO_BATCH);
	call_as_owner("SELECT m.id, m.photo, m.file, m.new_path, m.path"
				  "  FROM missing_photos.moves_of($1, $2, $3, $4, $5, $6) AS m", &a);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		*last = result_int8(i, 1);
		moves_add(moves, result_text(i, 2), result_text(i, 3), result_text(i, 4), result_text(i, 5),
				  NULL);
	}
	return moves;
}

void
undo_moves(Undo *undo)
{
	/* That they have their old paths again is nothing that the job did. */
	Changes		changes = {.owner = undo->changes.owner};
	int64		last = 0;
	int			n;

	do
	{
		Columns    *moves = load_moves(undo, last, &last);
		Columns    *moved = moves_columns(CurrentMemoryContext);

		n = moves->n_rows;
		moves_apply(&changes, moves, moved);
		undo->conflicts += n - moved->n_rows;
		columns_free(moves);
		columns_free(moved);
	} while (n == UNDO_BATCH);
	undo->undone += changes.restored;
}

Datum
missing_photos_undo_moves(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	Undo		undo = {.since = DT_NOBEGIN, .until = DT_NOEND};

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("job_id must not be null")));
	SPI_connect();
	library_check_writable("undo_moves()");
	MemoryContextSwitchTo(context);
	undo.changes.owner = owner_of_job(PG_GETARG_DATUM(0));
	undo.changes.job_id = PG_GETARG_DATUM(0);
	undo.changes.has_job = true;
	library_require_owner(undo.changes.owner);
	owner_lock_take(undo.changes.owner, false);
	undo_moves(&undo);
	SPI_finish();
	PG_RETURN_INT64(undo.undone);
}
