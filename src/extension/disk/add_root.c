/*
 * add_root.c: registering a root.
 *
 * Who may call it is a matter of EXECUTE (superusers and pg_read_server_files), for a root lets
 * others learn what lies below it.  The server's own files (data directory, WAL, tablespaces, logs,
 * configuration) are out of bounds for everybody: their names would be somebody's way into the
 * database.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "postmaster/syslogger.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "add_root.h"
#include "probe_client.h"
#include "reasons.h"
#include "root_facts.h"
#include "roots.h"
#include "settings.h"
#include "sql_calls.h"

PG_FUNCTION_INFO_V1(missing_photos_add_root);
PG_FUNCTION_INFO_V1(missing_photos_accept_root);

char *
root_path_argument(FunctionCallInfo fcinfo, int argument, const char *name)
{
	char	   *path = text_to_cstring(PG_GETARG_TEXT_PP(argument));

	if (path[0] != '/' || strstr(path, "/../") != NULL || strlen(path) > MP_MAX_PATH ||
		(strlen(path) >= 3 && strcmp(path + strlen(path) - 3, "/..") == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be an absolute path without \"..\": \"%s\"", name, path),
				 errhint("For example missing_photos.add_root('/data', '/mnt/photos').")));
	canonicalize_path(path);
	return path;
}

void
root_ask_facts(const char *server_path, const char *marker, RootFacts *facts)
{
	if (!root_ask(server_path, marker, facts))
		ereport(ERROR,
				(errcode(ERRCODE_IO_ERROR),
				 errmsg("root \"%s\" gave no answer in time", server_path),
				 errhint("See setting missing_photos.probe_timeout.")));
	if (facts->report.verdict != MP_PRESENT)
		ereport(ERROR,
				(errcode(facts->report.reason == MP_ROOT_ABSENT ||
						 facts->report.reason == MP_MARKER_ABSENT ? ERRCODE_UNDEFINED_FILE :
						 ERRCODE_IO_ERROR),
				 errmsg("root \"%s\" can't be used: %s", server_path,
						reason_text(facts->report.reason, facts->report.err)),
				 facts->report.reason == MP_MARKER_ABSENT ?
				 errhint("Make an empty file \"%s\" in it, or leave marker out.", marker) :
				 errhint("Give the folder as the database server sees it as the second argument; "
						 "in a container it must be mounted there, read-only will do.")));
}

bool
root_lies_within(const char *path, const char *folder)
{
	size_t		length = strlen(folder);

	return strncmp(path, folder, length) == 0 &&
		(path[length] == '/' || path[length] == '\0' || (length == 1 && folder[0] == '/'));
}

static void
refuse_overlap(const RootFacts *facts, const char *folder)
{
	RootFacts	theirs = {0};

	/* No logs were ever written, say; or a service that can't see the folder can't tell of it. */
	if (root_ask(folder, NULL, &theirs) &&
		(theirs.report.reason == MP_ROOT_ABSENT ||
		 (theirs.report.reason == MP_NO_PERMISSION && setting_probe_socket[0] != '\0')))
		return;
	root_ask_facts(folder, NULL, &theirs);
	if (root_lies_within(facts->canonical, theirs.canonical) ||
		root_lies_within(theirs.canonical, facts->canonical))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("root \"%s\" overlaps the server's own files in \"%s\"",
						facts->canonical, theirs.canonical),
				 errhint("Register the folder the photos are in, not one above it.")));
}

/* A folder below the data directory, or elsewhere: each may be a symbolic link or a setting. */
static char *
data_folder(const char *name)
{
	return is_absolute_path(name) ? pstrdup(name) : psprintf("%s/%s", DataDir, name);
}

static void
refuse_configuration(const RootFacts *facts)
{
	const char *const files[] = {ConfigFileName, HbaFileName, IdentFileName};

	for (size_t i = 0; i < lengthof(files); i++)
	{
		char	   *folder = data_folder(files[i]);

		get_parent_directory(folder);
		refuse_overlap(facts, folder);
	}
}

void
root_refuse_server_files(const RootFacts *facts)
{
	Arguments	none = {0};
	uint64		n;
	char	  **locations;

	refuse_overlap(facts, DataDir);
	refuse_overlap(facts, data_folder("pg_wal"));
	refuse_overlap(facts, data_folder(Log_directory));
	refuse_configuration(facts);
	call_as_owner("SELECT pg_tablespace_location(oid) FROM pg_tablespace"
				  " WHERE pg_tablespace_location(oid) LIKE '/%'", &none);
	n = SPI_processed;
	locations = palloc((n + 1) * sizeof(char *));
	for (uint64 i = 0; i < n; i++)
		locations[i] = result_text(i, 1);
	for (uint64 i = 0; i < n; i++)
		refuse_overlap(facts, locations[i]);
}

static void
store_root(const char *app_path, const char *server_path, const char *marker,
		   const RootFacts *facts)
{
	Arguments	a = {0};

	argument_text(&a, app_path);
	argument_text(&a, server_path);
	argument_text(&a, marker);
	argument_text(&a, facts->fs_type);
	argument_text(&a, facts->fs_source);
	argument_int8(&a, facts->report.fs_magic);
	argument_int8(&a, facts->report.fsid);
	argument_int8(&a, facts->report.inode);
	roots_argument_mounts(&a, facts);
	argument_text(&a, GetUserNameFromId(GetUserId(), false));
	call_as_owner("SELECT missing_photos.store_root($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)", &a);
	if (facts->report.empty)
		ereport(WARNING,
				(errmsg("root \"%s\" is empty", server_path),
				 errhint("If a disk is to be mounted there, mount it and call accept_root.")));
}

/* Looks at a folder and keeps it as a root; the probe isn't confined yet, for it is none. */
static void
register_root(const char *app_path, const char *server_path, const char *marker)
{
	RootFacts	facts;

	probe_confine(0, NULL);
	root_ask_facts(server_path, marker, &facts);
	root_refuse_server_files(&facts);
	root_refuse_derived_roots(&facts, server_path);
	store_root(app_path, server_path, marker, &facts);
}

char *
root_marker_argument(FunctionCallInfo fcinfo, int argument)
{
	char	   *marker;

	if (PG_ARGISNULL(argument))
		return NULL;
	marker = text_to_cstring(PG_GETARG_TEXT_PP(argument));
	if (marker[0] == '\0' || strchr(marker, '/') != NULL || strlen(marker) > MP_MAX_NAME ||
		strcmp(marker, ".") == 0 || strcmp(marker, "..") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("marker must be the name of a file in the root: \"%s\"", marker),
				 errhint("For example missing_photos.add_root('/data', marker => '.library').")));
	return marker;
}

static void
require_app_path(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("app_path must not be null")));
}

Datum
missing_photos_add_root(PG_FUNCTION_ARGS)
{
	char	   *app_path;
	char	   *server_path;
	char	   *marker;

	require_app_path(fcinfo);
	app_path = root_path_argument(fcinfo, 0, "app_path");
	server_path = PG_ARGISNULL(1) ? app_path : root_path_argument(fcinfo, 1, "server_path");
	marker = root_marker_argument(fcinfo, 2);
	SPI_connect();
	register_root(app_path, server_path, marker);
	SPI_finish();
	PG_RETURN_VOID();
}

Datum
missing_photos_accept_root(PG_FUNCTION_ARGS)
{
	char	   *app_path;
	Arguments	a = {0};

	require_app_path(fcinfo);
	app_path = root_path_argument(fcinfo, 0, "app_path");
	SPI_connect();
	argument_text(&a, app_path);
	call_as_owner("SELECT server_path, marker FROM missing_photos.registered_root"
				  " WHERE app_path = $1", &a);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("no root \"%s\" is registered", app_path),
				 errhint("SELECT app_path FROM missing_photos.roots lists them.")));
	register_root(app_path, result_text(0, 1), result_text(0, 2));
	SPI_finish();
	PG_RETURN_VOID();
}
