/*
 * test_mounts.c: file systems mounted below a root come, go and flap; the marker of a root.
 *
 *     root/a.jpg, root/.library
 *     root/disk/                   where something is mounted
 *     spare/                       beside the root
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/probe/mounts.h"
#include "../../src/probe/root.h"
#include "client.h"
#include "fixture.h"
#include "tap.h"

static const char *top;
static char *root;
static char *disk;

static void
make_tree(void)
{
	top = fixture_folder();
	fixture_mkdir(top, "root");
	fixture_mkdir(top, "spare");
	root = fixture_path(top, "root");
	disk = fixture_path(root, "disk");
	fixture_mkdir(root, "disk");
	fixture_file(root, "a.jpg", "a");
	fixture_file(root, ".library", "");
}

static void
mount_at(const char *path)
{
	if (mount("none", path, "tmpfs", 0, NULL) != 0)
		bail("mount");
}

static void
unmount(const char *path)
{
	if (umount2(path, 0) != 0)
		bail("umount");
}

static void
report_on(const char *path, const char *marker, MpRootReport *report)
{
	MpRequest	request;
	MpWriter	w;
	MpReader	r;
	Ask			ask;

	ask_place_and_path(&ask, MP_ROOT, path, marker);
	if (ask_parse(&ask, &request) != 0)
		bail("ask_parse");
	mp_write_start(&w);
	if (mp_root_write(&request, &w) != 0)
		bail("shortage");
	mp_read_start(&r, w.data, w.length);
	mp_read_root_report(&r, report);
	mp_write_free(&w);
	mp_request_free(&request);
}

static uint64_t
mounts(void)
{
	MpRootReport report;

	report_on(root, "", &report);
	if (report.verdict != MP_PRESENT)
		bail("the root isn't there");
	return report.mounts;
}

static void
test_between(void)
{
	uint64_t	before = mounts();
	uint64_t	mounted;

	ok(mounts() == before, "where nothing is mounted, nothing changes");
	mount_at(fixture_path(top, "spare"));
	ok(mounts() == before, "nor by a mount beside the root");
	unmount(fixture_path(top, "spare"));
	mount_at(disk);
	mounted = mounts();
	ok(mounted != before, "a mount below the root changes the fingerprint");
	ok(mounts() == mounted, "once");
	mount_at(disk);
	ok(mounts() != mounted, "another on top of it changes it again");
	unmount(disk);
	ok(mounts() == mounted, "and the one below is seen again when that is gone");
	fixture_mkdir(disk, "deep");
	mount_at(fixture_path(disk, "deep"));
	ok(mounts() != mounted, "so does one two folders down");
	unmount(fixture_path(disk, "deep"));
	unmount(disk);
	ok(mounts() == before, "without them it is as before");
}

/* Runs a CHECK of a.jpg and changes the mounts while it is under way. */
static MpRootReport
check_while(void (*change) (void), int *verdict)
{
	MpScratch	scratch = {0};
	MpRootReport report;
	MpRequest	request;
	MpCheck		check;
	Ask			ask;

	ask_check(&ask, root, 0, NULL);
	ask_directory(&ask, "");
	ask_name(&ask, "a.jpg", 0);
	ask_directory(&ask, "disk");
	ask_name(&ask, "b.jpg", 0);
	if (ask_parse(&ask, &request) != 0)
		bail("ask_parse");
	mp_check_open(&check, &request, NULL);
	for (uint32_t i = 0; i < request.n_directories; i++)
		mp_check_directory(&check, i, &scratch);
	change();
	mp_check_compare(&check);
	for (uint32_t i = 0; i < request.n_directories; i++)
		mp_check_confirm(&check, i);
	*verdict = entry_named(&request, "b.jpg")->verdict;
	report = check.guard.report;
	mp_check_close(&check);
	mp_scratch_free(&scratch);
	mp_request_free(&request);
	return report;
}

static void
nothing(void)
{
}

static void
comes(void)
{
	mount_at(disk);
}

static void
goes(void)
{
	unmount(disk);
}

static void
flaps(void)
{
	unmount(disk);
	mount_at(disk);
}

static void
goes_lazily(void)
{
	if (umount2(disk, MNT_DETACH) != 0)
		bail("umount2");
}

static void
changed(void (*change) (void), const char *what)
{
	int			verdict;
	MpRootReport report = check_while(change, &verdict);

	ok(report.verdict == MP_UNREACHABLE && report.reason == MP_ROOT_CHANGED,
	   "%s within a batch voids it", what);
}

static void
test_within(bool unique)
{
	int			verdict;

	is(check_while(nothing, &verdict).verdict, MP_PRESENT, "a batch that nothing disturbs holds");
	is(verdict, MP_MISSING, "and finds a file missing");
	changed(comes, "a mount that comes");
	changed(goes, "a mount that goes");
	mount_at(disk);
	is(check_while(nothing, &verdict).verdict, MP_PRESENT, "with a mount below it holds too");
	if (unique)
		changed(flaps, "a mount that goes and comes back");
	changed(goes_lazily, "a mount that is detached");
}

/* Something is mounted below that never answers; the fingerprint mustn't ask it. */
static void
test_dead(void)
{
	int			fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	double		start = now_ms();
	uint64_t	before = mounts();
	char		options[100];

	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
	if (fuse < 0 || mount("dead", disk, "fuse", 0, options) != 0)
	{
		skip("needs /dev/fuse", "a dead mount below the root");
		return;
	}
	alarm(20);
	ok(mounts() != before, "a dead mount below the root shows");
	ok(now_ms() - start < 1000, "and holds nothing up");
	alarm(0);
	umount2(disk, MNT_DETACH);
	close(fuse);
}

static void
marked(const char *marker, MpReason reason, int err, const char *what)
{
	MpRootReport report;

	report_on(root, marker, &report);
	ok(report.verdict == (reason == MP_OK ? MP_PRESENT : MP_UNREACHABLE) &&
	   report.reason == reason && report.err == err, "a marker %s", what);
	if (report.reason != reason || report.err != err)
		note("got reason %d, errno %d", report.reason, report.err);
}

static void
test_marker(void)
{
	char		name[300];

	fixture_link(root, "link", ".library");
	fixture_link(root, "dangling", "gone");
	fixture_link(root, "outside", "/etc/passwd");
	marked(".library", MP_OK, 0, "that is there");
	marked("", MP_OK, 0, "not asked for");
	marked("gone", MP_MARKER_ABSENT, ENOENT, "that isn't there");
	marked("disk", MP_MARKER_ABSENT, 0, "that is a folder");
	marked("link", MP_MARKER_ABSENT, 0, "that is a link");
	marked("dangling", MP_MARKER_ABSENT, 0, "that is a dangling link");
	marked("outside", MP_MARKER_ABSENT, 0, "that is a link to the outside");
	marked(".", MP_MARKER_ABSENT, EINVAL, "named \".\"");
	marked("..", MP_MARKER_ABSENT, EINVAL, "named \"..\"");
	marked("disk/x", MP_MARKER_ABSENT, EINVAL, "in a folder");
	marked("/etc/passwd", MP_MARKER_ABSENT, EINVAL, "elsewhere");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	marked(name, MP_IO_ERROR, ENAMETOOLONG, "with a name too long");
}

static void
test_descriptors(int expected)
{
	int			fd = open("/dev/null", O_RDONLY);

	is(fd, expected, "no descriptor was left open");
	close(fd);
}

/* Whether this kernel numbers mounts so that no number comes back. */
static bool
has_unique_ids(void)
{
	struct statx st;
	int			fd = open("/", O_PATH);
	bool		unique = mp_stat_handle(fd, &st) == 0 && (st.stx_mask & MP_STATX_MNT_ID_UNIQUE);

	close(fd);
	return unique;
}

int
main(void)
{
	int			fd = open("/dev/null", O_RDONLY);

	close(fd);
	mp_confine_start();
	make_tree();
	test_marker();
	if (can_mount("mounts below a root"))
	{
		test_between();
		test_within(has_unique_ids());
		test_dead();
		note("the same without listmount");
		mp_mounts_force_table();
		test_between();
		test_within(has_unique_ids());
	}
	test_descriptors(fd);
	return done();
}
