/* found.c: judged rows set aside until they are acted on; see found.h. */
#include "postgres.h"

#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "found.h"

/* What a row is kept as: three texts, then numbers. */
enum
{
	F_PHOTO, F_FILE, F_PATH, F_FLAGS, F_VERDICT, F_REASON, F_ERR, F_ROOT,
	F_KNOWN, F_FSID, F_INODE, F_SIZE, F_MTIME, F_CTIME, F_COLUMNS
};

struct Found
{
	MemoryContext context;
	MemoryContext scratch;		/* of the row being written */
	TupleDesc	shape;
	TupleTableSlot *slot;
	Tuplestorestate *store;
	bool		unread;			/* the slot's row is the next one */
};

Found *
found_make(MemoryContext parent, bool across_transactions)
{
	MemoryContext context = AllocSetContextCreate(parent, "missing_photos found",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Found	   *found = palloc0(sizeof(Found));

	found->context = context;
	found->scratch = AllocSetContextCreate(context, "missing_photos found row",
										   ALLOCSET_SMALL_SIZES);
	found->shape = CreateTemplateTupleDesc(F_COLUMNS);
	for (int i = 0; i < F_COLUMNS; i++)
		TupleDescInitEntry(found->shape, i + 1, NULL, i <= F_PATH ? TEXTOID : INT8OID, -1, 0);
	TupleDescFinalize(found->shape);
	found->slot = MakeSingleTupleTableSlot(found->shape, &TTSOpsMinimalTuple);
	found->store = tuplestore_begin_heap(false, across_transactions, work_mem);
	MemoryContextSwitchTo(old);
	return found;
}

void
found_free(Found *found)
{
	tuplestore_end(found->store);
	ExecDropSingleTupleTableSlot(found->slot);
	MemoryContextDelete(found->context);
}

static Datum
text_datum(const char *data, uint32 length)
{
	return PointerGetDatum(cstring_to_text_with_len(data, length));
}

void
found_add(Found *found, const FileRow *row, const Judgement *judgement)
{
	MemoryContext old = MemoryContextSwitchTo(found->scratch);
	const MpIdentity *identity = judgement->identity;
	Datum		values[F_COLUMNS] = {0};
	bool		nulls[F_COLUMNS] = {false};

	values[F_PHOTO] = text_datum(row->photo, row->photo_length);
	values[F_FILE] = text_datum(row->file, row->file_length);
	nulls[F_PATH] = row->path == NULL;
	if (row->path != NULL)
		values[F_PATH] = text_datum(row->path, row->path_length);
	values[F_FLAGS] = Int64GetDatum(row->flags);
	values[F_VERDICT] = Int64GetDatum(judgement->verdict);
	values[F_REASON] = Int64GetDatum(judgement->reason);
	values[F_ERR] = Int64GetDatum(judgement->err);
	values[F_ROOT] = Int64GetDatum(judgement->root);
	values[F_KNOWN] = Int64GetDatum(identity != NULL);
	if (identity != NULL)
	{
		values[F_FSID] = Int64GetDatum(identity->fsid);
		values[F_INODE] = Int64GetDatum(identity->inode);
		values[F_SIZE] = Int64GetDatum(identity->size);
		values[F_MTIME] = Int64GetDatum(identity->mtime_ns);
		values[F_CTIME] = Int64GetDatum(identity->ctime_ns);
	}
	tuplestore_putvalues(found->store, found->shape, values, nulls);
	MemoryContextSwitchTo(old);
	MemoryContextReset(found->scratch);
}

void
found_take(void *found, const FileRow *row, const Judgement *judgement)
{
	found_add(found, row, judgement);
}

void
found_rewind(Found *found)
{
	tuplestore_rescan(found->store);
	found->unread = false;
}

void
found_unread(Found *found)
{
	found->unread = true;
}

bool
found_next(Found *found, FoundRow *result)
{
	TupleTableSlot *slot = found->slot;
	MemoryContext old = MemoryContextSwitchTo(found->context);
	const Datum *values;
	/* A row read from the file is allocated here and freed by the slot with the next one. */
	bool		more = found->unread || tuplestore_gettupleslot(found->store, true, false, slot);

	found->unread = false;
	MemoryContextSwitchTo(old);
	if (!more)
		return false;
	slot_getallattrs(slot);
	values = slot->tts_values;
	result->row.photo = row_text(slot, F_PHOTO, &result->row.photo_length);
	result->row.file = row_text(slot, F_FILE, &result->row.file_length);
	result->row.path = row_text(slot, F_PATH, &result->row.path_length);
	result->row.flags = DatumGetInt64(values[F_FLAGS]);
	result->judgement.verdict = DatumGetInt64(values[F_VERDICT]);
	result->judgement.reason = DatumGetInt64(values[F_REASON]);
	result->judgement.err = DatumGetInt64(values[F_ERR]);
	result->judgement.root = DatumGetInt64(values[F_ROOT]);
	result->identity.fsid = DatumGetInt64(values[F_FSID]);
	result->identity.inode = DatumGetInt64(values[F_INODE]);
	result->identity.size = DatumGetInt64(values[F_SIZE]);
	result->identity.mtime_ns = DatumGetInt64(values[F_MTIME]);
	result->identity.ctime_ns = DatumGetInt64(values[F_CTIME]);
	result->judgement.identity = DatumGetInt64(values[F_KNOWN]) ? &result->identity : NULL;
	return true;
}
