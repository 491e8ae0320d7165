/* touched.c: noting rows from which something went; see touched.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"

#include "sql_calls.h"
#include "touched.h"

static int
compare_keys(const void *a, const void *b)
{
	const struct varlena *left = (const struct varlena *) DatumGetPointer(*(const Datum *) a);
	const struct varlena *right = (const struct varlena *) DatumGetPointer(*(const Datum *) b);
	Size		n_left = VARSIZE_ANY_EXHDR(left);
	Size		n_right = VARSIZE_ANY_EXHDR(right);
	int			order = memcmp(VARDATA_ANY(left), VARDATA_ANY(right), Min(n_left, n_right));

	if (order != 0 || n_left == n_right)
		return order;
	return n_left < n_right ? -1 : 1;
}

/* A thousand photos are in few albums: each is told to the database once. */
static int
without_repeats(Datum *keys, int n)
{
	int			kept = 0;

	qsort(keys, n, sizeof(Datum), compare_keys);
	for (int i = 0; i < n; i++)
		if (kept == 0 || compare_keys(&keys[kept - 1], &keys[i]) != 0)
			keys[kept++] = keys[i];
	return kept;
}

Datum
touched_keys(const TextRows *rows, int column, const bool *which)
{
	Datum	   *keys = palloc((rows->n_rows + 1) * sizeof(Datum));
	int			n = 0;

	for (int r = 0; r < rows->n_rows; r++)
	{
		int			place = r * rows->n_columns + column;

		if (!rows->nulls[place] && (which == NULL || which[r]))
			keys[n++] = rows->values[place];
	}
	n = without_repeats(keys, n);
	return PointerGetDatum(construct_array(keys, n, TEXTOID, -1, false, TYPALIGN_INT));
}

void
touched_note(Datum job_id, const char *owner, const char *rule, Datum keys)
{
	Arguments	a = {0};

	if (ARR_NDIM(DatumGetArrayTypeP(keys)) == 0)
		return;
	argument_datum(&a, UUIDOID, job_id);
	argument_text(&a, owner);
	argument_text(&a, rule);
	argument_datum(&a, TEXTARRAYOID, keys);
	call_as_owner("SELECT missing_photos.note_touched($1, $2, $3, $4)", &a);
}
