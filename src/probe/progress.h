/*
 * progress.h: the count of finished disk operations, the probe's sign of life.
 *
 * Only operations that returned are counted: while all of them hang the count stands still, and the
 * extension's deadline runs.
 */
#ifndef MP_PROGRESS_H
#define MP_PROGRESS_H

#include <stdint.h>

extern void mp_progress_add(uint64_t operations);
extern uint64_t mp_progress_count(void);

#endif							/* MP_PROGRESS_H */
