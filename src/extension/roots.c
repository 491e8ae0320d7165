/* roots.c: the registered roots, and which of them a path belongs to; see roots.h. */
#include "postgres.h"

#include "executor/spi.h"

#include "reasons.h"
#include "roots.h"
#include "sql_calls.h"

static void
load_root(Root *root, uint64 row)
{
	root->name = result_text(row, 1);
	root->app_path = pstrdup(root->name);
	root->app_length = strlen(root->app_path);
	while (root->app_length > 0 && root->app_path[root->app_length - 1] == '/')
		root->app_path[--root->app_length] = '\0';
	root->server_path = result_text(row, 2);
	root->expected.fs_magic = result_int8(row, 3);
	root->expected.fsid = result_int8(row, 4);
	root->expected.inode = result_int8(row, 5);
	root->verdict = MP_PRESENT;
}

RootTable *
roots_load(void)
{
	RootTable  *table = palloc0(sizeof(RootTable));
	Arguments	none = {0};

	call_as_owner("SELECT app_path, server_path, fs_magic, fsid, inode"
				  "  FROM missing_photos.registered_root"
				  " ORDER BY length(rtrim(app_path, '/')) DESC", &none);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no root is registered, so no file may be read"),
				 errhint("Say where the photos are: SELECT missing_photos.add_root('/data'), or "
						 "add_root('/data', '/mnt/photos') when the server finds them elsewhere.")));
	table->n = SPI_processed;
	table->roots = palloc0(table->n * sizeof(Root));
	for (int i = 0; i < table->n; i++)
		load_root(&table->roots[i], i);
	return table;
}

Root *
roots_find(const RootTable *table, const char *path, size_t length)
{
	for (int i = 0; i < table->n; i++)
	{
		Root	   *root = &table->roots[i];

		if (length > root->app_length && path[root->app_length] == '/' &&
			memcmp(path, root->app_path, root->app_length) == 0)
			return root;
	}
	return NULL;
}

void
roots_write_place(const RootTable *table, const Root *root, MpWriter *w)
{
	mp_write_str(w, root->server_path, strlen(root->server_path));
	mp_write_u32(w, table->n - 1);
	for (int i = 0; i < table->n; i++)
	{
		const Root *other = &table->roots[i];

		if (other != root)
			mp_write_str(w, other->server_path, strlen(other->server_path));
	}
}

void
roots_doubt(Root *root, MpReason reason, int err)
{
	if (root->verdict == MP_UNREACHABLE)
		return;
	root->looked_at = true;
	root->verdict = MP_UNREACHABLE;
	root->reason = reason;
	root->err = err;
}

bool
roots_judge(Root *root, const MpRootReport *report)
{
	root->looked_at = true;
	if (report->verdict != MP_PRESENT)
		roots_doubt(root, report->reason, report->err);
	else if (report->fs_magic != root->expected.fs_magic ||
			 report->inode != root->expected.inode ||
			 (report->fsid != 0 && root->expected.fsid != 0 &&
			  report->fsid != root->expected.fsid))
		roots_doubt(root, MP_ROOT_REPLACED, 0);
	else if (report->empty)
		roots_doubt(root, MP_ROOT_EMPTY, 0);
	return root->verdict == MP_PRESENT;
}

void
roots_record(const RootTable *table, bool after_scan)
{
	for (int i = 0; i < table->n; i++)
	{
		const Root *root = &table->roots[i];
		Arguments	a = {0};

		if (!root->looked_at)
			continue;
		argument_text(&a, root->name);
		argument_text(&a, verdict_name(root->verdict));
		argument_text(&a, reason_text(root->reason, root->err));
		argument_bool(&a, after_scan);
		call_as_owner("SELECT missing_photos.record_root_state($1, $2, $3, $4)", &a);
	}
}
