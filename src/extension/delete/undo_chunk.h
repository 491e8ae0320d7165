/*
 * undo_chunk.h: a part of a deletion's archive: rows of one table that one statement took, changed or
 * added, and how they are put back.
 */
#ifndef MISSING_PHOTOS_UNDO_CHUNK_H
#define MISSING_PHOTOS_UNDO_CHUNK_H

#include "utils/array.h"

#include "archive.h"

typedef struct Chunk
{
	int64		id;
	char	   *relation;
	char	   *action;
	char	   *rule;			/* NULL: rows of foreign keys */
	int			rule_place;		/* column by which the rule can do its work anew; -1: it can't */
	ArrayType  *columns;
	ArrayType  *key_places;
	char	   *look;
	char	   *apply;			/* NULL: its table is gone */
	TextRows	rows;
	Datum	   *arrays;			/* the columns as text[] */
	const char **reasons;		/* per row: why it can't be put back; NULL it can, "" it needn't */
} Chunk;

/* In the current memory context. */
extern Chunk *chunk_read(int64 id);

/*
 * Puts back what nothing is in the way of, as the caller; the other rows get their reasons.  Nothing
 * waits for a row somebody else holds for long: that is a reason, too.
 */
extern void chunk_put_back(Chunk *chunk);

/* Whether a row could not be put back. */
extern bool chunk_conflicts(const Chunk *chunk, int row);

/* Leaves in the archive only what could not be put back. */
extern void chunk_keep_conflicts(const Chunk *chunk);

#endif							/* MISSING_PHOTOS_UNDO_CHUNK_H */
