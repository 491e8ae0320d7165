/* library.c: what every verb asks first, and the queries scans are made of; see library.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "library.h"

char *
library_id(FunctionCallInfo fcinfo, int argument, const char *what)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, argument);
	Oid			output;
	bool		varlena;

	if (PG_ARGISNULL(argument))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", what),
				 errhint("Give the id as the library holds it.")));
	if (!OidIsValid(type))
		elog(ERROR, "could not determine the type of the %s", what);
	getTypeOutputInfo(type, &output, &varlena);
	return OidOutputFunctionCall(output, PG_GETARG_DATUM(argument));
}

void
library_check(void)
{
	Arguments	none = {0};

	call_as_owner("SELECT missing_photos.check_library()", &none);
}

void
library_check_writable(const char *verb)
{
	PreventCommandIfReadOnly(verb);
	library_check();
}

void
library_require_owner(const char *owner)
{
	Arguments	a = {0};

	argument_text(&a, owner);
	call_as_caller("SELECT FROM missing_photos.library_owners() AS o"
				   " WHERE o.owner OPERATOR(pg_catalog.=) $1", &a);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("owner \"%s\" does not exist", owner),
				 errhint("Give an owner's id as the library holds it.")));
}

void
library_stream_linked(Stream *stream, const char *owner)
{
	Arguments	a = {0};

	argument_text(&a, owner);
	stream_fetch(stream,
				 "SELECT f.photo, f.file, f.path, f.flagged, f.readonly"
				 "  FROM missing_photos.library_files($1) AS f", &a, 0);
}

/*
 * Losses that the application made good by itself.  They are found among the pairs just asked for,
 * so a second look at the few losses is cheap.
 */
static void
forget_made_good(const Arguments *losses, const char *owner)
{
	Arguments	a = *losses;
	Columns    *good;
	static const Oid types[2] = {TEXTOID, TEXTOID};

	call_as_caller("SELECT r.photo, r.file"
				   "  FROM missing_photos.library_file_rows($1, $2) AS r"
				   " WHERE r.linked AND NOT r.flagged", &a);
	if (SPI_processed == 0)
		return;
	good = columns_make(CurrentMemoryContext, 2, types);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		columns_add_row(good);
		columns_set_cstring(good, 0, result_text(i, 1));
		columns_set_cstring(good, 1, result_text(i, 2));
	}
	memset(&a, 0, sizeof(a));
	argument_text(&a, owner);
	argument_columns(&a, good);
	call_as_owner("SELECT missing_photos.forget_losses($1, $2, $3)", &a);
	columns_free(good);
}

/* The losses of an owner or photo as two array arguments. */
static void
load_losses(Arguments *losses, const char *owner, const char *photo)
{
	Arguments	a = {0};

	argument_text(&a, owner);
	argument_text(&a, photo);
	call_as_owner("SELECT photos, files FROM missing_photos.losses($1, $2)", &a);
	for (int i = 1; i <= 2; i++)
	{
		bool		isnull;
		Datum		array = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i, &isnull);

		argument_datum(losses, TEXTARRAYOID, PointerGetDatum(PG_DETOAST_DATUM_COPY(array)));
	}
}

/*
 * Lost pairs ($1, $2) and main-file pointers to files that aren't linked.  What is asked of the answer
 * is hashed: the planner can't know how long arrays are, and may loop over one of them for each pair.
 */
#define STREAM_LOST(pointed) \
	"WITH pair AS MATERIALIZED (" \
	"  SELECT p.photo, p.file, pg_catalog.bool_or(p.lost) AS lost" \
	"    FROM (SELECT l.photo, l.file, true AS lost" \
	"            FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2))" \
	"                 AS l (photo, file)" \
	"          UNION ALL " pointed ") AS p" \
	"   WHERE p.file IS NOT NULL" \
	"   GROUP BY p.photo, p.file)" \
	" SELECT r.photo, r.file, r.path, true, false" \
	"  FROM (SELECT pg_catalog.array_agg(pair.photo) AS photos," \
	"               pg_catalog.array_agg(pair.file) AS files FROM pair) AS asked" \
	" CROSS JOIN LATERAL missing_photos.library_file_rows(asked.photos, asked.files) AS r" \
	" WHERE NOT r.linked" \
	"   AND (r.flagged OR (r.photo, r.file) OPERATOR(pg_catalog.=) ANY" \
	"        (SELECT pair.photo, pair.file FROM pair WHERE pair.lost))"

void
library_stream_lost(Stream *stream, const char *owner, const char *photo)
{
	Arguments	a = {0};

	load_losses(&a, owner, photo);
	forget_made_good(&a, owner);
	argument_text(&a, photo != NULL ? photo : owner);
	stream_fetch(stream, photo != NULL ?
				 STREAM_LOST("SELECT t.photo, t.main, false"
							 "  FROM missing_photos.library_photo($3) AS t") :
				 STREAM_LOST("SELECT t.photo, t.file, false"
							 "  FROM missing_photos.library_pointed_files($3) AS t"),
				 &a, ROW_UNLINKED);
}

int64
library_photo_count(const char *owner)
{
	Arguments	a = {0};

	argument_text(&a, owner);
	call_as_caller("SELECT c.photos FROM missing_photos.library_photo_count($1) AS c", &a);
	return SPI_processed == 0 ? 0 : result_int8(0, 1);
}

void
library_job(Datum job_id, const char *owner, const char *kind, const char *state,
			int done, int total, const char *error)
{
	Arguments	a = {0};

	argument_datum(&a, UUIDOID, job_id);
	argument_text(&a, owner);
	argument_text(&a, kind);
	argument_text(&a, state);
	argument_int4(&a, done);
	argument_int4(&a, total);
	argument_text(&a, error);
	call_as_caller("SELECT missing_photos.library_job($1, $2, $3, $4, $5, $6, $7)", &a);
}
