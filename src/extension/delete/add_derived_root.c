/*
 * add_derived_root.c: registering a folder below which derived files may be removed.
 *
 * Who may call it is a matter of EXECUTE (superusers and pg_write_server_files).  The server's own
 * files are out of bounds, and so are the roots of the library: a folder that holds originals holds
 * nothing that could be made again.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "add_root.h"
#include "probe_client.h"
#include "sql_calls.h"

PG_FUNCTION_INFO_V1(missing_photos_add_derived_root);

static void
require_arguments(FunctionCallInfo fcinfo)
{
	for (int i = 0; i < 3; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("app_path, server_path and marker must not be null"),
					 errhint("Make an empty file in the folder and give its name as marker: a folder "
							 "without it, such as the place of a disk that isn't mounted, is left alone.")));
}

/* A root that is out of reach is known by its path alone. */
static bool
overlaps(const RootFacts *facts, const char *server_path, const char *root)
{
	RootFacts	theirs = {0};
	bool		there = root_ask(root, NULL, &theirs) && theirs.report.verdict == MP_PRESENT;
	const char *folder = there ? theirs.canonical : root;
	const char *ours = there ? facts->canonical : server_path;

	return root_lies_within(ours, folder) || root_lies_within(folder, ours);
}

static void
refuse_library_root(const RootFacts *facts, const char *server_path, const char *root)
{
	if (overlaps(facts, server_path, root))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("derived root \"%s\" overlaps the library's root \"%s\"", server_path, root),
				 errhint("Register the folder that holds nothing but what the application made itself, "
						 "such as its thumbnails.")));
}

static void
refuse_library_roots(const RootFacts *facts, const char *server_path)
{
	Arguments	none = {0};
	uint64		n;
	char	  **roots;

	call_as_owner("SELECT server_path FROM missing_photos.registered_root ORDER BY 1", &none);
	n = SPI_processed;
	roots = palloc((n + 1) * sizeof(char *));
	for (uint64 i = 0; i < n; i++)
		roots[i] = result_text(i, 1);
	for (uint64 i = 0; i < n; i++)
		refuse_library_root(facts, server_path, roots[i]);
}

/* The other way round, for add_root. */
void
root_refuse_derived_roots(const RootFacts *facts, const char *server_path)
{
	Arguments	none = {0};
	uint64		n;
	char	  **roots;

	call_as_owner("SELECT server_path FROM missing_photos.derived_root ORDER BY 1", &none);
	n = SPI_processed;
	roots = palloc((n + 1) * sizeof(char *));
	for (uint64 i = 0; i < n; i++)
		roots[i] = result_text(i, 1);
	for (uint64 i = 0; i < n; i++)
		if (overlaps(facts, server_path, roots[i]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("root \"%s\" overlaps the derived root \"%s\"", server_path, roots[i]),
					 errdetail("Files below a derived root may be removed."),
					 errhint("missing_photos.remove_derived_root(app_path) forgets it.")));
}

Datum
missing_photos_add_derived_root(PG_FUNCTION_ARGS)
{
	Arguments	a = {0};
	RootFacts	facts;
	char	   *app_path;
	char	   *server_path;
	char	   *marker;

	require_arguments(fcinfo);
	app_path = root_path_argument(fcinfo, 0, "app_path");
	server_path = root_path_argument(fcinfo, 1, "server_path");
	marker = root_marker_argument(fcinfo, 2);
	SPI_connect();
	probe_confine(0, NULL);
	root_ask_facts(server_path, marker, &facts);
	root_refuse_server_files(&facts);
	refuse_library_roots(&facts, server_path);
	argument_text(&a, app_path);
	argument_text(&a, server_path);
	argument_text(&a, marker);
	argument_text(&a, GetUserNameFromId(GetUserId(), false));
	call_as_owner("SELECT missing_photos.store_derived_root($1, $2, $3, $4)", &a);
	SPI_finish();
	PG_RETURN_VOID();
}
