/*
 * test_digest.c: digests of files that hold still, and of none else.
 */
#include <errno.h>
#include <fcntl.h>
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

static MpHash
hash(const char *root, const char *path, MpAlgorithm algorithm)
{
	MpRequest	request;
	MpHash		result;
	Ask			ask;

	ask_place(&ask, MP_HASH, root, 0, NULL);
	mp_write_str(&ask.w, path, strlen(path));
	mp_write_u8(&ask.w, (uint8_t) algorithm);
	if (ask_parse(&ask, &request) != 0)
		bail("ask_parse");
	mp_hash_run(&result, &request);
	mp_request_free(&request);
	return result;
}

static void
is_digest(const MpDigest *digest, const char *expected, const char *what)
{
	char		hex[2 * MP_MOST_DIGEST + 1] = "";

	for (int i = 0; i < digest->length; i++)
		sprintf(hex + 2 * i, "%02x", digest->bytes[i]);
	if (!ok(digest->judgement.verdict == MP_PRESENT && strcmp(hex, expected) == 0, "%s", what))
		note("verdict %d, %s", digest->judgement.verdict, hex);
}

static void
is_refused(MpHash result, MpVerdict verdict, MpReason reason, const char *what)
{
	ok(result.digest.judgement.verdict == verdict && result.digest.judgement.reason == reason &&
	   result.digest.length == 0, "%s", what);
}

static void
test_vectors(const char *root)
{
	MpHash		result;
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
	MpHash		result;

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
	MpHash		result;

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
	test_refused(root);
	test_change(root);
	return done();
}
