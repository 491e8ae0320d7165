/*
 * twins.h: a missing file beside which lies one whose name differs only by letter case, Unicode
 * normalisation or blanks at its end was probably renamed; the reason says so.
 */
#ifndef MISSING_PHOTOS_TWINS_H
#define MISSING_PHOTOS_TWINS_H

#include "columns.h"
#include "roots.h"

typedef struct TwinSearch
{
	int			folders_left;	/* folders that may still be listed: this is a courtesy, not a scan */
	int64		unreadable;		/* names the database's encoding can't hold, so far */
} TwinSearch;

#define TWIN_FOLDERS 256

/*
 * Looks into the folders of missing rows (apply_missing_columns), reading the disk, and replaces
 * *rows by rows whose reasons name the twins.
 */
extern void twins_find(TwinSearch *search, RootTable *roots, Columns **rows);

#endif							/* MISSING_PHOTOS_TWINS_H */
