/*
 * test_race.c: nobody gets out of a root by renaming things under a look-up's feet.
 *
 *     root/album/f           flips with      root/way-out  ->  outside
 *     root/deep/er/up        -> ../../f      while root/deep/er moves to outside/er and back
 *     outside/f                              must never be opened
 *
 * The usual way, resolving the path and checking that it begins with the root, is shown to fail.
 * MISSING_PHOTOS_LONG=1: ten million look-ups.
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/probe/confine.h"
#include "client.h"
#include "fixture.h"
#include "tap.h"

enum
{
	MOST_SECONDS = 60			/* for the variant that fails */
};

typedef struct Scene
{
	char	   *root;
	int			top;			/* the folder that holds root and outside */
	ino_t		forbidden[2];	/* f and outside/f beside the root */
} Scene;

static atomic_bool stop;
static atomic_long flips;

static void *
flip(void *argument)
{
	const Scene *scene = argument;

	while (!atomic_load(&stop))
	{
		renameat2(scene->top, "root/album", scene->top, "root/way-out", RENAME_EXCHANGE);
		renameat2(scene->top, "root/deep/er", scene->top, "outside/er", 0);
		renameat2(scene->top, "root/album", scene->top, "root/way-out", RENAME_EXCHANGE);
		renameat2(scene->top, "outside/er", scene->top, "root/deep/er", 0);
		atomic_fetch_add(&flips, 4);
	}
	return NULL;
}

static ino_t
inode_of(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		bail(path);
	return st.st_ino;
}

static void
make_scene(Scene *scene)
{
	const char *top = fixture_folder();

	fixture_mkdir(top, "root");
	fixture_mkdir(top, "outside");
	scene->root = fixture_path(top, "root");
	scene->top = open(top, O_RDONLY | O_DIRECTORY);
	fixture_mkdir(scene->root, "album");
	fixture_mkdir(scene->root, "deep");
	fixture_mkdir(scene->root, "deep/er");
	fixture_file(scene->root, "f", "inside");
	fixture_file(scene->root, "album/f", "inside");
	fixture_file(top, "outside/f", "outside");
	/* From outside/er this leads to top/f. */
	fixture_file(top, "f", "outside");
	fixture_link(scene->root, "way-out", fixture_path(top, "outside"));
	fixture_link(scene->root, "deep/er/up", "../../f");
	scene->forbidden[0] = inode_of(fixture_path(top, "f"));
	scene->forbidden[1] = inode_of(fixture_path(top, "outside/f"));
}

static bool
escaped(const Scene *scene, int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		bail("fstat");
	return st.st_ino == scene->forbidden[0] || st.st_ino == scene->forbidden[1];
}

static void
look_up(const Scene *scene, bool by_hand, long times)
{
	static const char *const paths[] = {"album/f", "deep/er/up", "way-out/f"};
	MpPlace		place = {.root = {scene->root, (uint32_t) strlen(scene->root)}};
	MpTree		tree = {.place = &place, .by_hand = by_hand};
	const char *how = by_hand ? "by hand" : "by the kernel";
	long		found = 0;
	long		escapes = 0;

	tree.fd = open(scene->root, O_PATH | O_DIRECTORY);
	for (long i = 0; i < times; i++)
	{
		MpFound		result;

		mp_find(&tree, paths[i % 3], false, &result);
		if (result.err != 0)
			continue;
		found++;
		escapes += escaped(scene, result.fd);
		close(result.fd);
	}
	close(tree.fd);
	is(escapes, 0, "%ld look-ups %s: none escaped", times, how);
	ok(found > 0 && found < times, "and both ways were met (%ld found)", found);
}

/* realpath, a comparison, an open: right at every moment but one. */
static void
resolve_and_compare(const Scene *scene)
{
	char	   *path = fixture_path(scene->root, "album/f");
	char		real[PATH_MAX];
	size_t		length = strlen(scene->root);
	double		end = now_ms() + MOST_SECONDS * 1000.0;
	long		tries = 0;

	for (; now_ms() < end; tries++)
	{
		int			fd;
		bool		out;

		if (realpath(path, real) == NULL || strncmp(real, scene->root, length) != 0 ||
			real[length] != '/')
			continue;
		fd = open(real, O_RDONLY);
		if (fd < 0)
			continue;
		out = escaped(scene, fd);
		close(fd);
		if (out)
			break;
	}
	ok(now_ms() < end, "resolving and comparing first lets one out (after %ld)", tries);
}

int
main(void)
{
	long		times = getenv("MISSING_PHOTOS_LONG") != NULL ? 10000000 : 300000;
	pthread_t	thread;
	Scene		scene;

	mp_confine_start();
	make_scene(&scene);
	pthread_create(&thread, NULL, flip, &scene);
	if (mp_confine_by_hand())
		skip("this kernel has no openat2", "look-ups by the kernel");
	else
		look_up(&scene, false, times / 2);
	look_up(&scene, true, times / 2);
	resolve_and_compare(&scene);
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	note("%ld renames meanwhile", atomic_load(&flips));
	close(scene.top);
	return done();
}
