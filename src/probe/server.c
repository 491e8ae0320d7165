/*
 * server.c: one thread, one socket, one poll.
 *
 * This thread never touches the disk and never waits for a worker.  Workers put their answers
 * into a mailbox and ring its bell.  (At HELLO it waits for folders to be opened by others, for a
 * fraction of a second at most: landlock.c.)
 *
 *     extension                     server's thread                 workers
 *     request 1 ------------------> parse, dispatch --------------> look-ups...
 *     request 2 ------------------> parse, dispatch --------------> queued
 *                                   every 50 ms, if operations
 *             <------------ PROGRESS finished meanwhile
 *             <------------ answer 1 <-- mailbox -----------------  done
 *     closes the socket ----------> _exit, whatever hangs where
 *
 * No more than MOST_REQUESTS are taken in before their answers are out: then the socket isn't read,
 * and the extension's writes wait.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dispatch.h"
#include "landlock.h"
#include "mailbox.h"
#include "progress.h"
#include "server.h"
#include "stream.h"
#include "verdict.h"
#include "watch.h"

enum
{
	MOST_REQUESTS = 64,
	MOST_REQUEST_BYTES = 4 * MP_MAX_PAYLOAD,
	PROGRESS_MS = 50,
	SITTING_MS = 1000,			/* without a request, after which what it kept is forgotten */
	FAREWELL_MS = 2000			/* to get BYE out to somebody who doesn't read */
};

typedef struct Server
{
	MpStream	stream;
	MpWorkers	workers;
	MpDispatch	dispatch;
	MpMailbox	mailbox;		/* these two are all that workers touch */
	MpRecall	recall;
	bool		greeted;
	MpRequest	hello;			/* what may be removed */
	uint32_t	idle_ms;

	/* Requests taken in and not yet answered on the wire, oldest first. */
	uint64_t	requests[MOST_REQUESTS];
	uint32_t	n_requests;
	size_t		request_bytes;

	int			interrupted;	/* times in a row that poll was */
	int64_t		idle_since;		/* ms; while n_requests is 0 */
	int64_t		progress_at;	/* ms; when PROGRESS was last sent or thought of */
	uint64_t	progress_count;
	int			status;			/* MpBye once leaving */
	int64_t		leave_at;		/* ms; 0: staying */
} Server;

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Queues a message of the server's own; false when there is no memory for it. */
static bool
queue_message(Server *server, MpWriter *message)
{
	MpOutgoing *outgoing = message->bad ? NULL : calloc(1, sizeof(*outgoing));

	if (outgoing == NULL)
	{
		mp_write_free(message);
		return false;
	}
	outgoing->message = *message;
	mp_stream_queue(&server->stream, outgoing);
	return true;
}

/* Says BYE, reads nothing any more, and leaves when that is out. */
static void
leave(Server *server, MpBye status, const char *what)
{
	MpWriter	message;

	if (server->leave_at != 0)
		return;
	mp_write_start(&message);
	mp_write_message(&message, MP_BYE, 0);
	mp_write_u8(&message, (uint8_t) status);
	mp_write_str(&message, what, strlen(what));
	mp_write_message_end(&message);
	queue_message(server, &message);
	server->status = status;
	server->leave_at = now_ms() + FAREWELL_MS;
}

/* REMOVE only where HELLO allowed it, whatever the kernel would let us do. */
static bool
is_allowed(const Server *server, const MpRequest *request)
{
	const MpRequest *hello = &server->hello;

	if (request->type != MP_REMOVE)
		return true;
	for (uint32_t i = 0; hello->removes && i < hello->n_confined; i++)
		if (strcmp(hello->confined[i].data, request->place.root.data) == 0)
			return true;
	return false;
}

/* Takes the request over: its paths are needed for as long as the server runs. */
static void
greet(Server *server, MpRequest *request)
{
	const MpRequest *hello = &server->hello;
	MpWriter	message;
	int			abi = 0;

	server->hello = *request;
	memset(request, 0, sizeof(*request));
	server->greeted = true;
	server->idle_ms = hello->idle_ms;
	/* The workers start with the first job, and have the rights that this thread has then. */
	mp_workers_start(&server->workers, hello->threads);
	if (hello->n_confined > 0)
		abi = mp_landlock_confine(hello->confined, hello->removes ? 0 : hello->n_confined,
								  hello->confined, hello->removes ? hello->n_confined : 0);
	server->dispatch.workers = &server->workers;
	server->dispatch.recall = &server->recall;
	server->dispatch.answer = mp_mailbox_put;
	server->dispatch.owner = &server->mailbox;
	mp_write_start(&message);
	mp_write_message(&message, MP_HELLO, hello->id);
	mp_write_u32(&message, (uint32_t) getpid());
	mp_write_u8(&message, (uint8_t) abi);
	mp_write_message_end(&message);
	if (!queue_message(server, &message))
		leave(server, MP_BYE_INTERNAL, "no memory for a greeting");
}

static void
take_in(Server *server, const MpHeader *header)
{
	if (server->n_requests == 0)
	{
		server->progress_at = now_ms();
		server->progress_count = mp_progress_count();
	}
	server->requests[server->n_requests++] = header->request;
	server->request_bytes += header->length;
}

static void
take_off(Server *server, const MpOutgoing *answer)
{
	for (uint32_t i = 0; i < server->n_requests; i++)
	{
		if (server->requests[i] != answer->request)
			continue;
		server->n_requests--;
		memmove(&server->requests[i], &server->requests[i + 1],
				(server->n_requests - i) * sizeof(server->requests[0]));
		break;
	}
	server->request_bytes -= answer->request_length;
	server->idle_since = now_ms();
}

static void
answer_shortage(Server *server, const MpHeader *header)
{
	MpWriter	answer;

	mp_write_start(&answer);
	mp_write_shortage(&answer, header->request, ENOMEM, "no memory for the request");
	mp_mailbox_put(&server->mailbox, header->request, header->length, &answer);
}

/* A watch has a thread of its own and no end: it is none of the requests taken in. */
static void
watch(Server *server, MpRequest *request)
{
	MpWriter	answer;
	uint64_t	id = request->id;
	int			err = mp_watch_start(&server->mailbox, request);

	/* From now on there is always something to do. */
	server->idle_ms = 0;
	if (err == 0)
		return;
	mp_write_start(&answer);
	mp_write_shortage(&answer, id, err, "no thread or memory for a watch");
	mp_mailbox_post(&server->mailbox, &answer, NULL, NULL);
}

static void
receive(Server *server, const MpHeader *header, unsigned char *payload)
{
	MpRequest	request;
	bool		hello = header->type == MP_HELLO;
	int			err = ENOMEM;

	memset(&request, 0, sizeof(request));
	if (hello == server->greeted)
	{
		free(payload);
		leave(server, MP_BYE_MALFORMED, hello ? "a second HELLO" : "no HELLO first");
		return;
	}
	if (payload != NULL)
		err = mp_request_parse(&request, header->type, header->request, payload, header->length);
	if (err == EBADMSG || (err == 0 && !is_allowed(server, &request)))
		leave(server, MP_BYE_MALFORMED, "a request that the protocol doesn't allow");
	else if (hello && err == 0)
		greet(server, &request);
	else if (header->type == MP_WATCH && err == 0)
		watch(server, &request);
	else
	{
		take_in(server, header);
		if (err == 0)
			mp_dispatch(&server->dispatch, &request);
		else
			answer_shortage(server, header);
	}
	mp_request_free(&request);
}

static bool
has_room(const Server *server)
{
	return server->leave_at == 0 && server->n_requests < MOST_REQUESTS &&
		server->request_bytes < MOST_REQUEST_BYTES;
}

/* Takes in what has arrived; false when the other side is gone. */
static bool
receive_all(Server *server)
{
	MpHeader	header;
	unsigned char *payload;

	while (has_room(server))
	{
		switch (mp_stream_read(&server->stream, &header, &payload))
		{
			case MP_ARRIVED:
				receive(server, &header, payload);
				break;
			case MP_NOT_YET:
				return true;
			case MP_CLOSED:
				return false;
			case MP_TRUNCATED:
				leave(server, MP_BYE_MALFORMED, "a message cut short");
				break;
			case MP_BAD_HEADER:
				leave(server, MP_BYE_MALFORMED, "a header that the protocol doesn't allow");
				break;
			case MP_BAD_VERSION:
				leave(server, MP_BYE_VERSION, "another version of the protocol");
				break;
			case MP_TOO_LONG:
				leave(server, MP_BYE_OVERSIZED, "a message longer than the protocol allows");
				break;
		}
	}
	return true;
}

/* Fetches the workers' answers, in the order in which they came. */
static void
fetch_answers(Server *server)
{
	MpOutgoing *answers;
	bool		complete = mp_mailbox_take(&server->mailbox, &answers);

	while (answers != NULL)
	{
		MpOutgoing *next = answers->next;

		mp_stream_queue(&server->stream, answers);
		answers = next;
	}
	if (!complete)
		leave(server, MP_BYE_INTERNAL, "no memory for an answer");
}

/* False when the other side is gone. */
static bool
send_all(Server *server)
{
	MpOutgoing *written;
	int			err = mp_stream_write(&server->stream, &written);

	while (written != NULL)
	{
		MpOutgoing *next = written->next;

		if (written->answers)
			take_off(server, written);
		if (written->gone != NULL)
			written->gone(written->owner);
		mp_outgoing_free(written);
		written = next;
	}
	return err == 0;
}

/* A sign of life, if there was any since the last one. */
static void
tell_progress(Server *server)
{
	uint64_t	count = mp_progress_count();
	int64_t		now = now_ms();
	MpWriter	message;

	if (server->n_requests == 0 || now - server->progress_at < PROGRESS_MS)
		return;
	server->progress_at = now;
	/* Somebody who doesn't read what is there already needs no more of it. */
	if (count == server->progress_count || server->stream.first != NULL)
		return;
	server->progress_count = count;
	mp_write_start(&message);
	mp_write_message(&message, MP_PROGRESS, server->requests[0]);
	mp_write_u64(&message, count);
	mp_write_message_end(&message);
	queue_message(server, &message);
}

/* Milliseconds that poll may sleep, -1 for ever. */
static int
time_to_sleep(Server *server)
{
	int64_t		now = now_ms();
	int64_t		until;

	if (server->leave_at != 0)
		until = server->leave_at;
	else if (server->n_requests > 0)
		until = server->progress_at + PROGRESS_MS;
	else if (!mp_recall_is_empty(&server->recall))
		until = server->idle_since + SITTING_MS;
	else if (server->idle_ms > 0)
		until = server->idle_since + server->idle_ms;
	else
		return -1;
	if (until <= now)
		return 0;
	return until - now < 60000 ? (int) (until - now) : 60000;
}

/* Waits for something to happen and deals with it; false when the other side is gone. */
static bool
turn(Server *server)
{
	struct pollfd fds[2] = {
		{.fd = server->stream.socket, .events = POLLRDHUP},
		{.fd = server->mailbox.bell, .events = POLLIN}
	};

	if (has_room(server))
		fds[0].events |= POLLIN;
	if (server->stream.first != NULL)
		fds[0].events |= POLLOUT;
	/* While leaving, a half-closed socket is no news and would keep poll from sleeping. */
	if (server->leave_at != 0)
		fds[0].events &= ~POLLRDHUP;
	if (poll(fds, 2, time_to_sleep(server)) >= 0)
		server->interrupted = 0;
	else if (!mp_try_again(&server->interrupted))
		return false;
	/* Also when the bell is silent: it may have been out of order. */
	fetch_answers(server);
	if ((fds[0].revents & POLLIN) != 0 && !receive_all(server))
		return false;
	if ((fds[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0 ||
		((fds[0].revents & POLLRDHUP) != 0 && (fds[0].revents & POLLIN) == 0))
		return false;
	tell_progress(server);
	if (server->n_requests == 0 && now_ms() - server->idle_since >= SITTING_MS)
		mp_recall_forget(&server->recall);
	if (server->n_requests == 0 && server->idle_ms > 0 &&
		now_ms() - server->idle_since >= server->idle_ms)
		leave(server, MP_BYE_IDLE, "nothing to do");
	return send_all(server);
}

int
mp_server_run(int socket)
{
	/* Not on the stack: workers know it until the process ends. */
	static Server server;

	memset(&server, 0, sizeof(server));
	mp_stream_start(&server.stream, socket);
	mp_mailbox_start(&server.mailbox);
	mp_recall_start(&server.recall);
	if (server.mailbox.bell < 0)
		return MP_BYE_INTERNAL;
	server.idle_since = server.progress_at = now_ms();
	while (turn(&server))
	{
		if (server.leave_at != 0 &&
			(server.stream.first == NULL || now_ms() >= server.leave_at))
			break;
	}
	return server.status;
}
