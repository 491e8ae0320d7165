/*
 * test_landlock.c: what a probe that was told its roots can still read.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/probe/landlock.h"
#include "client.h"
#include "fixture.h"
#include "tap.h"

static const char *top;
static char *root;

static MpStr
string(const char *text)
{
	MpStr		str = {text, (uint32_t) strlen(text)};

	return str;
}

/* The errno of an opening, 0 when it succeeds. */
static int
opening(const char *path, int flags)
{
	int			fd = open(path, flags, 0600);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

/* The same with the right to remove files: what a drainer's probe can do, and no more. */
static int
removing_child(int abi)
{
	MpStr		paths[] = {string(root)};
	int			broken = 0;

	if (mp_landlock_confine(NULL, 0, paths, 1) != abi)
		return 1;
	if (rename(fixture_path(root, "goes.webp"), fixture_path(root, ".aside")) != 0 ||
		unlink(fixture_path(root, ".aside")) != 0)
		broken |= 2;
	if (opening(fixture_path(root, "a.jpg"), O_WRONLY) != EACCES ||
		(abi >= 3 && truncate(fixture_path(root, "a.jpg"), 0) == 0) ||
		mkdir(fixture_path(root, "folder"), 0700) == 0 ||
		symlink("x", fixture_path(root, "link")) == 0)
		broken |= 4;
	if (unlink(fixture_path(top, "outside.jpg")) == 0 ||
		rename(fixture_path(root, "a.jpg"), fixture_path(top, "stolen.jpg")) == 0 ||
		rename(fixture_path(top, "outside.jpg"), fixture_path(root, "b.jpg")) == 0)
		broken |= 8;
	return broken;
}

static void
test_removing(int abi)
{
	int			status;
	pid_t		pid;

	fixture_file(root, "goes.webp", "x");
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(removing_child(abi));
	waitpid(pid, &status, 0);
	status = WEXITSTATUS(status);
	ok((status & 3) == 0, "one that may remove files renames and removes them below its root");
	ok((status & 4) == 0, "it writes into none, and makes neither folders nor links");
	ok((status & 8) == 0, "and elsewhere it removes nothing");
}

/* Runs in a child that has confined itself to the root; each bit is a promise broken. */
static int
confined_child(int abi)
{
	MpStr		paths[] = {string(root), string(fixture_path(top, "gone"))};
	int			broken = 0;

	if (mp_landlock_confine(paths, 2, NULL, 0) != abi)
		return 1;
	if (opening(fixture_path(root, "a.jpg"), O_RDONLY) != 0 ||
		opening(root, O_RDONLY | O_DIRECTORY) != 0 ||
		opening("/proc/self/mountinfo", O_RDONLY) != 0)
		broken |= 2;
	if (opening(fixture_path(top, "outside.jpg"), O_RDONLY) != EACCES ||
		opening(top, O_RDONLY | O_DIRECTORY) != EACCES ||
		opening("/proc/self/environ", O_RDONLY) != EACCES ||
		opening("/etc/passwd", O_RDONLY) != EACCES)
		broken |= 4;
	if (opening(fixture_path(root, "a.jpg"), O_WRONLY) != EACCES ||
		opening(fixture_path(root, "new"), O_WRONLY | O_CREAT) != EACCES ||
		unlink(fixture_path(root, "a.jpg")) == 0 ||
		(abi >= 3 && truncate(fixture_path(root, "a.jpg"), 0) == 0))
		broken |= 8;
	execl("/bin/true", "true", (char *) NULL);
	if (errno != EACCES)
		broken |= 16;
	if (abi >= 6 && (kill(getppid(), 0) == 0 || errno != EPERM))
		broken |= 32;
	return broken;
}

static void
test_rights(int abi)
{
	int			status;
	pid_t		pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(confined_child(abi));
	waitpid(pid, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) != 1, "a process confines itself (ABI %d)", abi);
	status = WEXITSTATUS(status);
	ok((status & 2) == 0, "what lies below the root can be read, and the table of mounts");
	ok((status & 4) == 0, "nothing else can");
	ok((status & 8) == 0, "nothing can be written, made, removed or cut short");
	ok((status & 16) == 0, "nothing can be executed");
	ok((status & 32) == 0, "and nobody else gets a signal");
}

/* The root report's and the file's reason after a HASH. */
static void
hash(const Client *client, const char *where, const char *name, uint8_t reasons[2])
{
	Message		answer = {0};
	MpRootReport report;
	MpReader	r;
	Ask			ask;

	ask_hash(&ask, where, name, MP_MD5, MP_WHOLE);
	ask_end(&ask, 1);
	client_send_message(client, &ask.w);
	client_answer(client, &answer);
	mp_read_start(&r, answer.payload, answer.header.length);
	mp_read_root_report(&r, &report);
	reasons[0] = reasons[1] = report.reason;
	if (mp_read_u32(&r) == 1)
	{
		mp_read_u8(&r);
		reasons[1] = mp_read_u8(&r);
	}
	free(answer.payload);
}

/* How many of a.jpg (there) and gone.jpg a CHECK calls missing. */
static int
missing(const Client *client, const char *where)
{
	Message		answer = {0};
	MpRootReport report;
	MpException exception;
	MpReader	r;
	uint32_t	n;
	int			count = 0;
	Ask			ask;

	ask_check(&ask, where, 0, NULL);
	ask_directory(&ask, "");
	for (int i = 0; i < 20; i++)
		ask_name(&ask, i < 19 ? "a.jpg" : "gone.jpg", 0);
	ask_end(&ask, 1);
	client_send_message(client, &ask.w);
	client_answer(client, &answer);
	mp_read_start(&r, answer.payload, answer.header.length);
	mp_read_root_report(&r, &report);
	n = mp_read_count(&r, 8);
	for (uint32_t i = 0; i < n; i++)
	{
		mp_read_exception(&r, &exception);
		count += exception.verdict == MP_MISSING;
	}
	free(answer.payload);
	return count;
}

static void
test_probe(int abi)
{
	uint8_t		reasons[2];
	Client		client = client_fork();

	is(client_hello_confined(&client, 0, 2, root), abi, "HELLO tells that the probe is confined");
	hash(&client, root, "a.jpg", reasons);
	ok(reasons[0] == MP_OK && reasons[1] == MP_OK, "it reads a file below its root");
	hash(&client, top, "outside.jpg", reasons);
	is(reasons[1], MP_NO_PERMISSION, "and none elsewhere: no permission");
	is(missing(&client, root), 1, "it finds what is missing");
	is(missing(&client, fixture_path(top, "spare")), 1, "elsewhere too: it needs no right to look");
	client_close(&client);
	is(client_wait(&client, 5000), 0, "and ends as ever");

	client = client_fork();
	is(client_hello_confined(&client, 0, 2, NULL), 0, "without roots it isn't confined");
	hash(&client, top, "outside.jpg", reasons);
	is(reasons[1], MP_OK, "and reads everything");
	client_close(&client);
	client_wait(&client, 5000);
}

/* A root that is mounted anew is another one to Landlock. */
static void
test_mounted_anew(void)
{
	uint8_t		reasons[2];
	Client		client;

	if (!can_mount("a root mounted anew"))
		return;
	if (mount("none", root, "tmpfs", 0, NULL) != 0)
		bail("mount");
	fixture_file(root, "a.jpg", "a");
	client = client_fork();
	client_hello_confined(&client, 0, 2, root);
	hash(&client, root, "a.jpg", reasons);
	is(reasons[1], MP_OK, "a file on a mount");
	/* The child has a namespace of its own in common with us: it sees what we mount. */
	umount2(root, MNT_DETACH);
	if (mount("none", root, "tmpfs", 0, NULL) != 0)
		bail("mount");
	fixture_file(root, "a.jpg", "a");
	hash(&client, root, "a.jpg", reasons);
	is(reasons[1], MP_NO_PERMISSION, "mounted anew: no permission");
	is(missing(&client, root), 1, "and only what isn't there is missing");
	client_close(&client);
	client_wait(&client, 5000);
	umount2(root, MNT_DETACH);
}

/* A root that never answers doesn't keep the probe from greeting. */
static void
test_dead(void)
{
	int			fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char	   *dead = fixture_path(top, "spare");
	char	   *below = fixture_path(dead, "below");
	double		start = now_ms();
	char		options[100];
	uint8_t		reasons[2];
	Client		client;

	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
	if (fuse < 0 || !can_mount("a root that hangs") ||
		mount("dead", dead, "fuse", 0, options) != 0)
	{
		skip("needs root and /dev/fuse", "a root that hangs while the probe confines itself");
		return;
	}
	client = client_fork();
	client_hello_confined(&client, 0, 2, below);
	ok(now_ms() - start < 2000, "a root that hangs is left out (%.0f ms)", now_ms() - start);
	hash(&client, root, "a.jpg", reasons);
	is(reasons[1], MP_NO_PERMISSION, "the probe is confined all the same");
	client_close(&client);
	is(client_wait(&client, 5000), 0, "and ends with the socket");
	umount2(dead, MNT_DETACH);
	close(fuse);
}

int
main(void)
{
	int			abi = (int) syscall(444, NULL, 0, 1);

	if (abi <= 0)
	{
		skip("this kernel has no Landlock", "what a confined probe can do");
		return done();
	}
	mp_confine_start();
	top = fixture_folder();
	fixture_mkdir(top, "root");
	fixture_mkdir(top, "spare");
	fixture_file(top, "outside.jpg", "outside");
	fixture_file(top, "spare/a.jpg", "a");
	root = fixture_path(top, "root");
	fixture_file(root, "a.jpg", "a");
	test_rights(abi);
	test_removing(abi);
	test_probe(abi);
	test_mounted_anew();
	test_dead();
	return done();
}
