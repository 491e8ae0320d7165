/* twins.c: missing files that were probably renamed; see twins.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "apply.h"
#include "probe_client.h"
#include "reasons.h"
#include "sql_calls.h"
#include "twins.h"

/* Columns of missing names, and of the names in their folders. */
enum
{
	GONE_ROW, GONE_FOLDER, GONE_NAME, GONE_COLUMNS
};

enum
{
	HERE_FOLDER, HERE_NAME, HERE_COLUMNS
};

/* Takes the names of one folder that the database can hold. */
static void
read_names(TwinSearch *search, MpReader *reader, int folder, Columns *here)
{
	uint32		n = mp_read_count(reader, 4);

	for (uint32 i = 0; i < n; i++)
	{
		MpStr		name = mp_read_str(reader, MP_MAX_NAME);

		if (name.data == NULL)
			break;
		if (!pg_verifymbstr(name.data, name.length, true))
		{
			search->unreadable++;
			continue;
		}
		columns_add_row(here);
		columns_set_int4(here, HERE_FOLDER, folder);
		columns_set_text(here, HERE_NAME, name.data, name.length);
	}
	if (!mp_read_done(reader))
		probe_malformed();
}

static void
read_listing(TwinSearch *search, Root *root, MpReader *reader, int folder, Columns *here)
{
	MpRootReport report;

	mp_read_root_report(reader, &report);
	(void) mp_read_u8(reader);	/* a folder that isn't there has no names */
	(void) mp_read_u8(reader);
	(void) mp_read_u16(reader);
	(void) mp_read_u8(reader);
	if (roots_judge(root, &report))
		read_names(search, reader, folder, here);
}

static void
list_folder(TwinSearch *search, RootTable *roots, const char *path, size_t length, int folder,
			Columns *here)
{
	Root	   *root = roots_find(roots, path, length + 1);
	ProbeAnswer answer;
	MpWriter   *w;

	if (root == NULL || root->verdict != MP_PRESENT || search->folders_left == 0)
		return;
	search->folders_left--;
	w = probe_request(MP_LIST);
	roots_write_place(roots, root, w);
	if (length > root->app_length)
		mp_write_str(w, path + root->app_length + 1, length - root->app_length - 1);
	else
		mp_write_str(w, "", 0);
	(void) probe_send();
	if (probe_wait(&answer) == PROBE_ANSWER)
	{
		read_listing(search, root, &answer.body, folder, here);
		probe_answer_done(&answer);
	}
	else
		roots_doubt(root, MP_TIMED_OUT, 0);
}

static bool
is_plainly_missing(const Columns *rows, int row)
{
	text	   *reason = DatumGetTextPP(rows->values[MISSING_REASON][row]);
	const char *plain = reason_text(MP_NOT_FOUND, 0);

	return VARSIZE_ANY_EXHDR(reason) == strlen(plain) &&
		memcmp(VARDATA_ANY(reason), plain, strlen(plain)) == 0;
}

/* Rows of one folder mostly follow each other, so a folder is listed when it differs from the last. */
static void
list_folders(TwinSearch *search, RootTable *roots, const Columns *rows, Columns *gone,
			 Columns *here)
{
	const char *last = NULL;
	size_t		last_length = 0;
	int			folder = 0;

	for (int i = 0; i < rows->n_rows; i++)
	{
		const char *path;
		size_t		length;
		size_t		folder_length;

		if (rows->nulls[MISSING_PATH][i] || !is_plainly_missing(rows, i))
			continue;
		path = VARDATA_ANY(DatumGetPointer(rows->values[MISSING_PATH][i]));
		length = folder_length = VARSIZE_ANY_EXHDR(DatumGetPointer(rows->values[MISSING_PATH][i]));
		while (folder_length > 0 && path[--folder_length] != '/')
			;
		if (last == NULL || folder_length != last_length || memcmp(path, last, last_length) != 0)
			list_folder(search, roots, path, folder_length, ++folder, here);
		last = path;
		last_length = folder_length;
		columns_add_row(gone);
		columns_set_int4(gone, GONE_ROW, i);
		columns_set_int4(gone, GONE_FOLDER, folder);
		columns_set_text(gone, GONE_NAME, path + folder_length + 1, length - folder_length - 1);
	}
}

static Columns *
with_reasons(const Columns *rows, char **twins)
{
	Columns    *named = apply_missing_columns(CurrentMemoryContext);

	for (int i = 0; i < rows->n_rows; i++)
	{
		columns_add_row(named);
		for (int column = 0; column < MISSING_COLUMNS; column++)
			columns_set_datum(named, column, rows, column, i);
		if (twins[i] != NULL)
			columns_set_cstring(named, MISSING_REASON,
								psprintf("not found; renamed? \"%s\" lies in its folder", twins[i]));
	}
	return named;
}

void
twins_find(TwinSearch *search, RootTable *roots, Columns **rows)
{
	static const Oid gone_types[GONE_COLUMNS] = {INT4OID, INT4OID, TEXTOID};
	static const Oid here_types[HERE_COLUMNS] = {INT4OID, TEXTOID};
	Columns    *gone = columns_make(CurrentMemoryContext, GONE_COLUMNS, gone_types);
	Columns    *here = columns_make(CurrentMemoryContext, HERE_COLUMNS, here_types);
	Arguments	a = {0};
	char	  **twins;

	if (search->folders_left == 0)
		return;
	list_folders(search, roots, *rows, gone, here);
	if (here->n_rows == 0)
		return;
	argument_columns(&a, gone);
	argument_columns(&a, here);
	call_as_owner("SELECT twins.row::int8, twins.twin"
				  "  FROM missing_photos.twins($1, $2, $3, $4, $5) AS twins", &a);
	if (SPI_processed == 0)
		return;
	twins = palloc0((*rows)->n_rows * sizeof(char *));
	for (uint64 i = 0; i < SPI_processed; i++)
		twins[result_int8(i, 1)] = result_text(i, 2);
	*rows = with_reasons(*rows, twins);
}
