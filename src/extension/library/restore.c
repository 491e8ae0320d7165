/* restore.c: files that are back, and whether to believe them; see restore.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/memutils.h"

#include "digest.h"
#include "reasons.h"
#include "restore.h"
#include "sql_calls.h"

typedef enum Belief
{
	REFUSED,					/* another file is in its place */
	BELIEVED,
	TO_BE_READ,					/* its content will tell */
	IN_DOUBT					/* its content couldn't be read */
} Belief;

/* Columns of the files in question. */
enum
{
	Q_PHOTO, Q_FILE, Q_SIZE, Q_MTIME, Q_COLUMNS
};

typedef struct Candidate
{
	char	   *photo;
	char	   *file;
	char	   *path;
	int64		size;
	Belief		belief;
	bool		was_main;
	char	   *main_after;
	MpAlgorithm algorithm;
	char	   *digest;
	MpReason	reason;			/* when IN_DOUBT */
	int			err;
} Candidate;

struct Restore
{
	MemoryContext context;
	Changes    *changes;
	RootTable  *roots;
	Columns    *doubts;
	Claims	   *claims;			/* NULL: nobody asks */
	Columns    *questions;
	Candidate  *candidates;
	int			n;
	int			capacity;
};

Restore *
restore_make(MemoryContext parent, Changes *changes, RootTable *roots, Columns *doubts)
{
	static const Oid types[Q_COLUMNS] = {TEXTOID, TEXTOID, INT8OID, INT8OID};
	Restore    *restore = MemoryContextAllocZero(parent, sizeof(Restore));

	restore->context = parent;
	restore->changes = changes;
	restore->roots = roots;
	restore->doubts = doubts;
	restore->questions = columns_make(parent, Q_COLUMNS, types);
	restore->capacity = 64;
	restore->candidates = MemoryContextAlloc(parent, restore->capacity * sizeof(Candidate));
	return restore;
}

void
restore_tell(Restore *restore, Claims *claims)
{
	restore->claims = claims;
}

int
restore_size(const Restore *restore)
{
	return restore->n;
}

void
restore_add(Restore *restore, const FoundRow *found)
{
	MemoryContext old = MemoryContextSwitchTo(restore->context);
	const FileRow *row = &found->row;
	Candidate  *candidate;

	if (restore->n == restore->capacity)
	{
		restore->capacity *= 2;
		restore->candidates = repalloc_huge(restore->candidates,
											(Size) restore->capacity * sizeof(Candidate));
	}
	candidate = &restore->candidates[restore->n++];
	memset(candidate, 0, sizeof(*candidate));
	candidate->photo = pnstrdup(row->photo, row->photo_length);
	candidate->file = pnstrdup(row->file, row->file_length);
	candidate->path = pnstrdup(row->path, row->path_length);
	candidate->size = found->identity.size;
	columns_add_row(restore->questions);
	columns_set_text(restore->questions, Q_PHOTO, row->photo, row->photo_length);
	columns_set_text(restore->questions, Q_FILE, row->file, row->file_length);
	columns_set_int8(restore->questions, Q_SIZE, found->identity.size);
	columns_set_int8(restore->questions, Q_MTIME, found->identity.mtime_ns);
	MemoryContextSwitchTo(old);
}

/* What we noted of each file while it was there. */
static void
ask_memory(Restore *restore)
{
	Arguments	a = {0};

	argument_text(&a, restore->changes->owner);
	argument_columns(&a, restore->questions);
	call_as_owner("SELECT ordinal, known, same, was_main, main_after"
				  "  FROM missing_photos.belief($1, $2, $3, $4, $5)", &a);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		int			ordinal = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[i],
														  SPI_tuptable->tupdesc, 1, &isnull));
		Candidate  *candidate = &restore->candidates[ordinal - 1];

		/* Never seen: its path is enough, unless the library knows its content. */
		candidate->belief = result_bool(i, 3) || !result_bool(i, 2) ? BELIEVED : REFUSED;
		candidate->algorithm = result_bool(i, 3) ? 0 : MP_MD5;
		candidate->was_main = result_bool(i, 4);
		candidate->main_after = result_text(i, 5);
	}
}

/* What the library knows of the content of those that we don't recognise. */
static void
ask_library(Restore *restore)
{
	static const Oid types[1] = {TEXTOID};
	Columns    *files = columns_make(CurrentMemoryContext, 1, types);
	Arguments	a = {0};

	for (int i = 0; i < restore->n; i++)
	{
		columns_add_row(files);
		/* Recognised ones stay null: their content doesn't matter. */
		if (restore->candidates[i].algorithm != 0)
			columns_set_cstring(files, 0, restore->candidates[i].file);
	}
	argument_columns(&a, files);
	call_as_caller("SELECT f.ordinal::pg_catalog.int8, c.algorithm, c.digest, c.size"
				   "  FROM missing_photos.library_content($1) AS c"
				   "  JOIN pg_catalog.unnest($1) WITH ORDINALITY AS f (file, ordinal)"
				   "    ON f.file OPERATOR(pg_catalog.=) c.file", &a);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Candidate  *candidate = &restore->candidates[result_int8(i, 1) - 1];
		char	   *algorithm = result_text(i, 2);
		int64		size = result_int8(i, 4);

		candidate->digest = result_text(i, 3);
		if (size > 0 && size != candidate->size)
			candidate->belief = REFUSED;
		else if (algorithm != NULL && candidate->digest != NULL)
		{
			candidate->algorithm = digest_algorithm(algorithm);
			candidate->belief = TO_BE_READ;
		}
	}
	columns_free(files);
}

void
restore_ask(Restore *restore)
{
	if (restore->n == 0)
		return;
	ask_memory(restore);
	ask_library(restore);
}

static void
conclude(Candidate *candidate, const Digest *digest)
{
	candidate->reason = digest->reason;
	candidate->err = digest->err;
	if (digest->verdict != MP_PRESENT)
		candidate->belief = IN_DOUBT;
	else
		candidate->belief = strcmp(digest->text, candidate->digest) == 0 ? BELIEVED : REFUSED;
}

void
restore_read(Restore *restore)
{
	Size		most = restore->n + 1;
	Digested   *files = MemoryContextAllocHuge(CurrentMemoryContext, most * sizeof(Digested));
	Candidate **candidates = MemoryContextAllocHuge(CurrentMemoryContext, most * sizeof(Candidate *));
	int			n = 0;

	for (int i = 0; i < restore->n; i++)
	{
		Candidate  *candidate = &restore->candidates[i];

		if (candidate->belief != TO_BE_READ)
			continue;
		files[n] = digested(candidate->path, strlen(candidate->path), candidate->algorithm);
		candidates[n++] = candidate;
	}
	digest_files(restore->roots, files, n);
	for (int i = 0; i < n; i++)
		conclude(candidates[i], &files[i].digest);
	pfree(files);
	pfree(candidates);
}

static void
report(Restore *restore, const Candidate *candidate, MpVerdict state, const char *reason)
{
	Columns    *doubts = restore->doubts;

	columns_add_row(doubts);
	columns_set_cstring(doubts, DOUBT_PHOTO, candidate->photo);
	columns_set_cstring(doubts, DOUBT_FILE, candidate->file);
	columns_set_cstring(doubts, DOUBT_PATH, candidate->path);
	columns_set_cstring(doubts, DOUBT_STATE, verdict_name(state));
	columns_set_cstring(doubts, DOUBT_REASON, reason);
	columns_set_int4(doubts, DOUBT_ERRNO, candidate->err);
}

void
restore_apply(Restore *restore)
{
	Columns    *back = apply_back_columns(CurrentMemoryContext);

	for (int i = 0; i < restore->n; i++)
	{
		const Candidate *candidate = &restore->candidates[i];

		if (candidate->belief == REFUSED && restore->claims != NULL)
			claims_displace(restore->claims, candidate->path, strlen(candidate->path));
		if (candidate->belief == REFUSED)
			report(restore, candidate, MP_MISSING, "another file is in its place");
		else if (candidate->belief == IN_DOUBT)
			report(restore, candidate, MP_UNREACHABLE,
				   reason_text(candidate->reason, candidate->err));
		if (candidate->belief != BELIEVED)
			continue;
		columns_add_row(back);
		columns_set_cstring(back, BACK_PHOTO, candidate->photo);
		columns_set_cstring(back, BACK_FILE, candidate->file);
		columns_set_cstring(back, BACK_PATH, candidate->path);
		columns_set_bool(back, BACK_MAIN, candidate->was_main);
		columns_set_cstring(back, BACK_MAIN_AFTER, candidate->main_after);
	}
	apply_back(restore->changes, back);
	columns_free(back);
}
