/*
 * moves.h: files that were found elsewhere, brought into the library and recorded.
 *
 * The library's function gives a file's row the new path where it still says the old one, and the
 * photo what it had lost with the file; exactly what it says it did is then recorded.  Both happen
 * in the caller's transaction.
 */
#ifndef MISSING_PHOTOS_MOVES_H
#define MISSING_PHOTOS_MOVES_H

#include "apply.h"

/*
 * A row per photo and file.  The identity is what the file looks like at its new place; with
 * MOVE_PATH_ONLY nobody has seen it there, so nothing but the path changes.
 */
enum
{
	MOVE_PHOTO, MOVE_FILE, MOVE_FROM, MOVE_TO, MOVE_FSID, MOVE_INODE, MOVE_SIZE, MOVE_MTIME,
	MOVE_CTIME, MOVE_PATH_ONLY, MOVE_COLUMNS
};

extern Columns *moves_columns(MemoryContext parent);

/* Strings end in NUL; no identity: only the path. */
extern void moves_add(Columns *moves, const char *photo, const char *file, const char *from,
					  const char *to, const MpIdentity *identity);

/* What the file looked like at its new place; false when nobody saw it there. */
extern bool moves_seen(const Columns *moves, int row, MpIdentity *identity);

/*
 * Needs an SPI connection.  Adds what was moved to `moved` (moves_columns, or NULL) and to
 * changes->restored (files, not pairs), what others held locked to the end to changes->busy.  What is
 * neither was refused: another row has that path, or the row changed since.  Both functions take
 * thousands of rows in one statement each; names exchanged or passed on belong into one call.
 */
extern void moves_apply(Changes *changes, const Columns *moves, Columns *moved);

/* Of rows with their photos and files in these columns: which of them are among those moved. */
extern bool *moves_made(const Columns *rows, int photo, int file, const Columns *moved);

#endif							/* MISSING_PHOTOS_MOVES_H */
