/*
 * test_replace.c: names that are replaced while they are looked for are never called missing.
 *
 * An application that saves a photo writes a new file and renames it over the old one, or
 * exchanges the two: the name is there at every moment.  A directory listing may miss it all the
 * same.  So the test also runs a variant that trusts the listing, and wants to see it fail.  It
 * runs in memory and on the file system this program lies on.
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "fixture.h"
#include "tap.h"

enum
{
	NAMES = 2000
};

static char names[NAMES][16];
static atomic_bool stop;

/* Replaces one file after the other, atomically. */
static void *
replace(void *argument)
{
	int			folder = *(int *) argument;

	for (int i = 0; !atomic_load(&stop); i = (i + 7) % NAMES)
	{
		int			fd = openat(folder, "new", O_WRONLY | O_CREAT, 0600);

		close(fd);
		if (renameat(folder, "new", folder, names[i]) != 0)
			break;
	}
	return NULL;
}

/* Exchanges one pair of files after the other. */
static void *
exchange(void *argument)
{
	int			folder = *(int *) argument;

	for (int i = 0; !atomic_load(&stop); i = (i + 7) % NAMES)
	{
		if (renameat2(folder, names[i], folder, names[(i + NAMES / 2) % NAMES],
					  RENAME_EXCHANGE) != 0)
			break;
	}
	return NULL;
}

/* How many names a listing alone would call missing. */
static int
trust_listing(int folder)
{
	static MpEntry entries[NAMES];
	MpScratch	scratch = {.size = 32 * 1024};	/* as readdir has it */
	int			fd = openat(folder, ".", O_RDONLY | O_DIRECTORY);
	int			lost = 0;

	memset(entries, 0, sizeof(entries));
	for (int i = 0; i < NAMES; i++)
	{
		entries[i].name = names[i];
		entries[i].length = (uint16_t) strlen(names[i]);
	}
	mp_list_names(fd, entries, NAMES, &scratch);
	for (int i = 0; i < NAMES; i++)
		lost += entries[i].shown == MP_NOT_SHOWN;
	mp_scratch_free(&scratch);
	close(fd);
	return lost;
}

/* How many the probe calls anything but present. */
static int
ask_probe(const char *folder)
{
	MpRequest	request;
	MpCheck		check;
	Ask			ask;
	int			lost = 0;

	ask_check(&ask, folder, 0, NULL);
	ask_directory(&ask, "");
	for (int i = 0; i < NAMES; i++)
		ask_name(&ask, names[i], 0);
	if (ask_parse(&ask, &request) != 0 || !run_check(&check, &request))
		bail("check");
	for (int i = 0; i < NAMES; i++)
		lost += request.entries[i].verdict != MP_PRESENT;
	mp_check_close(&check);
	mp_request_free(&request);
	return lost;
}

static long
run(const char *folder, const char *what, void *(*disturb) (void *))
{
	int			fd = open(folder, O_RDONLY | O_DIRECTORY);
	time_t		end = time(NULL) + (getenv("MISSING_PHOTOS_LONG") != NULL ? 30 : 2);
	long		lost_by_listing = 0;
	long		lost_by_probe = 0;
	long		rounds = 0;
	pthread_t	thread;

	atomic_store(&stop, false);
	pthread_create(&thread, NULL, disturb, &fd);
	for (; time(NULL) <= end; rounds++)
	{
		lost_by_listing += trust_listing(fd);
		lost_by_probe += ask_probe(folder);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	note("%s: %ld names; a listing alone lost %ld, the probe %ld", what, rounds * NAMES,
		 lost_by_listing, lost_by_probe);
	is(lost_by_probe, 0, "%s: the probe calls no name missing", what);
	close(fd);
	return lost_by_listing;
}

static void
run_in(const char *folder, const char *where, bool listing_loses)
{
	char		what[100];
	long		lost;

	for (int i = 0; i < NAMES; i++)
	{
		snprintf(names[i], sizeof(names[i]), "IMG_%05d.jpg", i);
		fixture_file(folder, names[i], "");
	}
	snprintf(what, sizeof(what), "exchanged %s", where);
	lost = run(folder, what, exchange);
	snprintf(what, sizeof(what), "replaced %s", where);
	lost += run(folder, what, replace);
	/* Elsewhere than in memory the listing may be lucky. */
	if (listing_loses)
		ok(lost > 0, "trusting the listing %s does", where);
	for (int i = 0; i < NAMES; i++)
		unlink(fixture_path(folder, names[i]));
	unlink(fixture_path(folder, "new"));
	rmdir(folder);
}

int
main(void)
{
	char		in_memory[] = "/dev/shm/missing_photos_unit.XXXXXX";
	char		on_disk[PATH_MAX];
	ssize_t		n;
	struct statfs fs;

	mp_confine_start();
	/* Where the listing's weakness shows soonest. */
	if (statfs("/dev/shm", &fs) != 0 || fs.f_type != 0x01021994 || mkdtemp(in_memory) == NULL)
		skip("there is no tmpfs at /dev/shm", "listing beside atomic replaces");
	else
		run_in(in_memory, "in memory", true);
	n = readlink("/proc/self/exe", on_disk, sizeof(on_disk) - sizeof(".XXXXXX"));
	if (n <= 0)
		bail("readlink");
	strcpy(on_disk + n, ".XXXXXX");
	if (mkdtemp(on_disk) == NULL || statfs(on_disk, &fs) != 0)
		skip("this program's folder can't be written", "the same on disk");
	else
	{
		note("the disk's file system is %lx", (unsigned long) fs.f_type);
		run_in(on_disk, "on disk", false);
	}
	return done();
}
