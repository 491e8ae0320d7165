/*
 * launcher.c: lets broken-off jobs go on after the server has started.
 *
 * Only with missing_photos in shared_preload_libraries.  One process per cluster, bound to no
 * database, so that it stands in no DROP DATABASE's way.  When the server has started, restarted
 * after a crash, or was promoted, it sends a visitor to each database in turn: a short-lived worker
 * that queues what was broken off, asks for workers (worker_start.c), and ends.  Then the launcher
 * sleeps; it ends with the server and is started again after a crash.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"

#include "background.h"
#include "compat.h"
#include "job_queue.h"
#include "launcher.h"
#include "settings.h"

/* The postmaster finds them by name. */
PGDLLEXPORT void missing_photos_launcher_main(Datum arg);
PGDLLEXPORT void missing_photos_visitor_main(Datum arg);

#define RESTART_SECONDS 10
#define TRIES 60				/* for a worker to become free, a second apart */

void
launcher_init(void)
{
	BackgroundWorker worker;

	if (!process_shared_preload_libraries_in_progress)
		return;
	background_describe(&worker, "missing_photos launcher", "missing_photos_launcher_main");
	worker.bgw_restart_time = RESTART_SECONDS;
	RegisterBackgroundWorker(&worker);
}

/* Whether missing_photos.databases names it, or is empty. */
static bool
is_wanted(const char *database)
{
	List	   *names;
	ListCell   *cell;

	if (!SplitIdentifierString(pstrdup(setting_databases), ',', &names))
	{
		ereport(LOG,
				(errmsg("missing_photos.databases is no list of names")));
		return false;
	}
	foreach(cell, names)
		if (strcmp(lfirst(cell), database) == 0)
			return true;
	return names == NIL;
}

/* The databases to visit, in a context that outlives this transaction. */
static List *
list_databases(MemoryContext context)
{
	List	   *databases = NIL;
	Relation	relation;
	TableScanDesc scan;
	HeapTuple	tuple;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	relation = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(relation, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext old;

		if (!database->datallowconn || database->datistemplate ||
			!is_wanted(NameStr(database->datname)))
			continue;
		old = MemoryContextSwitchTo(context);
		databases = lappend_oid(databases, database->oid);
		MemoryContextSwitchTo(old);
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	CommitTransactionCommand();
	return databases;
}

static void
sleep_until_woken(long timeout)
{
	int			events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;

	(void) WaitLatch(MyLatch, timeout < 0 ? events : events | WL_TIMEOUT, timeout, WAIT_FOR_PROBE);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	background_reload();
}

/* Waits for the visitor to end, so that databases are visited one after the other. */
static void
visit(Oid database)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;

	background_describe(&worker, "missing_photos visitor", "missing_photos_visitor_main");
	background_order(&worker, database, InvalidOid);
	worker.bgw_notify_pid = MyProcPid;
	for (int i = 0; i < TRIES; i++)
	{
		if (RegisterDynamicBackgroundWorker(&worker, &handle))
		{
			(void) WaitForBackgroundWorkerShutdown(handle);
			return;
		}
		sleep_until_woken(1000L);
	}
	ereport(LOG,
			(errmsg("no background worker became free to look after the jobs of database %u",
					database),
			 errhint("missing_photos.run_pending_jobs() does the same.")));
}

void
missing_photos_launcher_main(Datum arg)
{
	List	   *databases;
	ListCell   *cell;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgstat_report_appname("missing_photos launcher");
	databases = list_databases(TopMemoryContext);
	foreach(cell, databases)
		visit(lfirst_oid(cell));
	for (;;)
		sleep_until_woken(-1L);
}

/*
 * Runs as the bootstrap superuser, and therefore calls nothing but our own functions, as the
 * extension's owner, and only where the extension is installed.
 */
void
missing_photos_visitor_main(Datum arg)
{
	background_begin("missing_photos visitor");
	if (!background_extension_is_here())
		proc_exit(0);
	background_begin_transaction();
	(void) job_queue_revive();
	background_end_transaction();
	proc_exit(0);
}
