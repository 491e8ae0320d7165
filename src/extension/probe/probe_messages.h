/*
 * probe_messages.h: whole messages out of and into a socket that never blocks.
 *
 * What has arrived of the next message is kept between calls, by whoever reads (all zero at first).
 */
#ifndef MISSING_PHOTOS_PROBE_MESSAGES_H
#define MISSING_PHOTOS_PROBE_MESSAGES_H

#include "protocol/wire.h"

typedef enum MessageEvent
{
	MESSAGE_NOT_YET,			/* it isn't wholly here */
	MESSAGE_HERE,
	MESSAGE_NONSENSE,			/* what came is no message */
	MESSAGE_END					/* the other end is closed */
} MessageEvent;

typedef struct Messages
{
	unsigned char head[MP_HEADER_SIZE];
	size_t		head_length;
	MpHeader	current;
	unsigned char *content;
	size_t		content_length;
} Messages;

/* Reads the next message; what it holds is valid until messages_forget. */
extern MessageEvent messages_read(Messages *messages, pgsocket sock, MpHeader *header,
								  const unsigned char **body);

/* Forgets the message that was read, or what has arrived of it. */
extern void messages_forget(Messages *messages);

/* Writes what is left of a message after *sent bytes; true when that was all of it. */
extern bool messages_write(pgsocket sock, const MpWriter *message, size_t *sent);

/* Whether the other end is closed, or says something unasked (which is its good-bye). */
extern bool messages_ended(pgsocket sock);

#endif							/* MISSING_PHOTOS_PROBE_MESSAGES_H */
