/*
 * owner_lock.c: one job per owner at a time; see owner_lock.h.
 *
 * An advisory lock in a class of its own: the SQL functions for advisory locks use classes 1 and 2,
 * so no application can hold ours by accident.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"

#include "compat.h"
#include "owner_lock.h"

#define LOCK_CLASS 3

static void
make_tag(LOCKTAG *tag, const char *owner)
{
	uint64		key = hash_bytes_extended((const unsigned char *) owner, strlen(owner), 0x6d70);

	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, (uint32) (key >> 32), (uint32) key, LOCK_CLASS);
}

pg_noreturn static void
refuse(const char *owner)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("another job of owner \"%s\" is running", owner),
			 errhint("Wait for it to end, or cancel it.")));
}

void
owner_lock_take(const char *owner, bool for_session)
{
	LOCKTAG		tag;

	make_tag(&tag, owner);
	if (LockAcquire(&tag, ExclusiveLock, for_session, true) == LOCKACQUIRE_NOT_AVAIL)
		refuse(owner);
}

bool
owner_lock_try(const char *owner)
{
	LOCKTAG		tag;

	make_tag(&tag, owner);
	return LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
}

void
owner_lock_release(const char *owner)
{
	LOCKTAG		tag;

	make_tag(&tag, owner);
	(void) LockRelease(&tag, ExclusiveLock, true);
}

void
owner_lock_keep(const char *owner)
{
	LOCKTAG		tag;

	make_tag(&tag, owner);
	switch (LockAcquire(&tag, ExclusiveLock, true, true))
	{
		case LOCKACQUIRE_NOT_AVAIL:
			refuse(owner);
			break;
		case LOCKACQUIRE_OK:
			break;				/* it was lost, and is ours again */
		case LOCKACQUIRE_ALREADY_HELD:
		case LOCKACQUIRE_ALREADY_CLEAR:
			(void) LockRelease(&tag, ExclusiveLock, true);
			break;
	}
}
