/*
 * add_root.c: registering a root.
 *
 * Who may call it is a matter of EXECUTE (superusers and pg_read_server_files), for a root lets
 * others learn what lies below it.  The data directory and its tablespaces are out of bounds for
 * everybody: their file names would be somebody's way into the database.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "probe_client.h"
#include "reasons.h"
#include "roots.h"
#include "sql_calls.h"

PG_FUNCTION_INFO_V1(missing_photos_add_root);

typedef struct RootFacts
{
	MpRootReport report;
	char	   *canonical;		/* the path without symbolic links */
	char	   *fs_type;
	char	   *fs_source;
} RootFacts;

static char *
path_argument(FunctionCallInfo fcinfo, int argument, const char *name)
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

static char *
message_text(MpReader *reader)
{
	MpStr		s = mp_read_str(reader, MP_MAX_PATH);

	return s.data == NULL ? pstrdup("") : pnstrdup(s.data, s.length);
}

static void
read_facts(MpReader *reader, RootFacts *facts)
{
	uint32		n;

	mp_read_root_report(reader, &facts->report);
	facts->canonical = message_text(reader);
	facts->fs_type = message_text(reader);
	facts->fs_source = message_text(reader);
	n = mp_read_count(reader, 8);
	for (uint32 i = 0; i < n; i++)
	{
		(void) mp_read_str(reader, MP_MAX_PATH);
		(void) mp_read_str(reader, MP_MAX_PATH);
	}
	if (!mp_read_done(reader))
		probe_malformed();
}

static void
ask_facts(const char *server_path, RootFacts *facts)
{
	MpWriter   *w = probe_request(MP_ROOT);
	ProbeAnswer answer;

	mp_write_str(w, server_path, strlen(server_path));
	mp_write_u32(w, 0);
	(void) probe_send();
	if (probe_wait(&answer) != PROBE_ANSWER)
		ereport(ERROR,
				(errcode(ERRCODE_IO_ERROR),
				 errmsg("root \"%s\" gave no answer in time", server_path),
				 errhint("See setting missing_photos.probe_timeout.")));
	read_facts(&answer.body, facts);
	probe_answer_done(&answer);
	if (facts->report.verdict != MP_PRESENT)
		ereport(ERROR,
				(errcode(facts->report.reason == MP_ROOT_ABSENT ? ERRCODE_UNDEFINED_FILE :
						 ERRCODE_IO_ERROR),
				 errmsg("root \"%s\" can't be used: %s", server_path,
						reason_text(facts->report.reason, facts->report.err)),
				 errhint("Give the folder as the database server sees it as the second argument; "
						 "in a container it must be mounted there, read-only will do.")));
}

static bool
lies_within(const char *path, const char *folder)
{
	size_t		length = strlen(folder);

	return strncmp(path, folder, length) == 0 &&
		(path[length] == '/' || path[length] == '\0' || (length == 1 && folder[0] == '/'));
}

static void
refuse_overlap(const RootFacts *facts, const char *folder)
{
	RootFacts	theirs = {0};

	ask_facts(folder, &theirs);
	if (lies_within(facts->canonical, theirs.canonical) ||
		lies_within(theirs.canonical, facts->canonical))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("root \"%s\" overlaps the server's own files in \"%s\"",
						facts->canonical, theirs.canonical),
				 errhint("Register the folder the photos are in, not one above it.")));
}

static void
refuse_server_files(const RootFacts *facts)
{
	Arguments	none = {0};
	uint64		n;
	char	  **locations;

	refuse_overlap(facts, DataDir);
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
store_root(const char *app_path, const char *server_path, const RootFacts *facts)
{
	Arguments	a = {0};

	argument_text(&a, app_path);
	argument_text(&a, server_path);
	argument_text(&a, facts->fs_type);
	argument_text(&a, facts->fs_source);
	argument_int8(&a, facts->report.fs_magic);
	argument_int8(&a, facts->report.fsid);
	argument_int8(&a, facts->report.inode);
	argument_text(&a, GetUserNameFromId(GetUserId(), false));
	call_as_owner("SELECT missing_photos.store_root($1, $2, $3, $4, $5, $6, $7, $8)", &a);
}

Datum
missing_photos_add_root(PG_FUNCTION_ARGS)
{
	char	   *app_path;
	char	   *server_path;
	RootFacts	facts = {0};

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("app_path must not be null")));
	app_path = path_argument(fcinfo, 0, "app_path");
	server_path = PG_ARGISNULL(1) ? app_path : path_argument(fcinfo, 1, "server_path");
	SPI_connect();
	ask_facts(server_path, &facts);
	refuse_server_files(&facts);
	store_root(app_path, server_path, &facts);
	SPI_finish();
	PG_RETURN_VOID();
}
