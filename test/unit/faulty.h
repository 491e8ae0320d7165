/*
 * faulty.h: system calls and allocations that fail when a test wants them to.
 *
 * faulty.c stands between the probe and the C library (linked with --wrap, see probe.mk) and fails
 * the n-th call of one kind, once or from then on.  In the process that armed nothing, every call
 * goes through.
 */
#ifndef MP_FAULTY_H
#define MP_FAULTY_H

#include <stdbool.h>

/* Every kind there is, by name; ended by NULL. */
extern const char *const faulty_kinds[];

/* Which failure the next process to call faulty_begin() will meet. */
extern void faulty_plan(int kind, int n, int err, bool from_then_on);
/* From now on, in this process. */
extern void faulty_begin(void);
/* Whether the planned failure has come to pass, in whatever process. */
extern bool faulty_struck(void);

#endif							/* MP_FAULTY_H */
