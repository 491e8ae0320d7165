/*
 * stream.c: framing (protocol.h has the format of a header).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "stream.h"
#include "verdict.h"

void
mp_stream_start(MpStream *stream, int socket)
{
	memset(stream, 0, sizeof(*stream));
	stream->socket = socket;
}

/* Reads up to `want` bytes; MP_ARRIVED when *got reached it. */
static MpArrival
read_into(MpStream *stream, unsigned char *to, size_t want, size_t *got)
{
	unsigned char skipped[4096];
	int			tries = 0;

	while (*got < want)
	{
		size_t		size = want - *got;
		ssize_t		n;

		if (to == NULL && size > sizeof(skipped))
			size = sizeof(skipped);
		n = recv(stream->socket, to != NULL ? to + *got : skipped, size, MSG_DONTWAIT);
		if (n > 0)
			*got += (size_t) n;
		else if (n == 0)
			return MP_CLOSED;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return MP_NOT_YET;
		else if (!mp_try_again(&tries))
			return MP_CLOSED;
	}
	return MP_ARRIVED;
}

/* The header, once per message; begins its payload. */
static MpArrival
read_header(MpStream *stream)
{
	MpArrival	arrival = read_into(stream, stream->header_bytes, MP_HEADER_SIZE,
									&stream->header_got);

	if (arrival == MP_CLOSED && stream->header_got > 0)
		return MP_TRUNCATED;
	if (arrival != MP_ARRIVED)
		return arrival;
	if (!mp_read_header(stream->header_bytes, &stream->header))
		return stream->header.version != MP_VERSION ? MP_BAD_VERSION : MP_BAD_HEADER;
	if (stream->header.length > MP_MAX_PAYLOAD)
		return MP_TOO_LONG;
	stream->payload = malloc((size_t) stream->header.length + 1);
	stream->payload_got = 0;
	return MP_ARRIVED;
}

MpArrival
mp_stream_read(MpStream *stream, MpHeader *header, unsigned char **payload)
{
	MpArrival	arrival;

	if (stream->header_got < MP_HEADER_SIZE)
	{
		arrival = read_header(stream);
		if (arrival != MP_ARRIVED)
			return arrival;
	}
	arrival = read_into(stream, stream->payload, stream->header.length, &stream->payload_got);
	if (arrival == MP_CLOSED)
		return MP_TRUNCATED;
	if (arrival != MP_ARRIVED)
		return arrival;
	*header = stream->header;
	*payload = stream->payload;
	stream->payload = NULL;
	stream->header_got = 0;
	return MP_ARRIVED;
}

void
mp_stream_queue(MpStream *stream, MpOutgoing *outgoing)
{
	outgoing->next = NULL;
	outgoing->sent = 0;
	if (stream->last != NULL)
		stream->last->next = outgoing;
	else
		stream->first = outgoing;
	stream->last = outgoing;
}

int
mp_stream_write(MpStream *stream, MpOutgoing **written)
{
	MpOutgoing **end = written;
	int			tries = 0;

	*written = NULL;
	while (stream->first != NULL)
	{
		MpOutgoing *outgoing = stream->first;
		ssize_t		n = send(stream->socket, outgoing->message.data + outgoing->sent,
							 outgoing->message.length - outgoing->sent,
							 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (n < 0 && mp_try_again(&tries))
			continue;
		if (n < 0)
			return errno;
		outgoing->sent += (size_t) n;
		if (outgoing->sent < outgoing->message.length)
			continue;
		stream->first = outgoing->next;
		if (stream->first == NULL)
			stream->last = NULL;
		outgoing->next = NULL;
		*end = outgoing;
		end = &outgoing->next;
	}
	return 0;
}

void
mp_outgoing_free(MpOutgoing *outgoing)
{
	mp_write_free(&outgoing->message);
	free(outgoing);
}
