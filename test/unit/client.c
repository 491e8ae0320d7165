/*
 * client.c: starting a probe and talking to it.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../src/probe/confine.h"
#include "../../src/probe/server.h"
#include "client.h"
#include "tap.h"

enum
{
	PATIENCE_MS = 10000
};

double
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec * 1000 + (double) now.tv_nsec / 1000000;
}

static Client
begin(int *theirs)
{
	int			pair[2];
	Client		client = {0};

	fflush(stdout);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		bail("socketpair");
	client.socket = pair[0];
	*theirs = pair[1];
	client.child = fork();
	if (client.child < 0)
		bail("fork");
	return client;
}

Client
client_fork(void)
{
	int			theirs;
	Client		client = begin(&theirs);

	if (client.child == 0)
	{
		close(client.socket);
		mp_confine_start();
		_exit(mp_server_run(theirs));
	}
	close(theirs);
	return client;
}

const char *
client_program(void)
{
	static char path[PATH_MAX + 32];
	ssize_t		n = readlink("/proc/self/exe", path, PATH_MAX);

	if (n <= 0)
		bail("readlink");
	path[n] = '\0';
	strcpy(strrchr(path, '/') + 1, "missing_photos_probe");
	return path;
}

Client
client_exec(const char *program, const char *option)
{
	char	   *environment[] = {NULL};
	char	   *arguments[] = {(char *) program, "--keeper", (char *) option, NULL};
	int			theirs;
	Client		client = begin(&theirs);

	if (client.child == 0)
	{
		if (theirs == 3 ? dup2(dup(theirs), 3) < 0 : dup2(theirs, 3) < 0)
			_exit(99);
		execve(program, arguments, environment);
		_exit(99);
	}
	close(theirs);
	return client;
}

void
client_send(const Client *client, const void *data, size_t length)
{
	while (length > 0)
	{
		ssize_t		n = send(client->socket, data, length, MSG_NOSIGNAL);

		/* A probe that has said BYE may be gone already. */
		if (n < 0)
			return;
		data = (const char *) data + n;
		length -= (size_t) n;
	}
}

void
client_send_message(const Client *client, MpWriter *w)
{
	mp_write_message_end(w);
	client_send(client, w->data, w->length);
	mp_write_free(w);
}

static bool
receive_bytes(const Client *client, void *data, size_t length)
{
	while (length > 0)
	{
		struct pollfd fd = {.fd = client->socket, .events = POLLIN};
		ssize_t		n;

		if (poll(&fd, 1, PATIENCE_MS) <= 0)
			return false;
		n = recv(client->socket, data, length, 0);
		if (n <= 0)
			return false;
		data = (char *) data + n;
		length -= (size_t) n;
	}
	return true;
}

bool
client_receive(const Client *client, Message *message)
{
	unsigned char header[MP_HEADER_SIZE];

	free(message->payload);
	message->payload = NULL;
	if (!receive_bytes(client, header, sizeof(header)) ||
		!mp_read_header(header, &message->header) || message->header.length > MP_MAX_PAYLOAD)
		return false;
	message->payload = malloc(message->header.length + 1);
	return receive_bytes(client, message->payload, message->header.length);
}

void
client_answer(const Client *client, Message *message)
{
	do
	{
		if (!client_receive(client, message))
			bail("no answer");
	}
	while (message->header.type == MP_PROGRESS);
}

int
client_bye(const Client *client)
{
	Message		message = {0};
	int			status = -1;

	while (client_receive(client, &message))
	{
		status = -1;
		if (message.header.type == MP_BYE && message.header.length > 0)
			status = message.payload[0];
	}
	free(message.payload);
	return status;
}

void
client_hello(Client *client, uint32_t idle_ms, uint32_t threads)
{
	client_hello_confined(client, idle_ms, threads, NULL);
}

int
client_hello_confined(Client *client, uint32_t idle_ms, uint32_t threads, const char *root)
{
	return client_hello_removes(client, idle_ms, threads, root, false);
}

int
client_hello_removes(Client *client, uint32_t idle_ms, uint32_t threads, const char *root,
					 bool removes)
{
	int			abi;
	Message		message = {0};
	MpWriter	w;
	MpReader	r;

	mp_write_start(&w);
	mp_write_message(&w, MP_HELLO, 1);
	mp_write_u32(&w, idle_ms);
	mp_write_u32(&w, threads);
	mp_write_u32(&w, root != NULL);
	if (root != NULL)
		mp_write_str(&w, root, strlen(root));
	mp_write_u8(&w, removes);
	client_send_message(client, &w);
	client_answer(client, &message);
	mp_read_start(&r, message.payload, message.header.length);
	client->probe = (pid_t) mp_read_u32(&r);
	abi = mp_read_u8(&r);
	free(message.payload);
	return abi;
}

void
client_close(Client *client)
{
	close(client->socket);
	client->socket = -1;
}

int
client_wait(const Client *client, int ms)
{
	double		end = now_ms() + ms;
	int			status;

	for (;;)
	{
		pid_t		pid = waitpid(client->child, &status, WNOHANG);

		if (pid == client->child)
			return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
		if (pid < 0 || now_ms() > end)
			return -1;
		usleep(1000);
	}
}
