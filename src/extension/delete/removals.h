/*
 * removals.h: a batch of derived files on their way through the probe: read from the queue, acted
 * on, and written back.
 */
#ifndef MISSING_PHOTOS_REMOVALS_H
#define MISSING_PHOTOS_REMOVALS_H

#include "protocol/protocol.h"

typedef struct Removal
{
	int64		id;
	char	   *server_path;	/* of the derived root */
	char	   *marker;
	char	   *folder;			/* below it */
	char	   *name;
	char	   *aside;
	bool		known;			/* by size and time; else it must be older than mtime_ns */
	int64		size;
	int64		mtime_ns;
	MpOutcome	outcome;
	const char *reason;			/* why it could not be done, or NULL */
} Removal;

typedef struct Removals
{
	int			n;
	Removal    *list;			/* those of a root, and of a folder, follow each other */
} Removals;

/* Rows in a state; needs an SPI connection, allocates in the current memory context. */
extern Removals *removals_load(const char *state, int most);

/* Has the probe do it and notes the outcomes; no SQL. */
extern void removals_act(Removals *removals, MpAct act);

/* Writes the outcomes to the queue; needs an SPI connection. */
extern void removals_note(const Removals *removals, MpAct act);

#endif							/* MISSING_PHOTOS_REMOVALS_H */
