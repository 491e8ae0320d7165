/*
 * digest_many.h: MD5 of many files side by side.
 */
#ifndef MP_DIGEST_MANY_H
#define MP_DIGEST_MANY_H

#include "digest.h"
#include "md5_feed.h"

enum
{
	MP_FILES_AHEAD = 16			/* open at most besides those in lanes */
};

/* Where the files come from. */
typedef struct MpFiles
{
	/*
	 * The next file as an O_PATH handle, which is mp_digest_many's to close, and where its digest
	 * goes; -1: there is none.
	 */
	int			(*next) (void *owner, MpDigest **digest);
	void	   *owner;
} MpFiles;

/*
 * As mp_digest_file for every file that `files` has, up to so many at a time, on this thread.
 * Returns 0, or ENOMEM: then no file was taken.
 */
extern int	mp_digest_many(const MpFiles *files, const MpMd5Way *way, uint32_t at_a_time,
						   uint8_t parts);

#endif							/* MP_DIGEST_MANY_H */
