/*
 * test_confine.c: every kind of link, by the kernel and by hand.
 *
 *     outside/secret.jpg                        must never be seen
 *     other/deep/raw.nef                        another registered root
 *     root/2019/a.jpg, root/2020/b.jpg          the root asked about
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../src/probe/walk.h"
#include "fixture.h"
#include "tap.h"

typedef struct Tree
{
	char	   *root;
	char	   *other;
	char	   *outside;
} Tree;

static Tree
make_tree(void)
{
	const char *top = fixture_folder();
	Tree		tree;

	fixture_mkdir(top, "root");
	fixture_mkdir(top, "other");
	fixture_mkdir(top, "outside");
	tree.root = fixture_path(top, "root");
	tree.other = fixture_path(top, "other");
	tree.outside = fixture_path(top, "outside");
	fixture_mkdir(tree.root, "2019");
	fixture_mkdir(tree.root, "2020");
	fixture_mkdir(tree.root, "2020/deep");
	fixture_file(tree.root, "2019/a.jpg", "a");
	fixture_file(tree.root, "2020/b.jpg", "b");
	fixture_file(tree.root, "2020/deep/c.jpg", "c");
	fixture_mkdir(tree.other, "deep");
	fixture_file(tree.other, "deep/raw.nef", "raw");
	fixture_file(tree.outside, "secret.jpg", "secret");
	return tree;
}

static void
test_file_links(const Tree *tree)
{
	const char *others[] = {tree->other};
	char	   *absolute = fixture_path(tree->root, "2020/b.jpg");
	char	   *absolute_up = fixture_path(tree->root, "2019/../2020/./b.jpg");
	char	   *to_other = fixture_path(tree->other, "deep/raw.nef");
	char	   *gone_other = fixture_path(tree->other, "deep/gone.nef");
	char	   *secret = fixture_path(tree->outside, "secret.jpg");
	struct
	{
		const char *target;
		MpVerdict	verdict;
		MpReason	reason;
		const char *what;
	}			cases[] = {
		{"a.jpg", MP_PRESENT, MP_OK, "beside"},
		{"../2020/b.jpg", MP_PRESENT, MP_OK, "in a neighbouring folder"},
		{"../2019/../2020/deep/../b.jpg", MP_PRESENT, MP_OK, "up and down"},
		{absolute, MP_PRESENT, MP_OK, "absolute, inside"},
		{absolute_up, MP_PRESENT, MP_OK, "absolute with dots, inside"},
		{to_other, MP_PRESENT, MP_OK, "absolute, into another root"},
		{"../../other/deep/raw.nef", MP_PRESENT, MP_OK, "relative, into another root"},
		{"../../root/2019/a.jpg", MP_PRESENT, MP_OK, "relative, out and in again"},
		{"gone.jpg", MP_UNREACHABLE, MP_LINK_TARGET_OFFLINE, "dangling"},
		{"../2021/gone.jpg", MP_UNREACHABLE, MP_LINK_TARGET_OFFLINE, "dangling, folder too"},
		{gone_other, MP_UNREACHABLE, MP_LINK_TARGET_OFFLINE, "dangling in another root"},
		{"a.jpg/x", MP_UNREACHABLE, MP_LINK_TARGET_OFFLINE, "through a file"},
		{secret, MP_INVALID, MP_OUTSIDE_ROOTS, "absolute, outside"},
		{"../../outside/secret.jpg", MP_INVALID, MP_OUTSIDE_ROOTS, "relative, outside"},
		{"../../outside/gone.jpg", MP_INVALID, MP_OUTSIDE_ROOTS, "outside, existing or not"},
		{"/etc/passwd", MP_INVALID, MP_OUTSIDE_ROOTS, "to a system file"},
		{"/proc/self/root/etc/passwd", MP_INVALID, MP_OUTSIDE_ROOTS, "through a magic link"},
		{"link", MP_INVALID, MP_OUTSIDE_ROOTS, "to itself"},
		{"../2020", MP_INVALID, MP_NOT_REGULAR, "to a folder"},
		{"..", MP_INVALID, MP_NOT_REGULAR, "to the root itself"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
	{
		char		what[100];

		fixture_link(tree->root, "2019/link", cases[i].target);
		snprintf(what, sizeof(what), "a link %s", cases[i].what);
		judged(judge_one(tree->root, 1, others, "2019", "link"), cases[i].verdict,
			   cases[i].reason, what);
		fixture_remove(tree->root, "2019/link");
	}
	fixture_link(tree->root, "2019/link", to_other);
	judged(judge_one(tree->root, 0, NULL, "2019", "link"), MP_INVALID, MP_OUTSIDE_ROOTS,
		   "a link into a folder that isn't registered in this request");
	fixture_remove(tree->root, "2019/link");
}

static void
test_folder_links(const Tree *tree)
{
	const char *others[] = {tree->other};

	fixture_link(tree->root, "by-year", "2020");
	fixture_link(tree->root, "absolute", fixture_path(tree->root, "2020"));
	fixture_link(tree->root, "nas", tree->other);
	fixture_link(tree->root, "offline", "unplugged/disk");
	fixture_link(tree->root, "chain", "by-year/deep");
	fixture_link(tree->root, "evil", tree->outside);
	fixture_link(tree->root, "loop", "loop/x");

	judged(judge_one(tree->root, 1, others, "by-year", "b.jpg"), MP_PRESENT, MP_OK,
		   "a file behind a linked folder");
	judged(judge_one(tree->root, 1, others, "by-year", "x.jpg"), MP_MISSING, MP_NOT_FOUND,
		   "a name that a linked folder doesn't hold");
	judged(judge_one(tree->root, 1, others, "by-year/gone", "x.jpg"), MP_MISSING, MP_NOT_FOUND,
		   "a folder that a linked folder doesn't hold");
	judged(judge_one(tree->root, 1, others, "absolute/deep", "c.jpg"), MP_PRESENT, MP_OK,
		   "a file behind an absolute link to a folder");
	judged(judge_one(tree->root, 1, others, "absolute", "x.jpg"), MP_MISSING, MP_NOT_FOUND,
		   "a name that isn't behind an absolute link inside the root");
	judged(judge_one(tree->root, 1, others, "chain", "c.jpg"), MP_PRESENT, MP_OK,
		   "a link to a link");
	judged(judge_one(tree->root, 1, others, "nas/deep", "raw.nef"), MP_PRESENT, MP_OK,
		   "a file in another root behind a linked folder");
	judged(judge_one(tree->root, 1, others, "nas/deep", "x.nef"), MP_UNREACHABLE,
		   MP_LINK_TARGET_OFFLINE, "a name not there in another root: nobody guards that root");
	judged(judge_one(tree->root, 1, others, "nas/gone", "x.nef"), MP_UNREACHABLE,
		   MP_LINK_TARGET_OFFLINE, "nor a folder");
	judged(judge_one(tree->root, 1, others, "offline", "x.jpg"), MP_UNREACHABLE,
		   MP_LINK_TARGET_OFFLINE, "a folder that is a dangling link");
	judged(judge_one(tree->root, 1, others, "offline/a/b", "x.jpg"), MP_UNREACHABLE,
		   MP_LINK_TARGET_OFFLINE, "a dangling link in the middle of a path");
	judged(judge_one(tree->root, 1, others, "evil", "secret.jpg"), MP_INVALID,
		   MP_OUTSIDE_ROOTS, "a folder that leads outside");
	judged(judge_one(tree->root, 1, others, "loop", "x.jpg"), MP_INVALID, MP_OUTSIDE_ROOTS,
		   "a folder that leads to itself");
}

static void
test_plain(const Tree *tree)
{
	judged(judge_one(tree->root, 0, NULL, "2019", "a.jpg"), MP_PRESENT, MP_OK, "a file");
	judged(judge_one(tree->root, 0, NULL, "2019", "x.jpg"), MP_MISSING, MP_NOT_FOUND,
		   "a file that isn't there");
	judged(judge_one(tree->root, 0, NULL, "2019/a.jpg", "x"), MP_MISSING, MP_PARENT_NOT_FOLDER,
		   "a folder that is a file");
	judged(judge_one(tree->root, 0, NULL, "2019/a.jpg/x/y", "z"), MP_MISSING,
		   MP_PARENT_NOT_FOLDER, "and further down");
	judged(judge_one(tree->root, 0, NULL, "x/y/z", "a.jpg"), MP_MISSING, MP_NOT_FOUND,
		   "a chain of folders that isn't there");
	judged(judge_one(tree->root, 0, NULL, "", "2019"), MP_INVALID, MP_NOT_REGULAR, "a folder");
	judged(judge_one(tree->root, 0, NULL, "..", "outside"), MP_INVALID, MP_BAD_PATH,
		   "a folder named \"..\"");
	judged(judge_one(tree->root, 0, NULL, "2020//deep/.", "c.jpg"), MP_PRESENT, MP_OK,
		   "doubled slashes and dots do no harm");
	judged(judge_one(fixture_path(tree->root, "nowhere"), 0, NULL, "", "a"), MP_UNREACHABLE,
		   MP_ROOT_ABSENT, "a root that isn't there");
	judged(judge_one(fixture_path(tree->root, "2019/a.jpg"), 0, NULL, "", "a"), MP_UNREACHABLE,
		   MP_ROOT_NOT_FOLDER, "a root that is a file");
}

static void
test_linked_root(const Tree *tree)
{
	char	   *alias = fixture_path(tree->outside, "alias");
	char	   *alias_other = fixture_path(tree->outside, "alias-other");
	const char *others[] = {alias_other};

	fixture_link(tree->outside, "alias", tree->root);
	fixture_link(tree->outside, "alias-other", tree->other);
	fixture_link(tree->root, "2019/real", fixture_path(tree->root, "2020/b.jpg"));
	fixture_link(tree->root, "2019/named", fixture_path(alias, "2020/b.jpg"));
	fixture_link(tree->root, "2019/other", fixture_path(tree->other, "deep/raw.nef"));
	judged(judge_one(alias, 1, others, "2019", "real"), MP_PRESENT, MP_OK,
		   "a root registered through a link: a link to where it really is");
	judged(judge_one(alias, 1, others, "2019", "named"), MP_PRESENT, MP_OK,
		   "and one to its registered path");
	judged(judge_one(alias, 1, others, "2019", "other"), MP_PRESENT, MP_OK,
		   "and one to where another such root really is");
	fixture_remove(tree->root, "2019/real");
	fixture_remove(tree->root, "2019/named");
	fixture_remove(tree->root, "2019/other");
	fixture_remove(tree->outside, "alias");
	fixture_remove(tree->outside, "alias-other");
}

static void
test_hops(const Tree *tree)
{
	char		name[32];
	char		target[32];

	fixture_link(tree->root, "hop1", fixture_path(tree->root, "2019/a.jpg"));
	for (int i = 2; i <= 41; i++)
	{
		snprintf(name, sizeof(name), "hop%d", i);
		snprintf(target, sizeof(target), "hop%d", i - 1);
		fixture_link(tree->root, name, target);
	}
	judged(judge_one(tree->root, 0, NULL, "", "hop40"), MP_PRESENT, MP_OK, "40 links in a row");
	judged(judge_one(tree->root, 0, NULL, "", "hop41"), MP_INVALID, MP_OUTSIDE_ROOTS,
		   "41 are too many");
}

static void
test_below(void)
{
	struct
	{
		const char *path;
		const char *root;
		const char *rest;
	}			cases[] = {
		{"/data/a/b", "/data", "a/b"},
		{"/data", "/data", ""},
		{"/data/", "/data/", ""},
		{"//data//a", "/data", "a"},
		{"/x/../data/./a", "/data", "./a"},
		{"/../data/a", "/data", "a"},
		{"/data2/a", "/data", NULL},
		{"/dat", "/data", NULL},
		{"/", "/data", NULL},
		{"/a/b", "/", "a/b"},
		{"/data/../x/data/y", "/x/data", "y"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
	{
		const char *rest = mp_path_below(cases[i].path, cases[i].root);

		ok(rest == NULL ? cases[i].rest == NULL
		   : cases[i].rest != NULL && strcmp(rest, cases[i].rest) == 0,
		   "%s below %s", cases[i].path, cases[i].root);
	}
}

static void
test_descriptors(int before)
{
	int			fd = open("/dev/null", O_RDONLY);

	is(fd, before, "no descriptor was left open");
	close(fd);
}

static void
test_all(void)
{
	Tree		tree = make_tree();
	int			fd = open("/dev/null", O_RDONLY);

	close(fd);
	test_plain(&tree);
	test_file_links(&tree);
	test_folder_links(&tree);
	test_linked_root(&tree);
	test_hops(&tree);
	test_descriptors(fd);
}

int
main(void)
{
	mp_confine_start();
	if (mp_confine_by_hand())
		skip("this kernel has no openat2", "look-ups by the kernel");
	else
		test_all();
	note("the same by hand");
	mp_confine_force_by_hand();
	test_all();
	test_below();
	return done();
}
