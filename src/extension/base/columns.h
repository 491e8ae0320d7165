/*
 * columns.h: rows collected column by column, to be given to a set-based SQL function as parallel
 * arrays.  A Columns lives in the memory context it was made in and is emptied for each batch.
 */
#ifndef MISSING_PHOTOS_COLUMNS_H
#define MISSING_PHOTOS_COLUMNS_H

#define MAX_COLUMNS 10

typedef struct Columns
{
	MemoryContext context;		/* of the values; reset by columns_clear */
	int			n_columns;
	Oid			types[MAX_COLUMNS];
	int			n_rows;
	int			capacity;
	Datum	   *values[MAX_COLUMNS];
	bool	   *nulls[MAX_COLUMNS];
} Columns;

extern Columns *columns_make(MemoryContext parent, int n_columns, const Oid *types);
extern void columns_clear(Columns *columns);
extern void columns_free(Columns *columns);

/* Begins a row; the setters then fill its columns in (a column not set is null). */
extern void columns_add_row(Columns *columns);
extern void columns_set_text(Columns *columns, int column, const char *data, size_t length);
extern void columns_set_cstring(Columns *columns, int column, const char *text);
extern void columns_set_bool(Columns *columns, int column, bool value);
extern void columns_set_int4(Columns *columns, int column, int32 value);
extern void columns_set_int8(Columns *columns, int column, int64 value);

/* Copies one value of other columns. */
extern void columns_set_datum(Columns *columns, int column, const Columns *from, int from_column,
							  int from_row);

/* A text value, palloc'd in the current memory context; NULL when null. */
extern char *columns_cstring(const Columns *columns, int column, int row);

/* One column as an array datum, in the current memory context. */
extern Datum columns_array(const Columns *columns, int column);
/* The OID of that array's type. */
extern Oid	columns_array_type(const Columns *columns, int column);

#endif							/* MISSING_PHOTOS_COLUMNS_H */
