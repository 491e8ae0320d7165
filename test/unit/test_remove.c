/*
 * test_remove.c: REMOVE touches the file that was meant, and no other.
 *
 * Everything is done twice, by the kernel's confined opening and by hand.  The race at the end is
 * also run against the usual way, look and then unlink by name, which is shown to fail.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/probe/remove.h"
#include "client.h"
#include "fixture.h"
#include "tap.h"

enum
{
	MTIME = 1000000000,			/* of every file made here, in seconds */
	RACE_MS = 400
};

static const char *root;
static uint8_t reason;			/* of the last root report */

static void
put(const char *name, const char *content)
{
	struct timespec times[2] = {{MTIME, 0}, {MTIME, 0}};

	fixture_file(root, name, content);
	if (utimensat(AT_FDCWD, fixture_path(root, name), times, 0) != 0)
		bail("utimensat");
}

static bool
is_there(const char *name)
{
	struct stat st;

	return lstat(fixture_path(root, name), &st) == 0;
}

static int
run(Ask *ask)
{
	MpRequest	request;
	MpReader	r;
	MpWriter	w;
	MpRootReport report;
	int			outcome = -1;

	if (ask_parse(ask, &request) != 0)
		bail("ask_parse");
	mp_write_start(&w);
	if (mp_remove_write(&request, &w) != 0)
		bail("shortage");
	mp_read_start(&r, w.data, w.length);
	mp_read_root_report(&r, &report);
	for (uint32_t n = mp_read_count(&r, 3); n > 0; n--)
	{
		outcome = mp_read_u8(&r);
		mp_read_u16(&r);
	}
	if (!mp_read_done(&r))
		bail("an answer that isn't whole");
	reason = report.reason;
	mp_request_free(&request);
	mp_write_free(&w);
	return outcome;
}

/* One file, expected to be as put() makes it with a content of this length. */
static int
act(MpAct how, const char *folder, const char *name, uint64_t size)
{
	Ask			ask;

	ask_remove(&ask, root, ".marker", how, 1);
	ask_removal(&ask, folder, name, ".aside", MP_SAME, size, MTIME * INT64_C(1000000000));
	return run(&ask);
}

static void
test_life(void)
{
	put("thumbs/a.webp", "aaaa");
	is(act(MP_SET_ASIDE, "thumbs", "a.webp", 5), MP_OTHER_FILE, "another size: another file");
	is(act(MP_SET_ASIDE, "thumbs", "a.webp", 4), MP_DONE, "a file is set aside");
	ok(!is_there("thumbs/a.webp") && is_there("thumbs/.aside"), "under another name");
	is(act(MP_SET_ASIDE, "thumbs", "a.webp", 4), MP_DONE, "asked again, it says the same");
	is(act(MP_PUT_BACK, "thumbs", "a.webp", 4), MP_DONE, "it is put back");
	ok(is_there("thumbs/a.webp") && !is_there("thumbs/.aside"), "under its own name");
	is(act(MP_PUT_BACK, "thumbs", "a.webp", 4), MP_ABSENT, "asked again, nothing is set aside");
	ok(is_there("thumbs/a.webp"), "and the file stays");
	act(MP_SET_ASIDE, "thumbs", "a.webp", 4);
	put("thumbs/a.webp", "made anew");
	is(act(MP_PUT_BACK, "thumbs", "a.webp", 4), MP_NAME_TAKEN, "another has its name by now");
	ok(is_there("thumbs/a.webp") && !is_there("thumbs/.aside"), "which stays, the old one goes");
	is(act(MP_SET_ASIDE, "thumbs", "a.webp", 9), MP_DONE, "that one is set aside");
	put("thumbs/a.webp", "once more");
	is(act(MP_DROP, "thumbs", "a.webp", 9), MP_DONE, "and removed");
	ok(is_there("thumbs/a.webp") && !is_there("thumbs/.aside"), "not what has its name now");
	is(act(MP_DROP, "thumbs", "a.webp", 9), MP_ABSENT, "asked again, it is gone");
	is(act(MP_SET_ASIDE, "thumbs", "none.webp", 4), MP_ABSENT, "a file that isn't there");
	is(act(MP_SET_ASIDE, "nowhere/deep", "a.webp", 4), MP_ABSENT, "nor is its folder");
	unlink(fixture_path(root, "thumbs/a.webp"));
}

static void
test_older(void)
{
	Ask			ask;

	put("old.webp", "x");
	for (int later = 0; later < 2; later++)
	{
		ask_remove(&ask, root, ".marker", MP_SET_ASIDE, 1);
		ask_removal(&ask, "", "old.webp", ".aside", MP_OLDER, 0,
					MTIME * INT64_C(1000000000) + later);
		is(run(&ask), later ? MP_DONE : MP_OTHER_FILE, "a file of unknown size goes if it is %s",
		   later ? "older" : "as young");
	}
	is(act(MP_DROP, "", "old.webp", 0), MP_DONE, "from the root itself too");
}

static void
refused(const char *folder, const char *name, MpOutcome outcome, const char *what)
{
	is(act(MP_SET_ASIDE, folder, name, 1), outcome, "%s", what);
}

static void
test_refused(void)
{
	const char *outside = fixture_folder();
	Ask			ask;

	fixture_file(outside, "f", "x");
	put("thumbs/real", "x");
	fixture_link(root, "thumbs/link", "real");
	fixture_link(root, "out", outside);
	fixture_link(root, "in", "thumbs");
	fixture_mkdir(root, "thumbs/folder");
	if (mkfifo(fixture_path(root, "thumbs/fifo"), 0600) != 0)
		bail("mkfifo");
	refused("thumbs", "link", MP_NO_FILE, "a symbolic link isn't touched");
	refused("in", "real", MP_NO_FILE, "nor what lies behind one, be it below the root");
	refused("out", "f", MP_NO_FILE, "nor outside");
	refused("thumbs", "folder", MP_NO_FILE, "nor a folder");
	refused("thumbs", "fifo", MP_NO_FILE, "nor a FIFO");
	refused("thumbs/../..", "f", MP_NO_FILE, "nor what \"..\" leads to");
	refused("/etc", "passwd", MP_NO_FILE, "nor an absolute path");
	refused("thumbs", "../thumbs/real", MP_NO_FILE, "nor a name that is a path");
	refused("", "..", MP_NO_FILE, "nor \"..\"");
	refused("thumbs/real", "x", MP_NO_FILE, "a file isn't a folder");
	ok(is_there("thumbs/real") && is_there("thumbs/link") && is_there("thumbs/fifo"),
	   "all of it is still there");

	ask_remove(&ask, root, "no-marker", MP_SET_ASIDE, 1);
	ask_removal(&ask, "thumbs", "real", ".aside", MP_SAME, 1, MTIME * INT64_C(1000000000));
	is(run(&ask), MP_OUT_OF_REACH, "without its marker a root is out of reach");
	is(reason, MP_MARKER_ABSENT, "for that reason");
	ok(is_there("thumbs/real"), "and nothing below it is touched");
	if (geteuid() != 0)
	{
		chmod(fixture_path(root, "thumbs"), 0500);
		refused("thumbs", "real", MP_OUT_OF_REACH, "a folder that can't be written");
		chmod(fixture_path(root, "thumbs"), 0700);
	}
	for (const char *const *name = (const char *const[]) {"thumbs/real", "thumbs/link",
		 "thumbs/fifo", "out", "in", NULL}; *name != NULL; name++)
		unlink(fixture_path(root, *name));
	rmdir(fixture_path(root, "thumbs/folder"));
}

static void
test_mount(void)
{
	fixture_mkdir(root, "disk");
	if (!can_mount("another file system below the root"))
		return;
	if (mount("none", fixture_path(root, "disk"), "tmpfs", 0, NULL) != 0)
		bail("mount");
	put("disk/f", "x");
	refused("disk", "f", MP_OUT_OF_REACH, "another file system isn't entered");
	ok(is_there("disk/f"), "what is there stays");
	umount2(fixture_path(root, "disk"), MNT_DETACH);
}

static atomic_bool stop;

/* Puts a file somebody needs in the place of the one that may go, and takes it away again. */
static void *
replace(void *argument)
{
	int			folder = *(int *) argument;

	while (!atomic_load(&stop))
		renameat2(folder, "race", folder, "needed", RENAME_EXCHANGE);
	return NULL;
}

static void
naive(void)
{
	struct stat st;

	if (lstat(fixture_path(root, "race"), &st) == 0 && st.st_size == 1)
		unlink(fixture_path(root, "race"));
}

/* Whether the file that is needed was removed while the other was meant. */
static bool
race(bool naively)
{
	double		end = now_ms() + (naively ? 20 * RACE_MS : RACE_MS);
	struct stat st;
	pthread_t	thread;
	int			folder = open(root, O_RDONLY | O_DIRECTORY);
	int			fd;
	int			removed = 0;

	put("race", "x");
	put("needed", "needed");
	fd = open(fixture_path(root, "needed"), O_RDONLY);
	atomic_store(&stop, false);
	if (fd < 0 || pthread_create(&thread, NULL, replace, &folder) != 0)
		bail("pthread_create");
	do
	{
		if (naively)
			naive();
		else if (act(MP_SET_ASIDE, "", "race", 1) == MP_DONE)
			act(MP_DROP, "", "race", 1);
		/* With a name gone nothing is exchanged until it is there again. */
		if (!is_there("race") || !is_there("needed"))
		{
			removed++;
			put("fresh", "x");
			rename(fixture_path(root, "fresh"),
				   fixture_path(root, is_there("race") ? "needed" : "race"));
		}
	}
	while (fstat(fd, &st) == 0 && st.st_nlink > 0 && now_ms() < end);
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	close(fd);
	close(folder);
	note("%d files removed", removed);
	return st.st_nlink == 0;
}

static void
test_server(void)
{
	Client		client = client_fork();
	Message		answer = {0};
	Ask			ask;

	put("thumbs/a.webp", "aaaa");
	client_hello_confined(&client, 0, 1, root);
	ask_remove(&ask, root, ".marker", MP_SET_ASIDE, 0);
	ask_end(&ask, 2);
	client_send_message(&client, &ask.w);
	is(client_bye(&client), MP_BYE_MALFORMED, "a probe that wasn't allowed to refuses");
	client_close(&client);
	client_wait(&client, 5000);

	client = client_fork();
	client_hello_removes(&client, 0, 1, root, true);
	for (int i = 0; i < 2; i++)
	{
		ask_remove(&ask, root, ".marker", i == 0 ? MP_SET_ASIDE : MP_DROP, 1);
		ask_removal(&ask, "thumbs", "a.webp", ".aside", MP_SAME, 4, MTIME * INT64_C(1000000000));
		ask_end(&ask, 2);
		client_send_message(&client, &ask.w);
		client_answer(&client, &answer);
		is(answer.payload[answer.header.length - 3], MP_DONE, "one that was %s", i == 0 ?
		   "sets aside" : "removes");
	}
	ask_remove(&ask, fixture_path(root, "thumbs"), ".marker", MP_SET_ASIDE, 0);
	ask_end(&ask, 3);
	client_send_message(&client, &ask.w);
	is(client_bye(&client), MP_BYE_MALFORMED, "below its roots as they were named, no others");
	free(answer.payload);
	client_close(&client);
	client_wait(&client, 5000);
}

static void
test_all(void)
{
	test_life();
	test_older();
	test_refused();
	test_mount();
}

int
main(void)
{
	int			fd = open("/dev/null", O_RDONLY);
	int			after;

	close(fd);
	root = fixture_folder();
	fixture_file(root, ".marker", "");
	fixture_mkdir(root, "thumbs");
	mp_confine_start();
	test_all();
	ok(race(true), "look and unlink removes a file that is needed");
	ok(!race(false), "setting aside, then removing, never does");
	test_server();
	note("the same by hand");
	mp_confine_force_by_hand();
	rmdir(fixture_path(root, "disk"));
	test_all();
	after = open("/dev/null", O_RDONLY);
	is(after, fd, "no descriptor was left open");
	close(after);
	return done();
}
