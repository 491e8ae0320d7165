/* background.c: asking for background workers and beginning one; see background.h. */
#include "postgres.h"

#include "access/xact.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/lmgr.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

#include "background.h"

/* What a worker is told, in its bgw_extra. */
typedef struct Order
{
	Oid			database;
	Oid			role;
	TransactionId asked_in;		/* to be waited for */
} Order;

StaticAssertDecl(sizeof(Order) <= BGW_EXTRALEN, "an order must fit into bgw_extra");

void
background_describe(BackgroundWorker *worker, const char *name, const char *function)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker->bgw_library_name, "missing_photos", sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, function, BGW_MAXLEN);
	strlcpy(worker->bgw_name, name, BGW_MAXLEN);
	strlcpy(worker->bgw_type, name, BGW_MAXLEN);
}

void
background_order(BackgroundWorker *worker, Oid database, Oid role)
{
	Order		order = {database, role, GetTopTransactionIdIfAny()};

	memcpy(worker->bgw_extra, &order, sizeof(order));
}

bool
background_start(Oid role, const char *name, const char *function)
{
	BackgroundWorker worker;

	background_describe(&worker, name, function);
	background_order(&worker, MyDatabaseId, role);
	return RegisterDynamicBackgroundWorker(&worker, NULL);
}

/* What it was asked to do must be there to be seen. */
static void
wait_for(TransactionId asked_in)
{
	if (!TransactionIdIsValid(asked_in))
		return;
	StartTransactionCommand();
	XactLockTableWait(asked_in, NULL, NULL, XLTW_None);
	CommitTransactionCommand();
}

void
background_begin(const char *name)
{
	Order		order;

	memcpy(&order, MyBgworkerEntry->bgw_extra, sizeof(order));
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(order.database, order.role, 0);
	pgstat_report_appname(name);
	wait_for(order.asked_in);
}

void
background_begin_transaction(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
}

void
background_end_transaction(void)
{
	PopActiveSnapshot();
	SPI_finish();
	CommitTransactionCommand();
}

bool
background_extension_is_here(void)
{
	bool		here;

	StartTransactionCommand();
	here = OidIsValid(get_extension_oid("missing_photos", true));
	CommitTransactionCommand();
	return here;
}

void
background_reload(void)
{
	if (!ConfigReloadPending)
		return;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
}
