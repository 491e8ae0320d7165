/*
 * deletion_report.h: what undo_delete and delete_preview return: a row per table and outcome with a
 * count, and for undo_delete a row for each archived row that could not be put back, with its key.
 */
#ifndef MISSING_PHOTOS_DELETION_REPORT_H
#define MISSING_PHOTOS_DELETION_REPORT_H

#include "fmgr.h"

typedef struct Report Report;

/* with_keys: the result has the column key. */
extern Report *report_begin(FunctionCallInfo fcinfo, const char *function, bool with_keys);

/* Adds to the count of a table's rows with this outcome. */
extern void report_count(Report *report, const char *relation, const char *outcome, int64 rows);

/* The same where several counts are about the same rows: the largest holds. */
extern void report_most(Report *report, const char *relation, const char *outcome, int64 rows);

/* A row that could not be put back; its key columns are at these places (int4) of names and values. */
extern void report_row(Report *report, const char *relation, const char *outcome,
					   const Datum *names, const Datum *values, const bool *nulls,
					   const Datum *places, int n);

/* Puts the counts into the result, after the rows. */
extern void report_end(Report *report);

#endif							/* MISSING_PHOTOS_DELETION_REPORT_H */
