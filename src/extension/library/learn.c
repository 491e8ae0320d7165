/* learn.c: noting what files look like while they are healthy; see learn.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"

#include "learn.h"
#include "sql_calls.h"
#include "subtransaction.h"

enum
{
	I_FILE, I_FSID, I_INODE, I_SIZE, I_MTIME, I_CTIME, I_COLUMNS
};

Columns *
learn_columns(MemoryContext parent)
{
	static const Oid types[I_COLUMNS] = {TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID};

	return columns_make(parent, I_COLUMNS, types);
}

void
learn_add(Columns *seen, const char *file, size_t length, const MpIdentity *identity)
{
	columns_add_row(seen);
	columns_set_text(seen, I_FILE, file, length);
	columns_set_int8(seen, I_FSID, identity->fsid);
	columns_set_int8(seen, I_INODE, identity->inode);
	columns_set_int8(seen, I_SIZE, identity->size);
	columns_set_int8(seen, I_MTIME, identity->mtime_ns);
	columns_set_int8(seen, I_CTIME, identity->ctime_ns);
}

static void
note(void *arguments)
{
	call_as_owner("SELECT missing_photos.note_identities($1, $2, $3, $4, $5, $6, $7)", arguments);
}

bool
learn_note(const Columns *seen, bool certain)
{
	Arguments	a = {0};

	if (seen->n_rows == 0)
		return true;
	argument_columns(&a, seen);
	argument_datum(&a, BOOLOID, BoolGetDatum(certain));
	return try_without_waiting(note, &a);
}

bool *
learn_others(const Columns *seen)
{
	bool	   *others = palloc0(seen->n_rows + 1);
	Arguments	a = {0};

	argument_columns(&a, seen);
	call_as_owner("SELECT s.ordinal"
				  "  FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3),"
				  "                  pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6))"
				  "       WITH ORDINALITY AS s (file, fsid, inode, size, mtime_ns, ctime_ns, ordinal)"
				  "  JOIN missing_photos.file_identity AS known"
				  "    ON known.file OPERATOR(pg_catalog.=) s.file"
				  " WHERE missing_photos.is_anothers(s.file, known.inode, s.fsid, s.inode, s.size,"
				  "                                  s.mtime_ns)", &a);
	for (uint64 i = 0; i < SPI_processed; i++)
		others[result_int8(i, 1) - 1] = true;
	return others;
}

static void
add_found(Columns *seen, const FoundRow *found)
{
	learn_add(seen, found->row.file, found->row.file_length, found->judgement.identity);
}

/* What lies in a lost file's place may be another file: that isn't what it looked like. */
static bool
is_lost(const FoundRow *found)
{
	return (found->row.flags & (ROW_FLAGGED | ROW_UNLINKED)) != 0;
}

static bool
is_healthy(const FoundRow *found)
{
	return found->judgement.verdict == MP_PRESENT && found->judgement.identity != NULL;
}

bool
learn_some(Found *found, Folders *folders, int most)
{
	Columns    *seen = learn_columns(CurrentMemoryContext);
	FoundRow	next;
	bool		more = true;

	while (seen->n_rows < most && (more = found_next(found, &next)))
	{
		if (is_lost(&next))
			continue;
		if (is_healthy(&next))
			add_found(seen, &next);
		else
			folders_fail(folders, &next.row);
	}
	if (!learn_note(seen, false))
		folders_fail_all(folders);
	columns_free(seen);
	return more;
}

void
learn_known(Found *found)
{
	Columns    *seen = learn_columns(CurrentMemoryContext);
	Arguments	a = {0};
	FoundRow	next;

	found_rewind(found);
	while (found_next(found, &next))
		if (!is_lost(&next) && is_healthy(&next))
			add_found(seen, &next);
	argument_columns(&a, seen);
	call_as_owner("SELECT missing_photos.renew_identities($1, $2, $3, $4, $5, $6)", &a);
	columns_free(seen);
}

void
learn_folders(const Folders *folders, const char *owner)
{
	static const Oid types[3] = {TEXTOID, INT8OID, INT8OID};
	Columns    *columns = columns_make(CurrentMemoryContext, 3, types);
	Arguments	a = {0};

	folders_collect(folders, columns);
	argument_text(&a, owner);
	argument_columns(&a, columns);
	call_as_owner("SELECT missing_photos.note_folders($1, $2, $3, $4)", &a);
	columns_free(columns);
}
