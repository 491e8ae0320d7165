/*
 * test_listing.c: LIST, from a folder of odd names to one too big for an answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/probe/listing.h"
#include "fixture.h"
#include "tap.h"

/* An answer taken apart; its names point into the writer. */
typedef struct Names
{
	MpWriter	w;
	MpRootReport report;
	uint8_t		verdict;
	uint8_t		reason;
	uint16_t	err;
	uint8_t		cut_short;
	uint32_t	n;
	MpStr	   *list;
} Names;

/* Reads what an answer says of a folder; keeps it or not. */
static void
read_folder(Names *names, MpReader *r, bool keep)
{
	Names		here = *names;

	here.verdict = mp_read_u8(r);
	here.reason = mp_read_u8(r);
	here.err = mp_read_u16(r);
	here.cut_short = mp_read_u8(r);
	here.n = mp_read_count(r, 4);
	here.list = calloc(here.n + 1, sizeof(*here.list));
	for (uint32_t i = 0; i < here.n; i++)
		here.list[i] = mp_read_str(r, MP_MAX_NAME);
	if (keep)
		*names = here;
	else
		free(here.list);
}

/* Asks for folders; the names of the one with this number. */
static void
list_one_of(const char *root, uint32_t n, const char *const *folders, uint32_t wanted, Names *names)
{
	MpRequest	request;
	MpReader	r;
	Ask			ask;
	uint32_t	told;

	ask_list(&ask, root, n, folders);
	if (ask_parse(&ask, &request) != 0)
		bail("ask_parse");
	mp_write_start(&names->w);
	if (mp_listing_write(&request, &names->w) != 0)
		bail("shortage");
	mp_request_free(&request);
	mp_read_start(&r, names->w.data, names->w.length);
	mp_read_root_report(&r, &names->report);
	told = mp_read_count(&r, 9);
	if (told != (names->report.verdict == MP_PRESENT ? n : 0))
		bail("an answer that isn't about these folders");
	names->n = 0;
	names->list = NULL;
	names->verdict = names->report.verdict;
	names->reason = names->report.reason;
	for (uint32_t i = 0; i < told; i++)
	{
		if (i <= wanted)
			free(names->list);
		read_folder(names, &r, i <= wanted);
	}
	if (!mp_read_done(&r))
		bail("an answer that isn't whole");
}

static void
list(const char *root, const char *folder, Names *names)
{
	list_one_of(root, 1, &folder, 0, names);
}

static void
release(Names *names)
{
	free(names->list);
	mp_write_free(&names->w);
}

static bool
holds(const Names *names, const char *name)
{
	for (uint32_t i = 0; i < names->n; i++)
	{
		if (names->list[i].length == strlen(name) &&
			memcmp(names->list[i].data, name, names->list[i].length) == 0)
			return true;
	}
	return false;
}

static void
test_names(const char *root)
{
	static const char *const odd[] = {"plain.jpg", "\xff\xfe.jpg", "new\nline", " ", "caf\xc3\xa9",
	"cafe\xcc\x81", "-rf", "..."};
	const size_t n = sizeof(odd) / sizeof(odd[0]);
	char		longest[MP_MAX_NAME + 1];
	Names		names;
	size_t		found = 0;

	fixture_mkdir(root, "odd");
	list(root, "odd", &names);
	ok(names.verdict == MP_PRESENT && names.n == 0 && !names.cut_short, "an empty folder");
	release(&names);
	for (size_t i = 0; i < n; i++)
		fixture_file(fixture_path(root, "odd"), odd[i], "");
	memset(longest, 'x', MP_MAX_NAME);
	longest[MP_MAX_NAME] = '\0';
	fixture_file(fixture_path(root, "odd"), longest, "");
	fixture_mkdir(root, "odd/folder");
	fixture_link(root, "odd/link", "/nowhere");
	if (mkfifo(fixture_path(root, "odd/fifo"), 0600) != 0)
		bail("mkfifo");
	list(root, "odd", &names);
	for (size_t i = 0; i < n; i++)
		found += holds(&names, odd[i]);
	is((long long) found, (long long) n, "every odd name, byte by byte");
	ok(holds(&names, longest), "the longest name");
	ok(holds(&names, "link"), "a link, dangling or not");
	is(names.n, (long long) n + 2, "and neither folders nor a FIFO");
	release(&names);
	list(root, "", &names);
	ok(names.verdict == MP_PRESENT && names.n == 0, "the root itself, which holds only folders");
	release(&names);
}

static void
refused(const char *root, const char *folder, MpVerdict verdict, MpReason reason,
		const char *what)
{
	Names		names;

	list(root, folder, &names);
	ok(names.verdict == verdict && names.reason == reason && names.n == 0, "%s", what);
	if (names.reason != reason)
		note("got verdict %d, reason %d, errno %d", names.verdict, names.reason, names.err);
	release(&names);
}

static void
test_refused(const char *root)
{
	fixture_file(root, "odd/file", "");
	fixture_link(root, "out", "/etc");
	fixture_link(root, "offline", "gone");
	refused(root, "gone", MP_MISSING, MP_NOT_FOUND, "a folder that isn't there");
	refused(root, "gone/deep", MP_MISSING, MP_NOT_FOUND, "nor its parent");
	refused(root, "odd/file", MP_MISSING, MP_PARENT_NOT_FOLDER, "a file in its place");
	refused(root, "out", MP_INVALID, MP_OUTSIDE_ROOTS, "a link to the outside");
	refused(root, "offline", MP_UNREACHABLE, MP_LINK_TARGET_OFFLINE, "a dangling link");
	refused(root, "../x", MP_INVALID, MP_BAD_PATH, "a path with \"..\"");
	refused(root, "/etc", MP_INVALID, MP_BAD_PATH, "an absolute path");
	refused(fixture_path(root, "nowhere"), "", MP_UNREACHABLE, MP_ROOT_ABSENT,
			"below a root that isn't there");
	if (geteuid() != 0)
	{
		chmod(fixture_path(root, "odd"), 0100);
		refused(root, "odd", MP_UNREACHABLE, MP_NO_PERMISSION, "a folder that can't be read");
		chmod(fixture_path(root, "odd"), 0700);
	}
}

/* Several folders of one request, one of them not there. */
static void
test_several(const char *root)
{
	static const char *const folders[] = {"one", "gone", "../x", "two", "one"};
	static const int sizes[] = {1, 0, 0, 2, 1};
	static const MpVerdict verdicts[] = {MP_PRESENT, MP_MISSING, MP_INVALID, MP_PRESENT, MP_PRESENT};
	int			right = 0;
	Names		names;

	fixture_mkdir(root, "one");
	fixture_file(root, "one/a.jpg", "");
	fixture_mkdir(root, "two");
	fixture_file(root, "two/b.jpg", "");
	fixture_file(root, "two/c.jpg", "");
	for (uint32_t i = 0; i < 5; i++)
	{
		list_one_of(root, 5, folders, i, &names);
		right += names.verdict == verdicts[i] && names.n == (uint32_t) sizes[i] &&
			(i != 3 || (holds(&names, "b.jpg") && holds(&names, "c.jpg")));
		release(&names);
	}
	is(right, 5, "several folders, each with its own verdict and names");
}

/* More names than an answer takes, and then longer ones. */
static void
test_cut_short(void)
{
	const char *folder = fixture_folder();
	char		name[MP_MAX_NAME + 1];
	Names		names;
	int			fd;

	/* A quarter of a million files: in memory where we may. */
	if (geteuid() == 0 && can_mount("a folder in memory"))
		mount("none", folder, "tmpfs", 0, NULL);
	fd = open(folder, O_RDONLY | O_DIRECTORY);

	for (int i = 0; i < MP_MAX_NAMES + 1; i++)
	{
		snprintf(name, sizeof(name), "%d", i);
		if (mknodat(fd, name, S_IFREG | 0600, 0) != 0)
			bail("mknodat");
		if (i == MP_MAX_NAMES - 1)
		{
			list(folder, "", &names);
			ok(names.n == MP_MAX_NAMES && !names.cut_short, "%d names are listed", MP_MAX_NAMES);
			release(&names);
		}
	}
	list(folder, "", &names);
	ok(names.n == MP_MAX_NAMES && names.cut_short == 1, "one more is cut off, and that is told");
	release(&names);
	for (int i = 0; i < MP_MAX_NAMES + 1; i++)
	{
		snprintf(name, sizeof(name), "%d", i);
		unlinkat(fd, name, 0);
	}
	for (int i = 0; i < 33100; i++)
	{
		snprintf(name, sizeof(name), "%0250d", i);
		if (mknodat(fd, name, S_IFREG | 0600, 0) != 0)
			bail("mknodat");
	}
	list(folder, "", &names);
	ok(names.cut_short == 1 && names.n == 8 * 1024 * 1024 / 254,
	   "so are more than 8 MiB (%u names)", names.n);
	release(&names);
	close(fd);
	umount2(folder, MNT_DETACH);
}

int
main(void)
{
	const char *root = fixture_folder();
	int			fd = open("/dev/null", O_RDONLY);
	int			after;

	close(fd);
	mp_confine_start();
	test_names(root);
	test_refused(root);
	test_several(root);
	test_cut_short();
	after = open("/dev/null", O_RDONLY);
	is(after, fd, "no descriptor was left open");
	close(after);
	return done();
}
