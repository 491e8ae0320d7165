/*
 * test_hash.c: requests for the digests of many files, on every path that this processor has.
 *
 * A pool of files of every length from 0 to 300 and of some others; sets of them, drawn at random,
 * with files among them that aren't there or aren't files.  MISSING_PHOTOS_LONG=1: 10,000 sets for
 * each path.
 */
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../../src/probe/hash.h"
#include "fixture.h"
#include "tap.h"

enum
{
	EACH_LENGTH = 301,
	POOL = EACH_LENGTH + 40,
	MOST = 120,					/* files of a set */
	DIGEST = 16
};

typedef struct Sample
{
	char		name[16];
	uint64_t	size;
	MpVerdict	verdict;
	uint8_t		whole[DIGEST];
	uint8_t		ends[DIGEST];
} Sample;

static Sample pool[POOL + 2];	/* behind the files one that isn't there, and a folder */
static const char *root;
static char *content;

static size_t
below(size_t limit)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (size_t) (state >> 11) % limit;
}

/* What the ends of a file are, by protocol.h. */
static void
digest_ends(const char *data, size_t size, uint8_t *digest)
{
	size_t		head = size < MP_END_BYTES ? size : MP_END_BYTES;
	size_t		tail = size > 2 * MP_END_BYTES ? MP_END_BYTES : size - head;
	char	   *ends = malloc(head + tail + 8);

	memcpy(ends, data, head);
	memcpy(ends + head, data + size - tail, tail);
	for (int i = 0; i < 8; i++)
		ends[head + tail + (size_t) i] = (char) ((uint64_t) size >> (56 - 8 * i));
	EVP_Digest(ends, head + tail + 8, digest, NULL, EVP_md5(), NULL);
	free(ends);
}

static void
make_sample(Sample *sample, size_t number, size_t size)
{
	FILE	   *file;

	snprintf(sample->name, sizeof(sample->name), "%zu.jpg", number);
	sample->size = size;
	for (size_t i = 0; i < size; i++)
		content[i] = (char) below(256);
	file = fopen(fixture_path(root, sample->name), "w");
	if (file == NULL || fwrite(content, 1, size, file) != size || fclose(file) != 0)
		bail(sample->name);
	EVP_Digest(content, size, sample->whole, NULL, EVP_md5(), NULL);
	digest_ends(content, size, sample->ends);
}

static void
make_pool(void)
{
	content = malloc(1024 * 1024);
	for (size_t i = 0; i < EACH_LENGTH; i++)
		make_sample(&pool[i], i, i);
	for (size_t i = EACH_LENGTH; i < POOL; i++)
		make_sample(&pool[i], i, below(4) == 0 ? below(1024 * 1024) : below(150000));
	strcpy(pool[POOL].name, "gone.jpg");
	pool[POOL].verdict = MP_MISSING;
	fixture_mkdir(root, "folder");
	strcpy(pool[POOL + 1].name, "folder");
	pool[POOL + 1].verdict = MP_INVALID;
}

/* All steps of a HASH; the streams one after the other, on this thread. */
static void
run(MpHash *hash, const MpRequest *request, uint32_t threads)
{
	uint32_t	streams;

	mp_hash_open(hash, request);
	for (uint32_t i = 0; i < request->paths.n; i++)
		mp_hash_survey(hash, i);
	streams = mp_hash_plan(hash, threads);
	while (streams-- > 0)
		mp_hash_read(hash);
	mp_hash_compare(hash);
	for (uint32_t i = 0; i < request->paths.n; i++)
		mp_hash_confirm(hash, i);
}

static bool
is_as_expected(const MpDigest *digest, const Sample *sample, uint8_t parts)
{
	if (digest->judgement.verdict != sample->verdict)
		return false;
	if (sample->verdict != MP_PRESENT)
		return digest->length == 0;
	return digest->length == DIGEST && digest->identity.size == sample->size &&
		(!(parts & MP_WHOLE) || memcmp(digest->whole, sample->whole, DIGEST) == 0) &&
		(!(parts & MP_ENDS) || memcmp(digest->ends, sample->ends, DIGEST) == 0);
}

/* Asks for these samples; how many answers are wrong. */
static size_t
wrong_answers(const Sample *const *samples, size_t n, uint8_t parts, uint32_t threads)
{
	const char *paths[EACH_LENGTH];
	size_t		wrong = 0;
	MpRequest	request;
	MpHash		hash;
	Ask			ask;

	for (size_t i = 0; i < n; i++)
		paths[i] = samples[i]->name;
	ask_hashes(&ask, root, n, paths, MP_MD5, parts);
	if (ask_parse(&ask, &request) != 0)
		bail("ask_parse");
	run(&hash, &request, threads);
	if (atomic_load(&hash.shortage) != 0)
		bail("a shortage");
	for (size_t i = 0; i < n; i++)
		wrong += !is_as_expected(&hash.files[i].digest, samples[i], parts);
	mp_hash_close(&hash);
	mp_request_free(&request);
	return wrong;
}

static void
test_lengths(const char *way)
{
	const Sample *samples[EACH_LENGTH];

	for (size_t i = 0; i < EACH_LENGTH; i++)
		samples[i] = &pool[i];
	is((long long) wrong_answers(samples, EACH_LENGTH, MP_WHOLE | MP_ENDS, 1), 0,
	   "%s: files of every length from 0 to 300", way);
}

static void
test_sets(const char *way)
{
	const Sample *samples[MOST];
	int			sets = getenv("MISSING_PHOTOS_LONG") != NULL ? 10000 : 120;
	int			bad = 0;

	for (int i = 0; i < sets; i++)
	{
		size_t		n = 1 + below(below(3) == 0 ? MOST : 12);

		for (size_t k = 0; k < n; k++)
			samples[k] = &pool[below(4) == 0 ? below(POOL + 2) : POOL - below(42)];
		if (wrong_answers(samples, n, (uint8_t) (1 + below(3)), 1 + (uint32_t) below(16)) != 0)
			bad++;
	}
	is(bad, 0, "%s: %d sets of files", way, sets);
}

/* Puts a sample out of the page cache. */
static void
cool(const Sample *sample)
{
	int			fd = open(fixture_path(root, sample->name), O_RDONLY);

	if (fd < 0 || fsync(fd) != 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
		bail("posix_fadvise");
	close(fd);
}

static void
warm(const Sample *sample)
{
	int			fd = open(fixture_path(root, sample->name), O_RDONLY);

	if (fd < 0 || read(fd, content, 1024 * 1024) != (ssize_t) sample->size)
		bail("read");
	close(fd);
}

static bool
is_warm(const Sample *sample)
{
	int			fd = open(fixture_path(root, sample->name), O_RDONLY);
	char		byte;
	struct iovec to = {&byte, 1};
	bool		warm = preadv2(fd, &to, 1, (off_t) sample->size / 2, RWF_NOWAIT) == 1;

	close(fd);
	return warm;
}

/* What was in the page cache stays there, what wasn't leaves it again; right digests all the same. */
static void
test_cache(const char *way)
{
	const Sample *samples[POOL - EACH_LENGTH];
	size_t		n = POOL - EACH_LENGTH;
	size_t		kept = 0;
	size_t		left = 0;

	cool(&pool[EACH_LENGTH]);
	if (is_warm(&pool[EACH_LENGTH]))
	{
		skip("the file system can't forget, or can't tell", "%s: the page cache", way);
		return;
	}
	for (size_t i = 0; i < n; i++)
		samples[i] = &pool[EACH_LENGTH + i];
	for (size_t i = 0; i < n; i++)
	{
		if (i % 2 == 1)
			warm(samples[i]);
		else
			cool(samples[i]);
	}
	is((long long) wrong_answers(samples, n, MP_WHOLE | MP_ENDS, 2), 0,
	   "%s: files of which half aren't in the page cache", way);
	for (size_t i = 0; i < n; i++)
	{
		if (i % 2 == 1)
			kept += is_warm(samples[i]);
		else
			left += is_warm(samples[i]);
	}
	/* The kernel is asked, not told: a page in use elsewhere at that moment stays. */
	ok(left * 10 <= n, "%s: those aren't there afterwards", way);
	is((long long) kept, (long long) n / 2, "%s: the others are", way);
	for (size_t i = 0; i < n; i++)
		cool(samples[i]);
	is((long long) wrong_answers(samples, n, MP_WHOLE, 1), 0, "%s: none is in the page cache", way);
}

typedef struct Scribbler
{
	char	   *path;
	atomic_bool stop;
} Scribbler;

/* Appends as fast as it can. */
static void *
scribble(void *argument)
{
	Scribbler  *scribbler = argument;
	int			fd = open(scribbler->path, O_WRONLY | O_APPEND);

	while (!atomic_load(&scribbler->stop))
	{
		if (write(fd, "x", 1) != 1)
			break;
		usleep(200);
	}
	close(fd);
	return NULL;
}

/* A file that changes is noticed, and costs the others nothing. */
static void
test_change(const char *way)
{
	const Sample *samples[20];
	Sample		growing = {.name = "growing", .verdict = MP_UNREACHABLE};
	Scribbler	scribbler = {.path = fixture_path(root, "growing")};
	pthread_t	thread;

	for (size_t i = 0; i < 20; i++)
		samples[i] = i == 7 ? &growing : &pool[EACH_LENGTH + i];
	fixture_file(root, "growing", "");
	/* Long enough to read that the other thread gets its turn in every reading. */
	if (truncate(scribbler.path, 64 * 1024 * 1024) != 0)
		bail("truncate");
	pthread_create(&thread, NULL, scribble, &scribbler);
	is((long long) wrong_answers(samples, 20, MP_WHOLE, 1), 0,
	   "%s: a file that grows while it is read, among others", way);
	atomic_store(&scribbler.stop, true);
	pthread_join(thread, NULL);
}

/* That these tests would show it: a way that forgets a bit once in a while. */
static const MpMd5Way *whole_way;

static void
run_broken(MpMd5 *md5, uint32_t first, const uint8_t *const *data, size_t blocks)
{
	whole_way->run(md5, first, data, blocks);
	if (blocks == 5)
		md5->words[1][3] ^= 1;
}

static void
test_that_it_shows(const MpMd5Way *way)
{
	const MpMd5Way broken = {"broken", way->lanes, run_broken};
	const Sample *samples[EACH_LENGTH];

	whole_way = way;
	for (size_t i = 0; i < EACH_LENGTH; i++)
		samples[i] = &pool[i];
	mp_hash_force_way(&broken);
	ok(wrong_answers(samples, EACH_LENGTH, MP_WHOLE, 1) > 0, "%s: a wrong bit shows", way->name);
}

int
main(void)
{
	const MpMd5Way *way = NULL;
	unsigned	number = 0;

	root = fixture_folder();
	mp_confine_start();
	make_pool();
	do
	{
		const char *name = way == NULL ? "OpenSSL" : way->name;

		mp_hash_force_way(way);
		test_lengths(name);
		test_sets(name);
		test_cache(name);
		test_change(name);
		if (way != NULL)
			test_that_it_shows(way);
		way = mp_md5_way(number++);
	}
	while (way != NULL);
	free(content);
	return done();
}
