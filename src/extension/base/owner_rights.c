/* owner_rights.c: acting as the extension's owner for a moment; see owner_rights.h. */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/syscache.h"

#include "owner_rights.h"

/* The extension's script made schema missing_photos, so their owner is the same. */
static Oid
extension_owner(void)
{
	Oid			schema = get_namespace_oid("missing_photos", false);
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for schema missing_photos");
	owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
	ReleaseSysCache(tuple);
	return owner;
}

void
owner_rights_begin(OwnerRights *saved)
{
	Oid			owner = extension_owner();

	GetUserIdAndSecContext(&saved->caller, &saved->context);
	SetUserIdAndSecContext(owner, saved->context | SECURITY_LOCAL_USERID_CHANGE);
	saved->settings = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

void
owner_rights_end(const OwnerRights *saved)
{
	AtEOXact_GUC(true, saved->settings);
	SetUserIdAndSecContext(saved->caller, saved->context);
}
