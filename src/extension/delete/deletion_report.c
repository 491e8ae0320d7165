/* deletion_report.c: what undo_delete and delete_preview return; see deletion_report.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/tuplestore.h"

#include "deletion_report.h"

typedef struct Count
{
	char	   *relation;
	char	   *outcome;
	int64		rows;
} Count;

struct Report
{
	MemoryContext context;		/* of the query */
	ReturnSetInfo *result;
	List	   *counts;			/* of Count */
};

enum
{
	OUT_RELATION, OUT_OUTCOME, OUT_ROWS, OUT_KEY, OUT_COLUMNS
};

Report *
report_begin(FunctionCallInfo fcinfo, const char *function, bool with_keys)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;
	TupleDesc	shape;
	Report	   *report;

	if (result == NULL || !IsA(result, ReturnSetInfo) ||
		(result->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s returns a set, which is not accepted here", function),
				 errhint("SELECT * FROM %s(...).", function)));
	if (get_call_result_type(fcinfo, NULL, &shape) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	old = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
	report = palloc0(sizeof(Report));
	report->context = CurrentMemoryContext;
	report->result = result;
	result->returnMode = SFRM_Materialize;
	result->setDesc = BlessTupleDesc(CreateTupleDescCopy(shape));
	result->setResult = tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0,
											  false, work_mem);
	MemoryContextSwitchTo(old);
	return report;
}

static Count *
find_count(Report *report, const char *relation, const char *outcome)
{
	MemoryContext old;
	Count	   *count;
	ListCell   *cell;

	foreach(cell, report->counts)
	{
		count = lfirst(cell);
		if (strcmp(count->relation, relation) == 0 && strcmp(count->outcome, outcome) == 0)
			return count;
	}
	old = MemoryContextSwitchTo(report->context);
	count = palloc0(sizeof(Count));
	count->relation = pstrdup(relation);
	count->outcome = pstrdup(outcome);
	report->counts = lappend(report->counts, count);
	MemoryContextSwitchTo(old);
	return count;
}

void
report_count(Report *report, const char *relation, const char *outcome, int64 rows)
{
	find_count(report, relation, outcome)->rows += rows;
}

void
report_most(Report *report, const char *relation, const char *outcome, int64 rows)
{
	Count	   *count = find_count(report, relation, outcome);

	count->rows = Max(count->rows, rows);
}

static void
put(Report *report, const char *relation, const char *outcome, int64 rows, Datum key, bool no_key)
{
	Datum		values[OUT_COLUMNS];
	bool		nulls[OUT_COLUMNS] = {0};

	values[OUT_RELATION] = CStringGetTextDatum(relation);
	values[OUT_OUTCOME] = CStringGetTextDatum(outcome);
	values[OUT_ROWS] = Int64GetDatum(rows);
	values[OUT_KEY] = key;
	nulls[OUT_KEY] = no_key;
	tuplestore_putvalues(report->result->setResult, report->result->setDesc, values, nulls);
}

void
report_row(Report *report, const char *relation, const char *outcome, const Datum *names,
		   const Datum *values, const bool *nulls, const Datum *places, int n)
{
	Datum	   *key_names = palloc((n + 1) * sizeof(Datum));
	Datum	   *key_values = palloc((n + 1) * sizeof(Datum));
	bool	   *key_nulls = palloc(n + 1);
	int			lbs[1] = {1};
	ArrayType  *name_array;
	ArrayType  *value_array;

	for (int i = 0; i < n; i++)
	{
		int			place = DatumGetInt32(places[i]);

		key_names[i] = names[place];
		key_values[i] = values[place];
		key_nulls[i] = nulls[place];
	}
	if (n == 0)
	{
		put(report, relation, outcome, 1, (Datum) 0, true);
		return;
	}
	name_array = construct_array(key_names, n, TEXTOID, -1, false, TYPALIGN_INT);
	value_array = construct_md_array(key_values, key_nulls, 1, &n, lbs, TEXTOID, -1, false,
									 TYPALIGN_INT);
	put(report, relation, outcome, 1,
		DirectFunctionCall2(jsonb_object_two_arg, PointerGetDatum(name_array),
							PointerGetDatum(value_array)), false);
}

void
report_end(Report *report)
{
	ListCell   *cell;

	foreach(cell, report->counts)
	{
		Count	   *count = lfirst(cell);

		if (count->rows > 0)
			put(report, count->relation, count->outcome, count->rows, (Datum) 0, true);
	}
}
