/* holders.c: who has the content, or the path, of a file that was found; see holders.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"

#include "holders.h"
#include "sql_calls.h"

const char *
holders_algorithm(MpAlgorithm algorithm)
{
	return algorithm == MP_SHA1 ? "sha1" : "md5";
}

/* Takes photo, file, path, linked and flagged from the result just fetched. */
static void
take_holders(Addition *add)
{
	add->n = SPI_processed;
	add->holders = palloc0(add->n * sizeof(Holder) + 1);
	for (int i = 0; i < add->n; i++)
	{
		Holder	   *holder = &add->holders[i];

		holder->photo = result_text(i, 1);
		holder->file = result_text(i, 2);
		holder->path = result_text(i, 3);
		holder->linked = result_bool(i, 4);
		holder->flagged = result_bool(i, 5);
	}
}

static void
find_holders(Addition *add)
{
	Arguments	a = {0};

	argument_text(&a, add->changes->owner);
	argument_text(&a, add->digest.text);
	call_as_caller("SELECT c.photo, c.file, c.path, c.linked, c.flagged"
				   "  FROM missing_photos.library_photos_by_content($1, ARRAY[$2]) AS c"
				   " ORDER BY c.linked DESC, c.photo IS NULL, c.file IS NULL, c.removed, c.photo", &a);
	take_holders(add);
}

/* The library doesn't know what it is in its files; we may have read some before. */
static void
find_remembered(Addition *add)
{
	Arguments	a = {0};
	Arguments	asked = {0};
	bool		isnull;
	Datum		files;

	argument_text(&a, holders_algorithm(add->algorithm));
	argument_text(&a, add->digest.text);
	call_as_owner("SELECT missing_photos.files_of_content($1, $2)", &a);
	files = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	argument_text(&asked, add->changes->owner);
	argument_datum(&asked, TEXTARRAYOID, PointerGetDatum(PG_DETOAST_DATUM_COPY(files)));
	call_as_caller("SELECT r.photo, r.file, r.path, r.linked, r.flagged"
				   "  FROM missing_photos.library_file_rows($2, $2) AS r"
				   " CROSS JOIN LATERAL missing_photos.library_photo(r.photo) AS p"
				   " WHERE p.owner OPERATOR(pg_catalog.=) $1"
				   " ORDER BY r.flagged DESC, r.photo", &asked);
	take_holders(add);
}

void
holders_at_path(Addition *add)
{
	Arguments	a = {0};

	argument_text(&a, add->changes->owner);
	argument_text(&a, add->path);
	call_as_caller("SELECT f.photo, f.file, f.path, true, f.flagged"
				   "  FROM missing_photos.library_files($1) AS f"
				   " WHERE f.path OPERATOR(pg_catalog.=) $2"
				   "   AND NOT EXISTS (SELECT FROM missing_photos.library_content(ARRAY[f.file]) AS c"
				   "                    WHERE c.digest IS NOT NULL)"
				   " ORDER BY f.photo", &a);
	take_holders(add);
}

/* No photo knows the file any more, by the library: by our own memory those that lost it. */
static void
find_losers(Addition *add)
{
	Holder		lost = add->holders[0];
	Arguments	a = {0};

	argument_text(&a, add->changes->owner);
	argument_text(&a, lost.file);
	call_as_owner("SELECT photo FROM missing_photos.losers_of($1, $2) AS photo", &a);
	add->n = SPI_processed;
	add->holders = palloc0(add->n * sizeof(Holder) + 1);
	for (int i = 0; i < add->n; i++)
	{
		add->holders[i] = lost;
		add->holders[i].photo = result_text(i, 1);
	}
}

void
holders_of_content(Addition *add)
{
	find_holders(add);
	if (add->n == 1 && add->holders[0].photo == NULL)
		find_losers(add);
	if (add->n == 0 && add->single)
		find_remembered(add);
}

const Holder *
holder_here(const Addition *add)
{
	for (int i = 0; i < add->n; i++)
		if (add->holders[i].path != NULL && strcmp(add->holders[i].path, add->path) == 0)
			return &add->holders[i];
	return NULL;
}
