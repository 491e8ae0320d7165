/* relink_rules.c: calling the rules, and what came of them; see relink.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"

#include "beside.h"
#include "relink.h"
#include "settings.h"

#define BATCH_FILES 4000		/* read between two commits, and no more than so many bytes */
#define BATCH_BYTES (INT64CONST(8) * 1024 * 1024 * 1024)	/* a second from memory, a minute from a disk */

const char *
relink_counts(const Relink *relink)
{
	return psprintf("\"files_seen\": " INT64_FORMAT ", \"candidates\": " INT64_FORMAT
					", \"relinked\": " INT64_FORMAT ", \"ambiguous\": " INT64_FORMAT
					", \"hashed_files\": " INT64_FORMAT ", \"hashed_bytes\": " INT64_FORMAT
					", \"not_looked_at\": " INT64_FORMAT,
					relink->files_seen, relink->candidates, relink->relinked, relink->ambiguous,
					relink->hashed_files, relink->hashed_bytes,
					relink->discovery == NULL ? 0 : discovery_counts(relink->discovery)->unread);
}

void
relink_count_on(Relink *relink, const char *counted)
{
	Arguments	a = {0};

	argument_text(&a, counted);
	call_as_owner("SELECT COALESCE(($1::jsonb ->> 'relinked')::bigint, 0),"
				  "       COALESCE(($1::jsonb ->> 'hashed_files')::bigint, 0),"
				  "       COALESCE(($1::jsonb ->> 'hashed_bytes')::bigint, 0)", &a);
	relink->relinked = result_int8(0, 1);
	relink->hashed_files = result_int8(0, 2);
	relink->hashed_bytes = result_int8(0, 3);
}

void
relink_call(Relink *relink, const char *sql)
{
	Arguments	a = {0};

	job_new_round(&relink->scan->job);
	relink_argument_job(&a, relink);
	call_as_owner(sql, &a);
}

void
relink_settle(Relink *relink)
{
	relink_call(relink, "SELECT missing_photos.relink_settle($1)");
}

void
relink_match_identities(Relink *relink)
{
	relink_call(relink, "SELECT missing_photos.relink_count_files($1)");
	relink->candidates = result_int8(0, 1);
	relink_call(relink, "SELECT missing_photos.relink_by_identity($1)");
}

void
relink_look_for_rest(Relink *relink)
{
	relink_call(relink, "SELECT EXISTS (SELECT FROM missing_photos.relink_row AS r"
				" WHERE r.job_id = $1 AND NOT r.ambiguous)");
	relink->scan->more = result_bool(0, 1);
}

void
relink_guess_folders(Relink *relink)
{
	relink_call(relink, "SELECT missing_photos.relink_guess_folders($1)");
	relink->scan->more = result_int8(0, 1) > 0;
	relink->batch = 0;
}

void
relink_match_folders(Relink *relink)
{
	relink_call(relink, "SELECT missing_photos.relink_by_folder($1)");
}

void
relink_plan_contents(Relink *relink)
{
	Arguments	a = {0};

	job_new_round(&relink->scan->job);
	relink_argument_job(&a, relink);
	argument_int8(&a, BATCH_FILES);
	argument_int8(&a, BATCH_BYTES);
	call_as_owner("SELECT missing_photos.relink_plan_content($1, $2, $3)::int8", &a);
	relink->batches = result_int8(0, 1);
}

void
relink_plan_unsized(Relink *relink)
{
	Arguments	a = {0};

	job_new_round(&relink->scan->job);
	relink_argument_job(&a, relink);
	argument_int4(&a, relink->batches);
	argument_int8(&a, BATCH_FILES);
	call_as_owner("SELECT missing_photos.relink_plan_unsized($1, $2, $3)::int8", &a);
	relink->batch = relink->batches;
	relink->batches = result_int8(0, 1);
}

void
relink_match_batch(Relink *relink)
{
	Arguments	a = {0};

	job_new_round(&relink->scan->job);
	relink_argument_job(&a, relink);
	argument_int4(&a, relink->batch);
	call_as_owner("SELECT missing_photos.relink_by_content($1, $2)", &a);
}

void
relink_match_unsized(Relink *relink)
{
	relink_call(relink, "SELECT missing_photos.relink_by_content_alone($1)");
}

void
relink_match_times(Relink *relink)
{
	relink_call(relink, "SELECT missing_photos.relink_by_time($1)");
}

/* What wasn't looked at, in words. */
static void
tell_unread(const Relink *relink)
{
	const DiscoveryCounts *counts = discovery_counts(relink->discovery);

	if (counts->unread > 0)
		ereport(NOTICE,
				(errmsg(INT64_FORMAT " folders or files were not looked at, the first of them \"%s\": %s",
						counts->unread, counts->unread_path, counts->unread_reason),
				 errdetail("Files that moved there are not found until it can be read.")));
	if (counts->unreadable > 0)
		ereport(NOTICE,
				(errmsg(INT64_FORMAT " file names can't be held in the database's encoding",
						counts->unreadable)));
}

/* Those that moved after their photos, say while the root was watched. */
static void
find_sidecars(const OwnerScan *scan)
{
	Changes		changes = {.owner = scan->job.owner, .job_id = scan->job.id, .has_job = true};

	beside_find_astray(&changes);
}

/* Arrays of the result just fetched as arguments, t: of text, b: of bigint; false where there are none. */
static bool
argument_arrays(Arguments *a, const char *types)
{
	for (int i = 0; types[i] != '\0'; i++)
	{
		bool		isnull;
		Datum		array = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &isnull);

		if (isnull)
			return false;
		argument_datum(a, types[i] == 't' ? TEXTARRAYOID : INT8ARRAYOID,
					   PointerGetDatum(PG_DETOAST_DATUM_COPY(array)));
	}
	return true;
}

/*
 * Files that were read and are no missing row's may be further copies of files that are there, which
 * the library keeps in one row.
 */
static void
note_copies(Relink *relink)
{
	Arguments	alike = {0};
	Arguments	asked = {0};
	Arguments	a = {0};
	Arguments	c = {0};

	relink_argument_job(&alike, relink);
	argument_text(&alike, relink->scan->job.owner);
	call_as_owner("SELECT missing_photos.relink_note_alike($1, $2)", &alike);
	relink_argument_job(&asked, relink);
	call_as_owner("SELECT array_agg(f.path), array_agg(f.size), array_agg(f.mtime_ns),"
				  "       array_agg(f.digest)"
				  "  FROM missing_photos.relink_file AS f"
				  " WHERE f.job_id = $1 AND NOT f.occupied AND f.digest IS NOT NULL"
				  "   AND f.algorithm = missing_photos.digest_algorithm()", &asked);
	argument_text(&c, relink->scan->job.owner);
	if (!argument_arrays(&c, "tbbt"))
		return;
	call_as_caller("SELECT pg_catalog.array_agg(c.file), pg_catalog.array_agg(d.path),"
				   "       pg_catalog.array_agg(d.size), pg_catalog.array_agg(d.mtime_ns)"
				   "  FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3),"
				   "                  pg_catalog.unnest($4), pg_catalog.unnest($5))"
				   "       AS d (path, size, mtime_ns, digest)"
				   "  JOIN missing_photos.library_photos_by_content($1, $5) AS c"
				   "    ON c.digest OPERATOR(pg_catalog.=) d.digest"
				   " WHERE c.linked AND NOT c.flagged AND c.path OPERATOR(pg_catalog.<>) d.path", &c);
	relink_argument_job(&a, relink);
	argument_text(&a, relink->scan->job.owner);
	if (argument_arrays(&a, "ttbb"))
		call_as_owner("SELECT missing_photos.relink_note_copies($1, $2, $3, $4, $5, $6)", &a);
}

void
relink_end(Relink *relink)
{
	Arguments	a = {0};
	Arguments	r = {0};

	job_new_round(&relink->scan->job);
	relink_argument_job(&a, relink);
	argument_text(&a, relink->scan->job.owner);
	if (claims_any_displaced(relink->scan->claims))
		call_as_owner("SELECT missing_photos.relink_learn($1, $2)", &a);
	argument_bool(&a, relink->scan->dry_run);
	call_as_owner("SELECT missing_photos.relink_keep_candidates($1, $2, $3)", &a);
	relink->ambiguous = result_int8(0, 1);
	if (!relink->scan->dry_run && relink->hashed_files > 0)
		note_copies(relink);
	argument_int4(&r, setting_job_retention);
	call_as_owner("SELECT missing_photos.relink_forget_read($1)", &r);
	if (relink->scan->dry_run)
	{
		relink_call(relink, "SELECT count(*) FROM missing_photos.relink_move AS m"
					" WHERE m.job_id = $1");
		relink->relinked = result_int8(0, 1);
	}
	relink_call(relink, "SELECT missing_photos.relink_clear($1, false)");
	if (relink->discovery != NULL)
		tell_unread(relink);
	if (!relink->scan->dry_run)
		find_sidecars(relink->scan);
}
