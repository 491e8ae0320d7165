/* columns.c: rows collected column by column; see columns.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "columns.h"

Columns *
columns_make(MemoryContext parent, int n_columns, const Oid *types)
{
	Columns    *columns = MemoryContextAllocZero(parent, sizeof(Columns));

	Assert(n_columns <= MAX_COLUMNS);
	columns->context = AllocSetContextCreate(parent, "missing_photos columns",
											 ALLOCSET_DEFAULT_SIZES);
	columns->n_columns = n_columns;
	memcpy(columns->types, types, n_columns * sizeof(Oid));
	return columns;
}

void
columns_clear(Columns *columns)
{
	MemoryContextReset(columns->context);
	columns->n_rows = 0;
	columns->capacity = 0;
}

void
columns_free(Columns *columns)
{
	MemoryContextDelete(columns->context);
	pfree(columns);
}

static void
grow(Columns *columns)
{
	MemoryContext old = MemoryContextSwitchTo(columns->context);
	int			capacity = columns->capacity == 0 ? 64 : columns->capacity * 2;

	for (int i = 0; i < columns->n_columns; i++)
	{
		if (columns->capacity == 0)
		{
			columns->values[i] = palloc(capacity * sizeof(Datum));
			columns->nulls[i] = palloc(capacity * sizeof(bool));
		}
		else
		{
			columns->values[i] = repalloc_huge(columns->values[i],
											   (Size) capacity * sizeof(Datum));
			columns->nulls[i] = repalloc_huge(columns->nulls[i], (Size) capacity * sizeof(bool));
		}
	}
	columns->capacity = capacity;
	MemoryContextSwitchTo(old);
}

void
columns_add_row(Columns *columns)
{
	if (columns->n_rows == columns->capacity)
		grow(columns);
	for (int i = 0; i < columns->n_columns; i++)
		columns->nulls[i][columns->n_rows] = true;
	columns->n_rows++;
}

static void
set(Columns *columns, int column, Datum value)
{
	columns->values[column][columns->n_rows - 1] = value;
	columns->nulls[column][columns->n_rows - 1] = false;
}

void
columns_set_text(Columns *columns, int column, const char *data, size_t length)
{
	MemoryContext old = MemoryContextSwitchTo(columns->context);

	if (data != NULL)
		set(columns, column, PointerGetDatum(cstring_to_text_with_len(data, length)));
	MemoryContextSwitchTo(old);
}

void
columns_set_cstring(Columns *columns, int column, const char *text)
{
	columns_set_text(columns, column, text, text == NULL ? 0 : strlen(text));
}

void
columns_set_bool(Columns *columns, int column, bool value)
{
	set(columns, column, BoolGetDatum(value));
}

void
columns_set_int4(Columns *columns, int column, int32 value)
{
	set(columns, column, Int32GetDatum(value));
}

void
columns_set_int8(Columns *columns, int column, int64 value)
{
	set(columns, column, Int64GetDatum(value));
}

void
columns_set_datum(Columns *columns, int column, const Columns *from, int from_column, int from_row)
{
	Datum		value = from->values[from_column][from_row];

	Assert(columns->types[column] == from->types[from_column]);
	if (from->nulls[from_column][from_row])
		return;
	if (columns->types[column] == TEXTOID)
		columns_set_text(columns, column, VARDATA_ANY(DatumGetPointer(value)),
						 VARSIZE_ANY_EXHDR(DatumGetPointer(value)));
	else
		set(columns, column, value);
}

char *
columns_cstring(const Columns *columns, int column, int row)
{
	return columns->nulls[column][row] ? NULL : TextDatumGetCString(columns->values[column][row]);
}

Datum
columns_array(const Columns *columns, int column)
{
	int			dims[1] = {columns->n_rows};
	int			lbs[1] = {1};
	Oid			type = columns->types[column];
	bool		by_value = type != TEXTOID;
	int16		length = type == TEXTOID ? -1 : type == BOOLOID ? 1 : type == INT4OID ? 4 : 8;
	char		align = type == BOOLOID ? TYPALIGN_CHAR : type == INT8OID ? TYPALIGN_DOUBLE : TYPALIGN_INT;

	if (columns->n_rows == 0)
		return PointerGetDatum(construct_empty_array(type));
	return PointerGetDatum(construct_md_array(columns->values[column], columns->nulls[column],
											  1, dims, lbs, type, length, by_value, align));
}

Oid
columns_array_type(const Columns *columns, int column)
{
	switch (columns->types[column])
	{
		case TEXTOID:
			return TEXTARRAYOID;
		case BOOLOID:
			return BOOLARRAYOID;
		case INT4OID:
			return INT4ARRAYOID;
		default:
			return INT8ARRAYOID;
	}
}
