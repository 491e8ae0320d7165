/*
 * archive.h: keeping what a deletion takes.
 *
 * A statement's rows are read from SPI's result, each value as the text its type writes, and handed
 * to the extension's own tables: they pass through C memory only, so no application can put rows
 * there that were never deleted.
 */
#ifndef MISSING_PHOTOS_ARCHIVE_H
#define MISSING_PHOTOS_ARCHIVE_H

/* A statement's result as text: n_columns values per row, row by row. */
typedef struct TextRows
{
	int			n_rows;
	int			n_columns;
	Datum	   *values;
	bool	   *nulls;
} TextRows;

/* SPI's last result; frees that.  In the current memory context. */
extern TextRows *archive_take_result(void);

/* One column, as a text[] datum. */
extern Datum archive_column(const TextRows *rows, int column);

/* Keeps rows that a statement deleted, changed or inserted. */
extern void archive_keep(Datum job_id, Oid relation, const char *action, Datum columns, int n_keys,
						 const char *rule, const TextRows *rows);

#endif							/* MISSING_PHOTOS_ARCHIVE_H */
