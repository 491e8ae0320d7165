/*
 * deletion_settle.c: bringing counters, covers and the like in line after a deletion; see deletion.h.
 *
 * What a batch touched is noted in the database with the batch, so that a deletion that ends before
 * its time doesn't leave it undone for ever.  It is done once at the end and not per batch: an album
 * may lose photos in every batch.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "deletion.h"
#include "deletion_run.h"
#include "sql_calls.h"
#include "subtransaction.h"

typedef struct SettlingRule
{
	Datum		job_id;
	char	   *name;
	char	   *kind;			/* change, insert, or empty: rows that go when nothing is left in them */
	Oid			relation;
	Datum		columns;		/* text[] */
	int			n_keys;
	Datum		keys;			/* text[]: rows to look at */
	char	   *hold;
	char	   *look;
	char	   *statement;
	/* What came of it. */
	const char *owner;
	int64		rows;
	int64		busy;
} SettlingRule;

enum
{
	R_JOB = 1, R_RULE, R_KIND, R_RELATION, R_COLUMNS, R_ROW_KEYS, R_KEYS, R_HOLD, R_LOOK, R_STATEMENT
};

static Datum
result_copy(uint64 row, int column, int16 length)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);

	if (length > 0)
	{
		void	   *copy = palloc(length);

		memcpy(copy, DatumGetPointer(value), length);
		return PointerGetDatum(copy);
	}
	return PointerGetDatum(DatumGetArrayTypePCopy(value));
}

static SettlingRule *
read_rules(const char *owner, int *n)
{
	Arguments	a = {0};
	SettlingRule	   *rules;

	argument_text(&a, owner);
	call_as_owner("SELECT u.job_id, u.rule, u.kind, u.relation::int8, u.columns::text[],"
				  "       u.row_keys::int8, u.keys, u.hold, u.look, u.statement"
				  "  FROM missing_photos.unsettled_rules($1) AS u", &a);
	*n = (int) SPI_processed;
	rules = palloc0((*n + 1) * sizeof(SettlingRule));
	for (int i = 0; i < *n; i++)
	{
		rules[i].job_id = result_copy(i, R_JOB, UUID_LEN);
		rules[i].name = result_text(i, R_RULE);
		rules[i].kind = result_text(i, R_KIND);
		rules[i].relation = (Oid) result_int8(i, R_RELATION);
		rules[i].columns = result_copy(i, R_COLUMNS, -1);
		rules[i].n_keys = (int) result_int8(i, R_ROW_KEYS);
		rules[i].keys = result_copy(i, R_KEYS, -1);
		rules[i].hold = result_text(i, R_HOLD);
		rules[i].look = result_text(i, R_LOOK);
		rules[i].statement = result_text(i, R_STATEMENT);
		rules[i].owner = owner;
	}
	return rules;
}

/* Runs a statement about these keys as the caller and returns its first column. */
static Datum
keys_of(const char *statement, Datum keys, int *n)
{
	Arguments	a = {0};
	TextRows   *rows;

	argument_datum(&a, TEXTARRAYOID, keys);
	call_as_caller(statement, &a);
	rows = archive_take_result();
	*n = rows->n_rows;
	return archive_column(rows, 0);
}

/* Rows in which nothing is left go, with all that depends on them. */
static void
delete_empty(SettlingRule *rule, Datum held)
{
	DeletionRun run = {.job_id = rule->job_id, .owner = rule->owner};

	run.given = keys_of(rule->statement, held, &run.n_given);
	if (run.n_given == 0)
		return;
	run.plan = deletion_plan(rule->name);
	deletion_run(&run);
	rule->rows = run.rows;
}

static void
forget_settled(const SettlingRule *rule, Datum held, Datum there)
{
	Arguments	a = {0};

	argument_datum(&a, UUIDOID, rule->job_id);
	argument_text(&a, rule->owner);
	argument_text(&a, rule->name);
	argument_datum(&a, TEXTARRAYOID, held);
	argument_datum(&a, TEXTARRAYOID, there);
	call_as_owner("SELECT missing_photos.forget_settled($1, $2, $3, $4, $5)", &a);
}

static void
settle_rule(void *arg)
{
	SettlingRule	   *rule = arg;
	Arguments	a = {0};
	int			n_held;
	int			n_there;
	Datum		held = keys_of(rule->hold, rule->keys, &n_held);
	Datum		there = keys_of(rule->look, rule->keys, &n_there);

	rule->rows = 0;
	rule->busy = Max(n_there - n_held, 0);
	if (n_held > 0 && strcmp(rule->kind, "empty") == 0)
		delete_empty(rule, held);
	else if (n_held > 0)
	{
		argument_datum(&a, TEXTARRAYOID, held);
		call_as_caller(rule->statement, &a);
		archive_keep(rule->job_id, rule->relation, rule->kind, rule->columns, rule->n_keys,
					 rule->name, archive_take_result());
	}
	forget_settled(rule, held, there);
}

static int
n_keys(Datum array)
{
	ArrayType  *values = DatumGetArrayTypeP(array);

	return ArrayGetNItems(ARR_NDIM(values), ARR_DIMS(values));
}

int64
delete_settle(const char *owner, DeletionCounts *counts)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "missing_photos settling",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	int			n;
	SettlingRule	   *rules = read_rules(owner, &n);
	int64		busy = 0;

	for (int i = 0; i < n; i++)
	{
		if (try_without_waiting(settle_rule, &rules[i]))
		{
			busy += rules[i].busy;
			counts->rows += rules[i].rows;
		}
		else
			busy += n_keys(rules[i].keys);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return busy;
}
