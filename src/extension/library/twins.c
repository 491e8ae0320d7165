/* twins.c: missing files that were probably renamed; see twins.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "apply.h"
#include "gone_names.h"
#include "probe_client.h"
#include "reasons.h"
#include "sql_calls.h"
#include "twins.h"

/* Requests under way at once, and folders of one. */
#define MAX_ASKED 8
#define ASKED_FOLDERS 32

/* The least that an answer says of a folder. */
#define LEAST_FOLDER (1 + 1 + 2 + 1 + 4)

/* Columns of missing names, and of the names in their folders, for what only SQL can compare. */
enum
{
	GONE_ROW, GONE_FOLDER, GONE_NAME, GONE_COLUMNS
};

enum
{
	HERE_FOLDER, HERE_NAME, HERE_COLUMNS
};

typedef struct Asked
{
	ProbeRequest *request;
	Root	   *root;
	int			first;			/* missing name; those of its folders follow each other */
	uint32		folders;
} Asked;

typedef struct Looking
{
	TwinSearch *search;
	RootTable  *roots;
	GoneNames	gone;
	int			next;
	Asked		asked[MAX_ASKED];
	int			n_asked;
	char	  **twins;			/* by row */
	Columns    *odd_gone;
	Columns    *odd_here;
} Looking;

static bool
is_plainly_missing(const Columns *rows, int row)
{
	text	   *reason = DatumGetTextPP(rows->values[MISSING_REASON][row]);
	const char *plain = reason_text(MP_NOT_FOUND, 0);

	return VARSIZE_ANY_EXHDR(reason) == strlen(plain) &&
		memcmp(VARDATA_ANY(reason), plain, strlen(plain)) == 0;
}

static void
collect_gone(Looking *looking, const Columns *rows)
{
	gone_names_start(&looking->gone, rows->n_rows);
	for (int i = 0; i < rows->n_rows; i++)
	{
		Pointer		path = DatumGetPointer(rows->values[MISSING_PATH][i]);

		if (!rows->nulls[MISSING_PATH][i] && VARSIZE_ANY_EXHDR(path) > 0 && is_plainly_missing(rows, i))
			gone_names_add(&looking->gone, i, VARDATA_ANY(path), VARSIZE_ANY_EXHDR(path));
	}
	gone_names_sort(&looking->gone);
}

/* The first in order, where several names are twins of one. */
static void
meet(Looking *looking, const GoneName *gone, const char *name, size_t length)
{
	char	  **twin = &looking->twins[gone->row];
	char	   *found;

	if (gone->length == length && memcmp(gone->name, name, length) == 0)
		return;
	found = pnstrdup(name, length);
	if (*twin == NULL || strcmp(found, *twin) < 0)
		*twin = found;
}

/* Takes a name of a folder; true: SQL has to look, too. */
static bool
take_name(Looking *looking, GoneSpan folder, const char *name, size_t length)
{
	bool		odd = looking->gone.list[folder.first + folder.n - 1].key == NULL;
	char		key[MP_MAX_NAME + 1];

	if (!gone_names_fold(key, name, length))
	{
		odd = pg_verifymbstr(name, length, true);
		looking->search->unreadable += !odd;
	}
	else
	{
		for (int i = gone_names_find(&looking->gone, folder, key); i < folder.first + folder.n; i++)
		{
			if (looking->gone.list[i].key == NULL || strcmp(looking->gone.list[i].key, key) != 0)
				break;
			meet(looking, &looking->gone.list[i], name, length);
		}
	}
	if (!odd)
		return false;
	columns_add_row(looking->odd_here);
	columns_set_int4(looking->odd_here, HERE_FOLDER, folder.first);
	columns_set_text(looking->odd_here, HERE_NAME, name, length);
	return true;
}

static void
read_folder(Looking *looking, GoneSpan folder, MpReader *reader)
{
	bool		odd = false;
	uint32		n;

	(void) mp_read_u8(reader);	/* a folder that isn't there has no names */
	(void) mp_read_u8(reader);
	(void) mp_read_u16(reader);
	(void) mp_read_u8(reader);
	n = mp_read_count(reader, 4);
	for (uint32 i = 0; i < n; i++)
	{
		MpStr		name = mp_read_str(reader, MP_MAX_NAME);

		if (name.data == NULL)
			break;
		odd |= take_name(looking, folder, name.data, name.length);
	}
	for (int i = folder.first; odd && i < folder.first + folder.n; i++)
	{
		columns_add_row(looking->odd_gone);
		columns_set_int4(looking->odd_gone, GONE_ROW, looking->gone.list[i].row);
		columns_set_int4(looking->odd_gone, GONE_FOLDER, folder.first);
		columns_set_text(looking->odd_gone, GONE_NAME, looking->gone.list[i].name,
						 looking->gone.list[i].length);
	}
}

static void
read_listings(Looking *looking, const Asked *asked, MpReader *reader)
{
	MpRootReport report;
	GoneSpan	folder = {asked->first, 0};
	uint32		n;

	mp_read_root_report(reader, &report);
	n = mp_read_count(reader, LEAST_FOLDER);
	if (n != (report.verdict == MP_PRESENT ? asked->folders : 0))
		probe_malformed();
	if (!roots_judge(asked->root, &report))
		return;
	for (uint32 i = 0; i < n; i++)
	{
		folder = gone_names_folder(&looking->gone, folder.first + folder.n);
		read_folder(looking, folder, reader);
	}
	if (!mp_read_done(reader))
		probe_malformed();
}

static Root *
root_of(const Looking *looking, const GoneName *gone)
{
	Root	   *root = roots_find(looking->roots, gone->path, gone->folder_length + 1);

	return root == NULL || root->verdict != MP_PRESENT ? NULL : root;
}

static void
write_folder(const Root *root, const GoneName *gone, MpWriter *w)
{
	if (gone->folder_length > root->app_length)
		mp_write_str(w, gone->path + root->app_length + 1, gone->folder_length - root->app_length - 1);
	else
		mp_write_str(w, "", 0);
}

/* Asks for the next folders, where they lie below a root that is there. */
static void
ask(Looking *looking)
{
	Asked		asked = {.root = root_of(looking, &looking->gone.list[looking->next]),
	.first = looking->next};
	MpWriter   *w;
	size_t		count;

	if (asked.root == NULL)
	{
		looking->next += gone_names_folder(&looking->gone, looking->next).n;
		return;
	}
	w = probe_request(MP_LIST);
	roots_write_place(looking->roots, asked.root, w);
	count = w->length;
	mp_write_u32(w, 0);
	while (looking->next < looking->gone.n && looking->search->folders_left > 0 &&
		   asked.folders < ASKED_FOLDERS &&
		   root_of(looking, &looking->gone.list[looking->next]) == asked.root)
	{
		write_folder(asked.root, &looking->gone.list[looking->next], w);
		looking->next += gone_names_folder(&looking->gone, looking->next).n;
		looking->search->folders_left--;
		asked.folders++;
	}
	mp_write_u32_at(w, count, asked.folders);
	asked.request = probe_send();
	looking->asked[looking->n_asked++] = asked;
}

static void
take_answer(Looking *looking, ProbeAnswer *answer)
{
	for (int i = 0; i < looking->n_asked; i++)
	{
		Asked		asked = looking->asked[i];

		if (asked.request != answer->request)
			continue;
		looking->asked[i] = looking->asked[--looking->n_asked];
		read_listings(looking, &asked, &answer->body);
		probe_answer_done(answer);
		return;
	}
	probe_malformed();
}

static void
list_folders(Looking *looking)
{
	ProbeAnswer answer;

	for (;;)
	{
		while (looking->next < looking->gone.n && looking->n_asked < MAX_ASKED &&
			   looking->search->folders_left > 0)
			ask(looking);
		if (looking->n_asked == 0)
			return;
		if (probe_wait(&answer) == PROBE_ANSWER)
			take_answer(looking, &answer);
		else
			while (looking->n_asked > 0)
				roots_doubt(looking->asked[--looking->n_asked].root, MP_TIMED_OUT, 0);
	}
}

/* What C can't compare. */
static void
ask_database(Looking *looking)
{
	Arguments	a = {0};

	if (looking->odd_here->n_rows == 0)
		return;
	argument_columns(&a, looking->odd_gone);
	argument_columns(&a, looking->odd_here);
	call_as_owner("SELECT twins.row::int8, twins.twin"
				  "  FROM missing_photos.twins($1, $2, $3, $4, $5) AS twins", &a);
	for (uint64 i = 0; i < SPI_processed; i++)
		if (looking->twins[result_int8(i, 1)] == NULL)
			looking->twins[result_int8(i, 1)] = result_text(i, 2);
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
	Looking    *looking;

	if (search->folders_left == 0 || (*rows)->n_rows == 0)
		return;
	looking = palloc0(sizeof(Looking));
	looking->search = search;
	looking->roots = roots;
	looking->twins = palloc0((*rows)->n_rows * sizeof(char *));
	looking->odd_gone = columns_make(CurrentMemoryContext, GONE_COLUMNS, gone_types);
	looking->odd_here = columns_make(CurrentMemoryContext, HERE_COLUMNS, here_types);
	collect_gone(looking, *rows);
	list_folders(looking);
	ask_database(looking);
	for (int i = 0; i < (*rows)->n_rows; i++)
		if (looking->twins[i] != NULL)
		{
			*rows = with_reasons(*rows, looking->twins);
			break;
		}
}
