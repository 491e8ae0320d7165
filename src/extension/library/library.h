/* library.h: what every verb asks first, and the queries scans and checks are made of. */
#ifndef MISSING_PHOTOS_LIBRARY_H
#define MISSING_PHOTOS_LIBRARY_H

#include "fmgr.h"

#include "stream.h"

/* An owner or photo argument of any type as text; null is an error that names it. */
extern char *library_id(FunctionCallInfo fcinfo, int argument, const char *what);

/* All need an SPI connection. */

/* An error unless a library is attached and still as it was. */
extern void library_check(void);
/* The same for a verb that writes: an error on a standby too, before the disk is read. */
extern void library_check_writable(const char *verb);
extern void library_require_owner(const char *owner);

/*
 * Streams all files of an owner's photos, then those that scans or the application unlinked and
 * that may be back.
 */
extern void library_stream_linked(Stream *stream, const char *owner);
extern void library_stream_lost(Stream *stream, const char *owner, const char *photo);

extern int64 library_photo_count(const char *owner);

/* Keeps the application's job table in step; states as library_job has them. */
extern void library_job(Datum job_id, const char *owner, const char *kind, const char *state,
						int done, int total, const char *error);

#endif							/* MISSING_PHOTOS_LIBRARY_H */
