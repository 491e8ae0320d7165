/*
 * stream.h: whole messages over a stream socket, without ever blocking.
 *
 * Used by the server's thread alone.
 */
#ifndef MP_STREAM_H
#define MP_STREAM_H

#include "../protocol/wire.h"

typedef enum MpArrival
{
	MP_ARRIVED = 0,				/* a whole message */
	MP_NOT_YET = 1,				/* nothing more to read for now */
	MP_CLOSED = 2,				/* the other side is gone */
	MP_TRUNCATED = 3,			/* it went in the middle of a message */
	MP_BAD_HEADER = 4,
	MP_BAD_VERSION = 5,
	MP_TOO_LONG = 6
} MpArrival;

/* A message on its way out. */
typedef struct MpOutgoing
{
	struct MpOutgoing *next;
	MpWriter	message;
	size_t		sent;
	bool		answers;		/* it is the answer to a request, of this id and length */
	uint64_t	request;
	size_t		request_length;
	void		(*gone) (void *owner);	/* when it was written; or NULL */
	void	   *owner;
} MpOutgoing;

typedef struct MpStream
{
	int			socket;
	unsigned char header_bytes[MP_HEADER_SIZE];
	size_t		header_got;
	MpHeader	header;
	unsigned char *payload;		/* NULL while skipping: there was no memory for it */
	size_t		payload_got;
	MpOutgoing *first;
	MpOutgoing *last;
} MpStream;

extern void mp_stream_start(MpStream *stream, int socket);

/*
 * Reads on.  With MP_ARRIVED *header is set and *payload is the caller's, one byte longer than the
 * header says; NULL when there was no memory for it.
 */
extern MpArrival mp_stream_read(MpStream *stream, MpHeader *header, unsigned char **payload);

/* Queues a message; takes its memory over. */
extern void mp_stream_queue(MpStream *stream, MpOutgoing *outgoing);

/*
 * Writes on until the socket is full or nothing is left.  Returns 0, or an errno when the other
 * side is gone.  Messages that went out whole are handed back in *written, linked, to be freed with
 * mp_outgoing_free.
 */
extern int	mp_stream_write(MpStream *stream, MpOutgoing **written);
extern void mp_outgoing_free(MpOutgoing *outgoing);

#endif							/* MP_STREAM_H */
