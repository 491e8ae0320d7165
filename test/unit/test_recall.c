/*
 * test_recall.c: what one request of a sitting saw, and what the next makes of it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fixture.h"
#include "tap.h"

enum
{
	NAMES = 400
};

static MpRecall recall;

static const char *
make_album(void)
{
	const char *top = fixture_folder();
	char		name[32];

	fixture_mkdir(top, "album");
	for (int i = 0; i < NAMES; i++)
	{
		snprintf(name, sizeof(name), "IMG_%05d.jpg", i);
		fixture_file(fixture_path(top, "album"), name, "");
	}
	fixture_link(fixture_path(top, "album"), "link.jpg", "IMG_00001.jpg");
	return top;
}

/* Asks for one name of the album, or for none but with some to come. */
static MpVerdict
judge(const char *top, uint64_t sitting, const char *name, uint32_t to_come, uint8_t flags)
{
	MpVerdict	verdict = MP_PRESENT;
	MpRequest	request;
	MpCheck		check;
	Ask			ask;

	ask_check(&ask, top, 0, NULL);
	ask_sitting(&ask, sitting);
	ask_directory(&ask, "album");
	ask_to_come(&ask, to_come);
	if (name != NULL)
		ask_name(&ask, name, flags);
	if (ask_parse(&ask, &request) != 0 || !run_check_sitting(&check, &request, &recall))
		bail("check");
	if (check.guard.report.verdict != MP_PRESENT)
		bail("the root");
	if (name != NULL)
		verdict = (MpVerdict) request.entries[0].verdict;
	mp_check_close(&check);
	mp_request_free(&request);
	return verdict;
}

static void
test_remembered(void)
{
	const char *top = make_album();
	const char *album = fixture_path(top, "album");

	judge(top, 1, NULL, NAMES, 0);
	fixture_remove(album, "IMG_00007.jpg");
	is(judge(top, 1, "IMG_00007.jpg", 0, 0), MP_PRESENT, "what the sitting saw is present in it");
	is(judge(top, 0, "IMG_00007.jpg", 0, 0), MP_MISSING, "a request on its own looks for itself");
	is(judge(top, 1, "IMG_00007.jpg", 0, MP_WANT_IDENTITY), MP_MISSING,
	   "so does one that wants the identity");
	fixture_file(album, "new.jpg", "");
	is(judge(top, 1, "new.jpg", 0, 0), MP_PRESENT, "a name that wasn't seen is looked up");
	is(judge(top, 1, "gone.jpg", 0, 0), MP_MISSING, "and may be missing");
	is(judge(top, 1, "link.jpg", 0, 0), MP_PRESENT, "a link is followed");
	fixture_remove(album, "IMG_00001.jpg");
	is(judge(top, 1, "link.jpg", 0, 0), MP_UNREACHABLE, "each time");
	is(judge(top, 2, "IMG_00007.jpg", 0, 0), MP_MISSING, "another sitting knows nothing of it");
	is(judge(top, 1, "IMG_00007.jpg", 0, 0), MP_MISSING, "and made the first one forgotten");
}

/* Few names at a time, as rows in the order of a hash join come. */
static void
test_dribble(void)
{
	const char *top = make_album();
	char		name[32];
	int			present = 0;

	for (int i = 0; i < NAMES; i++)
	{
		snprintf(name, sizeof(name), "IMG_%05d.jpg", i);
		if (i == NAMES / 2)
			fixture_remove(fixture_path(top, "album"), "IMG_00399.jpg");
		present += judge(top, 3, name, 0, 0) == MP_PRESENT;
	}
	is(present, NAMES, "a directory asked for name by name is listed once that pays");
	mp_recall_forget(&recall);
	ok(mp_recall_is_empty(&recall), "what is forgotten takes no memory");
	is(judge(top, 3, "IMG_00399.jpg", 0, 0), MP_MISSING, "and is looked up again");
}

static void
test_another_root(void)
{
	const char *top = make_album();
	const char *other = make_album();

	judge(top, 4, NULL, NAMES, 0);
	fixture_remove(fixture_path(other, "album"), "IMG_00003.jpg");
	is(judge(other, 4, "IMG_00003.jpg", 0, 0), MP_MISSING,
	   "a folder of the same name below another root is another");
	if (rename(top, fixture_path(other, "aside")) != 0 || mkdir(top, 0700) != 0)
		bail("rename");
	fixture_mkdir(top, "album");
	is(judge(top, 4, "IMG_00003.jpg", 0, 0), MP_MISSING,
	   "so is one below what has taken the root's place");
}

/* More names than may be kept: judged all the same. */
static void
test_bounded(void)
{
	MpHashes	hashes = {0};
	MpNameSet  *names;
	uint32_t	asked;
	uint64_t	key = 1;

	for (uint64_t i = 1; i <= 100000; i++)
		mp_hashes_add(&hashes, i * UINT64_C(0x9E3779B97F4A7C15));
	mp_recall_begin(&recall, 5);
	for (; key < 200; key++)
	{
		names = mp_nameset_make(&hashes);
		mp_recall_listing(&recall, 5, key);
		mp_recall_put(&recall, 5, key, names);
		mp_nameset_release(names);
	}
	ok(recall.bytes <= MP_RECALL_BYTES, "what is kept stays within its bounds");
	names = mp_recall_get(&recall, 5, 1, 7, &asked);
	ok(names != NULL && mp_nameset_has(names, hashes.hashes[99999]) &&
	   !mp_nameset_has(names, 12345), "the first listings are kept");
	mp_nameset_release(names);
	ok(mp_recall_get(&recall, 5, key - 1, 7, &asked) == NULL && asked == 7,
	   "the last ones aren't, and nobody is told to list for later");
	mp_recall_forget(&recall);
	mp_hashes_free(&hashes);
}

int
main(void)
{
	mp_confine_start();
	mp_recall_start(&recall);
	test_remembered();
	test_dribble();
	test_another_root();
	test_bounded();
	return done();
}
