/*
 * deletion.h: taking missing photos and lost files out of the library, with all that depends on
 * them.
 *
 * The library's rows are locked, deleted and changed with the caller's rights, so that grants,
 * triggers and row-level security hold; what went or changed is archived as the extension's owner
 * with the job, by which undo_delete puts it back.
 *
 * Nothing here waits long for a row somebody else has locked (subtransaction.h): a batch that meets
 * one is tried again in smaller parts, and what is still held is left out and counted as busy.  So no
 * deadlock begins here.
 *
 * All need an SPI connection, work in the current transaction and leave it to the caller to commit.
 */
#ifndef MISSING_PHOTOS_DELETION_H
#define MISSING_PHOTOS_DELETION_H

typedef struct DeletionCounts
{
	int64		photos;			/* deleted */
	int64		files;			/* file rows deleted */
	int64		rows;			/* rows deleted in all, those of photos and files among them */
	int64		busy;			/* photos and files left out because others held rows of theirs */
} DeletionCounts;

/*
 * Deletes these photos and file rows (text[], in any order; either may be empty), as far as they
 * are the owner's and still to be deleted: a photo with a media file linked is left out, as is a
 * file that is no longer flagged or that is the main file or the only media file of a photo that
 * stays.  Hence photos first, files in later batches.  Counts are added to *counts.  Memory grows
 * with the batch: a thousand or a few photos at a time are right.
 */
extern void delete_batch(Datum job_id, const char *owner, Datum photos, Datum files,
						 DeletionCounts *counts);

/*
 * Brings in line what the application derives from the rows that went: counters, covers, albums
 * that became empty.  To be called after the last batch of a job; what an earlier job that ended
 * before its time left undone for this owner is done too.  Returns how many rows are left for
 * another call because somebody held them; with commits in between, a few more calls (with a short
 * pause) get them, otherwise the owner's next deletion does.
 */
extern int64 delete_settle(const char *owner, DeletionCounts *counts);

#endif							/* MISSING_PHOTOS_DELETION_H */
