/*
 * test_dirlist.c: listing a directory and looking its names up come to the same.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "tap.h"

enum
{
	NAMES = 3000
};

/* One of everything, mixed; a third of the names isn't there. */
static void
make_folder(const char *folder)
{
	char		name[32];

	for (int i = 0; i < NAMES; i++)
	{
		snprintf(name, sizeof(name), "IMG_%05d.jpg", i);
		if (i % 3 == 0)
			continue;
		if (i % 50 == 1)
			fixture_mkdir(folder, name);
		else if (i % 50 == 2)
			fixture_link(folder, name, i % 4 == 0 ? "IMG_00004.jpg" : "nowhere");
		else if (i % 50 == 5)
			mkfifo(fixture_path(folder, name), 0600);
		else
			fixture_file(folder, name, "");
	}
}

/* All names at once, or one request for each: too few to list. */
static void
judge(const char *folder, int from, int to, MpEntry *results)
{
	MpRequest	request;
	MpCheck		check;
	Ask			ask;
	char		name[32];

	ask_check(&ask, folder, 0, NULL);
	ask_directory(&ask, "");
	for (int i = from; i < to; i++)
	{
		snprintf(name, sizeof(name), "IMG_%05d.jpg", i);
		ask_name(&ask, name, 0);
	}
	if (ask_parse(&ask, &request) != 0 || !run_check(&check, &request))
		bail("check");
	for (int i = from; i < to; i++)
		results[i] = request.entries[i - from];
	mp_check_close(&check);
	mp_request_free(&request);
}

static void
test_agreement(void)
{
	static MpEntry listed[NAMES];
	static MpEntry looked_up[NAMES];
	const char *folder = fixture_folder();
	int			differences = 0;
	int			counts[4] = {0};

	make_folder(folder);
	judge(folder, 0, NAMES, listed);
	for (int i = 0; i < NAMES; i++)
		judge(folder, i, i + 1, looked_up);
	for (int i = 0; i < NAMES; i++)
	{
		differences += listed[i].verdict != looked_up[i].verdict ||
			listed[i].reason != looked_up[i].reason || listed[i].err != looked_up[i].err;
		counts[listed[i].verdict]++;
	}
	is(differences, 0, "listing and look-ups agree on %d names", NAMES);
	ok(listed[4].shown == MP_SHOWN_REGULAR && looked_up[4].shown == MP_NOT_SHOWN,
	   "and one of them did list, the other didn't");
	is(counts[MP_MISSING], NAMES / 3, "every third is missing");
	ok(counts[MP_PRESENT] > 0 && counts[MP_UNREACHABLE] > 0 && counts[MP_INVALID] > 0,
	   "every verdict occurs");
}

static void
test_odd_requests(void)
{
	const char *folder = fixture_folder();
	MpRequest	request;
	MpCheck		check;
	Ask			ask;

	fixture_file(folder, "a", "x");
	fixture_file(folder, "b", "yy");
	ask_check(&ask, folder, 0, NULL);
	ask_directory(&ask, "");
	for (int i = 0; i < 10; i++)
	{
		ask_name(&ask, "a", 0);
		ask_name(&ask, "c", 0);
	}
	ask_name(&ask, "b", MP_WANT_IDENTITY);
	ask_name(&ask, "..", MP_WANT_IDENTITY);
	ask_directory(&ask, "");
	ask_parse(&ask, &request);
	run_check(&check, &request);
	for (int i = 1; i < 20; i++)
	{
		if (request.entries[i].verdict != (i % 2 == 0 ? MP_PRESENT : MP_MISSING))
			ok(false, "entry %d of a name asked for ten times", i);
	}
	is(request.entries[18].verdict, MP_PRESENT, "a name asked for ten times has ten verdicts");
	ok(check.batch.identities[0].size == 2 && check.batch.identities[0].inode != 0,
	   "an identity is told");
	is(request.entries[21].verdict, MP_INVALID, "and of \"..\" none");
	mp_check_close(&check);
	mp_request_free(&request);
}

static void
test_empty(void)
{
	const char *folder = fixture_folder();
	int			fd = open(folder, O_RDONLY | O_DIRECTORY);

	ok(mp_list_is_empty(fd), "an empty folder is empty");
	fixture_file(folder, "a", "");
	lseek(fd, 0, SEEK_SET);
	ok(!mp_list_is_empty(fd), "one with a file isn't");
	close(fd);
	fd = open("/dev/null", O_RDONLY);
	ok(!mp_list_is_empty(fd), "what can't be listed isn't said to be empty");
	close(fd);
}

static void
test_choice(void)
{
	ok(!mp_list_pays(3, 4096, 0xEF53), "three names are looked up");
	ok(mp_list_pays(7, 4096, 0xEF53), "7 of at most 55 are listed");
	ok(!mp_list_pays(6, 4096, 0xEF53), "6 of 55 are looked up");
	ok(!mp_list_pays(100, 74 * 1000, 0xEF53), "100 of 1,000 are looked up on ext4");
	ok(mp_list_pays(125, 74 * 1000, 0xEF53), "125 of 1,000 are listed");
	ok(mp_list_pays(4, 0, 0x65735546), "four on a file system that tells no size");
	ok(!mp_list_pays(100, 20 * 1000, 0x01021994), "tmpfs counts 20 bytes for an entry");
	ok(!mp_list_pays(100, 1000, 0x2FC12FC1), "zfs counts entries");
}

int
main(void)
{
	test_agreement();
	test_odd_requests();
	test_empty();
	test_choice();
	return done();
}
