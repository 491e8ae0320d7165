/*
 * md5_feed.c: which message is in which lane.
 *
 * All lanes take the same number of blocks at a time: as many as the lane with the fewest has in
 * its buffer.  That lane is filled again, or gets its message's padding, or, when that is done, the
 * next message, while the others wait in the middle of theirs:
 *
 *     lane 0   ...3333333333333p 888888888888888888888888
 *     lane 1   555555555555555555555p 9999999p
 *     lane 2   ...44p 66p 777777777777777777
 *
 * A lane without a message takes another one's blocks and forgets what comes out.  A last message
 * that is alone is faster without vectors.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "md5_feed.h"

enum
{
	PADDING = 2 * MP_MD5_BLOCK,	/* room for it behind a full buffer */
	/* Not a power of two, or the same place in every buffer would compete for the same cache lines. */
	STRIDE = MP_FEED_BYTES + PADDING + MP_MD5_BLOCK
};

typedef struct Lane
{
	bool		active;			/* has a message */
	bool		padded;			/* all of the message is in the buffer, or has been */
	uint8_t    *buffer;
	size_t		at;				/* what was taken of the buffer; whole blocks */
	size_t		filled;
	uint64_t	length;			/* of the message as far as it was read */
} Lane;

typedef struct Feed
{
	const MpMd5Way *way;
	const MpMd5Source *source;
	MpMd5		md5;
	Lane		lanes[MP_MOST_LANES];
} Feed;

static size_t
blocks_of(const Lane *lane)
{
	return (lane->filled - lane->at) / MP_MD5_BLOCK;
}

/* A one, zeros up to the end of a block, and the length in bits (RFC 1321, 3.1 and 3.2). */
static void
pad(Lane *lane)
{
	size_t		end = (lane->filled + 8) / MP_MD5_BLOCK * MP_MD5_BLOCK + MP_MD5_BLOCK;

	memset(lane->buffer + lane->filled, 0, end - lane->filled);
	lane->buffer[lane->filled] = 0x80;
	for (int i = 0; i < 8; i++)
		lane->buffer[end - 8 + (size_t) i] = (uint8_t) (lane->length << 3 >> (8 * i));
	lane->filled = end;
	lane->padded = true;
}

/* Reads until the buffer is full or the message at its end. */
static void
fill(Feed *feed, uint32_t number)
{
	Lane	   *lane = &feed->lanes[number];
	size_t		n;

	memmove(lane->buffer, lane->buffer + lane->at, lane->filled - lane->at);
	lane->filled -= lane->at;
	lane->at = 0;
	while (lane->filled < MP_FEED_BYTES)
	{
		n = feed->source->read(feed->source->owner, number, lane->buffer + lane->filled,
							   MP_FEED_BYTES - lane->filled);
		if (n == 0)
		{
			pad(lane);
			return;
		}
		lane->filled += n;
		lane->length += n;
	}
}

static void
begin(Feed *feed, uint32_t number)
{
	Lane	   *lane = &feed->lanes[number];

	lane->active = feed->source->next(feed->source->owner, number);
	lane->padded = false;
	lane->at = lane->filled = 0;
	lane->length = 0;
	mp_md5_start(&feed->md5, number);
}

/* Sees to it that a lane has blocks, unless there are no more messages. */
static void
supply(Feed *feed, uint32_t number)
{
	Lane	   *lane = &feed->lanes[number];
	uint8_t		digest[16];

	while (lane->active && blocks_of(lane) == 0)
	{
		if (lane->padded)
		{
			mp_md5_end(&feed->md5, number, digest);
			feed->source->end(feed->source->owner, number, digest);
			begin(feed, number);
		}
		else
			fill(feed, number);
	}
}

/* Takes what all active lanes have; false when none is active. */
static bool
run(Feed *feed)
{
	const uint8_t *data[MP_MOST_LANES];
	Lane	   *last = NULL;
	uint32_t	active = 0;
	size_t		blocks = SIZE_MAX;

	for (uint32_t i = 0; i < feed->way->lanes; i++)
	{
		Lane	   *lane = &feed->lanes[i];

		if (!lane->active)
			continue;
		last = lane;
		active++;
		if (blocks_of(lane) < blocks)
			blocks = blocks_of(lane);
	}
	if (active == 0)
		return false;
	for (uint32_t i = 0; i < feed->way->lanes; i++)
	{
		Lane	   *lane = feed->lanes[i].active ? &feed->lanes[i] : last;

		data[i] = lane->buffer + lane->at;
	}
	if (active == 1)
		mp_md5_run_one(&feed->md5, (uint32_t) (last - feed->lanes), data[0], blocks);
	else
		feed->way->run(&feed->md5, 0, data, blocks);
	for (uint32_t i = 0; i < feed->way->lanes; i++)
		feed->lanes[i].at += feed->lanes[i].active ? blocks * MP_MD5_BLOCK : 0;
	return true;
}

int
mp_md5_feed(const MpMd5Way *way, uint32_t lanes, const MpMd5Source *source)
{
	Feed		feed = {.way = way, .source = source};
	uint8_t    *buffers;

	if (lanes > way->lanes)
		lanes = way->lanes;
	buffers = malloc((size_t) STRIDE * lanes);
	if (buffers == NULL)
		return ENOMEM;
	/* All are begun before the first is read: their readahead runs side by side. */
	for (uint32_t i = 0; i < lanes; i++)
	{
		feed.lanes[i].buffer = buffers + (size_t) STRIDE * i;
		begin(&feed, i);
	}
	do
	{
		for (uint32_t i = 0; i < lanes; i++)
			supply(&feed, i);
	}
	while (run(&feed));
	free(buffers);
	return 0;
}
