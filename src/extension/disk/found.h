/*
 * found.h: judged rows set aside until they are acted on.  Beyond work_mem they go to a temporary
 * file, so their number doesn't matter; they outlive transactions when asked to.
 */
#ifndef MISSING_PHOTOS_FOUND_H
#define MISSING_PHOTOS_FOUND_H

#include "file_row.h"

typedef struct Found Found;

/* A row read back; its strings are valid until the next one is read. */
typedef struct FoundRow
{
	FileRow		row;
	Judgement	judgement;
	MpIdentity	identity;
} FoundRow;

extern Found *found_make(MemoryContext parent, bool across_transactions);
/* Must be called also after an error when it outlives transactions; closes its file. */
extern void found_free(Found *found);

extern void found_add(Found *found, const FileRow *row, const Judgement *judgement);
/* A TakeJudgement that sets everything aside. */
extern void found_take(void *found, const FileRow *row, const Judgement *judgement);

/* Begins reading anew. */
extern void found_rewind(Found *found);
extern bool found_next(Found *found, FoundRow *result);
/* The row just read is read again next. */
extern void found_unread(Found *found);

#endif							/* MISSING_PHOTOS_FOUND_H */
