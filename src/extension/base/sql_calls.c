/* sql_calls.c: running SQL from C; see sql_calls.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "owner_rights.h"
#include "sql_calls.h"

void
argument_datum(Arguments *a, Oid type, Datum value)
{
	Assert(a->n < MAX_ARGUMENTS);
	a->types[a->n] = type;
	a->values[a->n] = value;
	a->nulls[a->n] = ' ';
	a->n++;
}

void
argument_text(Arguments *a, const char *text)
{
	argument_datum(a, TEXTOID, text == NULL ? (Datum) 0 : CStringGetTextDatum(text));
	if (text == NULL)
		a->nulls[a->n - 1] = 'n';
}

void
argument_bool(Arguments *a, bool value)
{
	argument_datum(a, BOOLOID, BoolGetDatum(value));
}

void
argument_int4(Arguments *a, int32 value)
{
	argument_datum(a, INT4OID, Int32GetDatum(value));
}

void
argument_int8(Arguments *a, int64 value)
{
	argument_datum(a, INT8OID, Int64GetDatum(value));
}

void
argument_columns(Arguments *a, const Columns *columns)
{
	for (int i = 0; i < columns->n_columns; i++)
		argument_datum(a, columns_array_type(columns, i), columns_array(columns, i));
}

static void
call(const char *sql, const Arguments *a)
{
	/* SPI leaves us in its procedure's context, where a scan's batches would pile up. */
	MemoryContext context = CurrentMemoryContext;
	int			rc;

	/* The last result has been read by now; a scan makes many. */
	if (SPI_tuptable != NULL)
		SPI_freetuptable(SPI_tuptable);
	rc = SPI_execute_with_args(sql, a->n, (Oid *) a->types, (Datum *) a->values, a->nulls,
							   false, 0);
	MemoryContextSwitchTo(context);
	if (rc < 0)
		elog(ERROR, "could not execute \"%s\": %s", sql, SPI_result_code_string(rc));
}

void
call_as_caller(const char *sql, const Arguments *a)
{
	call(sql, a);
}

void
call_as_owner(const char *sql, const Arguments *a)
{
	OwnerRights saved;

	owner_rights_begin(&saved);
	call(sql, a);
	owner_rights_end(&saved);
}

static Datum
result_datum(uint64 row, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

char *
result_text(uint64 row, int column)
{
	bool		isnull;
	Datum		value = result_datum(row, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

bool
result_bool(uint64 row, int column)
{
	bool		isnull;
	Datum		value = result_datum(row, column, &isnull);

	return !isnull && DatumGetBool(value);
}

int64
result_int8(uint64 row, int column)
{
	bool		isnull;
	Datum		value = result_datum(row, column, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}
