/*
 * roots.h: the registered roots, and which of them a path belongs to.
 *
 * A table of roots is loaded once per verb and carries, besides what is registered, what this verb
 * found: a root in doubt stays so for the rest of it.
 */
#ifndef MISSING_PHOTOS_ROOTS_H
#define MISSING_PHOTOS_ROOTS_H

#include "protocol/protocol.h"
#include "protocol/wire.h"

typedef struct Root
{
	char	   *app_path;		/* without a slash at the end; "" for the root of all */
	size_t		app_length;
	char	   *name;			/* app_path as registered */
	char	   *server_path;
	MpRootReport expected;		/* what was registered */
	/* What this verb found. */
	bool		looked_at;
	MpVerdict	verdict;		/* MP_PRESENT, or MP_UNREACHABLE: nothing below it is judged */
	MpReason	reason;
	int			err;
	int64		files;			/* of the library below it, those held as missing left out */
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

/*
 * Holds a report against what is registered and remembers a doubt.  Returns whether the root is the
 * library: healthy in this report and in all before.
 */
extern bool roots_judge(Root *root, const MpRootReport *report);

/* Remembers a doubt that isn't the report's. */
extern void roots_doubt(Root *root, MpReason reason, int err);

/* Writes what was found to the registered roots, where it is news. */
extern void roots_record(const RootTable *table, bool after_scan);

#endif							/* MISSING_PHOTOS_ROOTS_H */
