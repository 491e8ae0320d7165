/* archive.c: keeping what a deletion takes; see archive.h. */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "archive.h"
#include "sql_calls.h"

/* So much of a statement's result goes into one row of the archive. */
#define CHUNK_ROWS 1000
#define CHUNK_BYTES (4 * 1024 * 1024)

/*
 * What types write must not depend on the session: dates and floats keep every digit, names have
 * their schemas.  Set only while values are written, never while a statement runs: a trigger of the
 * user's may look at these settings.
 */
static const char *const pinned[][2] = {
	{"bytea_output", "hex"},
	{"datestyle", "ISO, MDY"},
	{"extra_float_digits", "1"},
	{"intervalstyle", "postgres"},
	{"lc_monetary", "C"},
	{"search_path", "pg_catalog, pg_temp"},
	{"timezone", "UTC"},
};

static int
pin_settings(void)
{
	int			level = NewGUCNestLevel();

	for (int i = 0; i < (int) lengthof(pinned); i++)
		(void) set_config_option(pinned[i][0], pinned[i][1], PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	return level;
}

static void
write_values(TextRows *rows, SPITupleTable *table)
{
	FmgrInfo   *writers = palloc(rows->n_columns * sizeof(FmgrInfo));
	Datum	   *values = palloc(rows->n_columns * sizeof(Datum));

	for (int c = 0; c < rows->n_columns; c++)
	{
		Oid			function;
		bool		varlena;

		getTypeOutputInfo(SPI_gettypeid(table->tupdesc, c + 1), &function, &varlena);
		fmgr_info(function, &writers[c]);
	}
	for (int r = 0; r < rows->n_rows; r++)
	{
		bool	   *nulls = &rows->nulls[r * rows->n_columns];

		heap_deform_tuple(table->vals[r], table->tupdesc, values, nulls);
		for (int c = 0; c < rows->n_columns; c++)
		{
			char	   *text;

			if (nulls[c])
				continue;
			text = OutputFunctionCall(&writers[c], values[c]);
			rows->values[r * rows->n_columns + c] = CStringGetTextDatum(text);
			pfree(text);
		}
	}
}

TextRows *
archive_take_result(void)
{
	TextRows   *rows = palloc(sizeof(TextRows));
	SPITupleTable *table = SPI_tuptable;
	int			level;

	rows->n_rows = (int) SPI_processed;
	rows->n_columns = table->tupdesc->natts;
	rows->values = palloc_extended((Size) rows->n_rows * rows->n_columns * sizeof(Datum) + 1,
								   MCXT_ALLOC_HUGE);
	rows->nulls = palloc_extended((Size) rows->n_rows * rows->n_columns + 1, MCXT_ALLOC_HUGE);
	level = pin_settings();
	write_values(rows, table);
	AtEOXact_GUC(true, level);
	SPI_freetuptable(table);
	return rows;
}

Datum
archive_column(const TextRows *rows, int column)
{
	Datum	   *values = palloc((rows->n_rows + 1) * sizeof(Datum));
	bool	   *nulls = palloc(rows->n_rows + 1);
	int			dims[1] = {rows->n_rows};
	int			lbs[1] = {1};

	if (rows->n_rows == 0)
		return PointerGetDatum(construct_empty_array(TEXTOID));
	for (int r = 0; r < rows->n_rows; r++)
	{
		values[r] = rows->values[r * rows->n_columns + column];
		nulls[r] = rows->nulls[r * rows->n_columns + column];
	}
	return PointerGetDatum(construct_md_array(values, nulls, 1, dims, lbs, TEXTOID, -1, false,
											  TYPALIGN_INT));
}

/* How many rows from here on make a chunk. */
static int
chunk_rows(const TextRows *rows, int first)
{
	Size		bytes = 0;
	int			n = 0;

	while (first + n < rows->n_rows && n < CHUNK_ROWS && bytes < CHUNK_BYTES)
	{
		for (int c = 0; c < rows->n_columns; c++)
		{
			int			place = (first + n) * rows->n_columns + c;

			if (!rows->nulls[place])
				bytes += VARSIZE_ANY(DatumGetPointer(rows->values[place]));
		}
		n++;
	}
	return n;
}

void
archive_keep(Datum job_id, Oid relation, const char *action, Datum columns, int n_keys,
			 const char *rule, const TextRows *rows)
{
	int			n;

	for (int first = 0; first < rows->n_rows; first += n)
	{
		int			dims[2];
		int			lbs[2] = {1, 1};
		Arguments	a = {0};

		n = dims[0] = chunk_rows(rows, first);
		dims[1] = rows->n_columns;
		argument_datum(&a, UUIDOID, job_id);
		argument_datum(&a, OIDOID, ObjectIdGetDatum(relation));
		argument_text(&a, action);
		argument_datum(&a, TEXTARRAYOID, columns);
		argument_int4(&a, n_keys);
		argument_text(&a, rule);
		argument_int4(&a, n);
		argument_datum(&a, TEXTARRAYOID, PointerGetDatum(
			construct_md_array(rows->values + (Size) first * rows->n_columns,
							   rows->nulls + (Size) first * rows->n_columns, 2, dims, lbs,
							   TEXTOID, -1, false, TYPALIGN_INT)));
		call_as_owner("SELECT missing_photos.keep_rows($1, $2, $3, $4, $5, $6, $7, $8)", &a);
	}
}
