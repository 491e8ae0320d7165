/*
 * test_watch.c: what a watch tells of what people and programs do to files.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "tap.h"
#include "watcher.h"

static const char *const globs[] = {".*", "@eaDir", "kept/apart"};

static Watcher
start(const char *root, uint32_t most)
{
	Watcher		watcher = watcher_start(root, most, 3, globs);
	Event		event;

	watcher_until(&watcher, MP_EVENT_READY, &event);
	return watcher;
}

static void
move(const char *root, const char *from, const char *to)
{
	if (rename(fixture_path(root, from), fixture_path(root, to)) != 0)
		bail("rename");
}

static void
test_files(const char *root)
{
	Watcher		w;
	int			fd;

	fixture_mkdir(root, "a");
	fixture_mkdir(root, "a/b");
	fixture_file(root, "a/b/1.jpg", "1");
	w = start(root, 0);
	is((long long) w.watched, 3, "each folder is watched");

	fixture_file(root, "a/new.jpg", "2");
	told(&w, MP_EVENT_LOOK, "a/new.jpg", "", "a new file");
	fixture_file(root, "a/b/1.jpg", "rewritten");
	told(&w, MP_EVENT_LOOK, "a/b/1.jpg", "", "a file written anew");
	move(root, "a/b/1.jpg", "a/2.jpg");
	told(&w, MP_EVENT_MOVED, "a/b/1.jpg", "a/2.jpg", "a file moved");
	fixture_file(root, "a/.2.jpg.swp", "an editor's");
	told(&w, MP_EVENT_LOOK, "a/.2.jpg.swp", "", "an editor writes aside");
	move(root, "a/.2.jpg.swp", "a/2.jpg");
	told(&w, MP_EVENT_MOVED, "a/.2.jpg.swp", "a/2.jpg", "and renames over the file");
	fixture_remove(root, "a/2.jpg");
	told(&w, MP_EVENT_LOOK, "a/2.jpg", "", "a file deleted");
	if (link(fixture_path(root, "a/new.jpg"), fixture_path(root, "a/b/hard.jpg")) != 0)
		bail("link");
	told(&w, MP_EVENT_LOOK, "a/b/hard.jpg", "", "a hard link");
	fixture_link(root, "a/soft.jpg", "new.jpg");
	told(&w, MP_EVENT_LOOK, "a/soft.jpg", "", "a symbolic link");

	fd = open(fixture_path(root, "a/slow.jpg"), O_CREAT | O_WRONLY, 0644);
	told_no_more(&w, "a file that is open and empty isn't told of");
	for (int i = 0; i < 6; i++)
	{
		if (write(fd, "x", 1) != 1)
			bail("write");
		usleep(100000);
	}
	told_no_more(&w, "nor one that is still being written");
	close(fd);
	told(&w, MP_EVENT_LOOK, "a/slow.jpg", "", "but when it is closed");
	told_no_more(&w, "and once");
	watcher_stop(&w);
}

static void
test_folders(const char *root)
{
	const char *outside = fixture_folder();
	Watcher		w;

	fixture_mkdir(root, "x");
	fixture_mkdir(root, "x/y");
	fixture_file(root, "x/y/1.jpg", "1");
	fixture_mkdir(outside, "in");
	fixture_file(outside, "in/3.jpg", "3");
	w = start(root, 0);

	move(root, "x", "z");
	told(&w, MP_EVENT_MOVED, "x", "z", "a folder moved is one event");
	fixture_file(root, "z/y/2.jpg", "2");
	told(&w, MP_EVENT_LOOK, "z/y/2.jpg", "", "and known by its new name from then on");
	fixture_mkdir(root, "z/n");
	fixture_mkdir(root, "z/n/m");
	fixture_file(root, "z/n/m/4.jpg", "4");
	told(&w, MP_EVENT_LOOK, "z/n/m/4.jpg", "", "a file in folders that are new");
	move(root, "z/n", "n");
	told(&w, MP_EVENT_MOVED, "z/n", "n", "a new folder moved");
	if (rename(fixture_path(outside, "in"), fixture_path(root, "in")) != 0)
		bail("rename");
	told(&w, MP_EVENT_CAME, "in", "", "a folder moved in");
	told(&w, MP_EVENT_LOOK, "in/3.jpg", "", "and its files");
	is((long long) w.folders, 6, "and its folders");
	if (rename(fixture_path(root, "z"), fixture_path(outside, "z")) != 0)
		bail("rename");
	told(&w, MP_EVENT_LEFT, "z", "", "a folder moved out");
	fixture_file(outside, "z/y/5.jpg", "5");
	told_no_more(&w, "what happens in it there is nobody's business");
	fixture_remove(root, "n/m/4.jpg");
	told(&w, MP_EVENT_LOOK, "n/m/4.jpg", "", "a tree deleted: the file");
	rmdir(fixture_path(root, "n/m"));
	rmdir(fixture_path(root, "n"));
	told(&w, MP_EVENT_GONE, "n/m", "", "its folder");
	told(&w, MP_EVENT_GONE, "n", "", "and the one above");
	watcher_stop(&w);
}

/* The next event of this kind of either watch, which must be of this path; its cookie. */
static uint32_t
half(Watcher *watcher, MpEventKind kind, const char *path, const char *what)
{
	Event		event;

	watcher_until(watcher, kind, &event);
	ok(strcmp(event.path, path) == 0 && event.cookie != 0, "%s", what);
	return event.cookie;
}

/* Two roots: what goes from one to the other is told by both, under one cookie. */
static void
test_between(const char *root)
{
	const char *other = fixture_folder();
	Watcher		from;
	Watcher		to;
	uint32_t	cookie;

	fixture_file(root, "1.jpg", "1");
	fixture_mkdir(root, "a");
	fixture_file(root, "a/2.jpg", "2");
	from = start(root, 0);
	to = start(other, 0);
	if (rename(fixture_path(root, "1.jpg"), fixture_path(other, "2.jpg")) != 0)
		bail("rename");
	cookie = half(&from, MP_EVENT_LEFT, "1.jpg", "a file that goes to another root has left");
	is(half(&to, MP_EVENT_CAME, "2.jpg", "and came there"), cookie, "under the same cookie");
	if (rename(fixture_path(root, "a"), fixture_path(other, "b")) != 0)
		bail("rename");
	cookie = half(&from, MP_EVENT_LEFT, "a", "a folder that goes to another root has left");
	is(half(&to, MP_EVENT_CAME, "b", "and came there"), cookie, "under the same cookie");
	told(&to, MP_EVENT_LOOK, "b/2.jpg", "", "before its files are told of");
	/* The later one of the two has the other's socket, too. */
	watcher_stop(&to);
	watcher_stop(&from);
}

static void
test_excluded(const char *root)
{
	Watcher		w;
	Event		event;

	fixture_mkdir(root, ".bin");
	fixture_mkdir(root, "@eaDir");
	fixture_mkdir(root, "kept");
	fixture_mkdir(root, "kept/apart");
	fixture_mkdir(root, "kept/here");
	fixture_file(root, "kept/here/1.jpg", "1");
	w = start(root, 0);
	is((long long) w.watched, 3, "excluded folders aren't watched");
	fixture_file(root, ".bin/2.jpg", "2");
	fixture_file(root, "kept/apart/2.jpg", "2");
	told_no_more(&w, "nor told of");
	fixture_file(root, "kept/.part", "3");
	ok(watcher_next(&w, 2000, &event) && (event.flags & MP_EVENT_EXCLUDED),
	   "an excluded name is marked as one");
	move(root, "kept/here", ".bin/here");
	told(&w, MP_EVENT_LEFT, "kept/here", "", "moved into the bin has left");
	move(root, ".bin/here", "back");
	told(&w, MP_EVENT_CAME, "back", "", "moved out of it comes from elsewhere");
	told(&w, MP_EVENT_LOOK, "back/1.jpg", "", "and is new");
	move(root, "back", ".hidden");
	told(&w, MP_EVENT_GONE, "back", "", "renamed to an excluded name is gone");
	watcher_stop(&w);
}

static void
test_refused(const char *root)
{
	Watcher		w;
	Event		event;

	for (int i = 0; i < 8; i++)
	{
		char		name[16];

		snprintf(name, sizeof(name), "d%d", i);
		fixture_mkdir(root, name);
	}
	w = watcher_start(root, 5, 0, NULL);
	watcher_until(&w, MP_EVENT_UNWATCHED, &event);
	is(event.err, ENOSPC, "more folders than may be watched: the rest isn't");
	watcher_until(&w, MP_EVENT_READY, &event);
	is((long long) w.watched, 5, "as many are as may be");
	is((long long) w.folders, 9, "and all are known");
	fixture_link(root, "link", "d0");
	watcher_stop(&w);

	w = watcher_start(root, 0, 0, NULL);
	watcher_until(&w, MP_EVENT_UNWATCHED, &event);
	ok(strcmp(event.path, "link") == 0 && event.err == ELOOP,
	   "a link to a folder isn't watched as one");
	watcher_stop(&w);
}

/* A root that isn't there, and one that goes. */
static void
test_ended(const char *parent)
{
	const char *root = fixture_path(parent, "root");
	Watcher		w = watcher_start(root, 0, 0, NULL);
	Event		event;

	watcher_until(&w, MP_EVENT_ENDED, &event);
	is(event.flags, MP_ROOT_ABSENT, "a root that isn't there");
	watcher_stop(&w);
	fixture_mkdir(parent, "root");
	w = start(root, 0);
	move(parent, "root", "elsewhere");
	told(&w, MP_EVENT_ENDED, "", "", "a root that is moved away");
	watcher_stop(&w);
}

static void
test_mounts(const char *parent)
{
	const char *root = fixture_path(parent, "m");
	Watcher		w;
	int			held;

	fixture_mkdir(parent, "m");
	if (!can_mount("a watched root that is unmounted"))
		return;
	if (mount("none", root, "tmpfs", 0, NULL) != 0)
		bail("mount");
	fixture_file(root, "1.jpg", "1");
	w = start(root, 0);
	is(umount(root), 0, "a watch doesn't keep a root from being unmounted");
	told(&w, MP_EVENT_ENDED, "", "", "which is told");
	told_no_more(&w, "and no file of it");
	watcher_stop(&w);

	if (mount("none", root, "tmpfs", 0, NULL) != 0)
		bail("mount");
	fixture_file(root, "1.jpg", "1");
	held = open(fixture_path(root, "1.jpg"), O_RDONLY);
	w = start(root, 0);
	umount2(root, MNT_DETACH);
	told(&w, MP_EVENT_ENDED, "", "", "a lazy unmount of a root in use");
	watcher_stop(&w);
	close(held);

	w = start(root, 0);
	if (mount("none", root, "tmpfs", 0, NULL) != 0)
		bail("mount");
	told(&w, MP_EVENT_ENDED, "", "", "something mounted over the root");
	watcher_stop(&w);
	umount(root);
}

/* No answer is read while far more happens than fits anywhere. */
static void
test_deaf(const char *root)
{
	Watcher		w = start(root, 0);
	Event		event;
	bool		lost = false;
	bool		whole = false;
	int			folder = open(root, O_PATH | O_CLOEXEC);

	fixture_file(root, "0", "1");
	told(&w, MP_EVENT_LOOK, "0", "", "a file");
	for (int i = 0; i < 80000; i++)
	{
		char		from[32];
		char		to[32];

		/* A rename each: no two of them can be told as one. */
		snprintf(from, sizeof(from), "%d", i);
		snprintf(to, sizeof(to), "%d", i + 1);
		if (renameat(folder, from, folder, to) != 0)
			bail("renameat");
	}
	close(folder);
	while (watcher_next(&w, 2000, &event))
	{
		lost = lost || (event.kind == MP_EVENT_LOST && event.err == EOVERFLOW);
		if (event.kind == MP_EVENT_LOST || event.kind == MP_EVENT_READY)
			whole = event.kind == MP_EVENT_READY;
	}
	ok(lost && whole, "events lost are told, and the watch is whole again");
	fixture_file(root, "after", "1");
	told(&w, MP_EVENT_LOOK, "after", "", "and goes on");
	watcher_stop(&w);
}

static int
compare(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return x < y ? -1 : x > y;
}

static void
test_latency(const char *root)
{
	enum
	{
		MOVES = 41
	};
	double		took[MOVES];
	Event		event;
	Watcher		w;

	fixture_file(root, "0", "1");
	w = start(root, 0);
	for (int i = 0; i < MOVES; i++)
	{
		char		from[16];
		char		to[16];
		double		began;

		snprintf(from, sizeof(from), "%d", i);
		snprintf(to, sizeof(to), "%d", i + 1);
		began = now_ms();
		move(root, from, to);
		watcher_until(&w, MP_EVENT_MOVED, &event);
		took[i] = now_ms() - began;
	}
	qsort(took, MOVES, sizeof(took[0]), compare);
	note("a move is told after %.1f ms (median), %.1f ms at most", took[MOVES / 2], took[MOVES - 1]);
	ok(took[MOVES / 2] < 50, "a move is told at once");
	watcher_stop(&w);
}

static void
each(void (*test) (const char *root))
{
	test(fixture_folder());
}

int
main(void)
{
	each(test_files);
	each(test_folders);
	each(test_between);
	each(test_excluded);
	each(test_refused);
	each(test_ended);
	each(test_latency);
	each(test_deaf);
	each(test_mounts);
	return done();
}
