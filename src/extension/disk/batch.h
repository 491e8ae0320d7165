/*
 * batch.h: rows of one root on their way to the probe, grouped by folder.
 *
 * A batch is filled with rows, sent as one CHECK request, and read again beside the answer.  It
 * keeps the rows' bytes in one buffer, 20 bytes of bookkeeping for each, in a memory context of its
 * own, and can be used again, so that the memory is taken from the system only once.
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
	uint32		to_come;		/* files of it that later batches of the sitting ask for */
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
	MemoryContext passing;		/* what goes when the batch is used again */
	struct Batch *next;			/* for whoever keeps batches in a list */
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
	int			n_news;			/* entries that a scan wants to hear of though they are present */
	int		   *order;			/* entry by its number in the request */
	ProbeRequest *request;		/* once sent */
} Batch;

extern Batch *batch_make(MemoryContext parent);
/* Empties it for the rows of a root; due before its first use too. */
extern void batch_begin(Batch *batch, Root *root, int root_number);

/*
 * Adds a row whose path lies below the batch's root.  Returns MP_OK, or why the path can't be
 * asked for (the row isn't added then).
 */
extern MpReason batch_add(Batch *batch, const FileRow *row, bool want_identity);

/*
 * Adds a folder of which so many files will be asked for later (protocol.h: names to come).  The
 * path must lie below the root, or be the root's.
 */
extern void batch_add_folder(Batch *batch, const char *path, uint32 length, uint32 to_come);

/* Whether it is time to send it. */
extern bool batch_is_full(const Batch *batch);

/* Sends it as a CHECK request of a sitting; 0: on its own. */
extern void batch_send(Batch *batch, const RootTable *roots, uint64 sitting);

/* The row of an entry; its strings point into the batch. */
extern void batch_row(const Batch *batch, int entry, FileRow *row);

#endif							/* MISSING_PHOTOS_BATCH_H */
