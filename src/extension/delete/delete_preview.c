/*
 * delete_preview.c: what a deletion would do, by the same plan, counting only.
 *
 * Also missing_photos.undo_retention(), the setting for SQL.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "deletion_report.h"
#include "deletion_run.h"
#include "library.h"
#include "settings.h"
#include "sql_calls.h"

/* A row's table and place in it, as text. */
typedef struct Place
{
	char		text[64];
} Place;

/* Photos, or files. */
typedef struct Part
{
	const char *name;
	const char *list;
	DeletionRun run;
	TextRows  **nodes;
} Part;

typedef struct Preview
{
	Report	   *report;
	HTAB	   *seen;			/* of Place: rows that are counted already */
} Preview;

/* Counts the rows of a FROM clause that weren't counted before. */
static void
count_rows(const Preview *preview, const Part *part, const DeletionStep *step, const char *source)
{
	int64		n = 0;

	deletion_step(&part->run, part->nodes, step,
				  psprintf("SELECT pg_catalog.concat(t.tableoid, t.ctid) %s", source));
	for (uint64 r = 0; r < SPI_processed; r++)
	{
		bool		found;
		char	   *place = result_text(r, 1);

		(void) hash_search(preview->seen, place, HASH_ENTER, &found);
		n += found ? 0 : 1;
		pfree(place);
	}
	report_count(preview->report, step->name, step->action, n);
}

/* What the preset's rules would look at: "table, new line, what it does". */
static void
count_touched(const Preview *preview, const Part *part, const DeletionStep *step)
{
	Datum	   *columns;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(step->columns), TEXTOID, -1, false, TYPALIGN_INT, &columns,
					  NULL, &n);
	for (int i = 0; i < n && i < step->n_touched; i++)
	{
		char	   *relation = pstrdup(step->touch_rules[i]);
		char	   *what = strchr(relation, '\n');
		const char *column = quote_identifier(TextDatumGetCString(columns[i]));

		*what++ = '\0';
		deletion_step(&part->run, part->nodes, step,
					  psprintf("SELECT pg_catalog.count(DISTINCT t.%s) %s", column, step->statement));
		report_most(preview->report, relation, what, result_int8(0, 1));
	}
}

static void
preview_deletes(const Preview *preview, const Part *part)
{
	const DeletionPlan *plan = part->run.plan;
	const DeletionStep *root = &plan->steps[plan->n_steps - 1];

	count_rows(preview, part, root, root->look);
	for (int i = 0; i < plan->n_steps; i++)
	{
		const DeletionStep *step = &plan->steps[i];

		if (step->kind != STEP_GUARD || strcmp(step->action, "delete") != 0)
			continue;
		count_rows(preview, part, step, step->statement);
		count_touched(preview, part, step);
	}
}

static void
preview_others(const Preview *preview, const Part *part)
{
	for (int i = 0; i < part->run.plan->n_steps; i++)
	{
		const DeletionStep *step = &part->run.plan->steps[i];

		if (step->kind == STEP_GUARD && strcmp(step->action, "delete") != 0)
			count_rows(preview, part, step, step->statement);
		else if (step->kind == STEP_REPLACE)
			count_rows(preview, part, step, step->look);
		else if (step->kind == STEP_INSERT)
		{
			deletion_step(&part->run, part->nodes, step,
						  psprintf("SELECT pg_catalog.count(*) FROM (%s) AS made", step->look));
			report_count(preview->report, step->name, "insert", result_int8(0, 1));
		}
	}
}

/* False when there is nothing to delete. */
static bool
begin_part(Part *part, const char *owner)
{
	Arguments	a = {0};
	TextRows   *rows;

	argument_text(&a, owner);
	call_as_caller(part->list, &a);
	rows = archive_take_result();
	if (rows->n_rows == 0)
		return false;
	part->run.owner = owner;
	part->run.plan = deletion_plan(part->name);
	part->run.given = archive_column(rows, 0);
	part->run.n_given = rows->n_rows;
	part->nodes = deletion_collect(&part->run);
	return true;
}

/* Rows that go are counted before those that change: a row that does both only goes. */
static void
preview_all(const char *owner, Report *report)
{
	HASHCTL		shape = {.keysize = sizeof(Place), .entrysize = sizeof(Place)};
	Preview		preview = {.report = report};
	Part		parts[2] = {
		{.name = "photo",
		.list = "SELECT m.photo FROM missing_photos.library_missing_photos($1) AS m"},
		{.name = "file",
		.list = "SELECT m.file FROM missing_photos.library_missing_files($1) AS m"},
	};
	bool		any[2];

	preview.seen = hash_create("missing_photos preview", 1024, &shape, HASH_ELEM | HASH_STRINGS);
	for (int i = 0; i < 2; i++)
		any[i] = begin_part(&parts[i], owner);
	for (int i = 0; i < 2; i++)
		if (any[i])
			preview_deletes(&preview, &parts[i]);
	for (int i = 0; i < 2; i++)
		if (any[i])
			preview_others(&preview, &parts[i]);
	hash_destroy(preview.seen);
}

PG_FUNCTION_INFO_V1(missing_photos_delete_preview);

Datum
missing_photos_delete_preview(PG_FUNCTION_ARGS)
{
	char	   *owner = library_id(fcinfo, 0, "owner");
	Report	   *report = report_begin(fcinfo, "missing_photos.delete_preview", false);

	SPI_connect();
	library_check();
	library_require_owner(owner);
	preview_all(owner, report);
	report_end(report);
	SPI_finish();
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(missing_photos_undo_retention);

Datum
missing_photos_undo_retention(PG_FUNCTION_ARGS)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->day = setting_undo_retention / SECS_PER_DAY;
	interval->time = (int64) (setting_undo_retention % SECS_PER_DAY) * USECS_PER_SEC;
	PG_RETURN_INTERVAL_P(interval);
}
