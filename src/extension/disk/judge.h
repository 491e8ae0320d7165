/*
 * judge.h: rows in, judgements out.
 *
 * Rows are grouped into batches per root; a few batches are with the probe while the next one fills.
 *  Judgements come through a callback, in any order, whenever judge_add, judge_poll or
 * judge_finish is called.
 *
 * JUDGE_NEWS reports what a scan must act on: rows that aren't present, and flagged or unlinked
 * ones that are (with their identity).  JUDGE_ALL reports every row, present ones with identity.
 *
 * A root in doubt (roots.h) ends the judging below it: under JUDGE_NEWS its rows are only counted
 * in Root.files, and rows judged before the doubt must be thrown away by whoever took them
 * (Judgement.root tells); under JUDGE_ALL each row is reported unreachable for its root's reason.
 */
#ifndef MISSING_PHOTOS_JUDGE_H
#define MISSING_PHOTOS_JUDGE_H

#include "file_row.h"
#include "roots.h"

typedef enum JudgeMode
{
	JUDGE_NEWS,
	JUDGE_ALL
} JudgeMode;

typedef struct Judge Judge;

extern Judge *judge_make(MemoryContext parent, RootTable *roots, JudgeMode mode,
						 TakeJudgement take, void *taker);
extern void judge_free(Judge *judge);

/*
 * From now on the batches are one sitting (protocol.h): a directory that one of them lists isn't
 * listed again, however its files are strewn over the query's rows.  For first looks; what confirms
 * a loss looks anew.
 */
extern void judge_sit(Judge *judge);

/*
 * Tells of a folder of which so many files will be asked for, so that the probe can read it while the
 * query still runs; folder[length] must be a slash.  judge_foreseen ends the telling.
 */
extern void judge_foresee(Judge *judge, const char *folder, uint32 length, uint32 files);
extern void judge_foreseen(Judge *judge);

/* Judges a row, now or later.  Waits for the probe when judge_is_busy. */
extern void judge_add(Judge *judge, const FileRow *row);

/* Whether judge_add might have to wait. */
extern bool judge_is_busy(const Judge *judge);

/* Takes the answers that are here; never waits. */
extern void judge_poll(Judge *judge);

/* Sends what is left and waits for every answer. */
extern void judge_finish(Judge *judge);

/* The same, but for one answer; whether more are to come. */
extern bool judge_finish_one(Judge *judge);

/* Rows that were added and aren't judged yet. */
extern int64 judge_pending(const Judge *judge);

#endif							/* MISSING_PHOTOS_JUDGE_H */
