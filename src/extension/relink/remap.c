/*
 * remap.c: a library that moved as a whole: missing_photos.remap_paths.
 *
 * Every file of the owner whose path lies below the old folder is looked for below the new one.
 * What was found there takes its new path; what wasn't stays, unless the caller insists, and then
 * nothing but its path changes.  A path that another row keeps stops the whole call before anything
 * is written.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "nodes/execnodes.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "library.h"
#include "owner_lock.h"
#include "remap.h"
#include "result_set.h"

PG_FUNCTION_INFO_V1(missing_photos_remap_paths);

/* Rows are moved so many at a time. */
#define REMAP_BATCH 10000

static const char *const STATE_NAMES[] = {
	"ready", "absent", "different", "unreachable", "invalid", "readonly", "collision", "moved", "busy"
};

/* A folder's path without the slash at its end; an error when it isn't a plain absolute path. */
static char *
folder_argument(FunctionCallInfo fcinfo, int argument, const char *name)
{
	char	   *path;
	size_t		length;

	if (PG_ARGISNULL(argument))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
	path = text_to_cstring(PG_GETARG_TEXT_PP(argument));
	length = strlen(path);
	if (path[0] != '/' || strstr(path, "//") != NULL || strstr(path, "/../") != NULL ||
		strstr(path, "/./") != NULL || (length >= 3 && strcmp(path + length - 3, "/..") == 0) ||
		(length >= 2 && strcmp(path + length - 2, "/.") == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s \"%s\" is not a plain absolute path", name, path),
				 errhint("Give a folder as the library's paths name it, for example \"/data/photos\".")));
	if (path[length - 1] == '/')
		path[length - 1] = '\0';
	return path;
}

pg_noreturn static void
refuse(const Remap *remap, int collisions)
{
	int			row = 0;

	while (remap->states[row] != REMAP_COLLISION)
		row++;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg_plural("%d file can't be remapped: another file of the library has its new path",
						   "%d files can't be remapped: other files of the library have their new paths",
						   collisions, collisions),
			 errdetail("The first is \"%s\".", remap_text(remap, MOVE_TO, row)),
			 errhint("SELECT * FROM missing_photos.remap_paths(...) with dry_run lists them with state "
					 "\"collision\"; nothing was changed.")));
}

typedef struct Place
{
	int			row;
	Size		length;
} Place;

static int
longest_first(const void *a, const void *b)
{
	const Place *x = a;
	const Place *y = b;

	return x->length != y->length ? (x->length < y->length ? 1 : -1) :
		x->row < y->row ? -1 : x->row > y->row;
}

/*
 * Where one folder lies in the other, a file may wait for another's path.  It is free in time when the
 * longest paths go first, or the shortest when paths become shorter.
 */
static int *
order_of_moves(const Remap *remap)
{
	Place	   *places = palloc((remap->n + 1) * sizeof(Place));
	int		   *order = palloc((remap->n + 1) * sizeof(int));
	bool		backwards = strlen(remap->to) < strlen(remap->from);

	for (int i = 0; i < remap->n; i++)
	{
		places[i].row = i;
		places[i].length = VARSIZE_ANY(DatumGetPointer(remap->files->values[MOVE_TO][i]));
	}
	qsort(places, remap->n, sizeof(Place), longest_first);
	for (int i = 0; i < remap->n; i++)
		order[i] = places[backwards ? remap->n - 1 - i : i].row;
	return order;
}

/* Tells what came of a batch. */
static void
take_outcome(Remap *remap, const Columns *asked, const int *numbers, const Columns *moved)
{
	bool	   *made = moves_made(asked, MOVE_PHOTO, MOVE_FILE, moved);

	for (int i = 0; i < asked->n_rows; i++)
	{
		remap->states[numbers[i]] = made[i] ? REMAP_MOVED : REMAP_BUSY;
		remap->reasons[numbers[i]] = made[i] ? NULL : "it was changed or locked by another session";
	}
	pfree(made);
}

static void
write_moves(Remap *remap)
{
	int		   *order = order_of_moves(remap);

	for (int done = 0; done < remap->n; done += REMAP_BATCH)
	{
		int			n = Min(REMAP_BATCH, remap->n - done);
		int		   *numbers = palloc(n * sizeof(int));
		Columns    *asked = remap_movable(remap, order, done, n, numbers);
		Columns    *moved = moves_columns(CurrentMemoryContext);

		moves_apply(&remap->changes, asked, moved);
		take_outcome(remap, asked, numbers, moved);
		columns_free(asked);
		columns_free(moved);
		pfree(numbers);
	}
}

static void
close_nothing(Job *job)
{
}

static const char *
result_json(const Job *job)
{
	const Remap *remap = (const Remap *) job;

	return psprintf("{\"files\": %d, \"moved\": " INT64_FORMAT "}", remap->n, remap->changes.restored);
}

static void
return_rows(const Remap *remap, ReturnSetInfo *result)
{
	for (int i = 0; i < remap->n; i++)
	{
		Datum		values[6];
		bool		nulls[6] = {false};

		for (int column = MOVE_PHOTO; column <= MOVE_TO; column++)
			values[column] = remap->files->values[column][i];
		values[4] = CStringGetTextDatum(STATE_NAMES[remap->states[i]]);
		nulls[5] = remap->reasons[i] == NULL;
		values[5] = nulls[5] ? (Datum) 0 : CStringGetTextDatum(remap->reasons[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

static Remap *
make(FunctionCallInfo fcinfo)
{
	NullableDatum none = {.isnull = true};
	char	   *owner = library_id(fcinfo, 0, "owner");
	Remap	   *remap = job_make(CurrentMemoryContext, sizeof(Remap), "remap", owner, none, false);

	remap->from = folder_argument(fcinfo, 1, "old_prefix");
	remap->to = folder_argument(fcinfo, 2, "new_prefix");
	remap->dry_run = PG_ARGISNULL(3) || PG_GETARG_BOOL(3);
	remap->force = !PG_ARGISNULL(4) && PG_GETARG_BOOL(4);
	if (strcmp(remap->from, remap->to) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("old_prefix and new_prefix are the same folder"),
				 errhint("Give the folder as it was named before, then as it is named now.")));
	remap->job.close = close_nothing;
	remap->job.result = result_json;
	remap->changes.owner = remap->job.owner;
	remap->changes.job_id = remap->job.id;
	remap->changes.has_job = true;
	remap->files = moves_columns(CurrentMemoryContext);
	return remap;
}

bool
remap_folder(Changes *changes, const char *from, const char *to)
{
	Remap		remap = {.from = from, .to = to, .changes = *changes, .roots = roots_load()};
	bool		others = false;

	owner_lock_take(changes->owner, false);
	remap.files = moves_columns(CurrentMemoryContext);
	remap_look(&remap);
	if (remap_find_collisions(&remap) > 0)
		return true;
	write_moves(&remap);
	for (int i = 0; i < remap.n; i++)
		others = others || remap.states[i] != REMAP_MOVED;
	*changes = remap.changes;
	return others;
}

Datum
missing_photos_remap_paths(PG_FUNCTION_ARGS)
{
	Remap	   *remap = make(fcinfo);
	MemoryContext context = CurrentMemoryContext;
	int			collisions;

	result_set_begin(fcinfo, "missing_photos.remap_paths(owner, old_prefix, new_prefix)");
	SPI_connect();
	if (remap->dry_run)
		library_check();
	else
		library_check_writable("remap_paths()");
	library_require_owner(remap->job.owner);
	MemoryContextSwitchTo(context);
	if (!remap->dry_run)
	{
		owner_lock_take(remap->job.owner, false);
		job_begin(&remap->job);
	}
	remap->roots = roots_load();
	remap_look(remap);
	collisions = remap_find_collisions(remap);
	if (!remap->dry_run)
	{
		if (collisions > 0)
			refuse(remap, collisions);
		write_moves(remap);
		job_end(&remap->job, "finished", NULL, remap->n);
		MemoryContextSwitchTo(context);
	}
	return_rows(remap, (ReturnSetInfo *) fcinfo->resultinfo);
	SPI_finish();
	return (Datum) 0;
}
