/*
 * folders.h: which folders hold files whose identity was never noted.
 *
 * Noting what a million files look like takes a million rows once; finding out each time that there
 * is nothing new must not cost a million comparisons.  So each folder has a signature, the sum of a
 * hash over its files' ids and names, which a scan adds up while the rows stream by; a folder whose
 * signature is the one kept with it needs nothing.  Memory goes with the number of folders.
 */
#ifndef MISSING_PHOTOS_FOLDERS_H
#define MISSING_PHOTOS_FOLDERS_H

#include "columns.h"
#include "judge.h"

typedef struct Folders Folders;

extern Folders *folders_make(MemoryContext parent);
/* What is kept for an owner; needs an SPI connection. */
extern void folders_load(Folders *folders, const char *owner);
/* Adds a row to its folder's signature. */
extern void folders_see(Folders *folders, const FileRow *row);
/* Tells the judge which folders will be asked for, as far as the last scan tells. */
extern void folders_foresee(const Folders *folders, Judge *judge);
/* Whether any folder has something new. */
extern bool folders_any_new(const Folders *folders);
/* Whether the row's folder has something new; if so adds the row to what is being learnt. */
extern bool folders_learn(Folders *folders, const FileRow *row);
/*
 * The row is about to be flagged: of a folder that is wholly known the rest is known still.  Should it
 * not be flagged after all, the next scan learns the folder anew.
 */
extern void folders_lose(Folders *folders, const FileRow *row);
extern bool folders_any_lost(const Folders *folders);
/* The row could not be learnt after all, so its folder isn't wholly known. */
extern void folders_fail(Folders *folders, const FileRow *row);
/* Rows couldn't be learnt, nobody asks which: the next scan learns all folders that are new. */
extern void folders_fail_all(Folders *folders);
/* What was learnt, and what is left where rows were lost, to be kept: columns (folder text, signature bigint, files bigint). */
extern void folders_collect(const Folders *folders, Columns *columns);

#endif							/* MISSING_PHOTOS_FOLDERS_H */
