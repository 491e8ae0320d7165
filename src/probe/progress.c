/*
 * progress.c: one counter, shared by all workers.
 */
#include <stdatomic.h>

#include "progress.h"

static _Atomic uint64_t finished;

void
mp_progress_add(uint64_t operations)
{
	atomic_fetch_add_explicit(&finished, operations, memory_order_relaxed);
}

uint64_t
mp_progress_count(void)
{
	return atomic_load_explicit(&finished, memory_order_relaxed);
}
