/* sha1.c: SHA-1, which the server has no SQL function for; Immich makes digests of paths with it. */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/sha1.h"
#include "fmgr.h"

#include "compat.h"

PG_FUNCTION_INFO_V1(missing_photos_sha1);

Datum
missing_photos_sha1(PG_FUNCTION_ARGS)
{
	bytea	   *data = PG_GETARG_BYTEA_PP(0);
	bytea	   *digest = palloc(VARHDRSZ + SHA1_DIGEST_LENGTH);
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA1);

	if (hash == NULL ||
		pg_cryptohash_init(hash) < 0 ||
		pg_cryptohash_update(hash, (uint8 *) VARDATA_ANY(data), VARSIZE_ANY_EXHDR(data)) < 0 ||
		pg_cryptohash_final(hash, (uint8 *) VARDATA(digest), SHA1_DIGEST_LENGTH) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not compute a SHA-1 digest"),
				 errhint("The server's OpenSSL may forbid SHA-1.")));
	pg_cryptohash_free(hash);
	SET_VARSIZE(digest, VARHDRSZ + SHA1_DIGEST_LENGTH);
	PG_RETURN_BYTEA_P(digest);
}
