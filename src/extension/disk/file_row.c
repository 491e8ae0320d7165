/* file_row.c: reading one file of one photo from a result; see file_row.h. */
#include "postgres.h"

#include "executor/tuptable.h"
#include "fmgr.h"

#include "compat.h"
#include "file_row.h"

const char *
row_text(TupleTableSlot *slot, int column, uint32 *length)
{
	struct varlena *value;

	*length = 0;
	if (slot->tts_isnull[column])
		return NULL;
	value = PG_DETOAST_DATUM_PACKED(slot->tts_values[column]);
	*length = VARSIZE_ANY_EXHDR(value);
	return VARDATA_ANY(value);
}
