/* derived.c: see derived.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"

#include "derived.h"
#include "judge.h"
#include "probe_client.h"

enum
{
	MADE_PATH, MADE_ABSENT, MADE_SIZE, MADE_MTIME, MADE_COLUMNS
};

static void
confine_probe(const RootTable *roots, const RootTable *derived)
{
	const char **paths = palloc((roots->n + derived->n) * sizeof(char *));

	for (int i = 0; i < roots->n; i++)
		paths[i] = roots->roots[i].server_path;
	for (int i = 0; i < derived->n; i++)
		paths[roots->n + i] = derived->roots[i].server_path;
	probe_confine(roots->n + derived->n, paths);
	pfree(paths);
}

static void
load_root(Root *root, uint64 row)
{
	root->name = result_text(row, 1);
	root->app_path = result_text(row, 2);
	root->app_length = strlen(root->app_path);
	root->server_path = result_text(row, 3);
	root->marker = result_text(row, 4);
	root->verdict = MP_PRESENT;
}

DerivedFiles *
derived_load(const RootTable *roots)
{
	DerivedFiles    *derived = palloc0(sizeof(DerivedFiles));
	Arguments	none = {0};

	derived->roots = palloc0(sizeof(RootTable));
	call_as_owner("SELECT app_path, rtrim(app_path, '/'), server_path, marker"
				  "  FROM missing_photos.derived_root"
				  " ORDER BY length(rtrim(app_path, '/')) DESC, app_path", &none);
	derived->roots->n = SPI_processed;
	derived->roots->roots = palloc0((SPI_processed + 1) * sizeof(Root));
	for (int i = 0; i < derived->roots->n; i++)
		load_root(&derived->roots->roots[i], i);
	if (derived->roots->n > 0)
		confine_probe(roots, derived->roots);
	return derived;
}

/* A derived root is known by its marker alone. */
void
derived_look_at_roots(DerivedFiles *derived)
{
	for (int i = 0; i < derived->roots->n; i++)
	{
		Root	   *root = &derived->roots->roots[i];

		if (!root_ask(root->server_path, root->marker, &root->facts))
			roots_doubt(root, MP_TIMED_OUT, 0);
		else if (root->facts.report.verdict != MP_PRESENT)
			roots_doubt(root, root->facts.report.reason, root->facts.report.err);
		root->looked_at = true;
	}
}

void
derived_ask(DerivedFiles *derived, Datum photos)
{
	static const Oid types[MADE_COLUMNS] = {TEXTOID, BOOLOID, INT8OID, INT8OID};
	Arguments	a = {0};

	derived->files = columns_make(CurrentMemoryContext, MADE_COLUMNS, types);
	if (derived->roots->n == 0)
		return;
	argument_datum(&a, TEXTARRAYOID, photos);
	call_as_caller("SELECT DISTINCT d.path FROM missing_photos.library_derived($1) AS d"
				   " WHERE d.path IS NOT NULL", &a);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		columns_add_row(derived->files);
		columns_set_cstring(derived->files, MADE_PATH, result_text(i, 1));
	}
}

/* What can't be told stays unknown; the drainer is careful with it. */
static void
take_file(void *arg, const FileRow *row, const Judgement *judgement)
{
	Columns    *seen = arg;

	columns_add_row(seen);
	columns_set_text(seen, MADE_PATH, row->path, row->path_length);
	columns_set_bool(seen, MADE_ABSENT, judgement->verdict == MP_MISSING);
	if (judgement->verdict != MP_PRESENT || judgement->identity == NULL)
		return;
	columns_set_int8(seen, MADE_SIZE, judgement->identity->size);
	columns_set_int8(seen, MADE_MTIME, judgement->identity->mtime_ns);
}

void
derived_look(DerivedFiles *derived)
{
	Columns    *asked = derived->files;
	Columns    *seen;
	Judge	   *judge;

	if (asked->n_rows == 0)
		return;
	seen = columns_make(CurrentMemoryContext, MADE_COLUMNS, asked->types);
	judge = judge_make(CurrentMemoryContext, derived->roots, JUDGE_ALL, take_file, seen);
	for (int i = 0; i < asked->n_rows; i++)
	{
		text	   *path = DatumGetTextPP(asked->values[MADE_PATH][i]);
		FileRow		row = {.photo = "", .file = ""};

		row.path = VARDATA_ANY(path);
		row.path_length = VARSIZE_ANY_EXHDR(path);
		judge_add(judge, &row);
	}
	judge_finish(judge);
	judge_free(judge);
	derived->files = seen;
}

int64
derived_queue(DerivedFiles *derived, Datum job_id, const char *owner, Datum photos)
{
	static const Oid types[4] = {TEXTOID, TEXTOID, INT8OID, INT8OID};
	Columns    *files;
	Arguments	ask = {0};
	Arguments	a = {0};

	if (derived->roots->n == 0)
		return 0;
	argument_datum(&ask, TEXTARRAYOID, photos);
	argument_columns(&ask, derived->files);
	/* Asked again: something may have been made since.  -1: not known. */
	call_as_caller("SELECT d.path, d.hash, COALESCE(s.size, -1), s.mtime"
				   "  FROM missing_photos.library_derived($1) AS d"
				   "  LEFT JOIN ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3),"
				   "                       pg_catalog.unnest($4), pg_catalog.unnest($5))"
				   "            AS s(path, absent, size, mtime)"
				   "    ON s.path OPERATOR(pg_catalog.=) d.path"
				   " WHERE d.path IS NOT NULL AND s.absent IS NOT TRUE", &ask);
	files = columns_make(CurrentMemoryContext, 4, types);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		columns_add_row(files);
		columns_set_cstring(files, 0, result_text(i, 1));
		columns_set_cstring(files, 1, result_text(i, 2));
		if (result_int8(i, 3) < 0)
			continue;
		columns_set_int8(files, 2, result_int8(i, 3));
		columns_set_int8(files, 3, result_int8(i, 4));
	}
	argument_datum(&a, UUIDOID, job_id);
	argument_text(&a, owner);
	argument_columns(&a, files);
	call_as_owner("SELECT missing_photos.queue_deletions($1, $2, $3, $4, $5, $6)", &a);
	return result_int8(0, 1);
}
