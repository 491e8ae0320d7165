/*
 * delete_steps.c: what a deletion may take.
 *
 * A photo may go when the library holds it as missing and every place where a file of it was is
 * certainly empty now.  A file that is back is restored, as a scan would; whatever is doubtful keeps
 * its photo.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "delete.h"
#include "library.h"
#include "reasons.h"
#include "settings.h"
#include "sql_calls.h"

void
delete_close(Job *job)
{
	OwnerDeletion *d = (OwnerDeletion *) job;

	if (d->stream != NULL)
		stream_free(d->stream);
	if (d->judge != NULL)
		judge_free(d->judge);
	if (d->found != NULL)
		found_free(d->found);
	d->stream = NULL;
	d->judge = NULL;
	d->found = NULL;
}

const char *
delete_result(const Job *job)
{
	const OwnerDeletion *d = (const OwnerDeletion *) job;

	return psprintf("{\"photos\": " INT64_FORMAT ", \"files\": " INT64_FORMAT ", \"rows\": "
					INT64_FORMAT ", \"restored\": " INT64_FORMAT ", \"in_doubt\": " INT64_FORMAT
					", \"waiting\": " INT64_FORMAT ", \"busy\": " INT64_FORMAT ", \"unknown\": "
					INT64_FORMAT ", \"derived_files\": " INT64_FORMAT "}",
					d->counts.photos, d->counts.files, d->counts.rows, d->changes.restored,
					d->in_doubt, d->waiting, d->counts.busy + d->changes.busy, d->unknown,
					d->derived_files);
}

static int
compare_strings(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

void
sort_strings(const char **strings, int n)
{
	qsort(strings, n, sizeof(char *), compare_strings);
}

bool
has_string(const char *const *strings, int n, const char *string)
{
	return n > 0 && bsearch(&string, strings, n, sizeof(char *), compare_strings) != NULL;
}

/* Counts on from where a deletion that was broken off had got to. */
static void
count_on(OwnerDeletion *d)
{
	Arguments	a = {0};

	argument_text(&a, d->job.counted);
	call_as_owner("SELECT (c->>'photos')::int8, (c->>'files')::int8, (c->>'rows')::int8,"
				  "       (c->>'restored')::int8, (c->>'unknown')::int8, (c->>'derived_files')::int8"
				  "  FROM (SELECT $1::jsonb AS c) AS counted", &a);
	d->counts.photos = result_int8(0, 1);
	d->counts.files = result_int8(0, 2);
	d->counts.rows = result_int8(0, 3);
	d->changes.restored = result_int8(0, 4);
	d->unknown = result_int8(0, 5);
	d->derived_files = result_int8(0, 6);
}

void
delete_begin(OwnerDeletion *d)
{
	Arguments	a = {0};

	if (d->approved)
	{
		argument_datum(&a, UUIDOID, d->job.id);
		call_as_owner("SELECT missing_photos.take_up_job($1)", &a);
	}
	else
	{
		job_begin(&d->job);
		count_on(d);
	}
	MemoryContextSwitchTo(d->job.context);
	d->roots = roots_load();
	d->derived = derived_load(d->roots);
}

void
delete_look_at_roots(OwnerDeletion *d)
{
	MemoryContextSwitchTo(d->job.context);
	for (int i = 0; i < d->roots->n; i++)
		roots_look(&d->roots->roots[i]);
	derived_look_at_roots(d->derived);
}

static bool
see_row(void *d, const FileRow *row)
{
	return true;
}

void
delete_fetch_lost(OwnerDeletion *d)
{
	MemoryContextSwitchTo(d->job.context);
	d->found = found_make(d->job.context, d->job.commits);
	d->judge = judge_make(d->job.context, d->roots, JUDGE_ALL, found_take, d->found);
	d->stream = stream_make(d->job.context, d->judge, see_row, d, d->job.commits);
	MemoryContextSwitchTo(d->job.round_context);
	library_stream_lost(d->stream, d->job.owner, NULL);
}

static const char *
copy_text(const char *data, uint32 length)
{
	return data == NULL ? NULL : pnstrdup(data, length);
}

static void
note_lost(OwnerDeletion *d, const FileRow *row)
{
	LostFile   *lost = &d->lost[d->n_lost++];

	lost->photo = copy_text(row->photo, row->photo_length);
	lost->file = copy_text(row->file, row->file_length);
	lost->path = copy_text(row->path, row->path_length);
}

static int
compare_lost(const void *a, const void *b)
{
	return strcmp(((const LostFile *) a)->photo, ((const LostFile *) b)->photo);
}

static bool
next_concluded(OwnerDeletion *d, FoundRow *next)
{
	if (!found_next(d->found, next))
		return false;
	roots_conclude(d->roots, &next->row, &next->judgement);
	return true;
}

/* Parts what was found: places that are certainly empty, and photos with any other place. */
static void
part_found(OwnerDeletion *d)
{
	int64		rows = stream_rows(d->stream);
	FoundRow	next;

	MemoryContextSwitchTo(d->job.context);
	d->lost = palloc_extended((rows + 1) * sizeof(LostFile), MCXT_ALLOC_HUGE);
	d->doubtful = palloc_extended((rows + 1) * sizeof(char *), MCXT_ALLOC_HUGE);
	found_rewind(d->found);
	while (next_concluded(d, &next))
	{
		if (next.judgement.verdict == MP_MISSING)
			note_lost(d, &next.row);
		else
			d->doubtful[d->n_doubtful++] = copy_text(next.row.photo, next.row.photo_length);
	}
	qsort(d->lost, d->n_lost, sizeof(LostFile), compare_lost);
	sort_strings(d->doubtful, d->n_doubtful);
	found_rewind(d->found);
}

void
delete_judge(OwnerDeletion *d)
{
	d->more = stream_feed(d->stream, d->batch_size);
	if (d->more)
		return;
	judge_finish(d->judge);
	part_found(d);
}

void
delete_ask_back(OwnerDeletion *d)
{
	FoundRow	next;

	job_new_round(&d->job);
	d->restore = restore_make(d->job.round_context, &d->changes, d->roots, d->doubts);
	while (restore_size(d->restore) < d->batch_size && next_concluded(d, &next))
		if (next.judgement.verdict == MP_PRESENT && next.judgement.identity != NULL)
			restore_add(d->restore, &next);
	restore_ask(d->restore);
	d->more = restore_size(d->restore) > 0;
}

void
delete_read_back(OwnerDeletion *d)
{
	MemoryContextSwitchTo(d->job.round_context);
	restore_read(d->restore);
}

void
delete_take_back(OwnerDeletion *d)
{
	MemoryContextSwitchTo(d->job.round_context);
	restore_apply(d->restore);
}

/* The keys of candidates as text[]. */
static Datum
key_array(const Candidates *candidates)
{
	Datum	   *values = palloc((candidates->n + 1) * sizeof(Datum));

	for (int i = 0; i < candidates->n; i++)
		values[i] = CStringGetTextDatum(candidates->keys[i]);
	return PointerGetDatum(construct_array(values, candidates->n, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

/* Takes those out that haven't been missing for long enough. */
static void
drop_young(OwnerDeletion *d, const char *kind, Candidates *candidates)
{
	Arguments	a = {0};
	Datum		keys = key_array(candidates);
	const char **young;
	int			n;
	int			kept = 0;

	argument_text(&a, d->job.owner);
	argument_text(&a, kind);
	argument_datum(&a, TEXTARRAYOID, keys);
	call_as_owner("SELECT missing_photos.forget_missing_since($1, $2, $3)", &a);
	if (setting_delete_after == 0 || d->approved)
		return;
	argument_datum(&a, UUIDOID, d->job.id);
	argument_int4(&a, setting_delete_after);
	call_as_owner("SELECT missing_photos.too_young($1, $2, $3, $4, $5)", &a);
	n = SPI_processed;
	young = palloc((n + 1) * sizeof(char *));
	for (int i = 0; i < n; i++)
		young[i] = result_text(i, 1);
	sort_strings(young, n);
	for (int i = 0; i < candidates->n; i++)
	{
		if (has_string(young, n, candidates->keys[i]))
			continue;
		candidates->keys[kept] = candidates->keys[i];
		candidates->paths[kept++] = candidates->paths[i];
	}
	d->waiting += candidates->n - kept;
	candidates->n = kept;
}

/* The rows of the result just fetched, those of doubtful photos left out. */
static void
load_candidates(OwnerDeletion *d, Candidates *candidates, bool photos)
{
	MemoryContext old = MemoryContextSwitchTo(d->job.context);
	uint64		n = SPI_processed;

	candidates->keys = palloc_extended((n + 1) * sizeof(char *), MCXT_ALLOC_HUGE);
	candidates->paths = palloc_extended((n + 1) * sizeof(char *), MCXT_ALLOC_HUGE);
	for (uint64 i = 0; i < n; i++)
	{
		const char *key = result_text(i, 1);

		if (photos && has_string(d->doubtful, d->n_doubtful, key))
		{
			d->in_doubt++;
			continue;
		}
		candidates->keys[candidates->n] = key;
		candidates->paths[candidates->n++] = photos ? NULL : result_text(i, 2);
	}
	MemoryContextSwitchTo(old);
}

/* What a person approved of, as text[]. */
static Datum
load_suspects(OwnerDeletion *d)
{
	Arguments	a = {0};
	bool		isnull;

	argument_datum(&a, UUIDOID, d->job.id);
	call_as_owner("SELECT ARRAY(SELECT missing_photos.suspect_photos($1))", &a);
	return PointerGetDatum(PG_DETOAST_DATUM_COPY(
								SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)));
}

static void
weigh(OwnerDeletion *d)
{
	int64		photos = library_photo_count(d->job.owner);
	int64		n = d->photos.n;

	if (d->force || d->approved || n <= setting_max_delete_photos ||
		n * 100 <= photos * setting_max_delete_percent)
		return;
	d->held = true;
	MemoryContextSwitchTo(d->job.context);
	d->reason = psprintf("held: " INT64_FORMAT " of " INT64_FORMAT " photos would be deleted, more than "
						 "the settings allow; approve or cancel the job", n, photos);
	ereport(WARNING,
			(errmsg("the deletion is %s", d->reason),
			 errdetail("Nothing was deleted."),
			 errhint("Look whether the photos are really gone; then SELECT "
					 "missing_photos.approve_job('%s') or missing_photos.cancel_job.",
					 DatumGetCString(DirectFunctionCall1(uuid_out, d->job.id)))));
}

/* A person approved of these photos: they wait for the root rather than be forgotten. */
static void
require_roots(OwnerDeletion *d)
{
	for (int i = 0; i < d->roots->n && d->approved && d->in_doubt > 0; i++)
	{
		const Root *root = &d->roots->roots[i];

		if (root->verdict == MP_PRESENT)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_IO_ERROR),
				 errmsg("the files below \"%s\" could not be looked at again: %s", root->name,
						reason_text(root->reason, root->err)),
				 errdetail("Nothing was deleted; the job is still held."),
				 errhint("Approve it again when the root is back.")));
	}
}

void
delete_list_photos(OwnerDeletion *d)
{
	Arguments	a = {0};

	job_new_round(&d->job);
	roots_record(d->roots, NULL);
	argument_text(&a, d->job.owner);
	if (d->approved)
		argument_datum(&a, TEXTARRAYOID, load_suspects(d));
	call_as_caller(d->approved ?
				   "SELECT m.photo FROM missing_photos.library_missing_photos($1) AS m"
				   " WHERE m.photo OPERATOR(pg_catalog.=) ANY ($2)" :
				   "SELECT m.photo FROM missing_photos.library_missing_photos($1) AS m", &a);
	load_candidates(d, &d->photos, true);
	require_roots(d);
	drop_young(d, "photo", &d->photos);
	weigh(d);
}

void
delete_hold(OwnerDeletion *d)
{
	Arguments	a = {0};
	Datum		photos;

	job_new_round(&d->job);
	photos = key_array(&d->photos);
	argument_datum(&a, UUIDOID, d->job.id);
	argument_datum(&a, TEXTARRAYOID, photos);
	call_as_owner("SELECT missing_photos.keep_suspects($1, $2, $2, NULL)", &a);
	job_end(&d->job, "held", d->reason, d->photos.n);
}

void
delete_list_files(OwnerDeletion *d)
{
	Arguments	a = {0};

	job_new_round(&d->job);
	argument_text(&a, d->job.owner);
	call_as_caller("SELECT m.file, m.path FROM missing_photos.library_missing_files($1) AS m", &a);
	load_candidates(d, &d->files, false);
	drop_young(d, "file", &d->files);
}
