/*
 * client.h: the extension's side of the socket, for tests.
 */
#ifndef MP_CLIENT_H
#define MP_CLIENT_H

#include <sys/types.h>

#include "../../src/protocol/wire.h"

typedef struct Client
{
	int			socket;
	pid_t		child;			/* the server, or the keeper */
	pid_t		probe;			/* as HELLO told it */
} Client;

typedef struct Message
{
	MpHeader	header;
	unsigned char *payload;
} Message;

/* The server in a forked child, or the program itself beside this one; no HELLO yet. */
extern Client client_fork(void);
extern Client client_exec(const char *program, const char *option);
/* The path of the probe that was built the same way as this test. */
extern const char *client_program(void);
extern void client_hello(Client *client, uint32_t idle_ms, uint32_t threads);
/* The same with a folder that the probe shall confine itself to; Landlock's ABI as it says. */
extern int	client_hello_confined(Client *client, uint32_t idle_ms, uint32_t threads,
								  const char *root);

/* The same with the right to remove files below the folder. */
extern int	client_hello_removes(Client *client, uint32_t idle_ms, uint32_t threads,
								 const char *root, bool removes);

extern void client_send(const Client *client, const void *data, size_t length);
/* Ends a message in the making, sends and frees it. */
extern void client_send_message(const Client *client, MpWriter *w);
/* The next message, or false at the end of the stream or after ten seconds. */
extern bool client_receive(const Client *client, Message *message);
/* The next one that is no PROGRESS; bails out when there is none.  Frees the one before it. */
extern void client_answer(const Client *client, Message *message);
/* The status of a BYE, which must be next and last; -1 when it isn't. */
extern int	client_bye(const Client *client);

extern void client_close(Client *client);
/* Waits up to a number of milliseconds; the exit status, 1000 + signal, or -1: still there. */
extern int	client_wait(const Client *client, int ms);
extern double now_ms(void);

#endif							/* MP_CLIENT_H */
