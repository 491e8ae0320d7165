/*
 * delete.h: one deletion of one owner's missing photos, as its steps see it.  delete.c puts the steps
 * in order; delete_steps.c finds out what may go, delete_batches.c takes it.
 */
#ifndef MISSING_PHOTOS_DELETE_H
#define MISSING_PHOTOS_DELETE_H

#include "apply.h"
#include "deletion.h"
#include "derived.h"
#include "found.h"
#include "job.h"
#include "judge.h"
#include "restore.h"
#include "roots.h"
#include "stream.h"

/* A place where a photo's file was, and isn't. */
typedef struct LostFile
{
	const char *photo;
	const char *file;
	const char *path;			/* NULL: the library has none */
} LostFile;

/* Photos or file rows that may go. */
typedef struct Candidates
{
	int			n;
	int			next;			/* the first that wasn't tried yet */
	const char **keys;
	const char **paths;			/* of file rows */
} Candidates;

typedef struct OwnerDeletion
{
	Job			job;
	bool		force;
	bool		approved;		/* the second half of a held deletion */
	bool		held;
	bool		more;			/* said by a step that takes part of its work at a time */
	int			batch_size;
	RootTable  *roots;
	DerivedFiles    *derived;
	Judge	   *judge;
	Stream	   *stream;
	Found	   *found;			/* where files of missing photos were, as they were found now */
	Restore    *restore;		/* a batch of files that are back */
	Columns    *doubts;
	Changes		changes;
	int			n_lost;
	LostFile   *lost;			/* certainly gone, by photo */
	int			n_doubtful;
	const char **doubtful;		/* photos of which a file isn't certainly gone, by name */
	Candidates	photos;
	Candidates	files;
	Datum		batch;			/* the photos in hand, text[] */
	int			settle_tries;
	const char *reason;			/* why it is held */
	/* Counts. */
	DeletionCounts counts;
	int64		in_doubt;		/* photos and files left because a file of theirs may not be gone */
	int64		waiting;		/* left because they haven't been missing for long enough */
	int64		unknown;		/* photos no file of which was ever known */
	int64		derived_files;	/* queued */
} OwnerDeletion;

/* For its Job. */
extern void delete_close(Job *job);
extern const char *delete_result(const Job *job);

/* The steps, in their order.  Those that set `more` are repeated while it is true. */
extern void delete_begin(OwnerDeletion *d);
extern void delete_look_at_roots(OwnerDeletion *d);
extern void delete_fetch_lost(OwnerDeletion *d);
extern void delete_judge(OwnerDeletion *d); /* more */
extern void delete_ask_back(OwnerDeletion *d);	/* more: whether there is a batch to read and take */
extern void delete_read_back(OwnerDeletion *d);
extern void delete_take_back(OwnerDeletion *d);
extern void delete_list_photos(OwnerDeletion *d);	/* decides whether the deletion is held */
extern void delete_hold(OwnerDeletion *d);
extern void delete_ask_photos(OwnerDeletion *d);	/* more: whether there is a batch to take */
extern void delete_take_photos(OwnerDeletion *d);
extern void delete_list_files(OwnerDeletion *d);
extern void delete_take_files(OwnerDeletion *d);	/* more */
extern void delete_settle_rows(OwnerDeletion *d);	/* more */
extern void delete_end(OwnerDeletion *d);

/* Orders and finds strings in arrays of them. */
extern void sort_strings(const char **strings, int n);
extern bool has_string(const char *const *strings, int n, const char *string);

#endif							/* MISSING_PHOTOS_DELETE_H */
