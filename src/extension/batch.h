/*
 * batch.h: rows of one root on their way to the probe, grouped by folder.
 *
 * A batch is filled with rows, sent as one CHECK request, and read again beside the answer.  It
 * keeps the rows' bytes in one buffer, 20 bytes of bookkeeping for each, in a memory context of its
 * own.
 */
#ifndef MISSING_PHOTOS_BATCH_H
#define MISSING_PHOTOS_BATCH_H

#include "lib/stringinfo.h"

#include "file_row.h"
#include "probe_client.h"
#include "roots.h"

typedef struct BatchFolder
{
	const char *path;			/* as the application has it, without the last slash */
	uint32		length;
	int			first;			/* entry, -1: none */
	int			last;
	uint32		count;
} BatchFolder;

typedef struct BatchEntry
{
	int			next;			/* entry of the same folder */
	uint32		offset;			/* of the row's bytes in `bytes` */
	uint32		name;			/* offset of the file's name in its path */
	uint16		flags;			/* FileRowFlags */
	bool		want_identity;
} BatchEntry;

typedef struct Batch
{
	MemoryContext context;
	Root	   *root;
	int			root_number;
	StringInfoData bytes;
	BatchEntry *entries;
	int			n_entries;
	int			capacity;
	BatchFolder *folders;
	int			n_folders;
	int			folder_capacity;
	struct folder_hash *index;	/* folder by path */
	int			current;		/* folder of the last row, -1: none */
	int		   *order;			/* entry by its number in the request */
	ProbeRequest *request;		/* once sent */
} Batch;

extern Batch *batch_make(MemoryContext parent, Root *root, int root_number);
extern void batch_free(Batch *batch);

/*
 * Adds a row whose path lies below the batch's root.  Returns MP_OK, or why the path can't be
 * asked for (the row isn't added then).
 */
extern MpReason batch_add(Batch *batch, const FileRow *row, bool want_identity);

/* Whether it is time to send it. */
extern bool batch_is_full(const Batch *batch);

/* Sends it as a CHECK request. */
extern void batch_send(Batch *batch, const RootTable *roots);

/* The row of an entry; its strings point into the batch. */
extern void batch_row(const Batch *batch, int entry, FileRow *row);

#endif							/* MISSING_PHOTOS_BATCH_H */
