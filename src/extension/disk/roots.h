/*
 * roots.h: the registered roots, which of them a path belongs to, and what a verb may believe of it.
 *
 * A table of roots is loaded once per verb and carries, besides what is registered, what this verb
 * found: a root in doubt stays so for the rest of it.  Three things bring a root into doubt: it
 * isn't what was registered (roots_look), it isn't in every answer what it was in the first
 * (roots_judge), or the disk gave no answer.  A file system that is mounted below the root but
 * wasn't registered, or the other way round, or another one than was registered, brings what lies
 * below its mount point into doubt.
 */
#ifndef MISSING_PHOTOS_ROOTS_H
#define MISSING_PHOTOS_ROOTS_H

#include "file_row.h"
#include "protocol/protocol.h"
#include "protocol/wire.h"
#include "root_facts.h"
#include "sql_calls.h"

/* A mount point below a root. */
typedef struct RootMount
{
	char	   *path;			/* relative to the root */
	size_t		length;
	char	   *registered;		/* what was mounted there when the root was registered, or NULL */
	char	   *found;			/* what is mounted there now, or NULL */
	int64		files;			/* rows this verb saw below it, when these differ */
	int64		missing;		/* of these, not found */
} RootMount;

typedef struct Root
{
	char	   *app_path;		/* without a slash at the end; "" for the root of all */
	size_t		app_length;
	char	   *name;			/* app_path as registered */
	char	   *server_path;
	char	   *marker;			/* NULL: none */
	char	   *fs_source;
	MpRootReport expected;		/* what was registered */
	int			n_mounts;
	RootMount  *mounts;
	bool		odd_mounts;		/* some aren't as they are registered */
	/* What this verb found. */
	bool		looked_at;
	bool		timed_out;
	bool		renewal_tried;
	RootFacts	facts;			/* the first answer; every later report must agree with it */
	MpVerdict	verdict;		/* MP_PRESENT, or MP_UNREACHABLE: nothing below it is judged */
	MpReason	reason;
	int			err;
	int64		files;			/* of the library below it, those held as missing left out */
	int64		changeable;		/* of these, those a scan may flag */
	int64		missing;		/* of these, not found */
} Root;

typedef struct RootTable
{
	int			n;
	Root	   *roots;			/* the longest application path first */
} RootTable;

/* Needs an SPI connection; allocates in the current memory context. */
extern RootTable *roots_load(void);

/* The root a path lies below, by whole components, or NULL. */
extern Root *roots_find(const RootTable *table, const char *path, size_t length);

/* Writes the `place` of protocol.h. */
extern void roots_write_place(const RootTable *table, const Root *root, MpWriter *w);

/* Asks what a root is like now and holds it against what is registered; waits for the probe. */
extern void roots_look(Root *root);

/* Takes what was found in a root's place for the root (renewal). */
extern void roots_accept(Root *root);

/*
 * Holds a report that came with an answer against the first one.  Returns whether the answer may be
 * used: the root is healthy in this report and in all before.
 */
extern bool roots_judge(Root *root, const MpRootReport *report);

/* The mounts of facts as two parallel arrays of text: where, and what. */
extern void roots_argument_mounts(Arguments *a, const RootFacts *facts);

/* Remembers a doubt. */
extern void roots_doubt(Root *root, MpReason reason, int err);

/* Counts a row of the library for its root's odd mounts; cheap when there are none. */
extern void roots_see(const RootTable *table, const FileRow *row);

/*
 * What may be concluded of a judgement now that all answers are in: doubts about the root or about a
 * mount below it turn "missing" into "unreachable".
 */
extern void roots_conclude(const RootTable *table, const FileRow *row, Judgement *judgement);

/*
 * Whether anybody but this owner has files below a folder of a root ("" or with a slash at its end),
 * by the library as far as the caller sees it, or by what earlier scans noted.
 */
extern bool roots_others_have_files(const Root *root, const char *below, const char *owner);

/*
 * Writes what was found to the registered roots, where it is news.  After a scan (of an owner, else
 * NULL) that also covers mounts: one whose files are all where they should be is registered or
 * forgotten.
 */
extern void roots_record(const RootTable *table, const char *scanned_owner);

#endif							/* MISSING_PHOTOS_ROOTS_H */
