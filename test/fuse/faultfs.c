/*
 * faultfs.c: a read-only FUSE file system that shows a directory and fails on command.
 *
 *     faultfs mount SOURCE MOUNTPOINT SOCKET [CACHE_SECONDS]    stays in the foreground
 *     faultfs tell SOCKET COMMAND...
 *
 * Commands (PATTERN as in faults.h; OPERATION: getattr, readlink, opendir, readdir, open, read,
 * statfs or *; a look-up and statx reach a FUSE file system as getattr):
 *
 *     hang OPERATION PATTERN           such requests are never answered
 *     errno NAME OPERATION PATTERN     such requests fail with this errno
 *     latency MICROSECONDS             every request waits first
 *     clear                            no faults any more; what hung goes on
 *     hanging                          how many requests hang now
 *     requests                         how many requests came so far
 *
 * Attributes and names are cached by the kernel for CACHE_SECONDS (0: every call gets here).  Killing
 * the program frees everyone who waits for it (ENOTCONN), so a test can always end.
 */
#define FUSE_USE_VERSION 31

#include <fuse.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "faults.h"

static int	source_fd = -1;
static double cache_seconds;

/* The path relative to source_fd: "/" is ".", "/a/b" is "a/b". */
static const char *
below_source(const char *path)
{
	return path[1] == '\0' ? "." : path + 1;
}

static void *
fs_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
	(void) connection;
	config->use_ino = 1;
	config->nullpath_ok = 0;
	config->entry_timeout = cache_seconds;
	config->attr_timeout = cache_seconds;
	config->negative_timeout = cache_seconds;
	return NULL;
}

static int
fs_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	int			err = faults_apply("getattr", path);

	(void) fi;
	if (err == 0 && fstatat(source_fd, below_source(path), st, AT_SYMLINK_NOFOLLOW) != 0)
		err = errno;
	return -err;
}

static int
fs_readlink(const char *path, char *target, size_t size)
{
	int			err = faults_apply("readlink", path);
	ssize_t		length;

	if (err != 0)
		return -err;
	length = readlinkat(source_fd, below_source(path), target, size - 1);
	if (length < 0)
		return -errno;
	target[length] = '\0';
	return 0;
}

static int
fs_opendir(const char *path, struct fuse_file_info *fi)
{
	int			err = faults_apply("opendir", path);
	int			fd;
	DIR		   *dir;

	if (err != 0)
		return -err;
	fd = openat(source_fd, below_source(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (dir == NULL)
	{
		err = errno;
		close(fd);
		return -err;
	}
	fi->fh = (uintptr_t) dir;
	return 0;
}

static int
fs_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
		   struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
	DIR		   *dir = (DIR *) (uintptr_t) fi->fh;
	struct dirent *entry;
	int			err = faults_apply("readdir", path);

	(void) offset;
	(void) flags;
	if (err != 0)
		return -err;
	rewinddir(dir);
	while (errno = 0, (entry = readdir(dir)) != NULL)
	{
		struct stat st = {.st_ino = entry->d_ino, .st_mode = (mode_t) entry->d_type << 12};

		if (fill(buffer, entry->d_name, &st, 0, 0) != 0)
			return -ENOMEM;
	}
	return -errno;
}

static int
fs_releasedir(const char *path, struct fuse_file_info *fi)
{
	(void) path;
	closedir((DIR *) (uintptr_t) fi->fh);
	return 0;
}

static int
fs_open(const char *path, struct fuse_file_info *fi)
{
	int			err = faults_apply("open", path);
	int			fd;

	if (err != 0)
		return -err;
	if ((fi->flags & O_ACCMODE) != O_RDONLY)
		return -EROFS;
	fd = openat(source_fd, below_source(path), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	fi->fh = (uint64_t) fd;
	return 0;
}

static int
fs_read(const char *path, char *data, size_t size, off_t offset, struct fuse_file_info *fi)
{
	int			err = faults_apply("read", path);
	ssize_t		got;

	if (err != 0)
		return -err;
	got = pread((int) fi->fh, data, size, offset);
	return got < 0 ? -errno : (int) got;
}

static int
fs_release(const char *path, struct fuse_file_info *fi)
{
	(void) path;
	close((int) fi->fh);
	return 0;
}

static int
fs_statfs(const char *path, struct statvfs *st)
{
	int			err = faults_apply("statfs", path);

	if (err == 0 && fstatvfs(source_fd, st) != 0)
		err = errno;
	return -err;
}

static const struct fuse_operations operations = {
	.init = fs_init,
	.getattr = fs_getattr,
	.readlink = fs_readlink,
	.opendir = fs_opendir,
	.readdir = fs_readdir,
	.releasedir = fs_releasedir,
	.open = fs_open,
	.read = fs_read,
	.release = fs_release,
	.statfs = fs_statfs,
};

static int
mount_and_serve(char *program, char *source, char *mountpoint, char *socket_path)
{
	char	   *arguments[] = {program, mountpoint, "-f", "-o",
		"allow_other,ro,fsname=faultfs,subtype=faultfs"
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 12)
		",max_threads=1000"		/* a hung request keeps its thread */
#endif
		, NULL};
	int			err;

	source_fd = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (source_fd < 0)
	{
		perror(source);
		return 1;
	}
	err = control_serve(socket_path);
	if (err != 0)
	{
		fprintf(stderr, "%s: %s\n", socket_path, strerror(err));
		return 1;
	}
	return fuse_main(5, arguments, &operations, NULL);
}

static int
tell(int count, char **words, const char *socket_path)
{
	char		line[PATH_MAX + 64] = "";

	for (int i = 0; i < count; i++)
	{
		size_t		used = strlen(line);

		snprintf(line + used, sizeof(line) - used, i > 0 ? " %s" : "%s", words[i]);
	}
	return control_send(socket_path, line);
}

int
main(int argc, char **argv)
{
	if (argc >= 5 && argc <= 6 && strcmp(argv[1], "mount") == 0)
	{
		cache_seconds = argc == 6 ? atof(argv[5]) : 0;
		return mount_and_serve(argv[0], argv[2], argv[3], argv[4]);
	}
	if (argc >= 4 && strcmp(argv[1], "tell") == 0)
		return tell(argc - 3, argv + 3, argv[2]);
	fprintf(stderr, "usage: faultfs mount SOURCE MOUNTPOINT SOCKET [CACHE_SECONDS]\n"
			"       faultfs tell SOCKET COMMAND...\n");
	return 2;
}
