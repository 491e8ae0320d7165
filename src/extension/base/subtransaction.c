/* subtransaction.c: trying without waiting for locks; see subtransaction.h. */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/resowner.h"

#include "compat.h"
#include "subtransaction.h"

#define PATIENCE "20ms"
#define PAUSE 20				/* ms */

static bool
is_about_locks(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE || sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED;
}

ErrorData *
try_in_subtransaction(void (*try) (void *arg), void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner resources = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		int			level = NewGUCNestLevel();

		(void) set_config_option("lock_timeout", PATIENCE, PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
		/* Each statement runs once: compiling it would take longer than it does. */
		(void) set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
								 false);
		try(arg);
		AtEOXact_GUC(true, level);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = resources;
	return error;
}

bool
try_without_waiting(void (*try) (void *arg), void *arg)
{
	ErrorData  *error = try_in_subtransaction(try, arg);

	if (error == NULL)
		return true;
	if (!is_about_locks(error->sqlerrcode))
		ReThrowError(error);
	FreeErrorData(error);
	return false;
}

void
pause_for_locks(void)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, PAUSE,
					 WAIT_FOR_PROBE);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}
