/* deletion_run.c: carrying out a deletion's plan; see deletion_run.h. */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/syscache.h"

#include "compat.h"
#include "deletion_run.h"
#include "sql_calls.h"
#include "touched.h"

static Datum
parameter(const DeletionRun *run, TextRows **nodes, int node, int key, Oid *type)
{
	*type = TEXTARRAYOID;
	if (node == PARAM_GIVEN)
		return run->given;
	if (node == PARAM_OWNER)
	{
		*type = TEXTOID;
		return CStringGetTextDatum(run->owner);
	}
	if (nodes[node] == NULL)
		return PointerGetDatum(construct_empty_array(TEXTOID));
	return archive_column(nodes[node], key);
}

void
deletion_step(const DeletionRun *run, TextRows **nodes, const DeletionStep *step, const char *statement)
{
	MemoryContext context = CurrentMemoryContext;
	Oid		   *types = palloc((step->n_params + 1) * sizeof(Oid));
	Datum	   *values = palloc((step->n_params + 1) * sizeof(Datum));
	int			rc;

	for (int i = 0; i < step->n_params; i++)
		values[i] = parameter(run, nodes, step->param_nodes[i], step->param_keys[i], &types[i]);
	if (SPI_tuptable != NULL)
		SPI_freetuptable(SPI_tuptable);
	rc = SPI_execute_with_args(statement, step->n_params, types, values, NULL, false, 0);
	MemoryContextSwitchTo(context);
	if (rc < 0)
		elog(ERROR, "could not execute \"%s\": %s", statement, SPI_result_code_string(rc));
}

/* Whether a table's rows are reached by way of rows of its own, or of tables further down. */
static bool
is_circular(const DeletionStep *step)
{
	for (int i = 0; i < step->n_params; i++)
		if (step->param_nodes[i] >= step->node)
			return true;
	return false;
}

/* One round over all nodes; true when a circular one found more than before. */
static bool
collect_round(const DeletionRun *run, TextRows **nodes, bool circular_only)
{
	bool		more = false;

	for (int i = 0; i < run->plan->n_steps; i++)
	{
		const DeletionStep *step = &run->plan->steps[i];
		int			before;

		if (step->kind != STEP_COLLECT || (circular_only && step->node == 0))
			continue;
		before = nodes[step->node] == NULL ? 0 : nodes[step->node]->n_rows;
		deletion_step(run, nodes, step, step->statement);
		nodes[step->node] = archive_take_result();
		if (is_circular(step) && nodes[step->node]->n_rows > before)
			more = true;
	}
	return more;
}

TextRows **
deletion_collect(const DeletionRun *run)
{
	TextRows  **nodes = palloc0((run->plan->n_nodes + 1) * sizeof(TextRows *));
	bool		again = collect_round(run, nodes, false);

	while (again)
		again = collect_round(run, nodes, true);
	return nodes;
}

static void
note_touched(const DeletionRun *run, const DeletionStep *step, const TextRows *rows)
{
	for (int i = 0; i < step->n_touched; i++)
		touched_note(run->job_id, run->owner, step->touch_rules[i],
					 touched_keys(rows, step->touch_places[i], NULL));
}

/* Returns how many rows the statement took or changed. */
static int
write_step(DeletionRun *run, TextRows **nodes, const DeletionStep *step)
{
	static const char *const actions[] = {[STEP_REPLACE] = "change", [STEP_INSERT] = "insert",
	[STEP_CHANGE] = "change", [STEP_DELETE] = "delete"};
	TextRows   *rows;

	deletion_step(run, nodes, step, step->statement);
	if (SPI_processed == 0)
		return 0;
	rows = archive_take_result();
	archive_keep(run->job_id, step->relation, actions[step->kind], step->columns, step->n_keys, NULL,
				 rows);
	note_touched(run, step, rows);
	if (step->kind == STEP_DELETE)
		run->rows += rows->n_rows;
	return rows->n_rows;
}

/*
 * A row that row-level security hides from the caller can't be archived.  The foreign key would take
 * it along or refuse, whatever its rule, so look as the key's own check does: as the table's owner.
 */
static void
guard_step(const DeletionRun *run, TextRows **nodes, const DeletionStep *step)
{
	Oid			user;
	int			context;
	HeapTuple	tuple;

	if (check_enable_rls(step->relation, InvalidOid, true) != RLS_ENABLED)
		return;
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(step->relation));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", step->relation);
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(((Form_pg_class) GETSTRUCT(tuple))->relowner,
						   context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
	ReleaseSysCache(tuple);
	deletion_step(run, nodes, step, psprintf("SELECT 1 %s LIMIT 1", step->statement));
	SetUserIdAndSecContext(user, context);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("rows of table %s belong to photos or files to be deleted, but row-level "
						"security hides them from you", step->name),
				 errhint("Delete as a role that may see them; they would be lost without a copy "
						 "in the archive.")));
}

static void
check_step(const DeletionRun *run, TextRows **nodes, const DeletionStep *step)
{
	deletion_step(run, nodes, step, step->statement);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("rows of table %s that stay need photos or files to be deleted", step->name),
				 errhint("Change those rows first; the column that references them can't be NULL.")));
}

static void
replace_first(DeletionRun *run)
{
	for (int i = 0; i < run->plan->n_steps; i++)
		if (run->plan->steps[i].kind == STEP_REPLACE)
			(void) write_step(run, NULL, &run->plan->steps[i]);
}

void
deletion_run(DeletionRun *run)
{
	MemoryContext step_context = AllocSetContextCreate(CurrentMemoryContext, "missing_photos deletion",
													   ALLOCSET_DEFAULT_SIZES);
	TextRows  **nodes;
	int			last = 0;

	replace_first(run);
	nodes = deletion_collect(run);

	for (int i = 0; i < run->plan->n_steps; i++)
	{
		const DeletionStep *step = &run->plan->steps[i];
		MemoryContext old = MemoryContextSwitchTo(step_context);

		if (step->kind == STEP_CHECK)
			check_step(run, nodes, step);
		else if (step->kind == STEP_GUARD)
			guard_step(run, nodes, step);
		else if (step->kind != STEP_COLLECT && step->kind != STEP_REPLACE)
			last = write_step(run, nodes, step);
		MemoryContextSwitchTo(old);
		MemoryContextReset(step_context);
	}
	if (last != run->n_given)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
				 errmsg("%d of %d rows of table %s could not be deleted", run->n_given - last,
						run->n_given, run->plan->steps[run->plan->n_steps - 1].name),
				 errdetail("A trigger, rule or policy keeps them."),
				 errhint("What depends on them was not deleted either.")));
	MemoryContextDelete(step_context);
}
