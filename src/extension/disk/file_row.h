/*
 * file_row.h: one file of one photo, as the library has it, and what was judged of it.
 */
#ifndef MISSING_PHOTOS_FILE_ROW_H
#define MISSING_PHOTOS_FILE_ROW_H

#include "protocol/protocol.h"

typedef enum FileRowFlags
{
	ROW_FLAGGED = 1,			/* the library holds it as missing */
	ROW_READONLY = 2,			/* the library forbids us to change it */
	ROW_UNLINKED = 4			/* not linked to the photo (any more) */
} FileRowFlags;

typedef struct FileRow
{
	const char *photo;
	const char *file;
	const char *path;			/* NULL: the library has none */
	uint32		photo_length;
	uint32		file_length;
	uint32		path_length;
	uint32		flags;
} FileRow;

typedef struct Judgement
{
	MpVerdict	verdict;
	MpReason	reason;
	int			err;
	int			root;			/* its number in the table of roots; -1: none */
	const MpIdentity *identity; /* of a present file, where asked for; else NULL */
} Judgement;

/* Takes what was judged of a row; the row and the identity are valid during the call only. */
typedef void (*TakeJudgement) (void *taker, const FileRow *row, const Judgement *judgement);

struct TupleTableSlot;

/* A text column of a slot whose attributes are all read; NULL when null.  May allocate. */
extern const char *row_text(struct TupleTableSlot *slot, int column, uint32 *length);

#endif							/* MISSING_PHOTOS_FILE_ROW_H */
