/*
 * scan.h: one scan of one owner, as its steps see it.  scan.c puts the steps in order, scan_steps.c
 * takes them.
 */
#ifndef MISSING_PHOTOS_SCAN_H
#define MISSING_PHOTOS_SCAN_H

#include "apply.h"
#include "claims.h"
#include "folders.h"
#include "found.h"
#include "job.h"
#include "judge.h"
#include "relinked.h"
#include "renew.h"
#include "restore.h"
#include "roots.h"
#include "stream.h"
#include "twins.h"

typedef struct OwnerScan
{
	Job			job;			/* first */
	bool		force;
	bool		approved;		/* the second half of a held scan */
	int			batch_size;
	RootTable  *roots;
	Folders    *folders;
	Judge	   *judge;
	Stream	   *stream;
	Found	   *found;			/* news of the first look */
	Found	   *again;			/* what a second look made doubtful */
	Renewal    *renewal;	/* of the root being renewed */
	Restore    *restore;		/* the batch of files that are back, being acted on */
	Columns    *doubts;
	TwinSearch	twins;
	struct Relink *relink;	/* NULL: files that moved aren't looked for, and so is what follows */
	Claims	   *claims;
	Relinked   *relinked;
	const char *under;		/* look below this folder only; NULL: the owner's */
	bool		dry_run;
	bool		too_many;		/* of these would be flagged */
	bool		took_back;		/* files that are back at their paths */
	bool		only_relink;	/* nothing is flagged but files of photos that were relinked */
	Changes		changes;
	int64		photos;
	int64		files;
	int64		unreachable;
	int64		invalid;
	bool		staged;			/* what is to be acted on is also in table suspect */
	int64		to_act;			/* rows that are to be acted on in several batches; of these: */
	int64		acted;
	Columns    *handled;		/* rows of the batch in hand that needn't stay there */
	bool		held;			/* too much would be flagged: a person decides */
	bool		more;			/* said by a step that takes part of its work at a time */
} OwnerScan;

/* Files per batch where nobody says how many. */
#define FUNCTION_BATCH 5000

/* A scan, and running it; what its verbs and those of relinking call. */
extern OwnerScan *scan_make(MemoryContext parent, const char *kind, const char *owner,
							int batch_size, NullableDatum job_id, bool commits);
extern void scan_run(OwnerScan *scan);

/* A procedure that runs a scan, with a commit after each step. */
typedef struct ScanProcedure
{
	const char *name;
	const char *function;		/* what does the same in the caller's transaction */
	const char *kind;
	int			batch_size;		/* which argument this is, and the job's id */
	int			job_id;
	void		(*prepare) (OwnerScan *scan, FunctionCallInfo fcinfo);
} ScanProcedure;

/* Runs it under the owner's lock, which it holds for the session. */
extern void scan_run_procedure(const ScanProcedure *procedure, FunctionCallInfo fcinfo);

/* The Job's callbacks. */
extern void scan_close(Job *job);
extern const char *scan_result(const Job *job);

/*
 * The steps, in their order.  Those that set `more` are repeated while it is true.  Each runs in a
 * transaction of its own when the scan commits; steps that read the disk come before the SQL of
 * the same step, or have a step to themselves.
 */
extern void scan_begin_job(OwnerScan *scan);
extern void scan_look_at_roots(OwnerScan *scan);
extern void scan_ask_sample(OwnerScan *scan);	/* of a root that isn't what it was; scan->renewal */
extern void scan_read_sample(OwnerScan *scan);
extern void scan_keep_root(OwnerScan *scan);
extern void scan_fetch(OwnerScan *scan);
extern void scan_judge(OwnerScan *scan);		/* more */
extern void scan_weigh(OwnerScan *scan);	/* decides whether the scan is held */
extern void scan_hold(OwnerScan *scan); /* more */
extern void scan_take_missing(OwnerScan *scan);	/* more */
extern void scan_ask_back(OwnerScan *scan);	/* more: whether there is a batch to read and take */
extern void scan_read_back(OwnerScan *scan);
extern void scan_take_back(OwnerScan *scan);
extern void scan_take_doubts(OwnerScan *scan);
extern void scan_fetch_new(OwnerScan *scan); /* more: whether there is anything new */
extern void scan_look_at_new(OwnerScan *scan);	/* more */
extern void scan_note_new(OwnerScan *scan);	/* more */
extern void scan_end_job(OwnerScan *scan);

/*
 * scan_stage.c: when more is to be acted on than one batch, it is written down first, and each batch
 * takes its part away; a scan that was broken off then goes on with the rest instead of judging
 * everything again.
 */
extern void scan_count_on(OwnerScan *scan); /* with what was counted before */
extern void scan_fetch_staged(OwnerScan *scan); /* instead of scan_fetch */
extern void scan_stage(OwnerScan *scan);	/* more */
extern void scan_handled(OwnerScan *scan, const FileRow *row);
extern void scan_note_progress(OwnerScan *scan);
extern void scan_note_batch(OwnerScan *scan, int64 changes_before);
extern int64 scan_changes(const OwnerScan *scan);

/* For a held job that was approved: its suspects instead of the owner's files. */
extern void scan_take_up_job(OwnerScan *scan);
extern void scan_fetch_suspects(OwnerScan *scan);
extern void scan_require_roots(OwnerScan *scan);	/* an error when one with suspects is in doubt */
extern void scan_drop_suspects(OwnerScan *scan);

/* Whether a judged row is to be flagged, its root being healthy. */
extern bool scan_is_suspect(const OwnerScan *scan, const FoundRow *found);
extern bool scan_is_back(const OwnerScan *scan, const FoundRow *found);

/* Counts a row of the library for what the scan knows of folders and roots; a SeeRow. */
extern bool scan_see_row(void *scan, const FileRow *row);
/* Whether a row's file, once it is gone, may be flagged by this scan. */
extern bool scan_may_flag(const OwnerScan *scan, const FileRow *row);

/* The next judged row, with all that is known by now about its root. */
extern bool scan_next(OwnerScan *scan, Found *found, FoundRow *next);

/* Takes those rows (apply_missing_columns) out that aren't gone often or long enough yet. */
extern void scan_confirm(OwnerScan *scan, Columns **rows);

#endif							/* MISSING_PHOTOS_SCAN_H */
