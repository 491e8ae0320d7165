/*
 * job_lock.c: locks that say who is at work; see job_lock.h.
 *
 * Advisory locks in classes of their own (owner_lock.c has class 3), so that no application can hold
 * one by accident.  Whoever looks whether a lock is held takes it for a moment, shared with others
 * who look; whoever takes it in earnest therefore tries again while all that is in the way is a look.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lock.h"

#include "compat.h"
#include "job_lock.h"
#include "settings.h"

PG_FUNCTION_INFO_V1(missing_photos_job_is_alive);

#define JOB_CLASS 4
#define PLACE_CLASS 5
#define TRIES 50
#define PLACE_TRIES 3
#define PAUSE 1000L				/* microseconds */

static int	my_place = 0;

static void
make_job_tag(LOCKTAG *tag, const pg_uuid_t *job_id)
{
	uint64		key = hash_bytes_extended(job_id->data, UUID_LEN, 0x6d70);

	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, (uint32) (key >> 32), (uint32) key, JOB_CLASS);
}

static bool
try_lock(const LOCKTAG *tag, LOCKMODE mode)
{
	return LockAcquire(tag, mode, true, true) != LOCKACQUIRE_NOT_AVAIL;
}

bool
job_lock_take(const pg_uuid_t *job_id)
{
	LOCKTAG		tag;

	make_job_tag(&tag, job_id);
	for (int i = 0; i < TRIES; i++)
	{
		if (try_lock(&tag, ExclusiveLock))
			return true;
		pg_usleep(PAUSE);
	}
	return false;
}

void
job_lock_release(const pg_uuid_t *job_id)
{
	LOCKTAG		tag;

	make_job_tag(&tag, job_id);
	(void) LockRelease(&tag, ExclusiveLock, true);
}

void
job_lock_keep(const pg_uuid_t *job_id)
{
	LOCKTAG		tag;

	make_job_tag(&tag, job_id);
	if (!lock_held_by_me(&tag, ExclusiveLock))
		(void) try_lock(&tag, ExclusiveLock);
}

static bool
is_held(const LOCKTAG *tag)
{
	/* Our own lock wouldn't be in our way. */
	if (lock_held_by_me(tag, ExclusiveLock))
		return true;
	if (!try_lock(tag, ShareLock))
		return true;
	(void) LockRelease(tag, ShareLock, true);
	return false;
}

bool
job_lock_is_held(const pg_uuid_t *job_id)
{
	LOCKTAG		tag;

	make_job_tag(&tag, job_id);
	return is_held(&tag);
}

static void
make_place_tag(LOCKTAG *tag, int place)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, 0, (uint32) place, PLACE_CLASS);
}

bool
job_lock_take_place(void)
{
	LOCKTAG		tag;

	for (int i = 0; i < PLACE_TRIES; i++)
	{
		for (int place = 0; place < setting_max_workers; place++)
		{
			make_place_tag(&tag, place);
			if (!try_lock(&tag, ExclusiveLock))
				continue;
			my_place = place;
			return true;
		}
		pg_usleep(PAUSE);
	}
	return false;
}

void
job_lock_leave_place(void)
{
	LOCKTAG		tag;

	make_place_tag(&tag, my_place);
	(void) LockRelease(&tag, ExclusiveLock, true);
}

int
job_lock_free_places(void)
{
	int			n = 0;
	LOCKTAG		tag;

	for (int place = 0; place < setting_max_workers; place++)
	{
		make_place_tag(&tag, place);
		if (!is_held(&tag))
			n++;
	}
	return n;
}

/* A standby sees the primary's jobs but not its locks: there it takes the row's word for it. */
Datum
missing_photos_job_is_alive(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(RecoveryInProgress() || job_lock_is_held(PG_GETARG_UUID_P(0)));
}
