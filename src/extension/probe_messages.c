/* probe_messages.c: whole messages over a socket that never blocks; see probe_messages.h. */
#include "postgres.h"

#include <errno.h>
#include <sys/socket.h>

#include "utils/memutils.h"

#include "probe_messages.h"

static unsigned char head[MP_HEADER_SIZE];
static size_t head_length = 0;
static MpHeader current;
static unsigned char *content = NULL;
static size_t content_length = 0;

void
messages_forget(void)
{
	head_length = 0;
	content_length = 0;
	if (content != NULL)
		pfree(content);
	content = NULL;
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
messages_read(pgsocket sock, MpHeader *header, const unsigned char **body)
{
	MessageEvent event;

	if (head_length < MP_HEADER_SIZE)
	{
		event = read_into(sock, head, &head_length, MP_HEADER_SIZE);
		if (event != MESSAGE_HERE)
			return event;
		if (!mp_read_header(head, &current) || current.length > MP_MAX_PAYLOAD)
			return MESSAGE_NONSENSE;
		content = MemoryContextAllocHuge(TopMemoryContext, current.length + 1);
		content_length = 0;
	}
	event = read_into(sock, content, &content_length, current.length);
	*header = current;
	*body = content;
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
