/*
 * digest.c: MD5 and SHA-1 by OpenSSL, streaming.
 *
 * The handle shows that it is a regular file before anything is opened for reading: opening a FIFO
 * may hang, and opening a device may set it in motion.  It is then opened through /proc, which
 * names the very file the handle holds, whatever the path means by now.
 *
 * Where the whole is read, its ends are digested as they pass; where only the ends are wanted,
 * nothing but them is read.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "progress.h"

enum
{
	READ_BYTES = 256 * 1024,
	PROGRESS_BYTES = 1024 * 1024,	/* a sign of life for each MiB */
	ATTEMPTS = 2
};

static void
start_openssl(void)
{
	/* The probe reads no file that it wasn't asked for, a configuration of OpenSSL's neither. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
}

static const EVP_MD *
find_algorithm(MpAlgorithm algorithm)
{
	switch (algorithm)
	{
		case MP_MD5:
			return EVP_md5();
		case MP_SHA1:
			return EVP_sha1();
	}
	return NULL;
}

/* A file being read. */
typedef struct Reading
{
	int			fd;
	uint64_t	size;			/* as it was before */
	uint64_t	at;				/* read so far */
	uint64_t	told;			/* of that, in signs of life */
	EVP_MD_CTX *whole;			/* NULL: not wanted */
	EVP_MD_CTX *ends;
	char	   *buffer;
} Reading;

static int
update(EVP_MD_CTX *context, const char *data, size_t n)
{
	return n == 0 || EVP_DigestUpdate(context, data, n) == 1 ? 0 : ENOTSUP;
}

/* Where the end begins: behind the beginning, in a file that isn't longer than both. */
static uint64_t
tail_of(uint64_t size)
{
	return size > 2 * MP_END_BYTES ? size - MP_END_BYTES : MP_END_BYTES;
}

/* Digests what of these n bytes, read at `at`, belongs to the ends. */
static int
update_ends(const Reading *reading, const char *data, size_t n)
{
	uint64_t	tail = tail_of(reading->size);
	uint64_t	end = reading->at + n;
	uint64_t	from;
	int			err = 0;

	if (reading->at < MP_END_BYTES)
		err = update(reading->ends, data,
					 (size_t) ((end < MP_END_BYTES ? end : MP_END_BYTES) - reading->at));
	if (err == 0 && end > tail)
	{
		from = reading->at > tail ? reading->at : tail;
		err = update(reading->ends, data + (from - reading->at), (size_t) (end - from));
	}
	return err;
}

static int
take(Reading *reading, size_t n)
{
	int			err = 0;

	if (reading->whole != NULL)
		err = update(reading->whole, reading->buffer, n);
	if (err == 0 && reading->ends != NULL)
		err = update_ends(reading, reading->buffer, n);
	reading->at += n;
	if (reading->at - reading->told >= PROGRESS_BYTES)
	{
		mp_progress_add((reading->at - reading->told) / PROGRESS_BYTES);
		reading->told = reading->at;
	}
	return err;
}

/* Reads up to an offset, or to the end of the file.  Returns 0 or an errno. */
static int
read_up_to(Reading *reading, uint64_t end)
{
	int			tries = 0;
	int			err = 0;

	while (err == 0 && reading->at < end)
	{
		uint64_t	left = end - reading->at;
		ssize_t		n = read(reading->fd, reading->buffer, left < READ_BYTES ? left : READ_BYTES);

		if (n < 0 && mp_try_again(&tries))
			continue;
		if (n <= 0)
			return n < 0 ? errno : 0;
		err = take(reading, (size_t) n);
	}
	return err;
}

static int
read_parts(Reading *reading)
{
	int			err;

	if (reading->whole != NULL)
		return read_up_to(reading, UINT64_MAX);
	err = read_up_to(reading, MP_END_BYTES);
	if (err != 0 || reading->at < MP_END_BYTES)
		return err;
	if (reading->at < tail_of(reading->size))
	{
		reading->at = tail_of(reading->size);
		if (lseek(reading->fd, (off_t) reading->at, SEEK_SET) < 0)
			return errno;
	}
	return read_up_to(reading, UINT64_MAX);
}

static int
start_context(EVP_MD_CTX **context, MpAlgorithm algorithm, bool wanted)
{
	if (!wanted)
		return 0;
	*context = EVP_MD_CTX_new();
	if (*context == NULL)
		return ENOMEM;
	/* An OpenSSL confined to approved algorithms has no MD5. */
	return EVP_DigestInit_ex(*context, find_algorithm(algorithm), NULL) == 1 ? 0 : ENOTSUP;
}

static int
end_context(EVP_MD_CTX *context, uint8_t *bytes, uint8_t *length)
{
	unsigned int n = 0;

	if (context == NULL)
		return 0;
	if (EVP_DigestFinal_ex(context, bytes, &n) != 1)
		return ENOTSUP;
	*length = (uint8_t) n;
	return 0;
}

/* Files with the same ends and different lengths mustn't look alike. */
static int
end_with_size(EVP_MD_CTX *context, uint64_t size)
{
	char		bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (char) (size >> (56 - 8 * i));
	return context == NULL ? 0 : update(context, bytes, sizeof(bytes));
}

/* The digests of what can be read; reading->at is then how many bytes there were. */
static int
digest_parts(Reading *reading, MpAlgorithm algorithm, uint8_t parts, MpDigest *digest)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int			err;

	pthread_once(&once, start_openssl);
	err = start_context(&reading->whole, algorithm, (parts & MP_WHOLE) != 0);
	if (err == 0)
		err = start_context(&reading->ends, algorithm, (parts & MP_ENDS) != 0);
	if (err == 0)
	{
		reading->buffer = malloc(READ_BYTES);
		err = reading->buffer == NULL ? ENOMEM : read_parts(reading);
	}
	mp_progress_add(1);
	if (err == 0)
		err = end_with_size(reading->ends, reading->at);
	if (err == 0)
		err = end_context(reading->whole, digest->whole, &digest->length);
	if (err == 0)
		err = end_context(reading->ends, digest->ends, &digest->length);
	free(reading->buffer);
	EVP_MD_CTX_free(reading->whole);
	EVP_MD_CTX_free(reading->ends);
	return err;
}

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

/* One reading.  Returns 0 or an errno; *same tells whether the file held still. */
static int
attempt(int handle, MpAlgorithm algorithm, uint8_t parts, MpDigest *digest, bool *same)
{
	struct statx before;
	struct statx after;
	uint64_t	fs_magic;
	Reading		reading = {.fd = open_for_reading(handle)};
	int			err;

	*same = true;
	if (reading.fd < 0)
		return errno;
	err = mp_stat_handle(reading.fd, &before);
	if (err == 0)
		err = mp_statfs_handle(reading.fd, &digest->identity.fsid, &fs_magic);
	if (err == 0)
	{
		reading.size = before.stx_size;
		if (parts & MP_WHOLE)
			posix_fadvise(reading.fd, 0, 0, POSIX_FADV_SEQUENTIAL);
		err = digest_parts(&reading, algorithm, parts, digest);
	}
	if (err == 0)
		err = mp_stat_handle(reading.fd, &after);
	if (err == 0)
	{
		*same = same_content(&before, &after) && reading.at == after.stx_size;
		mp_identity_of(&after, digest->identity.fsid, &digest->identity);
	}
	close(reading.fd);
	return err;
}

void
mp_digest_file(int handle, MpAlgorithm algorithm, uint8_t parts, MpDigest *digest)
{
	struct statx st;
	bool		same = false;
	int			err = mp_stat_handle(handle, &st);

	memset(digest, 0, sizeof(*digest));
	if (err == 0 && !S_ISREG(st.stx_mode))
	{
		digest->judgement = mp_judgement(MP_INVALID, MP_NOT_REGULAR, 0);
		return;
	}
	for (int i = 0; i < ATTEMPTS && err == 0 && !same; i++)
		err = attempt(handle, algorithm, parts, digest, &same);
	if (err == 0 && !same)
		digest->judgement = mp_judgement(MP_UNREACHABLE, MP_CHANGED_WHILE_READ, 0);
	else
		digest->judgement = mp_doubt_errno(err);
}
