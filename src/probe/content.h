/*
 * content.h: a file's content as it is read for a digest, and whether it held still meanwhile.
 *
 * Memory isn't flooded: what wasn't in the page cache when the file was opened is put out of it
 * again once it was read.  Whether it was is told by asking for a byte from the file's middle,
 * without waiting (preadv2 with RWF_NOWAIT): one call, where mincore would take a mapping, and the
 * rights of the file's owner.  The beginning says less, since it is what other programs look at.
 * File systems that can't tell (FUSE, NFS) keep what was read.
 */
#ifndef MP_CONTENT_H
#define MP_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "handle.h"
#include "verdict.h"

typedef struct MpContent
{
	int			fd;
	int			err;			/* of reading */
	uint8_t		part;			/* MP_WHOLE or MP_ENDS: what is being read */
	uint8_t		size_bytes;		/* of the size that follows the ends: handed out */
	bool		at_end;
	bool		was_cold;		/* not in the page cache when it was opened */
	bool		uneven;			/* parts ended at different sizes */
	struct statx before;
	uint64_t	fsid;
	uint64_t	at;				/* offset of what is read next */
	uint64_t	end;			/* where a part read before it ended, UINT64_MAX: none was */
	uint64_t	dropped;		/* up to here it was put out of the page cache */
} MpContent;

/*
 * Opens a regular file, given by an O_PATH handle, for the parts that are to be read (MP_WHOLE,
 * MP_ENDS).  Says why when it can't; only with MP_PRESENT is mp_content_close due.
 */
extern MpJudgement mp_content_open(MpContent *content, int handle, uint8_t parts);

/* Begins one of the parts.  With both wanted the ends come first: they are then read once. */
extern void mp_content_start(MpContent *content, uint8_t part);

/* The part's next bytes, at most `size`; 0: that was all, or content->err. */
extern size_t mp_content_read(MpContent *content, void *buffer, size_t size);

/*
 * What is to be thought of what was read since the file was opened, or since this was last asked:
 * MP_CHANGED_WHILE_READ when it must be read again.  Tells the file's identity.
 */
extern MpJudgement mp_content_check(MpContent *content, MpIdentity *identity);

extern void mp_content_close(MpContent *content);

#endif							/* MP_CONTENT_H */
