/*
 * deletion_plan.h: the statements that delete rows of one table and all that depends on them, as
 * missing_photos.deletion_steps makes them from the catalog (sql/internal/deletion_plan.sql).
 */
#ifndef MISSING_PHOTOS_DELETION_PLAN_H
#define MISSING_PHOTOS_DELETION_PLAN_H

typedef enum StepKind
{
	STEP_REPLACE,				/* have rows reference something else, before anything is collected */
	STEP_COLLECT,				/* fetch keys of a node */
	STEP_INSERT,				/* leave traces */
	STEP_CHECK,					/* there must be no such row */
	STEP_CHANGE,				/* let references go */
	STEP_DELETE,
	STEP_GUARD,					/* there may be no row left that the caller couldn't see; the statement
								 * begins at FROM */
} StepKind;

/* Instead of a node's keys a parameter can be one of these. */
#define PARAM_GIVEN (-1)
#define PARAM_OWNER (-2)

typedef struct DeletionStep
{
	StepKind	kind;
	int			node;
	Oid			relation;
	char	   *name;			/* of the relation, quoted */
	char	   *action;			/* in words, for the preview */
	int			n_columns;
	Datum		columns;		/* text[] */
	int			n_keys;			/* of a change: leading columns that tell the row */
	int			n_params;
	int		   *param_nodes;
	int		   *param_keys;
	char	   *statement;
	char	   *look;			/* of an insert: what it would insert; of the root's delete: its rows, from
								 * FROM on */
	int			n_touched;		/* columns that tell whose counters and the like to look at */
	char	  **touch_rules;
	int		   *touch_places;
} DeletionStep;

typedef struct DeletionPlan
{
	int			n_steps;
	int			n_nodes;
	DeletionStep	   *steps;			/* those of the root's own rows last */
} DeletionPlan;

/* The plan for "photo", "file" or a rule; good for the batch in hand.  Needs SPI. */
extern const DeletionPlan *deletion_plan(const char *part);

#endif							/* MISSING_PHOTOS_DELETION_PLAN_H */
