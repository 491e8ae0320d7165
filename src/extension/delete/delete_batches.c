/*
 * delete_batches.c: deleting, a batch at a time.
 *
 * Each batch is looked at once more just before: the places where its photos' files were, or its
 * files' own.  The disk is read before the SQL of the same step, so that a procedure holds no
 * snapshot meanwhile.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "delete.h"
#include "sql_calls.h"

#define SETTLE_TRIES 20
#define SETTLE_NAP_MS 50

static Datum
text_array(const char *const *strings, int n)
{
	Datum	   *values = palloc((n + 1) * sizeof(Datum));

	for (int i = 0; i < n; i++)
		values[i] = CStringGetTextDatum(strings[i]);
	return PointerGetDatum(construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static int
batch_end(const OwnerDeletion *d, const Candidates *candidates)
{
	return Min(candidates->next + d->batch_size, candidates->n);
}

/* The first of a photo's lost files, n_lost when it has none. */
static int
first_lost(const OwnerDeletion *d, const char *photo)
{
	int			low = 0;
	int			high = d->n_lost;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (strcmp(d->lost[middle].photo, photo) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < d->n_lost && strcmp(d->lost[low].photo, photo) == 0 ? low : d->n_lost;
}

/* Collects the photos, or files, that a second look isn't certain of. */
typedef struct SecondLook
{
	OwnerDeletion *d;
	bool		of_photos;
	int			n;
	int			room;
	const char **doubtful;
	Judge	   *judge;
} SecondLook;

static void
take_look(void *arg, const FileRow *row, const Judgement *judgement)
{
	SecondLook *look = arg;
	Judgement	concluded = *judgement;

	roots_conclude(look->d->roots, row, &concluded);
	if (concluded.verdict == MP_MISSING)
		return;
	if (look->n == look->room)
	{
		look->room *= 2;
		look->doubtful = repalloc(look->doubtful, look->room * sizeof(char *));
	}
	look->doubtful[look->n++] = look->of_photos ? pnstrdup(row->photo, row->photo_length) :
		pnstrdup(row->file, row->file_length);
}

static void
look_begin(SecondLook *look, OwnerDeletion *d, bool of_photos)
{
	memset(look, 0, sizeof(*look));
	look->d = d;
	look->of_photos = of_photos;
	look->room = 16;
	look->doubtful = palloc(look->room * sizeof(char *));
	look->judge = judge_make(CurrentMemoryContext, d->roots, JUDGE_ALL, take_look, look);
}

static void
look_at(SecondLook *look, const char *photo, const char *file, const char *path)
{
	FileRow		row = {.photo = photo, .file = file, .path = path};

	row.photo_length = strlen(photo);
	row.file_length = strlen(file);
	row.path_length = path == NULL ? 0 : strlen(path);
	row.flags = ROW_FLAGGED | ROW_UNLINKED;
	judge_add(look->judge, &row);
}

/*
 * A root that came into doubt in this look, or in any since the first, makes what was seen below it
 * doubtful in hindsight: rows already taken for missing are looked at with its state as it is now.
 */
static bool
root_holds(const OwnerDeletion *d, const char *path)
{
	const Root *root = path == NULL ? NULL : roots_find(d->roots, path, strlen(path));

	return root == NULL || root->verdict == MP_PRESENT;
}

static void
look_end(SecondLook *look)
{
	judge_finish(look->judge);
	judge_free(look->judge);
	sort_strings(look->doubtful, look->n);
}

void
delete_ask_photos(OwnerDeletion *d)
{
	job_new_round(&d->job);
	d->more = d->photos.next < d->photos.n;
	if (!d->more)
		return;
	d->batch = text_array(d->photos.keys + d->photos.next,
						  batch_end(d, &d->photos) - d->photos.next);
	derived_ask(d->derived, d->batch);
}

/* The photos of the batch whose files are still gone; *n of them. */
static const char **
photos_still_gone(OwnerDeletion *d, int *n)
{
	int			end = batch_end(d, &d->photos);
	const char **gone = palloc((end - d->photos.next) * sizeof(char *));
	SecondLook	look;

	look_begin(&look, d, true);
	for (int i = d->photos.next; i < end; i++)
		for (int j = first_lost(d, d->photos.keys[i]);
			 j < d->n_lost && strcmp(d->lost[j].photo, d->photos.keys[i]) == 0; j++)
			look_at(&look, d->lost[j].photo, d->lost[j].file, d->lost[j].path);
	look_end(&look);
	*n = 0;
	for (int i = d->photos.next; i < end; i++)
	{
		int			first = first_lost(d, d->photos.keys[i]);
		bool		certain = !has_string(look.doubtful, look.n, d->photos.keys[i]);

		for (int j = first; certain && j < d->n_lost &&
			 strcmp(d->lost[j].photo, d->photos.keys[i]) == 0; j++)
			certain = root_holds(d, d->lost[j].path);
		if (!certain)
			d->in_doubt++;
		else
		{
			d->unknown += first == d->n_lost;
			gone[(*n)++] = d->photos.keys[i];
		}
	}
	return gone;
}

void
delete_take_photos(OwnerDeletion *d)
{
	Datum		none = PointerGetDatum(construct_empty_array(TEXTOID));
	const char **gone;
	Datum		photos;
	int			n;

	MemoryContextSwitchTo(d->job.round_context);
	gone = photos_still_gone(d, &n);
	derived_look(d->derived);
	photos = text_array(gone, n);
	if (n > 0)
	{
		d->derived_files += derived_queue(d->derived, d->job.id, d->job.owner, photos);
		delete_batch(d->job.id, d->job.owner, photos, none, &d->counts);
	}
	d->photos.next = batch_end(d, &d->photos);
	job_progress(&d->job, d->photos.next, d->photos.n);
	if (d->job.commits)
		job_note_result(&d->job);
}

/* The file rows of the batch whose files are gone. */
static const char **
files_still_gone(OwnerDeletion *d, int *n)
{
	int			end = batch_end(d, &d->files);
	const char **gone = palloc((end - d->files.next + 1) * sizeof(char *));
	SecondLook	look;

	look_begin(&look, d, false);
	for (int i = d->files.next; i < end; i++)
		look_at(&look, "", d->files.keys[i], d->files.paths[i]);
	look_end(&look);
	*n = 0;
	for (int i = d->files.next; i < end; i++)
	{
		if (has_string(look.doubtful, look.n, d->files.keys[i]) ||
			!root_holds(d, d->files.paths[i]))
			d->in_doubt++;
		else
			gone[(*n)++] = d->files.keys[i];
	}
	return gone;
}

void
delete_take_files(OwnerDeletion *d)
{
	Datum		none;
	const char **gone;
	int			n;

	job_new_round(&d->job);
	gone = files_still_gone(d, &n);
	none = PointerGetDatum(construct_empty_array(TEXTOID));
	if (n > 0)
		delete_batch(d->job.id, d->job.owner, none, text_array(gone, n), &d->counts);
	d->files.next = batch_end(d, &d->files);
	d->more = d->files.next < d->files.n;
	if (d->job.commits)
		job_note_result(&d->job);
}

/* What others hold is tried again for a second; then the owner's next deletion does it. */
void
delete_settle_rows(OwnerDeletion *d)
{
	job_new_round(&d->job);
	if (d->settle_tries > 0)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, SETTLE_NAP_MS,
						 WAIT_FOR_PROBE);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	d->more = delete_settle(d->job.owner, &d->counts) > 0 && d->job.commits &&
		++d->settle_tries < SETTLE_TRIES;
}

void
delete_end(OwnerDeletion *d)
{
	Arguments	a = {0};

	job_new_round(&d->job);
	roots_record(d->roots, NULL);
	job_end(&d->job, "finished", NULL, d->photos.n);
	argument_datum(&a, UUIDOID, d->job.id);
	argument_text(&a, d->job.owner);
	call_as_owner("SELECT missing_photos.supersede_jobs($1, $2, 'delete')", &a);
	memset(&a, 0, sizeof(a));
	argument_datum(&a, UUIDOID, d->job.id);
	call_as_owner("SELECT missing_photos.drop_suspects($1)", &a);
}
