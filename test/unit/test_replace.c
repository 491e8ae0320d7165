/*
 * test_replace.c: names that are replaced while they are looked for are never called missing.
 *
 * An application that saves a photo writes a new file and renames it over the old one: the name is
 * there at every moment.  A directory listing may miss it all the same.  So the test also runs a
 * variant that trusts the listing, and wants to see it fail.
 */
#include <fcntl.h>
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
	NAMES = 2000,
	SECONDS = 4
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

static void
run(const char *folder)
{
	int			fd = open(folder, O_RDONLY | O_DIRECTORY);
	time_t		end = time(NULL) + SECONDS;
	int			lost_by_listing = 0;
	int			lost_by_probe = 0;
	int			rounds = 0;
	pthread_t	thread;

	for (int i = 0; i < NAMES; i++)
	{
		snprintf(names[i], sizeof(names[i]), "IMG_%05d.jpg", i);
		fixture_file(folder, names[i], "");
	}
	pthread_create(&thread, NULL, replace, &fd);
	for (; time(NULL) < end; rounds++)
	{
		lost_by_listing += trust_listing(fd);
		lost_by_probe += ask_probe(folder);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	note("%d rounds: a listing alone lost %d names, the probe %d", rounds, lost_by_listing,
		 lost_by_probe);
	is(lost_by_probe, 0, "the probe calls no name missing that is being replaced");
	ok(lost_by_listing > 0, "trusting the listing does");
	close(fd);
}

int
main(void)
{
	char		folder[] = "/dev/shm/missing_photos_unit.XXXXXX";
	struct statfs fs;

	mp_confine_start();
	/* Where the listing's weakness shows soonest. */
	if (statfs("/dev/shm", &fs) != 0 || fs.f_type != 0x01021994 || mkdtemp(folder) == NULL)
		skip("there is no tmpfs at /dev/shm", "listing beside atomic replaces");
	else
	{
		run(folder);
		for (int i = 0; i < NAMES; i++)
			unlink(fixture_path(folder, names[i]));
		unlink(fixture_path(folder, "new"));
		rmdir(folder);
	}
	return done();
}
