/* file_hash.c: the digest of a file's content, for whoever may ask. */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "digest.h"
#include "library.h"
#include "reasons.h"
#include "sql_calls.h"

PG_FUNCTION_INFO_V1(missing_photos_file_hash);

/* Everything outside the roots gets one answer, whether it exists or not. */
static void
raise_refusal(const char *path)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("\"%s\" is not a file below a registered root", path),
			 errhint("SELECT app_path FROM missing_photos.roots lists the roots.")));
}

static void
require_digest(const Digest *digest, const char *path)
{
	switch (digest->verdict)
	{
		case MP_PRESENT:
			return;
		case MP_MISSING:
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FILE),
					 errmsg("file \"%s\" does not exist", path)));
			break;
		case MP_UNREACHABLE:
			ereport(ERROR,
					(errcode(ERRCODE_IO_ERROR),
					 errmsg("file \"%s\" could not be read: %s", path,
							reason_text(digest->reason, digest->err)),
					 errhint("It may well exist; nothing was concluded.")));
			break;
		case MP_INVALID:
			raise_refusal(path);
			break;
	}
}

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
	require_digest(&digest, path);
	SPI_finish();
	MemoryContextSwitchTo(context);
	result = cstring_to_text(owner == NULL ? digest.text : psprintf("%s%s", digest.text, owner));
	PG_RETURN_TEXT_P(result);
}
