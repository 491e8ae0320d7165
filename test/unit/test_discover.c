/*
 * test_discover.c: DISCOVER, folder by folder: what is told, what is left out, what a folder with
 * too many names costs; and the globs.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../../src/probe/discover.h"
#include "../../src/probe/glob.h"
#include "fixture.h"
#include "tap.h"

/* An answer of one folder taken apart. */
typedef struct Folder
{
	MpWriter	w;
	MpRootReport report;
	uint32_t	folders;
	uint8_t		verdict;
	uint8_t		reason;
	uint8_t		flags;
	uint64_t	inode;
	uint32_t	n;
	char		told[4096];		/* "kind name size " for each, in the order of the listing */
} Folder;

static void
read_entries(MpReader *r, Folder *folder)
{
	for (uint32_t i = 0; i < folder->n; i++)
	{
		uint8_t		kind = mp_read_u8(r);
		MpStr		name = mp_read_str(r, MP_MAX_NAME);
		MpIdentity	identity = {0};
		size_t		at = strlen(folder->told);

		if (kind == MP_ENTRY_FILE || kind == MP_ENTRY_FILE_LINK)
			mp_read_identity(r, &identity);
		if (at + name.length + 40 < sizeof(folder->told))
			sprintf(folder->told + at, "%d %.*s %d; ", kind, (int) name.length, name.data,
					(int) identity.size);
	}
}

static void
read_folder(Folder *folder)
{
	MpReader	r;

	mp_read_start(&r, folder->w.data, folder->w.length);
	mp_read_root_report(&r, &folder->report);
	folder->folders = mp_read_u32(&r);
	if (folder->folders == 1)
	{
		folder->verdict = mp_read_u8(&r);
		folder->reason = mp_read_u8(&r);
		mp_read_u16(&r);
		folder->flags = mp_read_u8(&r);
		mp_read_u64(&r);
		folder->inode = mp_read_u64(&r);
		mp_read_u32(&r);
		folder->n = mp_read_u32(&r);
		read_entries(&r, folder);
	}
	if (!mp_read_done(&r))
		bail("an answer that isn't whole");
}

static Folder
run(Ask *ask)
{
	MpDiscovery discovery;
	MpRequest	request;
	Folder		folder = {0};

	if (ask_parse(ask, &request) != 0)
		bail("ask_parse");
	mp_write_start(&folder.w);
	mp_discover_open(&discovery, &request);
	for (uint32_t i = 0; i < request.n_folders; i++)
		mp_discover_folder(&discovery, i);
	mp_discover_compare(&discovery);
	if (discovery.shortage != 0)
		bail("shortage");
	mp_discover_write(&discovery, &folder.w);
	mp_discover_close(&discovery);
	mp_request_free(&request);
	read_folder(&folder);
	mp_write_free(&folder.w);
	return folder;
}

static Folder
discover(const char *root, const char *glob, const char *marker, const char *path)
{
	Ask			ask;

	ask_discover(&ask, root, glob, marker, path);
	return run(&ask);
}

static bool
tells(const Folder *folder, const char *entry)
{
	return strstr(folder->told, entry) != NULL;
}

static void
test_kinds(const char *root, const char *other)
{
	const char *others[] = {other};
	Folder		folder;
	Ask			ask;

	fixture_mkdir(root, "album");
	fixture_mkdir(root, "album/deep");
	fixture_file(root, "album/a.jpg", "12345");
	fixture_file(root, "album/new\nline\xff", "1");
	fixture_link(root, "album/near", "a.jpg");
	fixture_link(root, "album/folder", "deep");
	fixture_link(root, "album/dangling", "nowhere");
	fixture_link(root, "album/out", "/etc/passwd");
	fixture_link(root, "album/outside", "/etc");
	fixture_link(root, "album/round", "round");
	fixture_file(other, "b.jpg", "1234567");
	fixture_link(root, "album/far", fixture_path(other, "b.jpg"));
	fixture_link(root, "album/elsewhere", other);
	if (mkfifo(fixture_path(root, "album/fifo"), 0600) != 0)
		bail("mkfifo");
	folder = discover(root, "", "", "album");
	is(folder.verdict, MP_PRESENT, "a folder");
	ok(tells(&folder, "1 a.jpg 5; "), "its files, with their sizes");
	ok(tells(&folder, "1 new\nline\xff 1; "), "names as bytes");
	ok(tells(&folder, "2 deep 0; "), "its folders");
	ok(tells(&folder, "3 near 5; "), "a link to a file, as a link, with the file's size");
	ok(tells(&folder, "4 folder 0; "), "a link to a folder, as a link");
	is(folder.n, 5, "but no dangling link, none out of the roots or round in a circle, no FIFO");
	ok(folder.inode != 0, "and which folder it is");
	ask_place(&ask, MP_DISCOVER, root, 1, others);
	mp_write_u32(&ask.w, 0);
	mp_write_u32(&ask.w, 0);
	mp_write_u32(&ask.w, 1);
	mp_write_str(&ask.w, "album", 5);
	mp_write_u32(&ask.w, 0);
	mp_write_u32(&ask.w, 1);
	folder = run(&ask);
	ok(tells(&folder, "3 far 7; ") && tells(&folder, "4 elsewhere 0; "),
	   "links into another registered root are followed");
	folder = discover(root, "", "", "album/folder");
	is(folder.verdict, MP_PRESENT, "a folder through a link");
	folder = discover(root, "", "", "");
	ok(tells(&folder, "2 album 0; "), "the root itself");
}

static void
refused(const char *root, const char *path, MpVerdict verdict, MpReason reason, const char *what)
{
	Folder		folder = discover(root, "", "", path);

	ok(folder.verdict == verdict && folder.reason == reason && folder.n == 0, "%s", what);
	if (folder.reason != reason)
		note("got verdict %d, reason %d", folder.verdict, folder.reason);
}

static void
test_refused(const char *root)
{
	Folder		folder;

	refused(root, "gone", MP_MISSING, MP_NOT_FOUND, "a folder that isn't there");
	refused(root, "album/a.jpg", MP_MISSING, MP_PARENT_NOT_FOLDER, "a file in its place");
	refused(root, "album/outside", MP_INVALID, MP_OUTSIDE_ROOTS, "a link to the outside");
	refused(root, "album/../album", MP_INVALID, MP_BAD_PATH, "a path with ..");
	folder = discover(fixture_path(root, "nowhere"), "", "", "");
	ok(folder.report.reason == MP_ROOT_ABSENT && folder.folders == 0, "a root that isn't there");
	if (geteuid() == 0)
	{
		skip("root may read everything", "a folder that can't be read");
		return;
	}
	fixture_mkdir(root, "secret");
	chmod(fixture_path(root, "secret"), 0);
	refused(root, "secret", MP_UNREACHABLE, MP_NO_PERMISSION, "a folder that can't be read");
	chmod(fixture_path(root, "secret"), 0700);
}

static void
test_left_out(const char *root)
{
	Folder		folder;

	fixture_mkdir(root, "some");
	fixture_mkdir(root, "some/.Trash-1000");
	fixture_file(root, "some/.hidden", "");
	fixture_file(root, "some/a.jpg", "1");
	fixture_file(root, "some/b.jpg", "1");
	folder = discover(root, ".*", "", "some");
	is(folder.n, 2, "a glob leaves names out");
	folder = discover(root, "some/b.*", "", "some");
	ok(folder.n == 3 && !tells(&folder, "b.jpg"), "a glob with a slash, by the path from the root");
	folder = discover(root, "/a.jpg", "", "some");
	is(folder.n, 4, "which begins without one");
	folder = discover(root, "", ".hidden", "some");
	ok(folder.verdict == MP_PRESENT && folder.flags == MP_MARKED && folder.n == 0,
	   "a folder with a marker is left out as a whole");
	folder = discover(root, ".*", ".hidden", "some");
	is(folder.flags, MP_MARKED, "also where a glob leaves the marker out");
}

static void
ask_part(Ask *ask, const char *root, uint32_t n_folders, uint32_t part, uint32_t parts)
{
	ask_place(ask, MP_DISCOVER, root, 0, NULL);
	mp_write_u32(&ask->w, 0);
	mp_write_u32(&ask->w, 0);
	mp_write_u32(&ask->w, n_folders);
	for (uint32_t i = 0; i < n_folders; i++)
	{
		mp_write_str(&ask->w, i == 0 ? "many" : "none", 4);
		mp_write_u32(&ask->w, part);
		mp_write_u32(&ask->w, parts);
	}
}

static void
test_too_many(const char *root)
{
	char		name[64];
	MpDiscovery discovery;
	MpRequest	request;
	uint32_t	found = 0;
	Ask			ask;

	fixture_mkdir(root, "many");
	fixture_mkdir(root, "none");
	for (int i = 0; i < 2000; i++)
	{
		snprintf(name, sizeof(name), "many/file %d", i);
		fixture_file(root, name, "");
	}
	ask_part(&ask, root, MP_MAX_FOLDERS, 0, 1);
	if (ask_parse(&ask, &request) != 0)
		bail("ask_parse");
	mp_discover_open(&discovery, &request);
	mp_discover_folder(&discovery, 0);
	mp_discover_folder(&discovery, 1);
	ok(discovery.folders[0].flags == MP_TOO_MANY && discovery.folders[0].n == 0,
	   "a folder with more names than its share of the answer");
	ok(discovery.folders[1].flags == 0, "spoils nobody else's");
	mp_discover_close(&discovery);
	mp_request_free(&request);
	for (uint32_t part = 0; part < 5; part++)
	{
		Folder		folder;

		ask_part(&ask, root, 1, part, 5);
		folder = run(&ask);
		if (folder.n < 200)
			note("part %u has %u", part, folder.n);
		found += folder.n;
	}
	is(found, 2000, "in parts, each name is told once");
	ask_part(&ask, root, MP_MAX_FOLDERS + 1, 0, 1);
	is(ask_parse(&ask, &request), EBADMSG, "more folders than one request may have");
	mp_request_free(&request);
}

static void
test_globs(void)
{
	static const struct
	{
		const char *pattern;
		const char *name;
		bool		matches;
	}			cases[] = {
		{"", "", true}, {"", "a", false}, {"a", "a", true}, {"a", "ab", false}, {"ab", "a", false},
		{"*", "", true}, {"*", "anything", true}, {"*.jpg", "a.jpg", true},
		{"*.jpg", "a.jpg.xmp", false}, {".*", ".hidden", true}, {".*", "a.b", false},
		{"a*b*c", "a-b-b-c", true}, {"a*b*c", "a-b-b-d", false}, {"**", "x", true},
		{"?", "x", true}, {"?", "", false}, {"a?c", "abc", true},
		{"[abc]", "b", true}, {"[abc]", "d", false}, {"[a-c]x", "bx", true}, {"[!a-c]", "b", false},
		{"[!a-c]", "d", true}, {"[^a]", "b", true}, {"[]]", "]", true}, {"[a-]", "-", true},
		{"[", "[", true}, {"[a", "[a", true}, {"[a", "a", false}, {"*[", "x[", true},
		{"\\*", "*", true}, {"\\*", "x", false}, {"\\", "\\", true}, {"a\\[b", "a[b", true},
		{"@eaDir", "@eaDir", true}, {"#recycle", "#recycle", true},
		{".Trash-*", ".Trash-1000", true}, {"a/*", "a/b/c", true}, {"[\x80-\xff]", "\xe9", true},
	};
	static char name[256];
	double		start = (double) clock();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ok(mp_glob_matches(cases[i].pattern, cases[i].name) == cases[i].matches,
		   "\"%s\" %s \"%s\"", cases[i].pattern, cases[i].matches ? "matches" : "doesn't match",
		   cases[i].name);
	memset(name, 'a', sizeof(name) - 1);
	ok(!mp_glob_matches("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", name) &&
	   ((double) clock() - start) / CLOCKS_PER_SEC < 1, "many stars take no longer than one");
}

int
main(void)
{
	const char *root = fixture_folder();
	const char *other = fixture_folder();

	mp_confine_start();
	test_kinds(root, other);
	test_refused(root);
	test_left_out(root);
	test_too_many(root);
	test_globs();
	return done();
}
