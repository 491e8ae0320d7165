/*
 * digest.c: MD5 and SHA-1 by OpenSSL, streaming.
 *
 * The handle shows that it is a regular file before anything is opened for reading: opening a FIFO
 * may hang, and opening a device may set it in motion.  It is then opened through /proc, which
 * names the very file the handle holds, whatever the path means by now.
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

/* Reads to the end.  Returns 0 or an errno. */
static int
feed(int fd, EVP_MD_CTX *context, uint64_t *size)
{
	char	   *buffer = malloc(READ_BYTES);
	uint64_t	told = 0;
	int			tries = 0;
	int			err = buffer == NULL ? ENOMEM : 0;

	*size = 0;
	while (err == 0)
	{
		ssize_t		n = read(fd, buffer, READ_BYTES);

		if (n < 0 && mp_try_again(&tries))
			continue;
		if (n <= 0)
		{
			err = n < 0 ? errno : 0;
			break;
		}
		if (EVP_DigestUpdate(context, buffer, (size_t) n) != 1)
			err = ENOTSUP;
		*size += (uint64_t) n;
		if (*size - told >= PROGRESS_BYTES)
		{
			mp_progress_add((*size - told) / PROGRESS_BYTES);
			told = *size;
		}
	}
	mp_progress_add(1);
	free(buffer);
	return err;
}

int
mp_digest_stream(int fd, MpAlgorithm algorithm, MpDigest *digest, uint64_t *size)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	EVP_MD_CTX *context;
	unsigned int length = 0;
	int			err = 0;

	pthread_once(&once, start_openssl);
	context = EVP_MD_CTX_new();
	if (context == NULL)
		return ENOMEM;
	/* An OpenSSL confined to approved algorithms has no MD5. */
	if (EVP_DigestInit_ex(context, find_algorithm(algorithm), NULL) != 1)
		err = ENOTSUP;
	if (err == 0)
		err = feed(fd, context, size);
	if (err == 0 && EVP_DigestFinal_ex(context, digest->bytes, &length) != 1)
		err = ENOTSUP;
	digest->length = (uint8_t) length;
	EVP_MD_CTX_free(context);
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
attempt(int handle, MpAlgorithm algorithm, MpDigest *digest, bool *same)
{
	struct statx before;
	struct statx after;
	uint64_t	size = 0;
	uint64_t	fs_magic;
	int			fd = open_for_reading(handle);
	int			err;

	*same = true;
	if (fd < 0)
		return errno;
	err = mp_stat_handle(fd, &before);
	if (err == 0)
		err = mp_statfs_handle(fd, &digest->identity.fsid, &fs_magic);
	if (err == 0)
	{
		posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
		err = mp_digest_stream(fd, algorithm, digest, &size);
	}
	if (err == 0)
		err = mp_stat_handle(fd, &after);
	if (err == 0)
	{
		*same = same_content(&before, &after) && size == after.stx_size;
		mp_identity_of(&after, digest->identity.fsid, &digest->identity);
	}
	close(fd);
	return err;
}

void
mp_digest_file(int handle, MpAlgorithm algorithm, MpDigest *digest)
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
		err = attempt(handle, algorithm, digest, &same);
	if (err == 0 && !same)
		digest->judgement = mp_judgement(MP_UNREACHABLE, MP_CHANGED_WHILE_READ, 0);
	else
		digest->judgement = mp_doubt_errno(err);
}
