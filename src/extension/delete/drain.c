/*
 * drain.c: drain_deletions, which removes the derived files of deleted photos.
 *
 * A file must never go while a row that needs it may live: not when the server crashes, not when
 * the application makes the row anew at that moment.  So a queued name takes several steps, each
 * written to the queue before the next:
 *
 *     queued      nobody uses it, and its deletion can't be undone any more
 *       |         commit, flushed to disk whatever synchronous_commit says: this flushes the deletion
 *       |         too, which no crash can take back from here on
 *     claimed     the probe renames the file within its folder, if it is the one that was queued
 *     aside       wait until every transaction has ended that was running at the rename
 *       |         does anybody use the name now?  commit, flushed as above
 *       |-- yes -> returning   the probe renames it back, unless a new file has the name
 *       `-- no --> dropping    the probe removes it
 *
 * The interleaving this is about:
 *
 *     application                       drainer
 *     inserts the photo again           sees nobody using the thumbnail
 *     finds the thumbnail on disk,
 *     so doesn't make it
 *     commits a row that names it       removes it
 *
 * Here, an application that found the file had written its row before the rename, in a transaction
 * that has ended when the drainer looks again; one that comes later doesn't find the file and makes
 * it.  This holds for an application that writes the photo's row before it looks for its files.
 *
 * A drainer that dies leaves rows between states.  Each act is harmless when done again, so the
 * next drainer takes them up where they are.
 */
#include "postgres.h"

#include <limits.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "compat.h"
#include "derived.h"
#include "library.h"
#include "probe_client.h"
#include "removals.h"
#include "sql_calls.h"

PG_FUNCTION_INFO_V1(missing_photos_drain_deletions);

#define LOCK_CLASS 3			/* as owner_lock.c; no owner's name hashes to this pair alone */
#define PATIENCE_MS 5000		/* for transactions that were running at the renames */
#define FIRST_NAP_MS 5
#define LONGEST_NAP_MS 200

typedef struct Drain
{
	MemoryContext context;		/* of the batch in hand */
	int			batch_size;
	int64		dropped;
	int64		returned;
} Drain;

static void
make_tag(LOCKTAG *tag)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, 0x6d70, 0x6472, LOCK_CLASS);
}

static void
take_lock(void)
{
	LOCKTAG		tag;

	make_tag(&tag);
	if (LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("deletions are being drained by another session")));
}

static void
release_lock(void)
{
	LOCKTAG		tag;

	make_tag(&tag);
	(void) LockRelease(&tag, ExclusiveLock, true);
}

/* Ends the transaction; what it wrote, and all that was committed before it, outlasts a crash. */
static void
commit_flushed(void)
{
	if (synchronous_commit == SYNCHRONOUS_COMMIT_OFF)
		(void) set_config_option("synchronous_commit", "on", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_LOCAL, true, 0, false);
	SPI_commit();
}

/*
 * Which of the rows just picked (id, file, hash) are in use, as a column beside their ids.  The
 * library is read as the caller.  A row that row-level security hides is taken for none; where that
 * must not be it is an error.
 */
static Columns *
find_uses(bool must_see_all)
{
	static const Oid types[2] = {INT8OID, BOOLOID};
	static const Oid asked_types[2] = {TEXTOID, TEXTOID};
	int			n = SPI_processed;
	int64	   *ids = palloc(n * sizeof(int64));
	Columns    *picked = columns_make(CurrentMemoryContext, 2, types);
	Columns    *asked = columns_make(CurrentMemoryContext, 2, asked_types);
	int			nest;
	Arguments	a = {0};

	for (int i = 0; i < n; i++)
	{
		ids[i] = result_int8(i, 1);
		columns_add_row(asked);
		columns_set_cstring(asked, 0, result_text(i, 2));
		columns_set_cstring(asked, 1, result_text(i, 3));
	}
	argument_columns(&a, asked);
	nest = NewGUCNestLevel();
	if (must_see_all)
		(void) set_config_option("row_security", "off", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	call_as_caller("SELECT f.path OPERATOR(pg_catalog.=) ANY (SELECT u.path"
				   "         FROM missing_photos.library_derived_in_use($1, $2) AS u)"
				   "  FROM pg_catalog.unnest($1) WITH ORDINALITY AS f(path, ordinal)"
				   " ORDER BY f.ordinal", &a);
	AtEOXact_GUC(true, nest);
	for (int i = 0; i < n; i++)
	{
		columns_add_row(picked);
		columns_set_int8(picked, 0, ids[i]);
		columns_set_bool(picked, 1, result_bool(i, 1));
	}
	columns_free(asked);
	return picked;
}

void
derived_dequeue(Datum job_id)
{
	Arguments	ask = {0};
	Arguments	a = {0};

	argument_datum(&ask, UUIDOID, job_id);
	call_as_owner("SELECT id, file, hash FROM missing_photos.queued_deletions($1)", &ask);
	if (SPI_processed == 0)
		return;
	argument_columns(&a, find_uses(false));
	call_as_owner("SELECT missing_photos.dequeue_deletions($1, $2)", &a);
}

/* Picks rows in a state and decides about them by whether they are in use; how many were picked. */
static int
pick_and(Drain *drain, const char *states, const char *decide, int most, int64 *decided)
{
	Columns    *picked;
	Arguments	pick = {0};
	Arguments	a = {0};
	int			n;

	MemoryContextReset(drain->context);
	MemoryContextSwitchTo(drain->context);
	library_check();
	argument_text(&pick, states);
	argument_int4(&pick, most);
	call_as_owner("SELECT id, file, hash FROM missing_photos.pick_deletions($1::text[], $2)", &pick);
	n = SPI_processed;
	*decided = 0;
	if (n > 0)
	{
		picked = find_uses(true);
		argument_columns(&a, picked);
		call_as_owner(decide, &a);
		*decided = result_int8(0, 1);
	}
	commit_flushed();
	return n;
}

/* Has the probe act on the rows in a state; the number of rows. */
static int
act_on(Drain *drain, const char *state, MpAct act)
{
	Removals   *removals;
	int			done = 0;

	MemoryContextReset(drain->context);
	MemoryContextSwitchTo(drain->context);
	removals = removals_load(state, drain->batch_size);
	/* No snapshot is held while the disk is written. */
	SPI_commit();
	MemoryContextSwitchTo(drain->context);
	removals_act(removals, act);
	for (int i = 0; i < removals->n; i++)
		done += removals->list[i].outcome == MP_DONE;
	if (removals->n > 0)
		removals_note(removals, act);
	SPI_commit();
	if (act == MP_DROP)
		drain->dropped += done;
	else if (act == MP_PUT_BACK)
		drain->returned += done;
	return removals->n;
}

/* Files set aside that nobody uses stay until older transactions have ended; how many wait. */
static int64
decide(Drain *drain)
{
	int64		decided;
	int			n = pick_and(drain, "{aside}",
							 "SELECT missing_photos.decide_deletions($1, $2)", INT_MAX, &decided);

	while (act_on(drain, "returning", MP_PUT_BACK) == drain->batch_size)
		;
	while (act_on(drain, "dropping", MP_DROP) == drain->batch_size)
		;
	return n - decided;
}

static void
nap(long ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, WAIT_FOR_PROBE);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

static void
run_drain(Drain *drain)
{
	Arguments	none = {0};
	int64		waiting;
	int64		decided;
	long		slept = 0;
	long		ms = FIRST_NAP_MS;

	call_as_owner("SELECT missing_photos.purge_archive()", &none);
	SPI_commit();
	waiting = decide(drain);
	while (pick_and(drain, "{queued,claimed}", "SELECT missing_photos.claim_deletions($1, $2)",
					drain->batch_size, &decided) > 0)
	{
		while (act_on(drain, "claimed", MP_SET_ASIDE) == drain->batch_size)
			;
		waiting = decide(drain);
	}
	while (waiting > 0 && slept < PATIENCE_MS)
	{
		nap(ms);
		slept += ms;
		ms = Min(2 * ms, LONGEST_NAP_MS);
		waiting = decide(drain);
	}
	if (waiting > 0)
		ereport(NOTICE,
				(errmsg(INT64_FORMAT " files are set aside until older transactions have ended",
						waiting),
				 errhint("CALL missing_photos.drain_deletions() again then.")));
}

/* The probe may remove files below the derived roots; false when there are none. */
static bool
confine_probe(void)
{
	Arguments	none = {0};
	const char **paths;
	int			n;

	call_as_owner("SELECT DISTINCT server_path FROM missing_photos.derived_root", &none);
	n = SPI_processed;
	paths = palloc((n + 1) * sizeof(char *));
	for (int i = 0; i < n; i++)
		paths[i] = result_text(i, 1);
	if (n > 0)
		probe_confine_removing(n, paths);
	return n > 0;
}

static void
require_own_transaction(FunctionCallInfo fcinfo)
{
	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic || IsSubTransaction())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("drain_deletions cannot run inside a transaction block"),
				 errdetail("It commits what it is about to do before it does it."),
				 errhint("CALL it as a statement of its own.")));
}

Datum
missing_photos_drain_deletions(PG_FUNCTION_ARGS)
{
	Drain		drain = {.batch_size = PG_ARGISNULL(0) ? 1000 : PG_GETARG_INT32(0)};

	require_own_transaction(fcinfo);
	if (drain.batch_size < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("batch_size must be at least 1"),
				 errhint("1000 is the default.")));
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	drain.context = AllocSetContextCreate(PortalContext, "missing_photos drain",
										  ALLOCSET_DEFAULT_SIZES);
	library_check_writable("drain_deletions");
	take_lock();
	PG_TRY();
	{
		if (confine_probe())
			run_drain(&drain);
	}
	PG_FINALLY();
	{
		release_lock();
		/* Nothing that may remove files stays behind. */
		probe_abandon();
	}
	PG_END_TRY();
	SPI_finish();
	MemoryContextDelete(drain.context);
	PG_RETURN_VOID();
}
