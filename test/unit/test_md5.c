/*
 * test_md5.c: MD5 in lanes gives what OpenSSL gives, whatever is in the other lanes.
 *
 * Each way that this processor has is tried in turn.  MISSING_PHOTOS_LONG=1: 10,000 sets of messages
 * per way, and a message whose length in bits is more than 32 bits hold.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/probe/md5_feed.h"
#include "tap.h"

enum
{
	POOL = 1024 * 1024,
	MOST_MESSAGES = 400,
	LONGEST = 200000,
	DIGEST = 16
};

typedef struct TestMessage
{
	const uint8_t *data;
	size_t		length;
	uint8_t		digest[DIGEST];
	bool		ended;
} TestMessage;

typedef struct Set
{
	TestMessage messages[MOST_MESSAGES];
	size_t		n;
	size_t		begun;
	bool		short_reads;
	TestMessage *in_lane[MP_MOST_LANES];
	size_t		read[MP_MOST_LANES];
	uint32_t	most_lanes;		/* that were in use at once */
	uint32_t	lanes;
} Set;

static uint8_t pool[POOL];
static Set	set;
static bool all;				/* MISSING_PHOTOS_LONG */

static size_t
below(size_t limit)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (size_t) (state >> 11) % limit;
}

static bool
next_message(void *owner, uint32_t lane)
{
	(void) owner;
	if (set.begun == set.n)
		return false;
	set.in_lane[lane] = &set.messages[set.begun++];
	set.read[lane] = 0;
	if (++set.lanes > set.most_lanes)
		set.most_lanes = set.lanes;
	return true;
}

static size_t
read_message(void *owner, uint32_t lane, uint8_t *buffer, size_t size)
{
	const TestMessage *message = set.in_lane[lane];
	size_t		left = message->length - set.read[lane];

	(void) owner;
	if (set.short_reads && size > 1 && below(3) == 0)
		size = 1 + below(size);
	if (size > left)
		size = left;
	memcpy(buffer, message->data + set.read[lane], size);
	set.read[lane] += size;
	return size;
}

static void
end_message(void *owner, uint32_t lane, const uint8_t digest[16])
{
	TestMessage *message = set.in_lane[lane];

	(void) owner;
	set.lanes--;
	memcpy(message->digest, digest, DIGEST);
	message->ended = true;
}

static void
add_message(size_t length)
{
	TestMessage *message = &set.messages[set.n++];

	memset(message, 0, sizeof(*message));
	message->data = pool + below(POOL - length);
	message->length = length;
}

/* How many of the set's digests aren't OpenSSL's. */
static int
differences(const MpMd5Way *way, uint32_t lanes)
{
	const MpMd5Source source = {&set, next_message, read_message, end_message};
	int			n = 0;

	set.begun = 0;
	set.lanes = set.most_lanes = 0;
	if (mp_md5_feed(way, lanes, &source) != 0)
		bail("mp_md5_feed");
	for (size_t i = 0; i < set.n; i++)
	{
		TestMessage *message = &set.messages[i];
		uint8_t		expected[EVP_MAX_MD_SIZE];

		if (EVP_Digest(message->data, message->length, expected, NULL, EVP_md5(), NULL) != 1)
			bail("EVP_Digest");
		if (!message->ended || memcmp(message->digest, expected, DIGEST) != 0)
			n++;
	}
	return n;
}

static void
test_lengths(const MpMd5Way *way)
{
	set.n = 0;
	set.short_reads = false;
	for (size_t length = 0; length <= 300; length++)
		add_message(length);
	is(differences(way, way->lanes), 0, "%s: lengths 0 to 300", way->name);
	is(set.most_lanes, way->lanes, "%s: all lanes were in use", way->name);
	is(differences(way, 1), 0, "%s: one at a time", way->name);
	is(set.most_lanes, 1, "%s: then one lane is", way->name);
	set.n = 0;
	for (int around = -70; around <= 70; around++)
		add_message((size_t) (MP_FEED_BYTES + around));
	is(differences(way, way->lanes), 0, "%s: lengths around that of a buffer", way->name);
}

/* As photo libraries are: most files of one size, some tiny, some far larger. */
static size_t
some_length(void)
{
	switch (below(4))
	{
		case 0:
			return below(200);
		case 1:
			return 64 * below(50) + below(3);
		case 2:
			return below(20000);
		default:
			return below(LONGEST);
	}
}

static void
make_some_set(void)
{
	size_t		n = below(3) == 0 ? below(120) : below(30);

	set.n = 0;
	set.short_reads = below(2) == 0;
	while (n-- > 0)
		add_message(some_length());
}

static void
test_sets(const MpMd5Way *way)
{
	int			sets = all ? 10000 : 300;
	int			bad = 0;

	for (int i = 0; i < sets; i++)
	{
		make_some_set();
		if (differences(way, 1 + (uint32_t) below(way->lanes)) != 0)
			bad++;
	}
	is(bad, 0, "%s: %d sets of messages", way->name, sets);
}

/* Its length in bits takes more than 32 bits. */
static void
test_long_message(const MpMd5Way *way)
{
	uint8_t    *data;

	if (!all)
		return;
	data = calloc(1, 600000000);
	if (data == NULL)
		bail("calloc");
	memcpy(data + 599999990, "the end", 7);
	set.n = 0;
	set.short_reads = false;
	add_message(10000);
	add_message(10000);
	add_message(10000);
	set.messages[1].data = data;
	set.messages[1].length = 600000000;
	is(differences(way, way->lanes), 0, "%s: a message of 600 MB", way->name);
	free(data);
}

static const MpMd5Way *broken;

/* Right in all lanes but the last, and there but for one block in a while. */
static void
run_broken(MpMd5 *md5, uint32_t first, const uint8_t *const *data, size_t blocks)
{
	broken->run(md5, first, data, blocks);
	if (blocks == 7)
		md5->words[2][broken->lanes - 1] ^= 1u << 31;
}

static void
test_that_it_shows(const MpMd5Way *way)
{
	const MpMd5Way wrong = {way->name, way->lanes, run_broken};
	int			bad = 0;

	broken = way;
	for (int i = 0; i < 300 && bad == 0; i++)
	{
		make_some_set();
		bad = differences(&wrong, wrong.lanes);
	}
	ok(bad > 0, "%s: one wrong bit in one lane shows", way->name);
}

/* Whether /proc/cpuinfo has a flag. */
static bool
processor_has(const char *flag)
{
	char		line[8192];
	FILE	   *file = fopen("/proc/cpuinfo", "r");
	bool		has = false;

	while (file != NULL && !has && fgets(line, sizeof(line), file) != NULL)
		has = strncmp(line, "flags", 5) == 0 && strstr(line, flag) != NULL;
	if (file != NULL)
		fclose(file);
	return has;
}

static unsigned
ways_to_expect(void)
{
#if defined(__x86_64__)
	return processor_has(" avx2 ") + processor_has(" avx512vl ");
#else
	return processor_has(" no such flag ");
#endif
}

int
main(void)
{
	const MpMd5Way *way;
	unsigned	ways = 0;

	all = getenv("MISSING_PHOTOS_LONG") != NULL;
	for (size_t i = 0; i < POOL; i++)
		pool[i] = (uint8_t) below(256);
	for (; (way = mp_md5_way(ways)) != NULL; ways++)
	{
		note("%s, %u lanes", way->name, way->lanes);
		test_lengths(way);
		test_sets(way);
		test_long_message(way);
		test_that_it_shows(way);
	}
	is(ways, ways_to_expect(), "the ways are those that this processor has");
	return done();
}
