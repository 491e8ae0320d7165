/*
 * add_file.c: a file that somebody found, put where it belongs: add_file.
 *
 * Its content is read, and decides.  The photo that has this content gets it: a row whose own file
 * is gone moves here, a photo whose files were removed gets a row again.  A content the library has
 * elsewhere, with its file still there, is a further copy: remembered, and looked at before that
 * file is ever called missing.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "add_file.h"
#include "check_files.h"
#include "holders.h"
#include "library.h"
#include "moves.h"
#include "sql_calls.h"

PG_FUNCTION_INFO_V1(missing_photos_add_file);

/* What the library digests content with, and what the file is by its name. */
static void
ask_terms(Addition *add)
{
	Arguments	a = {0};

	argument_text(&a, add->path);
	call_as_owner("SELECT missing_photos.digest_algorithm(), missing_photos.file_kind($1),"
				  "       missing_photos.photos_are_files()", &a);
	add->algorithm = digest_algorithm(result_text(0, 1));
	add->kind = result_text(0, 2);
	add->single = result_bool(0, 3);
}

static bool
is_claimed(const char *path)
{
	Arguments	a = {0};

	argument_text(&a, path);
	call_as_caller("SELECT FROM missing_photos.library_claimed(ARRAY[$1]) AS c", &a);
	return SPI_processed > 0;
}

static void
conclude(Addition *add, char *photo, const char *action)
{
	add->photo = photo;
	add->action = action;
}

static void
require_not_busy(const Addition *add)
{
	if (add->changes->busy > 0)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("the row of \"%s\" is locked by another session", add->path),
				 errhint("Try again when that session's transaction has ended.")));
}

/* What the file looks like and holds, noted for later. */
static void
note_file(const Addition *add, const char *file)
{
	const MpIdentity *identity = &add->digest.identity;
	Arguments	a = {0};

	argument_text(&a, file);
	argument_int8(&a, identity->fsid);
	argument_int8(&a, identity->inode);
	argument_int8(&a, identity->size);
	argument_int8(&a, identity->mtime_ns);
	argument_int8(&a, identity->ctime_ns);
	argument_text(&a, holders_algorithm(add->algorithm));
	argument_text(&a, add->digest.text);
	call_as_owner("SELECT missing_photos.note_identities(ARRAY[$1], ARRAY[$2], ARRAY[$3], ARRAY[$4],"
				  " ARRAY[$5], ARRAY[$6], true), missing_photos.note_content($1, $4, $5, $7, $8)", &a);
}

static char *
main_file_of(const char *photo)
{
	Arguments	a = {0};

	argument_text(&a, photo);
	call_as_caller("SELECT p.main FROM missing_photos.library_photo($1) AS p", &a);
	return SPI_processed == 0 ? NULL : result_text(0, 1);
}

static void
call_library_add(const Addition *add, const char *photo)
{
	Arguments	a = {0};

	argument_text(&a, add->changes->owner);
	argument_text(&a, photo);
	argument_text(&a, add->path);
	argument_text(&a, add->digest.text);
	argument_int8(&a, add->digest.identity.size);
	argument_text(&a, add->kind);
	call_as_caller("SELECT r.photo, r.file, r.action"
				   "  FROM missing_photos.library_add($1, $2, $3, $4, $5, $6) AS r", &a);
}

/* Its row has this path and its photo had lost it. */
static void
restore(Addition *add, const Holder *holder)
{
	Columns    *back = apply_back_columns(CurrentMemoryContext);
	Arguments	a = {0};
	bool		was_main;
	char	   *main_after;

	argument_text(&a, add->changes->owner);
	argument_text(&a, holder->photo);
	argument_text(&a, holder->file);
	call_as_owner("SELECT l.mains[1], l.mains_after[1]"
				  "  FROM missing_photos.lost_mains($1, ARRAY[$2], ARRAY[$3]) AS l", &a);
	was_main = result_bool(0, 1);
	main_after = result_text(0, 2);
	columns_add_row(back);
	columns_set_cstring(back, BACK_PHOTO, holder->photo);
	columns_set_cstring(back, BACK_FILE, holder->file);
	columns_set_cstring(back, BACK_PATH, holder->path);
	columns_set_bool(back, BACK_MAIN, was_main || (main_file_of(holder->photo) == NULL &&
												   strcmp(add->kind, "metadata") != 0));
	columns_set_cstring(back, BACK_MAIN_AFTER, main_after);
	apply_back(add->changes, back);
	require_not_busy(add);
	note_file(add, holder->file);
	/* Its user may have removed the photo's files: it is a photo again. */
	call_library_add(add, holder->photo);
	conclude(add, holder->photo, "restored");
}

/* Whether the holder's own file is gone from its path, or another content is there now. */
static bool
has_left(const Addition *add, const Holder *holder)
{
	FileRow		row = {.path = holder->path};
	Judgement	judgement = {0};
	Digest		old;

	if (holder->path == NULL || holder->path[0] == '\0')
		return true;
	row.path_length = strlen(holder->path);
	digest_file(add->roots, holder->path, row.path_length, add->algorithm, &old);
	if (old.verdict == MP_PRESENT)
		return strcmp(old.text, add->digest.text) != 0;
	judgement.verdict = old.verdict;
	judgement.reason = old.reason;
	judgement.root = roots_find(add->roots, row.path, row.path_length) == NULL ? -1 :
		roots_find(add->roots, row.path, row.path_length) - add->roots->roots;
	roots_conclude(add->roots, &row, &judgement);
	return judgement.verdict == MP_MISSING;
}

/* Of those that have the content, one whose own file isn't at its path any more; NULL: none. */
static const Holder *
holder_that_left(const Addition *add)
{
	for (int i = 0; i < add->n && add->holders[i].file != NULL; i++)
	{
		/* Holders of one file come one after the other. */
		if (i > 0 && strcmp(add->holders[i].file, add->holders[i - 1].file) == 0)
			continue;
		if (has_left(add, &add->holders[i]))
			return &add->holders[i];
	}
	return NULL;
}

/* The row moves here, for each photo that has it. */
static void
relink(Addition *add, const Holder *first)
{
	Columns    *moves = moves_columns(CurrentMemoryContext);
	Columns    *moved = moves_columns(CurrentMemoryContext);

	for (int i = 0; i < add->n; i++)
	{
		const Holder *holder = &add->holders[i];

		if (holder == first || ((holder->linked || !first->linked) && holder->file != NULL &&
								strcmp(holder->file, first->file) == 0))
			moves_add(moves, holder->photo, holder->file, holder->path, add->path,
					  &add->digest.identity);
	}
	moves_apply(add->changes, moves, moved);
	require_not_busy(add);
	if (moved->n_rows == 0)
	{
		conclude(add, NULL, "conflict");
		return;
	}
	note_file(add, first->file);
	conclude(add, first->photo, "relinked");
}

static void
note_copy(Addition *add)
{
	Arguments	a = {0};

	argument_text(&a, add->changes->owner);
	argument_text(&a, add->holders[0].file);
	argument_text(&a, add->path);
	argument_int8(&a, add->digest.identity.size);
	argument_int8(&a, add->digest.identity.mtime_ns);
	call_as_owner("SELECT missing_photos.note_copies($1, ARRAY[$2], ARRAY[$3], ARRAY[$4], ARRAY[$5])",
				  &a);
	conclude(add, add->holders[0].photo, "copy");
}

/* No row has the content: a new one, of the photo that remembers it (NULL: of none). */
static void
add_row(Addition *add, const char *photo)
{
	Arguments	a = {0};
	char	   *file;

	call_library_add(add, photo);
	if (SPI_processed == 0)
	{
		conclude(add, NULL, "conflict");
		return;
	}
	conclude(add, result_text(0, 1), result_text(0, 3));
	file = result_text(0, 2);
	if (file == NULL)
		return;
	note_file(add, file);
	/* What joins a photo is no return. */
	if (photo == NULL)
		return;
	apply_argument_job(&a, add->changes);
	argument_text(&a, add->changes->owner);
	argument_text(&a, add->photo);
	argument_text(&a, file);
	argument_text(&a, add->path);
	call_as_owner("SELECT missing_photos.record_returns($1, $2, ARRAY[$3], ARRAY[$4], ARRAY[$5])", &a);
}

/* Some row has the path: it is this file's, or nothing is to be done. */
static void
take_claimed(Addition *add, const Holder *here)
{
	if (here == NULL)
	{
		holders_at_path(add);
		here = holder_here(add);
	}
	if (here == NULL)
		conclude(add, NULL, "conflict");
	else if (here->linked && !here->flagged)
	{
		note_file(add, here->file);
		conclude(add, here->photo, "known");
	}
	else
		restore(add, here);
}

/* No row has the path. */
static void
take_unclaimed(Addition *add)
{
	const Holder *left = holder_that_left(add);

	if (add->n == 0)
		add_row(add, NULL);
	else if (add->holders[0].file == NULL)
		add_row(add, add->holders[0].photo);
	else if (left != NULL)
		relink(add, left);
	else
		note_copy(add);
}

static void
put_where_it_belongs(Addition *add)
{
	const Holder *here;

	holders_of_content(add);
	here = holder_here(add);
	if (here != NULL || is_claimed(add->path))
		take_claimed(add, here);
	else
		take_unclaimed(add);
	if (strcmp(add->action, "restored") == 0 || strcmp(add->action, "relinked") == 0 ||
		strcmp(add->action, "added") == 0)
		check_photo(add->photo, add->changes, add->may_flag);
}

static Datum
result_row(FunctionCallInfo fcinfo, const Addition *add)
{
	TupleDesc	shape;
	Datum		values[2] = {0};
	bool		nulls[2] = {false, false};

	if (get_call_result_type(fcinfo, NULL, &shape) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	nulls[0] = add->photo == NULL;
	if (add->photo != NULL)
		values[0] = CStringGetTextDatum(add->photo);
	values[1] = CStringGetTextDatum(add->action);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls));
}

/* Looks at the file and does what is to be done; needs an SPI connection. */
static void
run(Addition *add)
{
	ask_terms(add);
	add->roots = roots_load();
	digest_file(add->roots, add->path, strlen(add->path), add->algorithm, &add->digest);
	digest_require(&add->digest, add->path);
	put_where_it_belongs(add);
}

const char *
add_file(Changes *changes, const char *path, const KeySet *may_flag)
{
	Addition	add = {.changes = changes, .may_flag = may_flag, .path = path};

	run(&add);
	return add.action;
}

Datum
missing_photos_add_file(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	Changes		changes = {.owner = library_id(fcinfo, 0, "owner")};
	Addition	add = {.changes = &changes};

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("path must not be null")));
	add.path = text_to_cstring(PG_GETARG_TEXT_PP(1));
	SPI_connect();
	library_check_writable("add_file()");
	library_require_owner(changes.owner);
	MemoryContextSwitchTo(context);
	run(&add);
	SPI_finish();
	MemoryContextSwitchTo(context);
	return result_row(fcinfo, &add);
}
