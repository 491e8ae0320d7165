/*
 * test_watch_storm.c: who believes the hints of a watch, and looks himself, knows in the end exactly
 * what is there.
 *
 * One process makes, writes, renames, swaps and deletes files and folders at random, in a tree and
 * across its border.  The listener keeps a list of files by nothing but the events: a look at each
 * name told, a rename of what lies below a folder told as moved, a walk after READY.  When it is
 * quiet his list must be the disk, file by file, with inode, size and time.
 *
 * As root the same is done with a queue of 16 records in the kernel.  MISSING_PHOTOS_LONG=1: 100,000
 * steps instead of 5,000.  Hard links have no part in it: a file written by one of its names isn't
 * told of by the others.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "tap.h"
#include "watcher.h"

enum
{
	MOST_FILES = 1000000,
	BUCKETS = 65536,
	FOLDERS = 5,
	FILES = 12,
	RECENT_MS = 3000
};

typedef struct File
{
	char	   *path;
	struct stat st;
	bool		there;
	double		looked_at;		/* not found a moment ago: it may be below a new name */
	int			next;			/* 1 + index of the next in the same bucket */
} File;

static File *files;
static int	n_files;
static int	buckets[BUCKETS];
static char root[64];

static File *
find(const char *path)
{
	unsigned	hash = 5381;
	int		   *bucket;

	for (const char *at = path; *at != '\0'; at++)
		hash = hash * 33 + (unsigned char) *at;
	bucket = &buckets[hash % BUCKETS];
	for (int i = *bucket; i != 0; i = files[i - 1].next)
		if (strcmp(files[i - 1].path, path) == 0)
			return &files[i - 1];
	if (n_files == MOST_FILES)
		bail("too many names");
	files[n_files] = (File) {.path = strdup(path), .next = *bucket};
	*bucket = ++n_files;
	return &files[n_files - 1];
}

static void
look(const char *path)
{
	char		full[MP_MAX_PATH + 100];
	File	   *file = find(path);

	snprintf(full, sizeof(full), "%s/%s", root, path);
	file->there = lstat(full, &file->st) == 0 && S_ISREG(file->st.st_mode);
	file->looked_at = now_ms();
}

static bool
is_below(const char *path, const char *folder)
{
	size_t		length = strlen(folder);

	return length == 0 || (strncmp(path, folder, length) == 0 && path[length] == '/');
}

static void
look_below(const char *folder)
{
	for (int i = 0; i < n_files; i++)
		if (files[i].there && is_below(files[i].path, folder))
			look(files[i].path);
}

static void
moved(const Event *event)
{
	int			n = n_files;

	if (!(event->flags & MP_EVENT_FOLDER))
	{
		look(event->path);
		look(event->to);
		return;
	}
	for (int i = 0; i < n; i++)
	{
		char		path[2 * MP_MAX_PATH];

		if (!is_below(files[i].path, event->path) ||
			(!files[i].there && now_ms() - files[i].looked_at > RECENT_MS))
			continue;
		snprintf(path, sizeof(path), "%s%s", event->to, files[i].path + strlen(event->path));
		look(path);
		look(files[i].path);
		/* Its file is followed by the new name. */
		if (!files[i].there)
			files[i].looked_at = 0;
	}
}

static int
look_at_found(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void) ftw;
	(void) st;
	if (type == FTW_F)
		look(path + strlen(root) + 1);
	return 0;
}

static void
believe(const Event *event)
{
	if (event->kind == MP_EVENT_LOOK ||
		((event->kind == MP_EVENT_LEFT || event->kind == MP_EVENT_CAME) &&
		 !(event->flags & MP_EVENT_FOLDER)))
		look(event->path);
	else if (event->kind == MP_EVENT_GONE || event->kind == MP_EVENT_LEFT)
		look_below(event->path);
	else if (event->kind == MP_EVENT_MOVED)
		moved(event);
	else if (event->kind == MP_EVENT_READY)
	{
		look_below("");
		nftw(root, look_at_found, 16, FTW_PHYS);
	}
}

static int	wrong;
static int	seen;

static int
compare_found(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const File *file;

	(void) ftw;
	if (type != FTW_F)
		return 0;
	file = find(path + strlen(root) + 1);
	seen++;
	if (!file->there || file->st.st_ino != st->st_ino || file->st.st_size != st->st_size ||
		file->st.st_mtim.tv_nsec != st->st_mtim.tv_nsec)
	{
		note("%s: %s", file->path, file->there ? "as it was" : "not known");
		wrong++;
	}
	return 0;
}

static void
compare_all(int folders, const Watcher *w, const char *what)
{
	int			known = 0;

	wrong = seen = 0;
	nftw(root, compare_found, 16, FTW_PHYS);
	for (int i = 0; i < n_files; i++)
		known += files[i].there;
	is(wrong, 0, "%s: each file is known as it is (%d files)", what, seen);
	is(known, seen, "%s: and no other", what);
	is((long long) w->watched, folders, "%s: all folders are watched", what);
}

static int	folders_found;

static int
count_folder(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void) path;
	(void) st;
	(void) ftw;
	folders_found += type == FTW_D;
	return 0;
}

static int
remove_found(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void) st;
	(void) type;
	(void) ftw;
	remove(path);
	return 0;
}

/* A folder at random, of up to three names; sometimes outside. */
static void
some_folder(char *path, size_t size, const char *outside, unsigned *seed)
{
	int			n = snprintf(path, size, "%s", rand_r(seed) % 10 == 0 ? outside : root);

	for (int depth = 1 + rand_r(seed) % 3; depth > 0; depth--)
		n += snprintf(path + n, size - (size_t) n, "/d%d", rand_r(seed) % FOLDERS);
}

static void
some_file(char *path, size_t size, const char *outside, unsigned *seed)
{
	size_t		n;

	some_folder(path, size, outside, seed);
	n = strlen(path);
	snprintf(path + n, size - n, "/f%d.jpg", rand_r(seed) % FILES);
}

static void
write_file(const char *path, unsigned *seed)
{
	static const char bytes[4096];
	int			fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);

	if (fd < 0)
		return;
	(void) !write(fd, bytes, 1 + (size_t) rand_r(seed) % sizeof(bytes));
	close(fd);
}

/* One thing that somebody may do; many fail, as nothing is where it should be. */
static void
step(const char *outside, unsigned *seed)
{
	char		a[300];
	char		b[300];
	int			what = rand_r(seed) % 100;

	if (what < 60)
	{
		some_file(a, sizeof(a), outside, seed);
		some_file(b, sizeof(b), outside, seed);
	}
	else
	{
		some_folder(a, sizeof(a), outside, seed);
		some_folder(b, sizeof(b), outside, seed);
	}
	if (what < 25)
		write_file(a, seed);
	else if (what < 45)
		rename(a, b);
	else if (what < 50)
		renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
	else if (what < 60)
		unlink(a);
	else if (what < 80)
		mkdir(a, 0755);
	else if (what < 94)
		rename(a, b);
	else if (what < 98)
		renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
	else
		nftw(a, remove_found, 16, FTW_PHYS | FTW_DEPTH);
}

static pid_t
start_storm(const char *outside, int steps, unsigned seed)
{
	pid_t		pid = fork();

	if (pid != 0)
		return pid;
	for (int i = 0; i < steps; i++)
		step(outside, &seed);
	_exit(0);
}

static void
forget_all(void)
{
	for (int i = 0; i < n_files; i++)
		free(files[i].path);
	n_files = 0;
	memset(buckets, 0, sizeof(buckets));
}

static void
test_storm(int steps, unsigned seed, const char *what)
{
	const char *outside = fixture_folder();
	Watcher		w;
	Event		event;
	long		events = 0;
	int			lost = 0;
	pid_t		storm;
	bool		over = false;

	strcpy(root, fixture_folder());
	w = watcher_start(root, 0, 0, NULL);
	watcher_until(&w, MP_EVENT_READY, &event);
	storm = start_storm(outside, steps, seed);
	/* Quiet for longer than a new file may take to be told of. */
	for (;;)
	{
		if (!watcher_next(&w, over ? 1500 : 200, &event))
		{
			if (over)
				break;
			over = waitpid(storm, NULL, WNOHANG) == storm;
			continue;
		}
		events++;
		lost += event.kind == MP_EVENT_LOST;
		if (event.kind == MP_EVENT_UNWATCHED || event.kind == MP_EVENT_ENDED)
			note("kind %d of \"%s\", errno %d", event.kind, event.path, event.err);
		believe(&event);
	}
	note("%s: %d steps, %ld events, lost %d times, %llu records", what, steps, events, lost,
		 (unsigned long long) w.records);
	folders_found = 0;
	nftw(root, count_folder, 16, FTW_PHYS);
	/* The count of the last answer with an event is from before the last folders were walked. */
	fixture_file(root, "last", "1");
	watcher_until(&w, MP_EVENT_LOOK, &event);
	believe(&event);
	compare_all(folders_found, &w, what);
	watcher_stop(&w);
	forget_all();
}

/* Sets how many records a queue may hold from now on; what it was before, or -1. */
static int
set_queue(int records)
{
	static const char name[] = "/proc/sys/fs/inotify/max_queued_events";
	char		text[32] = "";
	int			fd = open(name, O_RDWR | O_CLOEXEC);
	int			before = -1;

	if (fd < 0)
		return -1;
	if (read(fd, text, sizeof(text) - 1) > 0)
		before = atoi(text);
	snprintf(text, sizeof(text), "%d\n", records);
	if (pwrite(fd, text, strlen(text), 0) < 0)
		before = -1;
	close(fd);
	return before;
}

int
main(void)
{
	const char *is_long = getenv("MISSING_PHOTOS_LONG");
	int			steps = is_long != NULL && strcmp(is_long, "1") == 0 ? 100000 : 5000;
	int			before;

	files = calloc(MOST_FILES, sizeof(*files));
	test_storm(steps, 1, "a storm");
	test_storm(steps, 2, "another one");
	before = set_queue(16);
	if (before < 0)
		skip("needs root", "a storm with a tiny queue");
	else
	{
		test_storm(steps, 3, "with a tiny queue");
		set_queue(before);
	}
	forget_all();
	free(files);
	return done();
}
