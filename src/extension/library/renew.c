/* renew.c: a root that isn't what was registered, but holds the library; see renew.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/memutils.h"

#include "found.h"
#include "judge.h"
#include "renew.h"
#include "sql_calls.h"

/* The share of the files we know that must be where they should be, unchanged. */
#define AGREEMENT_PERCENT 90

typedef struct SampleFile
{
	char	   *file;
	char	   *path;
	bool		known;
	int64		size;
	int64		mtime_ns;
} SampleFile;

struct Renewal
{
	MemoryContext context;
	RootTable  *roots;
	Root	   *root;
	const char *owner;
	SampleFile *files;
	int			n;
	int			n_known;
};

/* Files from all over the root: a hash orders them by nothing in particular. */
static void
choose_sample(Renewal *renewal, const char *owner)
{
	Arguments	a = {0};

	argument_text(&a, owner);
	argument_text(&a, psprintf("%s/", renewal->root->app_path));
	call_as_caller("SELECT f.file, f.path"
				   "  FROM missing_photos.library_files($1) AS f"
				   " WHERE NOT f.flagged AND pg_catalog.starts_with(f.path, $2)"
				   " ORDER BY pg_catalog.hashtext(f.file) LIMIT 64", &a);
	renewal->n = SPI_processed;
	renewal->files = palloc0((renewal->n + 1) * sizeof(SampleFile));
	for (int i = 0; i < renewal->n; i++)
	{
		renewal->files[i].file = result_text(i, 1);
		renewal->files[i].path = result_text(i, 2);
	}
}

static SampleFile *
find_file(Renewal *renewal, const char *file, size_t length)
{
	for (int i = 0; i < renewal->n; i++)
		if (strlen(renewal->files[i].file) == length &&
			memcmp(renewal->files[i].file, file, length) == 0)
			return &renewal->files[i];
	return NULL;
}

static void
recall_sample(Renewal *renewal)
{
	static const Oid types[1] = {TEXTOID};
	Columns    *files = columns_make(CurrentMemoryContext, 1, types);
	Arguments	a = {0};

	for (int i = 0; i < renewal->n; i++)
	{
		columns_add_row(files);
		columns_set_cstring(files, 0, renewal->files[i].file);
	}
	argument_columns(&a, files);
	call_as_owner("SELECT file, size, mtime_ns FROM missing_photos.sample_identities($1)", &a);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *file = result_text(i, 1);
		SampleFile *known = find_file(renewal, file, strlen(file));

		known->known = true;
		known->size = result_int8(i, 2);
		known->mtime_ns = result_int8(i, 3);
		renewal->n_known++;
	}
}

Renewal *
renew_ask(MemoryContext parent, RootTable *roots, Root *root, const char *owner)
{
	MemoryContext context = AllocSetContextCreate(parent, "missing_photos renewal",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Renewal    *renewal = palloc0(sizeof(Renewal));

	renewal->context = context;
	renewal->roots = roots;
	renewal->root = root;
	renewal->owner = pstrdup(owner);
	choose_sample(renewal, owner);
	recall_sample(renewal);
	MemoryContextSwitchTo(old);
	return renewal;
}

static int
count_agreement(Renewal *renewal, Found *found)
{
	FoundRow	next;
	int			agree = 0;

	while (found_next(found, &next))
	{
		const MpIdentity *identity = next.judgement.identity;
		SampleFile *known = find_file(renewal, next.row.file, next.row.file_length);

		if (next.judgement.verdict == MP_PRESENT && identity != NULL && known->known &&
			(int64) identity->size == known->size && identity->mtime_ns == known->mtime_ns)
			agree++;
	}
	return agree;
}

void
renew_read(Renewal *renewal)
{
	Found	   *found = found_make(renewal->context, false);
	Judge	   *judge = judge_make(renewal->context, renewal->roots, JUDGE_ALL, found_take, found);

	/* For the time of the question it is taken for the root. */
	roots_accept(renewal->root);
	for (int i = 0; i < renewal->n; i++)
	{
		const SampleFile *file = &renewal->files[i];
		FileRow		row = {.photo = "", .file = file->file, .path = file->path,
			.file_length = strlen(file->file), .path_length = strlen(file->path)};

		if (file->known)
			judge_add(judge, &row);
	}
	judge_finish(judge);
	if (renewal->n_known == 0 ||
		count_agreement(renewal, found) * 100 < renewal->n_known * AGREEMENT_PERCENT)
		roots_doubt(renewal->root, MP_ROOT_REPLACED, 0);
	judge_free(judge);
	found_free(found);
}

static void
tell_found_for_one(const Root *root)
{
	ereport(NOTICE,
			(errmsg("root \"%s\" is on another file system or folder now, and holds this owner's files",
					root->name),
			 errdetail("Other owners have files below it too; a scan of theirs looks for itself."),
			 errhint("If it is the library now, call missing_photos.accept_root('%s').",
					 root->name)));
}

void
renew_keep(Renewal *renewal)
{
	const Root *root = renewal->root;
	const RootFacts *facts = &root->facts;
	Arguments	a = {0};

	if (root->verdict != MP_PRESENT)
		return;
	/* A disk with one owner's photos alone, or not all copied yet, isn't the others' library. */
	if (roots_others_have_files(root, "", renewal->owner))
	{
		tell_found_for_one(root);
		return;
	}
	argument_text(&a, root->name);
	argument_text(&a, facts->fs_type);
	argument_text(&a, facts->fs_source);
	argument_int8(&a, facts->report.fs_magic);
	argument_int8(&a, facts->report.fsid);
	argument_int8(&a, facts->report.inode);
	call_as_owner("SELECT missing_photos.renew_root($1, $2, $3, $4, $5, $6)", &a);
	ereport(NOTICE,
			(errmsg("root \"%s\" is on another file system or folder now, and holds the library",
					root->name),
			 errdetail("A sample of its files was found there unchanged.")));
}
