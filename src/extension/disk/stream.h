/*
 * stream.h: a library query's rows on their way to the judge.
 *
 * The query runs to its end as fast as the server can: what the judge has no room for goes into a
 * store on the side (beyond work_mem a temporary file), so that the query's snapshot is never held
 * while the disk is read.
 *
 * A stream without a judge is for whoever only wants to see each row: its `see` returns false.
 */
#ifndef MISSING_PHOTOS_STREAM_H
#define MISSING_PHOTOS_STREAM_H

#include "judge.h"
#include "sql_calls.h"

typedef struct Stream Stream;

/* Sees each row once as it is fetched; returns whether it is to be judged. */
typedef bool (*SeeRow) (void *seer, const FileRow *row);

extern Stream *stream_make(MemoryContext parent, Judge *judge, SeeRow see, void *seer,
						   bool across_transactions);
/* Must be called also after an error when it outlives transactions; closes its file. */
extern void stream_free(Stream *stream);

/*
 * Runs a query as the caller that returns (photo text, file text, path text, flagged boolean,
 * readonly boolean); `flags` are added to each row's own.
 */
extern void stream_fetch(Stream *stream, const char *sql, const Arguments *arguments, uint32 flags);

/* The same for the extension's own tables. */
extern void stream_fetch_as_owner(Stream *stream, const char *sql, const Arguments *arguments,
								  uint32 flags);

/* Gives up to `rows` set-aside rows to the judge, waiting for it; false when none is left. */
extern bool stream_feed(Stream *stream, int64 rows);

/* Rows that passed, so far; those judged or being judged, so far. */
extern int64 stream_rows(const Stream *stream);
extern int64 stream_fed(const Stream *stream);

#endif							/* MISSING_PHOTOS_STREAM_H */
