/*
 * relink.h: finding the files of an owner that moved.
 *
 * Part of a scan, or a job of its own (which is a scan that flags nothing).  After the scan has judged
 * the owner's files, the owner's folders are walked; rows whose files aren't at their paths and files
 * that no row has are set aside in tables, and matched there (sql/internal/relink*.sql) by rules from
 * strict to costly.  What fits one to one is moved, a batch at a time, after a last look at both
 * places; what fits otherwise is kept for a person.
 *
 * relink_missing.c has the verbs, relink.c the order of things; relink_stage.c sets aside, relink_rules.c
 * calls the rules, relink_read.c reads contents, relink_apply.c moves.
 */
#ifndef MISSING_PHOTOS_RELINK_H
#define MISSING_PHOTOS_RELINK_H

#include "discovery.h"
#include "scan.h"
#include "sql_calls.h"

typedef struct Relink
{
	OwnerScan  *scan;
	Discovery  *discovery;
	Columns    *files;			/* found, not yet set aside */
	int			number;			/* of the last one */
	char	   *last;			/* how far a step that takes part of its work is */
	int			batch;			/* of contents to be read */
	int			batches;
	bool		chained;		/* first those that exchange their paths are moved */
	int			after;			/* then the others, so far up to this number */
	/* What relink_result tells. */
	int64		files_seen;
	int64		candidates;
	int64		relinked;
	int64		ambiguous;
	int64		hashed_files;
	int64		hashed_bytes;
} Relink;

/* Makes scan ready to see what relinking needs while its rows are fetched. */
extern void relink_prepare(OwnerScan *scan, const char *under, bool dry_run);

/* Runs everything between judging and flagging. */
extern void relink_run(OwnerScan *scan);

/* What was counted, as members of a JSON object. */
extern const char *relink_counts(const Relink *relink);
/* Goes on counting where a run that was broken off stopped; its counts as the text of JSON. */
extern void relink_count_on(Relink *relink, const char *counted);

/* The steps; those that set scan->more are repeated while it is true. */
extern void relink_look_for_missing(Relink *relink); /* more: whether there are any */
extern void relink_begin(Relink *relink);
extern void relink_walk(Relink *relink);	/* more */
extern void relink_set_missing_aside(Relink *relink);	/* more */
extern void relink_set_displaced_aside(Relink *relink);
extern void relink_ask_content(Relink *relink); /* more */
extern void relink_ask_claims(Relink *relink);	/* more */
extern void relink_settle(Relink *relink);
extern void relink_match_identities(Relink *relink);
extern void relink_look_for_rest(Relink *relink);	/* more: whether rows are left */
extern void relink_guess_folders(Relink *relink);	/* more: whether there are any */
extern void relink_match_folders(Relink *relink);
extern void relink_plan_contents(Relink *relink);
extern void relink_plan_unsized(Relink *relink);
extern void relink_read_batch(Relink *relink);
extern void relink_match_batch(Relink *relink);
extern void relink_match_unsized(Relink *relink);
extern void relink_match_times(Relink *relink);
extern void relink_apply(Relink *relink);	/* more; from the first on after relink_rewind */
extern void relink_rewind(Relink *relink);
extern void relink_end(Relink *relink);

/* The job's id as an argument; and a call of a function that has no other. */
extern void relink_argument_job(Arguments *a, const Relink *relink);
extern void relink_call(Relink *relink, const char *sql);

#endif							/* MISSING_PHOTOS_RELINK_H */
