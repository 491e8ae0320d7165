/*
 * test_faults.c: every call of the probe fails, once and from then on.
 *
 * For each kind of call, the first, second, third... call fails, until the probe needs no more of
 * them.  Each time it gets the same requests about the same small tree.  Whatever fails, it must
 * answer or end in good order, and never call a file missing that is there.
 *
 * A slice by default; MISSING_PHOTOS_LONG=1 runs everything.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/probe/confine.h"
#include "../../src/probe/server.h"
#include "client.h"
#include "faulty.h"
#include "fixture.h"
#include "tap.h"

enum
{
	REQUESTS = 10,				/* HELLO among them */
	MOST_CALLS = 2000,
	ANSWER_MS = 10000
};

/* ENOENT and ENOTDIR aren't among them: a look-up that says so is to be believed. */
static const int errors[] = {EIO, ENOMEM, EACCES, EINTR, EAGAIN, EMFILE, ENFILE, EPERM, ESTALE,
ENOSYS, EINVAL, ETIMEDOUT, EBUSY, ENXIO, ENODEV, EOVERFLOW};

/* Sanitised, a run takes several times as long, and what it may find depends less on the errno. */
#if defined(__SANITIZE_ADDRESS__)
#define MOST_ERRORS 4
#define SLICE_OF_ERRORS 2
#else
#define MOST_ERRORS ((int) (sizeof(errors) / sizeof(errors[0])))
#define SLICE_OF_ERRORS 3
#endif

static const char *top;
static char *root;
static bool by_hand;
static long runs;
static long answers;
static long shortages;
static long byes;
static char complaint[200];

static void
make_tree(void)
{
	char		name[32];

	top = fixture_folder();
	/* On a mount of its own it needn't hear of every mount of this machine. */
	if (can_mount("a mount of our own") && mount("none", top, "tmpfs", 0, NULL) != 0)
		bail("mount");
	fixture_mkdir(top, "root");
	root = fixture_path(top, "root");
	fixture_file(root, ".library", "");
	fixture_mkdir(root, "album");
	fixture_mkdir(root, "album/deep");
	fixture_mkdir(root, "thumbs");
	fixture_file(root, "thumbs/t.webp", "content");
	for (char c = 'a'; c <= 'h'; c++)
	{
		snprintf(name, sizeof(name), "album/%c.jpg", c);
		fixture_file(root, name, "content");
	}
	fixture_link(root, "near.jpg", "album/a.jpg");
	fixture_link(root, "far.jpg", fixture_path(root, "album/b.jpg"));
	fixture_link(root, "again", "album");
	fixture_link(root, "round.jpg", "album/deep/../c.jpg");
	if (geteuid() == 0 && can_mount("a mount below the root") &&
		mount("none", fixture_path(root, "album/deep"), "tmpfs", 0, NULL) != 0)
		bail("mount");
}

/* Names that end in .jpg are there, the others aren't. */
static void
ask_for_everything(Client *client)
{
	/* The first are enough to be read side by side. */
	static const char *const files[] = {"album/a.jpg", "album/b.jpg", "album/c.jpg", "far.jpg",
	"album/x.gone"};
	Ask			ask;

	ask_place_and_path(&ask, MP_ROOT, root, ".library");
	ask_end(&ask, 2);
	client_send_message(client, &ask.w);
	ask_check(&ask, root, 0, NULL);
	ask_directory(&ask, "album");
	for (const char *c = "abcdefgh"; *c != '\0'; c++)
	{
		char		name[] = {*c, '.', 'j', 'p', 'g', '\0'};

		ask_name(&ask, name, *c < 'c' ? MP_WANT_IDENTITY : 0);
	}
	ask_name(&ask, "x.gone", 0);
	ask_directory(&ask, "");
	ask_name(&ask, "near.jpg", MP_WANT_IDENTITY);
	ask_name(&ask, "far.jpg", 0);
	ask_name(&ask, "round.jpg", 0);
	ask_directory(&ask, "again");
	ask_name(&ask, "a.jpg", 0);
	ask_directory(&ask, "nowhere/deep");
	ask_name(&ask, "y.gone", 0);
	ask_end(&ask, 3);
	client_send_message(client, &ask.w);
	ask_list(&ask, root, 1, (const char *const[]) {"again"});
	ask_end(&ask, 4);
	client_send_message(client, &ask.w);
	for (size_t i = 0; i < 3; i++)
	{
		ask_hashes(&ask, root, i == 0 ? 3 : 1, &files[i == 0 ? 0 : i + 2], MP_MD5,
				   i == 2 ? MP_WHOLE : MP_WHOLE | MP_ENDS);
		ask_end(&ask, 5 + i);
		client_send_message(client, &ask.w);
	}
	ask_discover(&ask, root, "*.gone", ".nomedia", "album");
	ask_end(&ask, 8);
	client_send_message(client, &ask.w);
	/* The first request's answer is waited for nowhere: there is one worker. */
	for (uint8_t act = MP_SET_ASIDE; act <= MP_PUT_BACK; act++)
	{
		ask_remove(&ask, root, ".library", act, 1);
		ask_removal(&ask, "thumbs", "t.webp", ".aside", MP_OLDER, 0, INT64_MAX);
		ask_end(&ask, 8 + act);
		client_send_message(client, &ask.w);
	}
}

/* The entries of the CHECK above that are there: all but these. */
static bool
is_there(uint32_t entry)
{
	return entry != 8 && entry != 13;
}

static void
complain(const char *what, int number)
{
	if (complaint[0] == '\0')
		snprintf(complaint, sizeof(complaint), "%s (%d)", what, number);
}

static void
judge_check(MpReader *r)
{
	uint32_t	n = mp_read_count(r, 8);
	MpException exception;

	for (uint32_t i = 0; i < n; i++)
	{
		mp_read_exception(r, &exception);
		if (is_there(exception.entry) && exception.verdict != MP_UNREACHABLE)
			complain("a file that is there is called something else", exception.verdict);
	}
}

/* The digest of "content". */
static void
judge_digest(MpReader *r, uint64_t id)
{
	static const unsigned char md5[16] = {0x9a, 0x03, 0x64, 0xb9, 0xe9, 0x9b, 0xb4, 0x80, 0xdd,
	0x25, 0xe1, 0xf0, 0x28, 0x4c, 0x85, 0x55};
	const unsigned char *digest = r->at + 1;
	int			length = mp_read_u8(r);

	for (int i = 0; i < length; i++)
		mp_read_u8(r);
	if (id == 7 || length != sizeof(md5) || r->bad)
		complain("a digest out of nothing", (int) id);
	else if (memcmp(digest, md5, sizeof(md5)) != 0)
		complain("a wrong digest", (int) id);
}

static void
judge_hashed(MpReader *r, uint64_t id)
{
	MpIdentity	identity;
	int			verdict = mp_read_u8(r);

	mp_read_u8(r);
	mp_read_u16(r);
	mp_read_identity(r, &identity);
	if (id < 7 && verdict != MP_PRESENT && verdict != MP_UNREACHABLE)
		complain("a file that is there isn't hashed but called something else", verdict);
	if (verdict == MP_PRESENT)
		judge_digest(r, id);
	else if (mp_read_u8(r) != 0)
		complain("a digest of a file that wasn't read", (int) id);
	/* Of its ends. */
	for (int length = mp_read_u8(r); length > 0; length--)
		mp_read_u8(r);
}

static void
judge_hash(MpReader *r, uint64_t id)
{
	/* None when the root isn't there. */
	for (uint32_t n = mp_read_u32(r); n > 0 && !r->bad; n--)
		judge_hashed(r, id);
}

/* A folder that can't be listed to its end tells nothing. */
static void
judge_discovered(MpReader *r)
{
	uint32_t	unread;
	uint32_t	n;
	int			verdict;

	if (mp_read_u32(r) == 0)
		return;
	verdict = mp_read_u8(r);
	mp_read_u8(r);
	mp_read_u16(r);
	mp_read_u8(r);
	mp_read_u64(r);
	mp_read_u64(r);
	unread = mp_read_u32(r);
	n = mp_read_u32(r);
	if (verdict != MP_PRESENT && verdict != MP_UNREACHABLE)
		complain("a folder that is there isn't walked but called something else", verdict);
	if (verdict == MP_PRESENT && n + unread < 9)
		complain("a folder's names go missing", (int) n);
}

/* A file is set aside or not, and put back or not; it is never taken for another, nor for none. */
static void
judge_remove(MpReader *r, uint64_t id)
{
	int			outcome;

	if (mp_read_count(r, 3) != 1)
	{
		complain("not one outcome", (int) id);
		return;
	}
	outcome = mp_read_u8(r);
	if (outcome != MP_DONE && outcome != MP_OUT_OF_REACH &&
		!(id == 8 + MP_PUT_BACK && outcome == MP_ABSENT))
		complain("a derived file is called something else", outcome);
}

/* Whatever failed, the file is still there, under one name. */
static void
judge_removed(void)
{
	bool		here = access(fixture_path(root, "thumbs/t.webp"), F_OK) == 0;
	bool		aside = access(fixture_path(root, "thumbs/.aside"), F_OK) == 0;

	if (here == aside)
		complain("a derived file is gone, or there twice", here);
	if (aside)
		rename(fixture_path(root, "thumbs/.aside"), fixture_path(root, "thumbs/t.webp"));
}

static void
judge(const Message *message)
{
	MpRootReport report;
	MpReader	r;
	int			verdict;

	if (message->header.type == MP_SHORTAGE)
	{
		shortages++;
		return;
	}
	answers++;
	if (message->header.type == MP_HELLO)
		return;
	mp_read_start(&r, message->payload, message->header.length);
	mp_read_root_report(&r, &report);
	if (report.verdict != MP_PRESENT && report.verdict != MP_UNREACHABLE)
		complain("the root is called something else", report.verdict);
	if (message->header.type == MP_CHECK)
		judge_check(&r);
	else if (message->header.type == MP_HASH)
		judge_hash(&r, message->header.request);
	else if (message->header.type == MP_DISCOVER)
		judge_discovered(&r);
	else if (message->header.type == MP_REMOVE)
		judge_remove(&r, message->header.request);
	else if (message->header.type == MP_LIST && mp_read_count(&r, 9) > 0)
	{
		verdict = mp_read_u8(&r);
		if (verdict != MP_PRESENT && verdict != MP_UNREACHABLE)
			complain("a folder that is there is called something else", verdict);
	}
	if (r.bad)
		complain("an answer that isn't whole", message->header.type);
}

static Client
start(void)
{
	Client		client = {0};
	int			pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		bail("socketpair");
	client.socket = pair[0];
	fflush(stdout);
	client.child = fork();
	if (client.child == 0)
	{
		close(client.socket);
		faulty_begin();
		if (by_hand)
			mp_confine_force_by_hand();
		else
			mp_confine_start();
		_exit(mp_server_run(pair[1]));
	}
	close(pair[1]);
	return client;
}

/* HELLO by hand: it may not be answered. */
static void
greet(Client *client)
{
	MpWriter	w;

	mp_write_start(&w);
	mp_write_message(&w, MP_HELLO, 1);
	mp_write_u32(&w, 0);
	mp_write_u32(&w, 1);
	mp_write_u32(&w, 1);
	mp_write_str(&w, root, strlen(root));
	mp_write_u8(&w, 1);
	client_send_message(client, &w);
}

static void
run_once(void)
{
	Client		client = start();
	Message		message = {0};
	struct pollfd fd = {.fd = client.socket, .events = POLLIN};
	int			answered = 0;
	int			status;

	complaint[0] = '\0';
	runs++;
	greet(&client);
	ask_for_everything(&client);
	while (answered < REQUESTS)
	{
		if (poll(&fd, 1, ANSWER_MS) <= 0)
		{
			complain("no answer, and no end", answered);
			break;
		}
		if (!client_receive(&client, &message))
			break;
		if (message.header.type == MP_BYE)
		{
			byes++;
			break;
		}
		if (message.header.type == MP_PROGRESS)
			continue;
		judge(&message);
		answered++;
	}
	client_close(&client);
	status = client_wait(&client, ANSWER_MS);
	judge_removed();
	if (status < 0)
	{
		complain("it doesn't end", status);
		kill(client.child, SIGKILL);
		waitpid(client.child, NULL, 0);
	}
	else if (status > MP_BYE_INTERNAL)
		complain("it ends badly", status);
	free(message.payload);
}

/* A socket that says EAGAIN for ever is full, empty or quiet for ever: that is to be waited for. */
static bool
is_waiting(const char *kind, int err)
{
	return err == EAGAIN && (strcmp(kind, "recv") == 0 || strcmp(kind, "send") == 0 ||
							 strcmp(kind, "read") == 0);
}

static void
test_kind(int kind, int n_errors, bool from_then_on)
{
	const char *name = faulty_kinds[kind];
	const char *how = from_then_on ? "from then on" : "once";
	int			wrong = 0;
	int			n = 0;

	for (int e = 0; e < n_errors; e++)
	{
		if (from_then_on && is_waiting(name, errors[e]))
			continue;
		for (n = 1; n <= MOST_CALLS; n++)
		{
			faulty_plan(kind, n, errors[e], from_then_on);
			run_once();
			if (complaint[0] != '\0' && wrong++ < 5)
				note("%s, call %d, %s, %s: %s", name, n, strerrorname_np(errors[e]), how,
					 complaint);
			if (!faulty_struck())
				break;
		}
	}
	ok(wrong == 0 && n <= MOST_CALLS, "%s fails %s, each of %d calls", name, how, n - 1);
}

/* A system that lies about a file is believed: this test would notice what it looks for. */
static void
test_lies(void)
{
	int			noticed = 0;
	int			kind = 0;

	while (strcmp(faulty_kinds[kind], "statx") != 0)
		kind++;
	for (int n = 1; n <= MOST_CALLS; n++)
	{
		faulty_plan(kind, n, ENOENT, false);
		run_once();
		noticed += strstr(complaint, "called something else") != NULL;
		if (!faulty_struck())
			break;
	}
	ok(noticed > 0, "a file called missing is noticed (statx says so, %d times)", noticed);
}

int
main(void)
{
	bool		all = getenv("MISSING_PHOTOS_LONG") != NULL;
	int			n_errors = all ? MOST_ERRORS : SLICE_OF_ERRORS;

	make_tree();
	faulty_plan(-2, 1, 0, false);
	run_once();
	ok(complaint[0] == '\0' && answers == REQUESTS, "when nothing fails there are %d answers",
	   REQUESTS);
	for (int pass = 0; pass < (all ? 2 : 1); pass++)
	{
		by_hand = pass == 1;
		if (by_hand)
			note("the same with look-ups by hand");
		for (int kind = 0; faulty_kinds[kind] != NULL; kind++)
		{
			test_kind(kind, n_errors, false);
			if (all)
				test_kind(kind, n_errors, true);
		}
	}
	by_hand = false;
	test_lies();
	umount2(top, MNT_DETACH);
	note("%ld runs: %ld answers, %ld shortages, %ld farewells", runs, answers, shortages, byes);
	return done();
}
