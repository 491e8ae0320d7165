/*
 * test_content.c: reading a file asks for what comes next, leaves the page cache as it was, and
 * notices whatever happens to the file meanwhile.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../../src/probe/content.h"
#include "../../src/probe/progress.h"
#include "fixture.h"
#include "tap.h"

enum
{
	MIB = 1024 * 1024,
	PIECE = 64 * 1024,
	LARGE = 64 * MIB,
	/* Several times what a kernel reads ahead where a disk is set to read 8 MiB ahead. */
	MOST_RESIDENT = 44 * MIB,
	SMALL = 4 * PIECE,
	AHEAD = 32 * PIECE,
	TICK_US = 20000				/* older kernels' files have no finer times */
};

static const char *root;

static int
open_file(const char *name, int flags)
{
	int			fd = open(fixture_path(root, name), flags | O_CLOEXEC, 0600);

	if (fd < 0)
		bail(name);
	return fd;
}

static void
make_hole(const char *name, off_t size)
{
	int			fd = open_file(name, O_RDWR | O_CREAT | O_TRUNC);

	if (ftruncate(fd, size) != 0)
		bail("ftruncate");
	close(fd);
}

/* Bytes that lie on the disk: a hole needn't be fetched, and is never cold. */
static void
make_cold(const char *name, size_t size)
{
	static const char bytes[PIECE];
	int			fd = open_file(name, O_RDWR | O_CREAT | O_TRUNC);

	for (size_t all = 0; all < size; all += sizeof(bytes))
		if (write(fd, bytes, sizeof(bytes)) != sizeof(bytes))
			bail("write");
	if (fsync(fd) != 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
		bail("posix_fadvise");
	close(fd);
}

static size_t
read_plainly(const char *name)
{
	static char buffer[PIECE];
	int			fd = open_file(name, O_RDONLY);
	size_t		all = 0;
	ssize_t		n;

	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		all += (size_t) n;
	close(fd);
	return all;
}

/* Bytes of the file that are in the page cache. */
static size_t
resident(const char *name, size_t size)
{
	static unsigned char pages[LARGE / 4096];
	long		page = sysconf(_SC_PAGESIZE);
	int			fd = open_file(name, O_RDWR);
	void	   *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	size_t		n = 0;

	if (map == MAP_FAILED || mincore(map, size, pages) != 0)
		bail("mincore");
	for (size_t i = 0; i * (size_t) page < size; i++)
		n += pages[i] & 1;
	munmap(map, size);
	close(fd);
	return n * (size_t) page;
}

static bool
can_forget(void)
{
	make_cold("forgotten", SMALL);
	return resident("forgotten", SMALL) == 0;
}

static void
start(MpContent *content, const char *name)
{
	int			handle = open_file(name, O_PATH);

	if (mp_content_open(content, handle, MP_WHOLE).verdict != MP_PRESENT)
		bail("mp_content_open");
	close(handle);
	mp_content_start(content, MP_WHOLE);
}

/* Reads on for so many bytes; the most that was in the page cache meanwhile, looked at per MiB. */
static size_t
read_on(MpContent *content, const char *name, size_t size, size_t bytes)
{
	static char buffer[PIECE];
	size_t		most = 0;
	size_t		n = 1;

	for (size_t all = 0; all < bytes && n > 0; all += n)
	{
		n = mp_content_read(content, buffer, sizeof(buffer));
		if (name != NULL && all % MIB == 0 && resident(name, size) > most)
			most = resident(name, size);
	}
	return most;
}

static void
test_cold_file(void)
{
	MpContent	content;
	MpIdentity	identity;
	size_t		most;

	make_cold("large", LARGE);
	start(&content, "large");
	most = read_on(&content, "large", LARGE, SIZE_MAX);
	is(mp_content_check(&content, &identity).verdict, MP_PRESENT, "a cold file of 64 MiB is read");
	mp_content_close(&content);
	note("at most %zu MiB in the page cache", most / MIB);
	ok(most > 0 && most <= MOST_RESIDENT, "little of it was in the page cache at any time");
	is((long long) resident("large", LARGE), 0, "nothing is afterwards");
	is((long long) read_plainly("large"), LARGE, "read plainly");
	ok(resident("large", LARGE) > MOST_RESIDENT, "all of it is");
	start(&content, "large");
	read_on(&content, NULL, 0, SIZE_MAX);
	mp_content_close(&content);
	is((long long) resident("large", LARGE), LARGE, "and stays there when it is read warm");
}

/* Whether this much of a file comes into the page cache by itself. */
static bool
comes_by_itself(const char *name, size_t bytes)
{
	for (int i = 0; i < 100; i++)
	{
		if (resident(name, AHEAD) >= bytes)
			return true;
		usleep(5000);
	}
	return false;
}

static void
test_readahead(void)
{
	MpContent	content;
	int			fd;

	make_cold("ahead", AHEAD);
	fd = open_file("ahead", O_RDONLY);
	ok(!comes_by_itself("ahead", PIECE), "opening a file fetches nothing");
	close(fd);
	start(&content, "ahead");
	ok(comes_by_itself("ahead", SMALL), "being opened for a digest, it is fetched before it is read");
	mp_content_close(&content);
}

static void
test_pieces(void)
{
	MpContent	content;
	uint64_t	before;

	make_hole("pieces", 16 * PIECE);
	start(&content, "pieces");
	before = mp_progress_count();
	read_on(&content, NULL, 0, SIZE_MAX);
	is((long long) (mp_progress_count() - before), 17, "a call for each 64 KiB, and one for the end");
	mp_content_close(&content);
}

typedef void (*Meddle) (int fd);

static void
do_nothing(int fd)
{
	(void) fd;
}

static void
overwrite(int fd)
{
	if (pwrite(fd, "x", 1, 100) != 1)
		bail("pwrite");
}

static void
overwrite_behind(int fd)
{
	if (pwrite(fd, "y", 1, SMALL - 1) != 1)
		bail("pwrite");
}

/* As rsync and cp -p leave it: the time of the last write is the old one. */
static void
overwrite_and_hide(int fd)
{
	struct stat st;
	struct timespec times[2];

	if (fstat(fd, &st) != 0)
		bail("fstat");
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	overwrite(fd);
	if (futimens(fd, times) != 0)
		bail("futimens");
}

static void
shorten(int fd)
{
	if (ftruncate(fd, SMALL / 4) != 0)
		bail("ftruncate");
}

static void
lengthen(int fd)
{
	if (ftruncate(fd, SMALL + 1) != 0)
		bail("ftruncate");
}

/* Something happens to a file of which half was read. */
static void
meddled(const char *what, Meddle meddle, bool changed)
{
	MpContent	content;
	MpIdentity	identity;
	MpJudgement judgement;
	int			fd;

	make_hole("file", SMALL);
	fd = open_file("file", O_RDWR);
	start(&content, "file");
	read_on(&content, NULL, 0, SMALL / 2);
	usleep(TICK_US);
	meddle(fd);
	read_on(&content, NULL, 0, SIZE_MAX);
	judgement = mp_content_check(&content, &identity);
	is(judgement.reason, changed ? MP_CHANGED_WHILE_READ : MP_OK, "%s", what);
	mp_content_start(&content, MP_WHOLE);
	read_on(&content, NULL, 0, SIZE_MAX);
	is(mp_content_check(&content, &identity).verdict, MP_PRESENT, "%s, then it holds still", what);
	mp_content_close(&content);
	close(fd);
}

static void
test_replaced(void)
{
	MpContent	content;
	MpIdentity	identity;
	struct stat old;

	make_hole("file", SMALL);
	make_hole("other", SMALL);
	if (stat(fixture_path(root, "file"), &old) != 0)
		bail("stat");
	start(&content, "file");
	read_on(&content, NULL, 0, SMALL / 2);
	usleep(TICK_US);
	if (rename(fixture_path(root, "other"), fixture_path(root, "file")) != 0)
		bail("rename");
	read_on(&content, NULL, 0, SIZE_MAX);
	is(mp_content_check(&content, &identity).reason, MP_CHANGED_WHILE_READ, "replaced");
	mp_content_start(&content, MP_WHOLE);
	read_on(&content, NULL, 0, SIZE_MAX);
	is(mp_content_check(&content, &identity).verdict, MP_PRESENT, "what was opened is read again");
	is((long long) identity.inode, (long long) old.st_ino, "and it is told that it is the old one");
	mp_content_close(&content);
}

int
main(void)
{
	root = fixture_folder();
	test_pieces();
	if (can_forget())
	{
		test_cold_file();
		test_readahead();
	}
	else
		skip("the file system can't forget", "the page cache");
	meddled("untouched", do_nothing, false);
	meddled("overwritten where it was read", overwrite, true);
	meddled("overwritten where it wasn't read yet", overwrite_behind, true);
	meddled("overwritten, and its time put back", overwrite_and_hide, true);
	meddled("shortened", shorten, true);
	meddled("lengthened", lengthen, true);
	test_replaced();
	return done();
}
