/*
 * test_digest.c: digests of files that hold still, and of none else.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/probe/hash.h"
#include "fixture.h"
#include "tap.h"

typedef struct Result
{
	MpRootReport report;
	MpDigest	digest;
} Result;

/* All steps of one file's HASH on this thread. */
static Result
hash_parts(const char *root, const char *path, MpAlgorithm algorithm, uint8_t parts)
{
	MpRequest	request;
	MpHash		hash;
	Result		result = {0};
	Ask			ask;

	ask_hash(&ask, root, path, algorithm, parts);
	if (ask_parse(&ask, &request) != 0)
		bail("ask_parse");
	mp_hash_open(&hash, &request);
	mp_hash_survey(&hash, 0);
	if (mp_hash_plan(&hash, 1) == 1)
		mp_hash_read(&hash);
	mp_hash_compare(&hash);
	if (mp_hash_wants_confirming(&hash))
		mp_hash_confirm(&hash, 0);
	result.report = hash.guard.report;
	if (hash.files != NULL)
		result.digest = hash.files[0].digest;
	mp_hash_close(&hash);
	mp_request_free(&request);
	return result;
}

static Result
hash(const char *root, const char *path, MpAlgorithm algorithm)
{
	return hash_parts(root, path, algorithm, MP_WHOLE);
}

static const char *
in_hex(const uint8_t *bytes, int length)
{
	static char hex[2 * MP_MOST_DIGEST + 1];

	hex[0] = '\0';
	for (int i = 0; i < length; i++)
		sprintf(hex + 2 * i, "%02x", bytes[i]);
	return hex;
}

static void
is_digest(const MpDigest *digest, const char *expected, const char *what)
{
	const char *hex = in_hex(digest->whole, digest->length);

	if (!ok(digest->judgement.verdict == MP_PRESENT && strcmp(hex, expected) == 0, "%s", what))
		note("verdict %d, %s", digest->judgement.verdict, hex);
}

static void
is_refused(Result result, MpVerdict verdict, MpReason reason, const char *what)
{
	ok(result.digest.judgement.verdict == verdict && result.digest.judgement.reason == reason &&
	   result.digest.length == 0, "%s", what);
}

static void
test_vectors(const char *root)
{
	Result		result;
	FILE	   *file;

	fixture_file(root, "empty", "");
	fixture_file(root, "abc", "abc");
	file = fopen(fixture_path(root, "million"), "w");
	for (int i = 0; i < 1000000; i++)
		putc('a', file);
	fclose(file);

	result = hash(root, "empty", MP_MD5);
	is_digest(&result.digest, "d41d8cd98f00b204e9800998ecf8427e", "MD5 of nothing");
	result = hash(root, "abc", MP_MD5);
	is_digest(&result.digest, "900150983cd24fb0d6963f7d28e17f72", "MD5 of abc");
	is((long long) result.digest.identity.size, 3, "its size is told");
	result = hash(root, "million", MP_MD5);
	is_digest(&result.digest, "7707d6ae4e027c70eea2a935c2296f21", "MD5 of a million a");
	result = hash(root, "empty", MP_SHA1);
	is_digest(&result.digest, "da39a3ee5e6b4b0d3255bfef95601890afd80709", "SHA-1 of nothing");
	result = hash(root, "abc", MP_SHA1);
	is_digest(&result.digest, "a9993e364706816aba3e25717850c26c9cd0d89d", "SHA-1 of abc");
	result = hash(root, "million", MP_SHA1);
	is_digest(&result.digest, "34aa973cd4c4daa4f61eeb2bdbad27316534016f", "SHA-1 of a million a");
}

static void
test_refused(const char *root)
{
	Result		result;

	mkfifo(fixture_path(root, "fifo"), 0600);
	fixture_mkdir(root, "folder");
	fixture_link(root, "link", "abc");
	fixture_link(root, "out", "/etc/passwd");
	alarm(5);
	is_refused(hash(root, "fifo", MP_MD5), MP_INVALID, MP_NOT_REGULAR,
			   "a FIFO neither hangs nor hashes");
	alarm(0);
	is_refused(hash(root, "folder", MP_MD5), MP_INVALID, MP_NOT_REGULAR, "a folder");
	is_refused(hash(root, "gone", MP_MD5), MP_MISSING, MP_NOT_FOUND, "a missing file");
	is_refused(hash(root, "out", MP_MD5), MP_INVALID, MP_OUTSIDE_ROOTS, "a link outside");
	is_refused(hash(root, "../x", MP_MD5), MP_INVALID, MP_BAD_PATH, "a path with ..");
	is_refused(hash(root, "", MP_MD5), MP_INVALID, MP_BAD_PATH, "no path");
	result = hash(root, "link", MP_MD5);
	is_digest(&result.digest, "900150983cd24fb0d6963f7d28e17f72", "a link inside is followed");
	result = hash(fixture_path(root, "nowhere"), "abc", MP_MD5);
	is(result.report.reason, MP_ROOT_ABSENT, "a root that isn't there");
	if (geteuid() == 0)
		skip("root may read everything", "a file that can't be read");
	else
	{
		chmod(fixture_path(root, "abc"), 0);
		is_refused(hash(root, "abc", MP_MD5), MP_UNREACHABLE, MP_NO_PERMISSION,
				   "a file that can't be read");
		chmod(fixture_path(root, "abc"), 0600);
	}
}

/* The digest of a file's ends, by reading all of it and by reading nothing else. */
static void
test_ends_of(const char *root, size_t size, const char *what)
{
	char	   *content = malloc(size + 8);
	unsigned char expected[MP_MOST_DIGEST];
	char	   *path = fixture_path(root, "ends");
	FILE	   *file = fopen(path, "w");
	size_t		head = size < MP_END_BYTES ? size : MP_END_BYTES;
	size_t		tail = size > 2 * MP_END_BYTES ? MP_END_BYTES : size - head;
	Result		both;
	Result		ends;

	for (size_t i = 0; i < size; i++)
		content[i] = (char) (i * 7 + (i >> 11));
	if (fwrite(content, 1, size, file) != size || fclose(file) != 0)
		bail(path);
	memmove(content + head, content + size - tail, tail);
	for (int i = 0; i < 8; i++)
		content[head + tail + (size_t) i] = (char) ((uint64_t) size >> (56 - 8 * i));
	EVP_Digest(content, head + tail + 8, expected, NULL, EVP_md5(), NULL);
	both = hash_parts(root, "ends", MP_MD5, MP_WHOLE | MP_ENDS);
	ends = hash_parts(root, "ends", MP_MD5, MP_ENDS);
	ok(both.digest.length == 16 && memcmp(both.digest.ends, expected, 16) == 0,
	   "the ends of %s, while all of it is read", what);
	ok(ends.digest.length == 16 && memcmp(ends.digest.ends, expected, 16) == 0,
	   "the ends of %s, alone", what);
	free(content);
}

static void
test_ends(const char *root)
{
	test_ends_of(root, 0, "an empty file");
	test_ends_of(root, 1000, "a short file");
	test_ends_of(root, MP_END_BYTES, "a file as long as one end");
	test_ends_of(root, 2 * MP_END_BYTES, "a file as long as both");
	test_ends_of(root, 2 * MP_END_BYTES + 1, "one byte more");
	test_ends_of(root, 1000003, "a long file");
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

static void
test_change(const char *root)
{
	Scribbler	scribbler = {.path = fixture_path(root, "growing")};
	pthread_t	thread;
	Result		result;

	fixture_file(root, "growing", "");
	/* Long enough to read that the other thread gets its turn in every reading. */
	if (truncate(scribbler.path, 64 * 1024 * 1024) != 0)
		bail("truncate");
	pthread_create(&thread, NULL, scribble, &scribbler);
	result = hash(root, "growing", MP_MD5);
	atomic_store(&scribbler.stop, true);
	pthread_join(thread, NULL);
	is(result.digest.judgement.verdict, MP_UNREACHABLE, "a file that grows while it is read");
	is(result.digest.judgement.reason, MP_CHANGED_WHILE_READ, "and why");
	result = hash(root, "growing", MP_MD5);
	is(result.digest.judgement.verdict, MP_PRESENT, "when it holds still it is hashed");
}

int
main(void)
{
	const char *root = fixture_folder();

	mp_confine_start();
	test_vectors(root);
	test_ends(root);
	test_refused(root);
	test_change(root);
	return done();
}
