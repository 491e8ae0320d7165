/* watch_client.c: a probe that watches one root; see watch_client.h. */
#include "postgres.h"

#include "nodes/pg_list.h"

#include "probe_process.h"
#include "probe_service.h"
#include "settings.h"
#include "watch_client.h"

#define HELLO_ID 1
#define WATCH_ID 2

static void
write_text(MpWriter *w, const char *text)
{
	mp_write_str(w, text, strlen(text));
}

static void
write_hello(MpWriter *w, const RootTable *roots)
{
	mp_write_message(w, MP_HELLO, HELLO_ID);
	mp_write_u32(w, 0);			/* it is never idle */
	mp_write_u32(w, 1);
	mp_write_u32(w, roots->n);
	for (int i = 0; i < roots->n; i++)
		write_text(w, roots->roots[i].server_path);
	mp_write_u8(w, 0);
	mp_write_message_end(w);
}

static void
write_watch(MpWriter *w, const RootTable *roots, const Root *root, List *globs, int most_folders)
{
	ListCell   *cell;

	mp_write_message(w, MP_WATCH, WATCH_ID);
	roots_write_place(roots, root, w);
	mp_write_u32(w, list_length(globs));
	foreach(cell, globs)
		write_text(w, lfirst(cell));
	mp_write_u32(w, most_folders);
	mp_write_message_end(w);
}

/* Sends one message; what a socket nobody has read from yet doesn't take at once is too much. */
static bool
send_message(WatchClient *client, const MpWriter *w)
{
	size_t		sent = 0;

	return !w->bad && messages_write(client->sock, w, &sent);
}

void
watch_client_start(WatchClient *client, const RootTable *roots, const Root *root, List *globs,
				   int most_folders)
{
	MpWriter	w;
	bool		sent;

	memset(client, 0, sizeof(*client));
	client->sock = PGINVALID_SOCKET;
	client->sock = setting_probe_socket[0] != '\0' ?
		probe_service_connect(setting_probe_socket) : probe_process_start();
	mp_write_start(&w);
	write_hello(&w, roots);
	sent = send_message(client, &w);
	write_watch(&w, roots, root, globs, most_folders);
	sent = sent && send_message(client, &w);
	mp_write_free(&w);
	if (sent)
		return;
	watch_client_stop(client);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
			 errmsg("could not ask the probe to watch \"%s\"", root->name)));
}

MessageEvent
watch_client_read(WatchClient *client, MpReader *body)
{
	for (;;)
	{
		MessageEvent event;

		/* What was read before goes when the next is asked for. */
		if (client->body != NULL)
			messages_forget(&client->messages);
		client->body = NULL;
		event = messages_read(&client->messages, client->sock, &client->header, &client->body);
		if (event != MESSAGE_HERE)
		{
			client->body = NULL;
			return event;
		}
		if (client->header.type == MP_HELLO)
			continue;
		if (client->header.type != MP_WATCH)
			return MESSAGE_END;
		mp_read_start(body, client->body, client->header.length);
		return MESSAGE_HERE;
	}
}

void
watch_client_stop(WatchClient *client)
{
	if (client->sock != PGINVALID_SOCKET)
		probe_process_release(client->sock);
	client->sock = PGINVALID_SOCKET;
	messages_forget(&client->messages);
	client->body = NULL;
}
