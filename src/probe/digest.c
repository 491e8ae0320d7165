/*
 * digest.c: MD5 and SHA-1 by OpenSSL, of one file after the other.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"

enum
{
	READ_BYTES = 64 * 1024
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

static int
start_context(EVP_MD_CTX **context, MpAlgorithm algorithm)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, start_openssl);
	*context = EVP_MD_CTX_new();
	if (*context == NULL)
		return ENOMEM;
	return EVP_DigestInit_ex(*context, find_algorithm(algorithm), NULL) == 1 ? 0 : ENOTSUP;
}

bool
mp_digest_has_md5(void)
{
	EVP_MD_CTX *context = NULL;
	int			err = start_context(&context, MP_MD5);

	EVP_MD_CTX_free(context);
	return err == 0;
}

/* Reads one part to its end.  An error in reading is content's to tell. */
static int
digest_part(MpContent *content, uint8_t part, MpAlgorithm algorithm, uint8_t *buffer,
			uint8_t *bytes, unsigned int *length)
{
	EVP_MD_CTX *context = NULL;
	int			err = start_context(&context, algorithm);
	size_t		n;

	mp_content_start(content, part);
	while (err == 0 && (n = mp_content_read(content, buffer, READ_BYTES)) > 0)
	{
		if (EVP_DigestUpdate(context, buffer, n) != 1)
			err = ENOTSUP;
	}
	if (err == 0 && EVP_DigestFinal_ex(context, bytes, length) != 1)
		err = ENOTSUP;
	EVP_MD_CTX_free(context);
	return err;
}

static MpJudgement
attempt(MpContent *content, MpAlgorithm algorithm, uint8_t parts, MpDigest *digest)
{
	uint8_t    *buffer = malloc(READ_BYTES);
	unsigned int length = 0;
	MpJudgement judgement;
	int			err = buffer == NULL ? ENOMEM : 0;

	if (err == 0 && (parts & MP_ENDS))
		err = digest_part(content, MP_ENDS, algorithm, buffer, digest->ends, &length);
	if (err == 0 && (parts & MP_WHOLE))
		err = digest_part(content, MP_WHOLE, algorithm, buffer, digest->whole, &length);
	free(buffer);
	if (err != 0)
		return mp_doubt_errno(err);
	judgement = mp_content_check(content, &digest->identity);
	digest->length = judgement.verdict == MP_PRESENT ? (uint8_t) length : 0;
	return judgement;
}

void
mp_digest_file(int handle, MpAlgorithm algorithm, uint8_t parts, MpDigest *digest)
{
	MpContent	content;

	memset(digest, 0, sizeof(*digest));
	digest->judgement = mp_content_open(&content, handle, parts);
	if (digest->judgement.verdict != MP_PRESENT)
		return;
	for (int i = 0; i < MP_ATTEMPTS; i++)
	{
		digest->judgement = attempt(&content, algorithm, parts, digest);
		if (digest->judgement.reason != MP_CHANGED_WHILE_READ)
			break;
	}
	mp_content_close(&content);
}
