/*
 * deletion_run.h: carrying out a deletion's plan for some rows, and keeping what it takes.
 */
#ifndef MISSING_PHOTOS_DELETION_RUN_H
#define MISSING_PHOTOS_DELETION_RUN_H

#include "archive.h"
#include "deletion_plan.h"

typedef struct DeletionRun
{
	const DeletionPlan *plan;
	Datum		job_id;
	const char *owner;
	Datum		given;			/* text[]: keys of the rows to be deleted, all locked */
	int			n_given;
	int64		rows;			/* deleted; added to */
} DeletionRun;

/*
 * Deletes the given rows and what depends on them.  An error when not all of them went: a trigger
 * or policy that keeps a row would otherwise keep it without what belongs to it.
 */
extern void deletion_run(DeletionRun *run);

/* Runs one of the plan's statements as the caller; nodes are the keys collected so far. */
extern void deletion_step(const DeletionRun *run, TextRows **nodes, const DeletionStep *step,
						  const char *statement);

/* Fetches the keys of the rows that go, as nodes of the plan. */
extern TextRows **deletion_collect(const DeletionRun *run);

#endif							/* MISSING_PHOTOS_DELETION_RUN_H */
