/* probe_messages.c: whole messages over a socket that never blocks; see probe_messages.h. */
#include "postgres.h"

#include <errno.h>
#include <sys/socket.h>

#include "utils/memutils.h"

#include "probe_messages.h"

void
messages_forget(Messages *messages)
{
	messages->head_length = 0;
	messages->content_length = 0;
	if (messages->content != NULL)
		pfree(messages->content);
	messages->content = NULL;
}

static MessageEvent
read_into(pgsocket sock, unsigned char *buffer, size_t *length, size_t wanted)
{
	while (*length < wanted)
	{
		ssize_t		rc = recv(sock, buffer + *length, wanted - *length, MSG_DONTWAIT);

		if (rc > 0)
			*length += rc;
		else if (rc < 0 && errno == EINTR)
			continue;
		else
			return rc == 0 || (errno != EAGAIN && errno != EWOULDBLOCK) ?
				MESSAGE_END : MESSAGE_NOT_YET;
	}
	return MESSAGE_HERE;
}

MessageEvent
messages_read(Messages *messages, pgsocket sock, MpHeader *header, const unsigned char **body)
{
	MessageEvent event;

	if (messages->head_length < MP_HEADER_SIZE)
	{
		event = read_into(sock, messages->head, &messages->head_length, MP_HEADER_SIZE);
		if (event != MESSAGE_HERE)
			return event;
		if (!mp_read_header(messages->head, &messages->current) ||
			messages->current.length > MP_MAX_PAYLOAD)
			return MESSAGE_NONSENSE;
		messages->content = MemoryContextAllocHuge(TopMemoryContext,
												   messages->current.length + 1);
		messages->content_length = 0;
	}
	event = read_into(sock, messages->content, &messages->content_length,
					  messages->current.length);
	*header = messages->current;
	*body = messages->content;
	return event;
}

bool
messages_write(pgsocket sock, const MpWriter *message, size_t *sent)
{
	while (*sent < message->length)
	{
		ssize_t		rc = send(sock, message->data + *sent, message->length - *sent,
							  MSG_NOSIGNAL | MSG_DONTWAIT);

		if (rc >= 0)
			*sent += rc;
		else if (errno != EINTR)
			/* Anything but a full socket shows when we read: the probe has ended. */
			return false;
	}
	return true;
}

bool
messages_ended(pgsocket sock)
{
	char		byte;
	ssize_t		rc = recv(sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return rc >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}
