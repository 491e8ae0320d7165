/* file_hash.c: the digest of a file's content, for whoever may ask. */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "digest.h"
#include "library.h"
#include "sql_calls.h"

PG_FUNCTION_INFO_V1(missing_photos_file_hash);

Datum
missing_photos_file_hash(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *owner = NULL;
	char	   *path;
	Digest		digest;
	text	   *result;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("path must not be null")));
	path = text_to_cstring(PG_GETARG_TEXT_PP(0));
	if (PG_NARGS() > 1)
		owner = library_id(fcinfo, 1, "owner");
	SPI_connect();
	digest_file(roots_load(), path, strlen(path), MP_MD5, &digest);
	digest_require(&digest, path);
	SPI_finish();
	MemoryContextSwitchTo(context);
	result = cstring_to_text(owner == NULL ? digest.text : psprintf("%s%s", digest.text, owner));
	PG_RETURN_TEXT_P(result);
}
