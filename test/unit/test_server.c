/*
 * test_server.c: the server ends when it must, as it must, and at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "fixture.h"
#include "tap.h"

/* What the server should do with bytes: its BYE and exit status. */
static void
test_violation(bool greeted, const void *data, size_t length, bool close_after, int status,
			   const char *what)
{
	Client		client = client_fork();

	if (greeted)
		client_hello(&client, 0, 0);
	client_send(&client, data, length);
	if (close_after)
		shutdown(client.socket, SHUT_WR);
	is(client_bye(&client), status, "%s: BYE", what);
	is(client_wait(&client, 5000), status, "%s: exit status", what);
	client_close(&client);
}

static MpWriter
message(uint8_t type)
{
	MpWriter	w;

	mp_write_start(&w);
	mp_write_message(&w, type, 9);
	return w;
}

static void
violate(bool greeted, MpWriter *w, size_t cut, int status, const char *what)
{
	test_violation(greeted, w->data, w->length - cut, cut > 0, status, what);
	mp_write_free(w);
}

static void
test_violations(void)
{
	MpWriter	w;
	uint32_t	too_long = MP_MAX_PAYLOAD + 1;

	w = message(MP_ROOT);
	mp_write_str(&w, "/", 1);
	mp_write_u64(&w, 0);		/* no other roots, no marker */
	mp_write_message_end(&w);
	violate(false, &w, 0, MP_BYE_MALFORMED, "a request before HELLO");

	w = message(MP_HELLO);
	mp_write_u64(&w, 0);
	mp_write_message_end(&w);
	violate(true, &w, 0, MP_BYE_MALFORMED, "a second HELLO");

	w = message(MP_HELLO);
	mp_write_message_end(&w);
	violate(false, &w, 0, MP_BYE_MALFORMED, "a HELLO of no content");

	w = message(MP_CHECK);
	mp_write_u32(&w, 1000);
	mp_write_message_end(&w);
	violate(true, &w, 0, MP_BYE_MALFORMED, "a string longer than its message");

	w = message(99);
	mp_write_message_end(&w);
	violate(true, &w, 0, MP_BYE_MALFORMED, "a type that there isn't");

	w = message(MP_ROOT);
	mp_write_u64(&w, 0);
	mp_write_message_end(&w);
	violate(true, &w, 3, MP_BYE_MALFORMED, "a message cut short");

	w = message(MP_ROOT);
	violate(true, &w, 5, MP_BYE_MALFORMED, "a header cut short");

	w = message(MP_CHECK);
	mp_write_u32_at(&w, 0, too_long);
	violate(true, &w, 0, MP_BYE_OVERSIZED, "a message too long");

	w = message(MP_CHECK);
	w.data[4] = MP_VERSION + 1;
	violate(true, &w, 0, MP_BYE_VERSION, "another version");

	w = message(MP_CHECK);
	w.data[6] = 1;
	violate(true, &w, 0, MP_BYE_MALFORMED, "a header with a field out of place");
}

static void
ask_root(const Client *client, const char *root, uint64_t id)
{
	Ask			ask;

	ask_place_and_path(&ask, MP_ROOT, root, "");
	ask_end(&ask, id);
	client_send_message(client, &ask.w);
}

static void
send_hash(const Client *client, const char *root, const char *path, uint64_t id)
{
	Ask			ask;

	ask_hash(&ask, root, path, MP_MD5, MP_WHOLE);
	ask_end(&ask, id);
	client_send_message(client, &ask.w);
}

static void
test_pipelining(const char *root)
{
	enum
	{
		REQUESTS = 500
	};
	static char seen[REQUESTS];
	Message		answer = {0};
	Client		client = client_fork();
	int			twice = 0;

	client_hello(&client, 0, 4);
	for (uint64_t id = 0; id < REQUESTS; id++)
		ask_root(&client, root, id);
	for (int i = 0; i < REQUESTS; i++)
	{
		client_answer(&client, &answer);
		if (answer.header.type == MP_ROOT && answer.header.request < REQUESTS)
			twice += seen[answer.header.request]++;
	}
	is(twice, 0, "%d requests in a row have an answer each", REQUESTS);
	client_close(&client);
	is(client_wait(&client, 5000), 0, "a closed socket ends the server with 0");
	free(answer.payload);
}

static void
test_idle(const char *root)
{
	Message		answer = {0};
	Client		client = client_fork();
	double		asked;

	client_hello(&client, 300, 1);
	usleep(200000);
	ask_root(&client, root, 1);
	client_answer(&client, &answer);
	asked = now_ms();
	is(client_bye(&client), MP_BYE_IDLE, "a server with nothing to do says BYE");
	ok(now_ms() - asked > 250 && now_ms() - asked < 3000, "counted from the last answer");
	is(client_wait(&client, 5000), 0, "and ends with 0");
	client_close(&client);
	free(answer.payload);
}

/* A hash that takes hours, of a file that takes no room. */
static void
test_busy(const char *root)
{
	Message		answer = {0};
	Client		client = client_fork();
	uint64_t	counts[3] = {0};
	double		times[3];
	double		closed;

	fixture_file(root, "huge", "");
	if (truncate(fixture_path(root, "huge"), INT64_C(1) << 40) != 0)
	{
		skip("no sparse file of 1 TiB here", "a worker that is busy");
		return;
	}
	client_hello(&client, 100, 2);
	send_hash(&client, root, "huge", 5);
	for (int i = 0; i < 3; i++)
	{
		MpReader	r;

		if (!client_receive(&client, &answer))
			bail("no progress");
		times[i] = now_ms();
		mp_read_start(&r, answer.payload, answer.header.length);
		counts[i] = mp_read_u64(&r);
	}
	ok(answer.header.type == MP_PROGRESS && answer.header.request == 5 && counts[0] < counts[1] &&
	   counts[1] < counts[2], "a long hash tells its progress");
	ok(times[2] - times[0] > 80, "but not too often");
	ask_root(&client, root, 6);
	client_answer(&client, &answer);
	is((long long) answer.header.request, 6, "other requests are answered meanwhile");
	client_close(&client);
	closed = now_ms();
	is(client_wait(&client, 5000), 0, "closing the socket ends a busy server");
	ok(now_ms() - closed < 250, "at once (%.0f ms)", now_ms() - closed);
	fixture_remove(root, "huge");
	free(answer.payload);
}

/* A FUSE mount whose daemon never says a word: whoever looks at it hangs. */
static void
test_hung(void)
{
	const char *folder = fixture_folder();
	Message		answer = {0};
	char		options[100];
	double		closed;
	Client		client;
	int			fuse = geteuid() == 0 ? open("/dev/fuse", O_RDWR | O_CLOEXEC) : -1;

	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
	if (fuse < 0 || unshare(CLONE_NEWNS) != 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		mount("hung", folder, "fuse", 0, options) != 0)
	{
		skip("needs root and /dev/fuse", "a worker that hangs in the kernel");
		return;
	}
	client = client_fork();
	client_hello(&client, 50, 2);
	ask_root(&client, folder, 1);
	usleep(600000);
	ask_root(&client, "/", 2);
	client_answer(&client, &answer);
	is((long long) answer.header.request, 2, "one request hangs, another is answered");
	is(client_wait(&client, 0), -1, "a server with a request in hand isn't idle");
	client_close(&client);
	closed = now_ms();
	is(client_wait(&client, 5000), 0, "closing the socket ends a server whose worker hangs");
	ok(now_ms() - closed < 250, "at once (%.0f ms)", now_ms() - closed);
	umount2(folder, MNT_DETACH);
	close(fuse);
	free(answer.payload);
}

/* Asks for much and reads nothing: the server must neither block nor grow without bound. */
static void
test_deaf(const char *root)
{
	Client		client = client_fork();
	MpWriter	w;
	size_t		accepted = 0;

	client_hello(&client, 0, 2);
	fcntl(client.socket, F_SETFL, O_NONBLOCK);
	mp_write_start(&w);
	mp_write_message(&w, MP_ROOT, 1);
	mp_write_str(&w, root, strlen(root));
	mp_write_u64(&w, 0);		/* no other roots, no marker */
	mp_write_message_end(&w);
	for (int tries = 0; tries < 500;)
	{
		if (send(client.socket, w.data, w.length, MSG_NOSIGNAL) == (ssize_t) w.length)
			accepted++;
		else
		{
			tries++;
			usleep(1000);
		}
	}
	mp_write_free(&w);
	ok(accepted < 100000, "a client that doesn't read is held up after %zu requests", accepted);
	client_close(&client);
	is(client_wait(&client, 5000), 0, "and its going is noticed");
}

/* Many files' digests by several streams, while another request asks for the same. */
static void
test_many_digests(void)
{
	enum
	{
		MANY = 300
	};
	const char *root = fixture_folder();
	static char names[MANY][16];
	const char *paths[MANY];
	Client		client = client_fork();
	Message		answer = {0};
	MpReader	r;
	MpRootReport report;
	Ask			ask;

	for (int i = 0; i < MANY; i++)
	{
		snprintf(names[i], sizeof(names[i]), "%d.jpg", i);
		fixture_file(root, names[i], names[i]);
		paths[i] = names[i];
	}
	client_hello(&client, 0, 8);
	for (uint64_t id = 2; id < 5; id++)
	{
		ask_hashes(&ask, root, MANY, paths, MP_MD5, MP_WHOLE | MP_ENDS);
		ask_end(&ask, id);
		client_send_message(&client, &ask.w);
	}
	for (int i = 0; i < 3; i++)
	{
		int			bad = 0;

		client_answer(&client, &answer);
		mp_read_start(&r, answer.payload, answer.header.length);
		mp_read_root_report(&r, &report);
		is(mp_read_u32(&r), MANY, "a request for many digests is answered");
		for (int k = 0; k < MANY; k++)
		{
			MpIdentity	identity;

			bad += mp_read_u8(&r) != MP_PRESENT;
			mp_read_u8(&r);
			mp_read_u16(&r);
			mp_read_identity(&r, &identity);
			bad += identity.size != strlen(names[k]);
			for (int part = 0; part < 2; part++)
			{
				bad += mp_read_u8(&r) != 16;
				for (int byte = 0; byte < 16; byte++)
					mp_read_u8(&r);
			}
		}
		ok(bad == 0 && mp_read_done(&r), "with all of them");
	}
	free(answer.payload);
	client_close(&client);
	client_wait(&client, 5000);
}

int
main(void)
{
	const char *root = fixture_folder();

	test_violations();
	test_pipelining(root);
	test_idle(root);
	test_busy(root);
	test_deaf(root);
	test_hung();
	test_many_digests();
	return done();
}
