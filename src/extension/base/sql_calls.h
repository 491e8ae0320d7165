/*
 * sql_calls.h: running SQL from C.  Needs an SPI connection.
 *
 * call_as_caller is for the library's functions, call_as_owner for those of the extension's own
 * tables (owner_rights.h).  Both take the statement's parameters as an Arguments.
 */
#ifndef MISSING_PHOTOS_SQL_CALLS_H
#define MISSING_PHOTOS_SQL_CALLS_H

#include "executor/spi.h"

#include "columns.h"

#define MAX_ARGUMENTS 12

typedef struct Arguments
{
	int			n;
	Oid			types[MAX_ARGUMENTS];
	Datum		values[MAX_ARGUMENTS];
	char		nulls[MAX_ARGUMENTS];
} Arguments;

extern void argument_text(Arguments *a, const char *text);	/* NULL is null */
extern void argument_datum(Arguments *a, Oid type, Datum value);
extern void argument_bool(Arguments *a, bool value);
extern void argument_int4(Arguments *a, int32 value);
extern void argument_int8(Arguments *a, int64 value);
/* Each column as one array. */
extern void argument_columns(Arguments *a, const Columns *columns);

/* The result is in SPI_tuptable, SPI_processed. */
extern void call_as_caller(const char *sql, const Arguments *a);
extern void call_as_owner(const char *sql, const Arguments *a);

/* Values of the result just fetched; text is palloc'd in the current memory context. */
extern char *result_text(uint64 row, int column);
extern bool result_bool(uint64 row, int column);
extern int64 result_int8(uint64 row, int column);

#endif							/* MISSING_PHOTOS_SQL_CALLS_H */
