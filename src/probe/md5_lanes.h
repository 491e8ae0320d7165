/*
 * md5_lanes.h: MD5 of several messages side by side.
 *
 * MD5 can't be made faster for one message: each of its steps waits for the one before.  So the
 * processor's vectors take a message in each of their elements ("lanes"), and three vectors take
 * turns, so that two are worked on while one waits.  This file knows blocks of 64 bytes;
 * where they come from, padding and lengths are md5_feed.c's.
 */
#ifndef MP_MD5_LANES_H
#define MP_MD5_LANES_H

#include <stddef.h>
#include <stdint.h>

enum
{
	MP_MD5_BLOCK = 64,			/* bytes */
	MP_MD5_WORDS = 4,			/* of a state; it is 16 bytes, as a digest is */
	MP_MOST_LANES = 24
};

/* The states of all lanes, so that the same word of neighbouring lanes makes a vector. */
typedef struct MpMd5
{
	_Alignas(64) uint32_t words[MP_MD5_WORDS][MP_MOST_LANES];
} MpMd5;

/* A way to do it: some processors have several. */
typedef struct MpMd5Way
{
	const char *name;
	uint32_t	lanes;
	/* Takes `blocks` blocks of every lane, from data[lane] on, aligned or not.  first is 0. */
	void		(*run) (MpMd5 *md5, uint32_t first, const uint8_t *const *data, size_t blocks);
} MpMd5Way;

/* The ways that this processor has, best first, by number; NULL: no more.  There may be none. */
extern const MpMd5Way *mp_md5_way(unsigned number);

extern void mp_md5_start(MpMd5 *md5, uint32_t lane);
/* The blocks of one lane alone, without vectors. */
extern void mp_md5_run_one(MpMd5 *md5, uint32_t lane, const uint8_t *data, size_t blocks);
/* The digest, once the padded message's blocks are all done. */
extern void mp_md5_end(const MpMd5 *md5, uint32_t lane, uint8_t digest[16]);

#endif							/* MP_MD5_LANES_H */
