/*
 * test_mountinfo.c: the table of mounts, and the report on a root.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../../src/probe/mountinfo.h"
#include "../../src/probe/root.h"
#include "fixture.h"
#include "tap.h"

static void
test_parse(void)
{
	char		text[] =
		"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
		"nonsense\n"
		"37 36 0:5 / /my\\040photos\\011x\\134y rw shared:1 master:2 - fuse.sshfs a\\040b rw\n"
		"38 36 0:5 / relative rw - tmpfs none rw\n"
		"x39 36 0:5 / /a rw - tmpfs none rw\n"
		"\n"
		"40 36 0:5 / /b rw - tmpfs\n"
		"41 36 0:5 / /c\\04 rw - tmpfs none";
	char	   *at = text;
	MpMount		mount;

	ok(mp_mountinfo_next(&at, &mount) && mount.id == 36 && strcmp(mount.point, "/mnt2") == 0 &&
	   strcmp(mount.type, "ext3") == 0 && strcmp(mount.source, "/dev/root") == 0, "a mount");
	ok(mp_mountinfo_next(&at, &mount) && strcmp(mount.point, "/my photos\tx\\y") == 0 &&
	   strcmp(mount.type, "fuse.sshfs") == 0 && strcmp(mount.source, "a b") == 0,
	   "blanks, tabs and backslashes are unescaped");
	ok(mp_mountinfo_next(&at, &mount) && mount.id == 41 && strcmp(mount.point, "/c\\04") == 0,
	   "lines of another form are passed over; half an escape is none");
	ok(!mp_mountinfo_next(&at, &mount), "the end");
}

static void
test_own(void)
{
	MpMounts	mounts;
	bool		root = false;

	is(mp_mountinfo_load(&mounts), 0, "this machine's table is read");
	for (size_t i = 0; i < mounts.n; i++)
		root |= strcmp(mounts.list[i].point, "/") == 0;
	ok(root, "and has a mount at /");
	mp_mountinfo_free(&mounts);
}

/* Reads the report of a ROOT request; true when it is whole. */
static bool
ask_root(const char *path, MpRootReport *report, char *canonical, char *type, uint32_t *mounts)
{
	MpRequest	request;
	MpWriter	w;
	MpReader	r;
	MpStr		str;
	Ask			ask;
	bool		whole;

	ask_place_and_path(&ask, MP_ROOT, path, "");
	if (ask_parse(&ask, &request) != 0)
		bail("ask_parse");
	mp_write_start(&w);
	mp_write_message(&w, MP_ROOT, 1);
	if (mp_root_write(&request, &w) != 0)
		bail("shortage");
	mp_read_start(&r, w.data + MP_HEADER_SIZE, w.length - MP_HEADER_SIZE);
	mp_read_root_report(&r, report);
	str = mp_read_str(&r, MP_MAX_PATH);
	snprintf(canonical, 4096, "%.*s", (int) str.length, str.data);
	str = mp_read_str(&r, 255);
	snprintf(type, 256, "%.*s", (int) str.length, str.data);
	mp_read_str(&r, MP_MAX_PATH);
	*mounts = mp_read_count(&r, 24);
	for (uint32_t i = 0; i < *mounts; i++)
	{
		str = mp_read_str(&r, MP_MAX_PATH);
		if (str.length == 0 || str.data[0] == '/')
			r.bad = true;
		mp_read_str(&r, 255);
		mp_read_str(&r, MP_MAX_PATH);
		str = mp_read_str(&r, MP_MAX_PATH);
		if (str.length == 0)
			r.bad = true;
		mp_read_u64(&r);
	}
	whole = mp_read_done(&r);
	mp_write_free(&w);
	mp_request_free(&request);
	return whole;
}

static void
test_root(void)
{
	const char *folder = fixture_folder();
	char		canonical[4096];
	char		type[256];
	char		real[4096];
	MpRootReport report;
	struct stat st;
	uint32_t	mounts;

	fixture_mkdir(folder, "root");
	fixture_link(folder, "alias", "root");
	if (realpath(fixture_path(folder, "root"), real) == NULL ||
		stat(real, &st) != 0)
		bail("realpath");
	ok(ask_root(fixture_path(folder, "alias"), &report, canonical, type, &mounts),
	   "a report on a root");
	ok(report.verdict == MP_PRESENT && report.empty == 1 && report.inode == st.st_ino &&
	   report.device != 0 && report.fs_magic != 0, "its identity");
	ok(strcmp(canonical, real) == 0, "where it really is");
	ok(type[0] != '\0' && mounts == 0, "its file system's type (%s), and no mounts below", type);
	fixture_file(folder, "root/a", "");
	ask_root(real, &report, canonical, type, &mounts);
	is(report.empty, 0, "it isn't empty any more");
	ok(ask_root("/", &report, canonical, type, &mounts) && strcmp(canonical, "/") == 0 &&
	   mounts > 0, "mounts below /");
	ok(ask_root(fixture_path(folder, "x"), &report, canonical, type, &mounts) &&
	   report.reason == MP_ROOT_ABSENT && canonical[0] == '\0' && mounts == 0,
	   "a root that isn't there: nothing but that");
}

int
main(void)
{
	test_parse();
	test_own();
	test_root();
	return done();
}
