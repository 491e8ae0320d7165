/*
 * apply.h: bringing the library in line with what was judged.
 *
 * The library's functions are called as the caller; they lock, look again whether their rows still
 * say what was judged, and tell what they changed.  Exactly that is then recorded as the
 * extension's owner.
 */
#ifndef MISSING_PHOTOS_APPLY_H
#define MISSING_PHOTOS_APPLY_H

#include "columns.h"
#include "file_row.h"
#include "sql_calls.h"

typedef struct Changes
{
	const char *owner;
	Datum		job_id;			/* uuid */
	bool		has_job;
	int64		missing;		/* files newly flagged */
	int64		restored;		/* files that are back */
	int64		busy;			/* rows that others held locked; left as they are */
} Changes;

/* Columns of rows to be marked missing, and of rows to be marked present. */
enum
{
	MISSING_PHOTO, MISSING_FILE, MISSING_PATH, MISSING_REASON, MISSING_COLUMNS
};

enum
{
	BACK_PHOTO, BACK_FILE, BACK_PATH, BACK_MAIN, BACK_MAIN_AFTER, BACK_COLUMNS
};

enum
{
	DOUBT_PHOTO, DOUBT_FILE, DOUBT_PATH, DOUBT_STATE, DOUBT_REASON, DOUBT_ERRNO, DOUBT_COLUMNS
};

extern Columns *apply_missing_columns(MemoryContext parent);
extern Columns *apply_back_columns(MemoryContext parent);
extern Columns *apply_doubt_columns(MemoryContext parent);

/* Adds a judged row to such columns, with its reason in words. */
extern void apply_add_missing(Columns *rows, const FileRow *row, const Judgement *judgement);
extern void apply_add_doubt(Columns *doubts, const FileRow *row, const Judgement *judgement);

/* Both need an SPI connection and allocate in the current memory context. */
extern void apply_missing(Changes *changes, const Columns *rows);
extern void apply_back(Changes *changes, const Columns *rows);

/* The job that the changes belong to, as an argument; null where there is none. */
extern void apply_argument_job(Arguments *a, const Changes *changes);

/* Replaces what is known of files in doubt: of one photo, or of all of the owner's (NULL). */
extern void apply_doubts(const Changes *changes, const char *photo, const Columns *doubts);

#endif							/* MISSING_PHOTOS_APPLY_H */
