/*
 * content.c: reading a file from one end to the other, or its ends; see content.h.
 *
 * The handle shows that it is a regular file before anything is opened for reading: opening a FIFO
 * may hang, and opening a device may set it in motion.  It is then opened through /proc, which
 * names the very file the handle holds, whatever the path means by now.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "content.h"
#include "progress.h"
#include "syscalls.h"

enum
{
	DROP_BYTES = 1024 * 1024,	/* put out of the page cache at a time */
	AHEAD_BYTES = 512 * 1024,	/* asked for when a file is opened; then the kernel reads ahead */
	SIZE_BYTES = 8
};

static int
open_for_reading(int handle)
{
	char		path[64];
	int			tries = 0;
	int			fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", handle);
	do
		fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	while (fd < 0 && mp_try_again(&tries));
	mp_progress_add(1);
	return fd;
}

/* Whether the middle of the file isn't in the page cache; false where that can't be told. */
static bool
is_cold(const MpContent *content)
{
	char		byte;
	struct iovec to = {&byte, 1};

	return content->before.stx_size > 0 &&
		mp_read_cached(content->fd, &to, 1, content->before.stx_size / 2) < 0 && errno == EAGAIN;
}

static void
read_ahead(MpContent *content, uint8_t parts)
{
	content->was_cold = is_cold(content);
	if (!(parts & MP_WHOLE))
	{
		/* Each end is read at once, and nothing beyond it. */
		posix_fadvise(content->fd, 0, 0, POSIX_FADV_RANDOM);
		return;
	}
	posix_fadvise(content->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	if (content->was_cold)
		posix_fadvise(content->fd, 0, AHEAD_BYTES, POSIX_FADV_WILLNEED);
}

MpJudgement
mp_content_open(MpContent *content, int handle, uint8_t parts)
{
	struct statx st;
	uint64_t	fs_magic;
	int			err = mp_stat_handle(handle, &st);

	memset(content, 0, sizeof(*content));
	content->end = UINT64_MAX;
	if (err == 0 && !S_ISREG(st.stx_mode))
		return mp_judgement(MP_INVALID, MP_NOT_REGULAR, 0);
	if (err == 0)
	{
		content->fd = open_for_reading(handle);
		err = content->fd < 0 ? errno : 0;
	}
	if (err != 0)
		return mp_doubt_errno(err);
	err = mp_stat_handle(content->fd, &content->before);
	if (err == 0)
		err = mp_statfs_handle(content->fd, &content->fsid, &fs_magic);
	if (err == 0)
		read_ahead(content, parts);
	else
		close(content->fd);
	return mp_doubt_errno(err);
}

void
mp_content_start(MpContent *content, uint8_t part)
{
	content->part = part;
	content->at = 0;
	content->size_bytes = 0;
	content->at_end = false;
}

/* Where the end begins: behind the beginning, in a file that isn't longer than both. */
static uint64_t
tail_of(uint64_t size)
{
	return size > 2 * MP_END_BYTES ? size - MP_END_BYTES : MP_END_BYTES;
}

/* Moves on to the file's tail when its head is done; how much of `size` may be read there. */
static size_t
within_ends(MpContent *content, size_t size)
{
	uint64_t	tail = tail_of(content->before.stx_size);

	if (content->at < MP_END_BYTES)
		return size < MP_END_BYTES - content->at ? size : (size_t) (MP_END_BYTES - content->at);
	if (content->at < tail)
		content->at = tail;
	return size;
}

/* From the beginning each time: what the kernel keeps as one piece goes when all of it is behind. */
static void
drop_behind(MpContent *content)
{
	if (content->was_cold && content->part == MP_WHOLE &&
		content->at - content->dropped >= DROP_BYTES)
	{
		posix_fadvise(content->fd, 0, (off_t) content->at, POSIX_FADV_DONTNEED);
		content->dropped = content->at;
	}
}

/*
 * The size as it was read, the most significant byte first: ends alike don't make files of
 * different sizes look alike.
 */
static size_t
read_size(MpContent *content, uint8_t *to, size_t room)
{
	size_t		n = 0;

	for (; n < room && content->size_bytes < SIZE_BYTES; content->size_bytes++)
		to[n++] = (uint8_t) (content->at >> (56 - 8 * content->size_bytes));
	return n;
}

static void
end_part(MpContent *content)
{
	content->at_end = true;
	if (content->end != UINT64_MAX && content->end != content->at)
		content->uneven = true;
	content->end = content->at;
}

/*
 * A file that somebody writes to as fast as we read would have no end.  What lies beyond the size it
 * had when it was opened needn't be read: it has changed.
 */
static bool
has_grown(const MpContent *content)
{
	return content->part == MP_WHOLE && content->at > content->before.stx_size;
}

size_t
mp_content_read(MpContent *content, void *buffer, size_t size)
{
	int			tries = 0;
	ssize_t		n = 0;

	if (content->err == 0 && !content->at_end && has_grown(content))
	{
		end_part(content);
		content->uneven = true;
	}
	if (content->err == 0 && !content->at_end)
	{
		if (content->part == MP_ENDS)
			size = within_ends(content, size);
		do
			n = pread(content->fd, buffer, size, (off_t) content->at);
		while (n < 0 && mp_try_again(&tries));
		/* A sign of life for each piece: on a slow disk many files share its speed. */
		mp_progress_add(1);
		if (n < 0)
			content->err = errno;
		else if (n == 0)
			end_part(content);
	}
	if (content->err != 0)
		return 0;
	if (content->at_end)
		return content->part == MP_ENDS ? read_size(content, buffer, size) : 0;
	content->at += (uint64_t) n;
	drop_behind(content);
	return (size_t) n;
}

static bool
same_content(const struct statx *a, const struct statx *b)
{
	MpIdentity	one;
	MpIdentity	two;

	mp_identity_of(a, 0, &one);
	mp_identity_of(b, 0, &two);
	return one.inode == two.inode && one.size == two.size && one.mtime_ns == two.mtime_ns &&
		one.ctime_ns == two.ctime_ns && a->stx_dev_major == b->stx_dev_major &&
		a->stx_dev_minor == b->stx_dev_minor;
}

MpJudgement
mp_content_check(MpContent *content, MpIdentity *identity)
{
	struct statx after;
	int			err = content->err;
	bool		same;

	if (err == 0)
		err = mp_stat_handle(content->fd, &after);
	if (err != 0)
		return mp_doubt_errno(err);
	same = same_content(&content->before, &after) && !content->uneven &&
		content->end == after.stx_size;
	mp_identity_of(&after, content->fsid, identity);
	/* Should it be read again, this is how it was before. */
	content->before = after;
	content->uneven = false;
	content->end = UINT64_MAX;
	if (same)
		return mp_doubt_errno(0);
	return mp_judgement(MP_UNREACHABLE, MP_CHANGED_WHILE_READ, 0);
}

void
mp_content_close(MpContent *content)
{
	if (content->was_cold)
		posix_fadvise(content->fd, 0, 0, POSIX_FADV_DONTNEED);
	close(content->fd);
}
