/* roots.c: the registered roots and what a verb may believe of them; see roots.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "probe_client.h"
#include "reasons.h"
#include "roots.h"
#include "settings.h"
#include "sql_calls.h"

/* The mount at a path below the root; a new one when there was none. */
static RootMount *
mount_at(Root *root, const char *path)
{
	RootMount  *mount;

	for (int i = 0; i < root->n_mounts; i++)
		if (strcmp(root->mounts[i].path, path) == 0)
			return &root->mounts[i];
	if (root->mounts == NULL)
		root->mounts = palloc(sizeof(RootMount));
	else
		root->mounts = repalloc(root->mounts, (root->n_mounts + 1) * sizeof(RootMount));
	mount = &root->mounts[root->n_mounts++];
	memset(mount, 0, sizeof(*mount));
	mount->path = pstrdup(path);
	mount->length = strlen(path);
	return mount;
}

static Datum *
load_texts(uint64 row, int column, int *n)
{
	bool		isnull;
	Datum		array = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);
	Datum	   *values;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT,
					  &values, NULL, n);
	return values;
}

static void
load_mounts(Root *root, uint64 row, int column)
{
	int			n;
	int			n_mounted;
	Datum	   *paths = load_texts(row, column, &n);
	Datum	   *mounted = load_texts(row, column + 1, &n_mounted);

	for (int i = 0; i < Min(n, n_mounted); i++)
		mount_at(root, TextDatumGetCString(paths[i]))->registered = TextDatumGetCString(mounted[i]);
}

static void
load_root(Root *root, uint64 row)
{
	root->name = result_text(row, 1);
	root->app_path = pstrdup(root->name);
	root->app_length = strlen(root->app_path);
	while (root->app_length > 0 && root->app_path[root->app_length - 1] == '/')
		root->app_path[--root->app_length] = '\0';
	root->server_path = result_text(row, 2);
	root->marker = result_text(row, 3);
	root->fs_source = result_text(row, 4);
	root->expected.fs_magic = result_int8(row, 5);
	root->expected.fsid = result_int8(row, 6);
	root->expected.inode = result_int8(row, 7);
	load_mounts(root, row, 8);
	root->verdict = MP_PRESENT;
	/* It gave no answer a moment ago; asking again would only make one more session wait. */
	if (result_bool(row, 10))
		roots_doubt(root, MP_TIMED_OUT, 0);
	root->looked_at = false;
	root->timed_out = false;
}

/* The probe may read what lies below the roots, and nothing else. */
static void
confine_probe(const RootTable *table)
{
	const char **paths = palloc(table->n * sizeof(char *));

	for (int i = 0; i < table->n; i++)
		paths[i] = table->roots[i].server_path;
	probe_confine(table->n, paths);
	pfree(paths);
}

RootTable *
roots_load(void)
{
	RootTable  *table = palloc0(sizeof(RootTable));
	Arguments	none = {0};

	call_as_owner("SELECT app_path, server_path, marker, fs_source, fs_magic, fsid, inode, mounts,"
				  "       mounted, COALESCE(retry_at > clock_timestamp(), false)"
				  "  FROM missing_photos.registered_root"
				  " ORDER BY length(rtrim(app_path, '/')) DESC, app_path", &none);
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
	confine_probe(table);
	return table;
}

/* Whether path is folder or lies below it; both without a slash at the end. */
static bool
lies_below(const char *path, size_t path_length, const char *folder, size_t folder_length)
{
	return path_length > folder_length && path[folder_length] == '/' &&
		memcmp(path, folder, folder_length) == 0;
}

Root *
roots_find(const RootTable *table, const char *path, size_t length)
{
	for (int i = 0; i < table->n; i++)
	{
		Root	   *root = &table->roots[i];

		if (lies_below(path, length, root->app_path, root->app_length))
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
	root->timed_out = reason == MP_TIMED_OUT;
	root->verdict = MP_UNREACHABLE;
	root->reason = reason;
	root->err = err;
}

/*
 * Whether a root is what was registered.  Without a file system id (FUSE has none, and one inode
 * number for all its roots) the source has to do.
 */
static bool
is_registered(const Root *root, const RootFacts *facts)
{
	const MpRootReport *report = &facts->report;

	if (report->fs_magic != root->expected.fs_magic || report->inode != root->expected.inode)
		return false;
	if (report->fsid != 0 || root->expected.fsid != 0)
		return report->fsid == root->expected.fsid;
	return strcmp(facts->fs_source, root->fs_source) == 0;
}

static bool
is_odd(const RootMount *mount)
{
	return mount->registered == NULL || mount->found == NULL ||
		strcmp(mount->registered, mount->found) != 0;
}

/* Of several mounts at one place the last covers the others. */
static void
find_mounts(Root *root)
{
	for (int i = 0; i < root->facts.n_mounts; i++)
		mount_at(root, root->facts.mounts[i])->found = root->facts.mounted[i];
	for (int i = 0; i < root->n_mounts; i++)
		root->odd_mounts |= is_odd(&root->mounts[i]);
}

/*
 * A probe confined to a folder can't read what is mounted there later, so a probe that was started
 * before the mounts changed is replaced.
 */
static bool
ask_fresh_probe(Root *root)
{
	const MpRootReport *report = &root->facts.report;

	for (int i = 0; i < 2; i++)
	{
		if (!root_ask(root->server_path, root->marker, &root->facts))
			return false;
		if (probe_remember(root->server_path, report->device ^ report->mount_id ^ report->mounts))
			break;
		probe_abandon();
	}
	return true;
}

void
roots_look(Root *root)
{
	const MpRootReport *report = &root->facts.report;

	if (root->looked_at || root->verdict != MP_PRESENT)
		return;
	root->looked_at = true;
	if (!ask_fresh_probe(root))
		roots_doubt(root, MP_TIMED_OUT, 0);
	else if (report->verdict != MP_PRESENT)
		roots_doubt(root, report->reason, report->err);
	else if (!is_registered(root, &root->facts))
		roots_doubt(root, MP_ROOT_REPLACED, 0);
	else if (report->empty && report->fsid == 0)
		/* It looks like itself, but so would the place where it isn't mounted. */
		roots_doubt(root, MP_ROOT_EMPTY, 0);
	else
		find_mounts(root);
}

void
roots_accept(Root *root)
{
	Assert(root->reason == MP_ROOT_REPLACED);
	root->verdict = MP_PRESENT;
	root->reason = MP_OK;
	root->expected = root->facts.report;
	/* Its files prove nothing of the mounts below it: each has its own to answer for. */
	find_mounts(root);
}

bool
roots_judge(Root *root, const MpRootReport *report)
{
	const MpRootReport *first = &root->facts.report;

	Assert(root->looked_at);
	if (report->verdict != MP_PRESENT)
		roots_doubt(root, report->reason, report->err);
	else if (report->fs_magic != first->fs_magic || report->fsid != first->fsid ||
			 report->inode != first->inode || report->device != first->device ||
			 report->mount_id != first->mount_id || report->mounts != first->mounts)
		roots_doubt(root, MP_ROOT_CHANGED, 0);
	return root->verdict == MP_PRESENT;
}

/* The odd mount a path lies below, or NULL. */
static RootMount *
odd_mount(const Root *root, const char *path, size_t length)
{
	const char *below = path + root->app_length + 1;

	if (!root->odd_mounts)
		return NULL;
	for (int i = 0; i < root->n_mounts; i++)
	{
		RootMount  *mount = &root->mounts[i];

		if (is_odd(mount) &&
			lies_below(below, length - root->app_length - 1, mount->path, mount->length))
			return mount;
	}
	return NULL;
}

void
roots_see(const RootTable *table, const FileRow *row)
{
	const Root *root;
	RootMount  *mount;

	if (row->path == NULL || row->flags != 0)
		return;
	for (int i = 0; i < table->n; i++)
	{
		if (!table->roots[i].odd_mounts)
			continue;
		root = roots_find(table, row->path, row->path_length);
		mount = root == NULL ? NULL : odd_mount(root, row->path, row->path_length);
		if (mount != NULL)
			mount->files++;
		return;
	}
}

void
roots_conclude(const RootTable *table, const FileRow *row, Judgement *judgement)
{
	const Root *root;
	RootMount  *mount;

	if (judgement->root < 0)
		return;
	root = &table->roots[judgement->root];
	if (root->verdict != MP_PRESENT)
	{
		judgement->verdict = MP_UNREACHABLE;
		judgement->reason = root->reason;
		judgement->err = root->err;
		judgement->identity = NULL;
		return;
	}
	mount = judgement->verdict == MP_MISSING ? odd_mount(root, row->path, row->path_length) : NULL;
	if (mount == NULL)
		return;
	mount->missing++;
	judgement->verdict = MP_UNREACHABLE;
	judgement->reason = mount->found == NULL ? MP_MOUNT_ABSENT :
		mount->registered == NULL ? MP_MOUNT_NEW : MP_MOUNT_REPLACED;
}

static Columns *
mount_columns(void)
{
	static const Oid types[2] = {TEXTOID, TEXTOID};

	return columns_make(CurrentMemoryContext, 2, types);
}

static void
add_mount(Columns *columns, const char *path, const char *mounted)
{
	columns_add_row(columns);
	columns_set_cstring(columns, 0, path);
	columns_set_cstring(columns, 1, mounted);
}

/* The last mount at a place covers the others. */
static bool
is_covered(const RootFacts *facts, int number)
{
	for (int i = number + 1; i < facts->n_mounts; i++)
		if (strcmp(facts->mounts[i], facts->mounts[number]) == 0)
			return true;
	return false;
}

void
roots_argument_mounts(Arguments *a, const RootFacts *facts)
{
	Columns    *columns = mount_columns();

	for (int i = 0; i < facts->n_mounts; i++)
		if (!is_covered(facts, i))
			add_mount(columns, facts->mounts[i], facts->mounted[i]);
	argument_columns(a, columns);
}

bool
roots_others_have_files(const Root *root, const char *below, const char *owner)
{
	Arguments	a = {0};

	argument_text(&a, owner);
	argument_text(&a, psprintf("%s/%s", root->app_path, below));
	call_as_owner("SELECT missing_photos.others_know_folder($1, $2)", &a);
	if (result_bool(0, 1))
		return true;
	call_as_caller("SELECT EXISTS (SELECT FROM missing_photos.library_owners() AS o"
				   " CROSS JOIN LATERAL missing_photos.library_files(o.owner) AS f"
				   " WHERE o.owner OPERATOR(pg_catalog.<>) $1"
				   "   AND pg_catalog.starts_with(f.path, $2))", &a);
	return result_bool(0, 1);
}

/*
 * Whether what is mounted now may be registered: all files below it were found.  Those of one owner
 * tell nothing of another's: a photo uploaded into the folder of a disk that has dropped out is
 * found, and would turn everything on the disk into losses.
 */
static bool
is_settled(const Root *root, const RootMount *mount, const char *owner)
{
	return is_odd(mount) && mount->files > 0 && mount->missing == 0 &&
		!roots_others_have_files(root, psprintf("%s/", mount->path), owner);
}

/*
 * The mounts to be registered from now on.  An odd one below which nothing was seen, or something was
 * missed, stays as it was.
 */
static void
argument_settled_mounts(Arguments *a, const Root *root, const char *owner)
{
	Columns    *columns = mount_columns();

	for (int i = 0; i < root->n_mounts; i++)
	{
		const RootMount *mount = &root->mounts[i];
		const char *mounted = owner != NULL && is_settled(root, mount, owner) ?
			mount->found : mount->registered;

		if (mounted != NULL)
			add_mount(columns, mount->path, mounted);
	}
	argument_columns(a, columns);
}

void
roots_record(const RootTable *table, const char *scanned_owner)
{
	bool		after_scan = scanned_owner != NULL;

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
		argument_int8(&a, root->timed_out ? setting_probe_retry : 0);
		argument_settled_mounts(&a, root, scanned_owner);
		if (!after_scan || root->verdict != MP_PRESENT || !root->odd_mounts)
			a.nulls[a.n - 1] = a.nulls[a.n - 2] = 'n';
		call_as_owner("SELECT missing_photos.record_root_state($1, $2, $3, $4, $5, $6, $7)", &a);
	}
}
