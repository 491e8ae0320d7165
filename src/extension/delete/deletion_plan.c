/*
 * deletion_plan.c: a deletion's statements, read from SQL; see deletion_plan.h.
 *
 * Making a plan takes a look at much of the catalog, which for a batch of a thousand photos would be
 * a good part of the work.  So plans are kept as long as nothing they rest on changes: the tables
 * they name (a new foreign key is a change of the table it references, too) and the library's
 * functions, which attaching makes anew.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "deletion_plan.h"
#include "sql_calls.h"

enum
{
	P_KIND = 1, P_NODE, P_RELATION, P_COLUMNS, P_KEYS, P_PARAM_NODES, P_PARAM_KEYS, P_STATEMENT,
	P_TOUCH_RULES, P_TOUCH_PLACES, P_NAME, P_ACTION, P_LOOK
};

static StepKind
step_kind(const char *name)
{
	static const char *const names[] = {"replace", "collect", "insert", "check", "change", "delete",
	"guard"};

	for (int i = 0; i < (int) lengthof(names); i++)
		if (strcmp(name, names[i]) == 0)
			return (StepKind) i;
	elog(ERROR, "unknown step of a deletion: %s", name);
}

/* A column that holds an array, as a copy; null is an empty one. */
static ArrayType *
result_array(uint64 row, int column, Oid element)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? construct_empty_array(element) : DatumGetArrayTypePCopy(value);
}

static int *
result_ints(uint64 row, int column, int *n)
{
	Datum	   *values;
	int		   *ints;

	deconstruct_array(result_array(row, column, INT4OID), INT4OID, sizeof(int32), true,
					  TYPALIGN_INT, &values, NULL, n);
	ints = palloc((*n + 1) * sizeof(int));
	for (int i = 0; i < *n; i++)
		ints[i] = DatumGetInt32(values[i]);
	return ints;
}

static char **
result_texts(uint64 row, int column, int *n)
{
	Datum	   *values;
	char	  **texts;

	deconstruct_array(result_array(row, column, TEXTOID), TEXTOID, -1, false, TYPALIGN_INT,
					  &values, NULL, n);
	texts = palloc((*n + 1) * sizeof(char *));
	for (int i = 0; i < *n; i++)
		texts[i] = TextDatumGetCString(values[i]);
	return texts;
}

static void
read_step(DeletionStep *step, uint64 row)
{
	ArrayType  *columns = result_array(row, P_COLUMNS, TEXTOID);
	int			n;

	step->kind = step_kind(result_text(row, P_KIND));
	step->node = (int) result_int8(row, P_NODE);
	step->relation = (Oid) result_int8(row, P_RELATION);
	step->name = result_text(row, P_NAME);
	step->action = result_text(row, P_ACTION);
	step->columns = PointerGetDatum(columns);
	step->n_columns = ArrayGetNItems(ARR_NDIM(columns), ARR_DIMS(columns));
	step->n_keys = (int) result_int8(row, P_KEYS);
	step->param_nodes = result_ints(row, P_PARAM_NODES, &step->n_params);
	step->param_keys = result_ints(row, P_PARAM_KEYS, &n);
	step->statement = result_text(row, P_STATEMENT);
	step->look = result_text(row, P_LOOK);
	step->touch_rules = result_texts(row, P_TOUCH_RULES, &step->n_touched);
	step->touch_places = result_ints(row, P_TOUCH_PLACES, &n);
}

static DeletionPlan *
make_plan(const char *part)
{
	DeletionPlan *plan = palloc0(sizeof(DeletionPlan));
	Arguments	a = {0};

	argument_text(&a, part);
	call_as_owner("SELECT s.kind, s.node::int8, s.relation::int8, s.columns::text[], s.keys::int8,"
				  "       s.param_nodes, s.param_keys, s.statement, s.touch_rules, s.touch_places,"
				  "       missing_photos.relation_name(s.relation), s.action, s.look"
				  "  FROM missing_photos.deletion_steps($1) AS s", &a);
	plan->n_steps = (int) SPI_processed;
	plan->steps = palloc0((plan->n_steps + 1) * sizeof(DeletionStep));
	for (int i = 0; i < plan->n_steps; i++)
	{
		read_step(&plan->steps[i], i);
		plan->n_nodes = Max(plan->n_nodes, plan->steps[i].node + 1);
	}
	if (plan->n_steps == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the attached library has no table of %ss to delete from", part),
				 errhint("Call missing_photos.attach_library again.")));
	return plan;
}

typedef struct KeptPlan
{
	char		part[NAMEDATALEN];
	MemoryContext context;
	MemoryContext former;		/* of the plan before: whoever calls us may still be at it */
	DeletionPlan *plan;
	bool		valid;
} KeptPlan;

/* How often anything changed that we were told of. */
static uint64 changes = 0;

/* Photos, files, and room for a rule or two; a further one is made each time. */
static KeptPlan kept[4];

static bool
rests_on(const DeletionPlan *plan, Oid relation)
{
	for (int i = 0; i < plan->n_steps; i++)
		if (plan->steps[i].relation == relation)
			return true;
	return false;
}

static void
relation_changed(Datum arg, Oid relation)
{
	changes++;
	for (int i = 0; i < (int) lengthof(kept); i++)
		if (kept[i].valid && (relation == InvalidOid || rests_on(kept[i].plan, relation)))
			kept[i].valid = false;
}

static void
function_changed(Datum arg, int cache, uint32 hash)
{
	changes++;
	for (int i = 0; i < (int) lengthof(kept); i++)
		kept[i].valid = false;
}

static void
watch_catalog(void)
{
	static bool watching = false;

	if (watching)
		return;
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, function_changed, (Datum) 0);
	watching = true;
}

/* The place for a part's plan; NULL when all are taken by others. */
static KeptPlan *
place_for(const char *part)
{
	for (int i = 0; i < (int) lengthof(kept); i++)
		if (kept[i].part[0] == '\0' || strcmp(kept[i].part, part) == 0)
			return &kept[i];
	return NULL;
}

const DeletionPlan *
deletion_plan(const char *part)
{
	KeptPlan   *place = strlen(part) < NAMEDATALEN ? place_for(part) : NULL;
	MemoryContext old;
	uint64		changes_before;

	if (place == NULL)
		return make_plan(part);
	watch_catalog();
	if (place->valid)
		return place->plan;
	strlcpy(place->part, part, NAMEDATALEN);
	if (place->former != NULL)
		MemoryContextDelete(place->former);
	place->former = place->context;
	place->context = NULL;
	place->context = AllocSetContextCreate(TopMemoryContext, "missing_photos deletion plan",
										   ALLOCSET_SMALL_SIZES);
	changes_before = changes;
	old = MemoryContextSwitchTo(place->context);
	place->plan = make_plan(part);
	place->valid = changes == changes_before;
	MemoryContextSwitchTo(old);
	return place->plan;
}
