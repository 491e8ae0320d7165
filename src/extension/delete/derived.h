/*
 * derived.h: the files an application made of photos, on their way into the queue of deletions.
 *
 * A deletion first asks what the files are like now (derived_look, no SQL of its own after
 * derived_ask), then queues them in the transaction that deletes their photos.
 */
#ifndef MISSING_PHOTOS_DERIVED_H
#define MISSING_PHOTOS_DERIVED_H

#include "columns.h"
#include "roots.h"

typedef struct DerivedFiles
{
	RootTable  *roots;			/* the derived roots; n is 0 where there are none */
	Columns    *files;			/* of the batch: path, whether it is there, size, mtime */
} DerivedFiles;

/*
 * Loads the derived roots and lets the session's probe read below them and below these others.
 * Needs an SPI connection, allocates in the current memory context.
 */
extern DerivedFiles *derived_load(const RootTable *roots);

/* Looks at the derived roots; no SQL. */
extern void derived_look_at_roots(DerivedFiles *derived);

/* The names of these photos' files (text[]), and then what they are like on disk. */
extern void derived_ask(DerivedFiles *derived, Datum photos);
extern void derived_look(DerivedFiles *derived);

/* Queues them, those that weren't on disk left out; returns how many. */
extern int64 derived_queue(DerivedFiles *derived, Datum job_id, const char *owner, Datum photos);

/*
 * After a job was undone: takes what is in use again out of the queue (drain.c).  What isn't, because
 * its photo could not be put back, stays in it.
 */
extern void derived_dequeue(Datum job_id);

#endif							/* MISSING_PHOTOS_DERIVED_H */
