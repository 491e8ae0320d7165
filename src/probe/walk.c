/*
 * walk.c: a look-up component by component.
 *
 * The walk holds a handle of the folder it has reached and opens one name at a time with
 * O_NOFOLLOW.  A link is read, and its text put in front of what is still to be walked.  So at
 * every moment
 *
 *     base            a root's handle
 *     done            the folders from base to `at`, none of them a link
 *     rest            what is still to be walked: link text first, then the caller's own words
 *
 * ".." (only links contain it, sound paths don't) drops the last name of `done` and walks down to
 * there again, instead of opening "..": a folder moved elsewhere meanwhile can't lead us out.
 * Above a base, and for an absolute link, the path is compared with the registered roots as text,
 * and the walk goes on from the handle of the one it lies below.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "progress.h"
#include "served.h"
#include "walk.h"

enum
{
	MAX_HOPS = 40,				/* links followed in all, as the kernel allows */
	ROOM = 3 * 4096				/* a path of full length with the text of a link or two */
};

typedef struct Walk
{
	const MpTree *tree;
	int			base;			/* tree->fd, or the handle of another root */
	int			at;				/* the folder reached; may be base itself */
	int			hops;
	bool		other_root;
	bool		behind_link;	/* the component in hand comes from a link */
	size_t		asked;			/* this many bytes at the end of rest are the caller's words */
	size_t		done_length;
	const char *next;			/* within rest */
	char		done[ROOM];
	char		rest[ROOM];
} Walk;

/* Opens a name in a folder without following it; a descriptor or -1. */
static int
open_name(int folder, const char *name, int flags)
{
	int			fd = -1;

	for (int tries = 0; tries <= MP_RETRIES; tries++)
	{
		fd = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC | flags);
		if (fd >= 0 || errno != EINTR)
			break;
	}
	mp_progress_add(1);
	return fd;
}

static void
set_at(Walk *walk, int fd)
{
	if (walk->at != walk->base)
		close(walk->at);
	walk->at = fd;
}

/* Goes on at the top of a root; other is its handle, or -1 for the tree's own. */
static void
set_base(Walk *walk, int other)
{
	set_at(walk, walk->base);
	if (walk->base != walk->tree->fd)
		close(walk->base);
	walk->base = other >= 0 ? other : walk->tree->fd;
	walk->at = walk->base;
	walk->done_length = 0;
	walk->done[0] = '\0';
	if (other >= 0)
		walk->other_root = true;
}

const char *
mp_path_below(const char *path, const char *root)
{
	char		at[ROOM];
	size_t		length = 0;
	size_t		root_length = strlen(root);

	while (root_length > 0 && root[root_length - 1] == '/')
		root_length--;
	for (;;)
	{
		size_t		n;

		path += strspn(path, "/");
		if (length == root_length && memcmp(at, root, length) == 0)
			return path;
		n = strcspn(path, "/");
		if (n == 0)
			return NULL;
		if (n == 2 && path[0] == '.' && path[1] == '.')
		{
			while (length > 0 && at[--length] != '/')
				;
		}
		else if (n != 1 || path[0] != '.')
		{
			if (length + 1 + n > sizeof(at))
				return NULL;
			at[length++] = '/';
			memcpy(at + length, path, n);
			length += n;
		}
		path += n;
	}
}

static int
open_root(const char *path)
{
	int			fd = mp_open_root(path);

	mp_progress_add(1);
	return fd;
}

/* Finds the root that rest, now an absolute path, lies below by the roots' registered paths. */
static int
rehome_by_name(Walk *walk)
{
	const MpPlace *place = walk->tree->place;
	const char *below = mp_path_below(walk->rest, place->root.data);
	int			fd = -1;

	for (uint32_t i = 0; below == NULL && i < place->n_others; i++)
	{
		below = mp_path_below(walk->rest, place->others[i].data);
		if (below != NULL && (fd = open_root(place->others[i].data)) < 0)
			return errno;
	}
	if (below == NULL)
		return EXDEV;
	set_base(walk, fd);
	walk->next = below;
	return 0;
}

/* The same by where the roots really lie, for roots registered through a link. */
static int
rehome_by_place(Walk *walk)
{
	const MpPlace *place = walk->tree->place;
	char		canonical[ROOM];
	const char *below = NULL;
	int			fd = -1;

	if (mp_canonical_path(walk->tree->fd, canonical, sizeof(canonical)))
		below = mp_path_below(walk->rest, canonical);
	for (uint32_t i = 0; below == NULL && i < place->n_others; i++)
	{
		fd = open_root(place->others[i].data);
		if (fd < 0)
			continue;
		if (mp_canonical_path(fd, canonical, sizeof(canonical)))
			below = mp_path_below(walk->rest, canonical);
		if (below == NULL)
			close(fd);
	}
	if (below == NULL)
		return EXDEV;
	set_base(walk, fd);
	walk->next = below;
	return 0;
}

static int
rehome(Walk *walk)
{
	int			err = rehome_by_name(walk);

	return err == EXDEV ? rehome_by_place(walk) : err;
}

/* Puts text, and a slash, in front of the rest. */
static int
put_in_front(Walk *walk, const char *text, size_t length)
{
	size_t		left = strlen(walk->next);

	if (++walk->hops > MAX_HOPS)
		return ELOOP;
	if (length + 1 + left + 1 > sizeof(walk->rest))
		return ENAMETOOLONG;
	memmove(walk->rest + length + 1, walk->next, left + 1);
	memcpy(walk->rest, text, length);
	walk->rest[length] = '/';
	/* A link at the very end names a file, and "file/" would have to be a folder. */
	if (left == 0)
		walk->rest[length] = '\0';
	walk->next = walk->rest;
	return 0;
}

static int
follow(Walk *walk, int link)
{
	char		target[4096];
	ssize_t		n = readlinkat(link, "", target, sizeof(target));
	int			err;

	mp_progress_add(1);
	if (n < 0)
		return errno;
	walk->behind_link = true;
	if (n == 0)
		return ENOENT;
	err = put_in_front(walk, target, (size_t) n);
	if (err == 0 && target[0] == '/')
		err = rehome(walk);
	return err;
}

/* ".." at a base: up to the base's own parent, which must lie below a root again. */
static int
climb_out(Walk *walk)
{
	char		canonical[ROOM];
	char	   *slash;
	int			err;

	if (!mp_canonical_path(walk->base, canonical, sizeof(canonical)))
		return EXDEV;
	slash = strrchr(canonical, '/');
	slash[slash == canonical ? 1 : 0] = '\0';
	err = put_in_front(walk, canonical, strlen(canonical));
	return err != 0 ? err : rehome(walk);
}

static int
go_up(Walk *walk)
{
	char	   *name = walk->done;

	if (walk->done_length == 0)
		return climb_out(walk);
	while (walk->done_length > 0 && walk->done[--walk->done_length] != '/')
		;
	walk->done[walk->done_length] = '\0';
	set_at(walk, walk->base);
	while (*name != '\0')
	{
		char	   *end = name + strcspn(name, "/");
		char		mark = *end;
		int			fd;

		*end = '\0';
		fd = open_name(walk->at, name, O_DIRECTORY);
		*end = mark;
		/* It was there a moment ago. */
		if (fd < 0)
			return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? EAGAIN : errno;
		set_at(walk, fd);
		name = end + (mark != '\0');
	}
	return 0;
}

/* Steps into a folder, follows a link, or arrives at a file (*file) with nothing left to walk. */
static int
go_down(Walk *walk, const char *name, size_t length, bool folder, int *file)
{
	struct stat st;
	int			fd = open_name(walk->at, name, folder ? O_DIRECTORY : 0);
	int			err = 0;

	if (fd < 0 && errno == ENOTDIR)
		fd = open_name(walk->at, name, 0);
	if (fd < 0)
		return errno;
	if (fstat(fd, &st) != 0)
		err = errno;
	else if (S_ISDIR(st.st_mode))
	{
		if (walk->done_length + 1 + length + 1 > sizeof(walk->done))
			err = ENAMETOOLONG;
		else
		{
			if (walk->done_length > 0)
				walk->done[walk->done_length++] = '/';
			memcpy(walk->done + walk->done_length, name, length + 1);
			walk->done_length += length;
			set_at(walk, fd);
			return 0;
		}
	}
	else if (S_ISLNK(st.st_mode))
		err = follow(walk, fd);
	else if (folder)
		err = ENOTDIR;
	else
	{
		*file = fd;
		return 0;
	}
	close(fd);
	return err;
}

/* Walks one component; *file as in go_down. */
static int
step(Walk *walk, bool folder, int *file)
{
	char		name[MP_MAX_NAME + 1];
	size_t		length = strcspn(walk->next, "/");
	size_t		left = strlen(walk->next);

	walk->behind_link = left > walk->asked;
	if (!walk->behind_link)
		walk->asked = left - length;
	if (length > MP_MAX_NAME)
		return ENAMETOOLONG;
	memcpy(name, walk->next, length);
	name[length] = '\0';
	/* Something follows, if only a slash: this must be a folder. */
	if (length < left)
		folder = true;
	walk->next += length;
	if (strcmp(name, ".") == 0)
		return 0;
	if (strcmp(name, "..") == 0)
		return go_up(walk);
	return go_down(walk, name, length, folder, file);
}

void
mp_walk(const MpTree *tree, const char *path, bool folder, MpFound *found)
{
	Walk		walk;
	struct statx st;
	size_t		length = strlen(path);

	memset(found, 0, sizeof(*found));
	found->fd = -1;
	walk.tree = tree;
	walk.base = walk.at = tree->fd;
	walk.hops = 0;
	walk.other_root = walk.behind_link = false;
	walk.asked = length;
	walk.done_length = 0;
	walk.done[0] = '\0';
	memcpy(walk.rest, path, length + 1);	/* at most MP_MAX_PATH plus a name: it fits */
	walk.next = walk.rest;

	for (;;)
	{
		walk.next += strspn(walk.next, "/");
		if (strlen(walk.next) <= walk.asked)
			walk.asked = strlen(walk.next);
		if (*walk.next == '\0' || found->fd >= 0 || found->err != 0)
			break;
		found->exists = length - walk.asked;
		found->err = step(&walk, folder, &found->fd);
	}

	/* Arrived at a folder: a handle of its own, since `at` may be the root's. */
	if (found->err == 0 && found->fd < 0)
	{
		found->fd = fcntl(walk.at, F_DUPFD_CLOEXEC, 0);
		if (found->fd < 0)
			found->err = errno;
	}
	if (found->err == ENOENT || found->err == ENOTDIR)
	{
		int			err = mp_stat_handle(walk.at, &st);

		if (err != 0)
			found->err = err;
		else
			mp_node_of(&st, &found->node);
	}
	found->behind_link = walk.behind_link;
	found->other_root = walk.other_root;
	set_base(&walk, -1);
}
