/*
 * md5_feed.h: messages of any number and length through the lanes of md5_lanes.h.
 */
#ifndef MP_MD5_FEED_H
#define MP_MD5_FEED_H

#include <stdbool.h>

#include "md5_lanes.h"

enum
{
	MP_FEED_BYTES = 64 * 1024	/* of each lane's buffer; larger ones leave the cache */
};

/* Where messages come from.  All three are called on the thread that feeds. */
typedef struct MpMd5Source
{
	void	   *owner;			/* given to each of them */
	/* Begins the next message in a lane; false: there is none. */
	bool		(*next) (void *owner, uint32_t lane);
	/* The message's next bytes, as many as come to hand, at most `size`; 0: that was all. */
	size_t		(*read) (void *owner, uint32_t lane, uint8_t *buffer, size_t size);
	/* The message has ended. */
	void		(*end) (void *owner, uint32_t lane, const uint8_t digest[16]);
} MpMd5Source;

/*
 * Digests messages until there are none, up to `lanes` at a time (no more than the way has).
 * Returns 0 or ENOMEM, then without having begun one.
 */
extern int	mp_md5_feed(const MpMd5Way *way, uint32_t lanes, const MpMd5Source *source);

#endif							/* MP_MD5_FEED_H */
