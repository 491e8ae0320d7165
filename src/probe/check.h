/*
 * check.h: one CHECK request, from the pinned root to the answer.
 *
 *     mp_check_open        once           pins the root
 *     mp_check_directory   per directory  in any order, on many threads at once
 *     mp_check_compare     once           is the root still the same?  every directory is done
 *     mp_check_confirm     per directory  as before; only when mp_check_wants_confirming
 *     mp_check_close       once           compares no more, releases
 *
 * Whoever runs the steps (dispatch.c, or a test) keeps that order; a step that follows a failed one
 * does nothing.
 */
#ifndef MP_CHECK_H
#define MP_CHECK_H

#include <stdatomic.h>

#include "directory.h"
#include "guard.h"

typedef struct MpCheck
{
	MpRequest  *request;
	MpGuard		guard;
	MpBatch		batch;
	atomic_int	shortage;		/* the first errno of our own lack; 0: none */
} MpCheck;

/* The request must outlive the check.  Recall: what sittings remember, or NULL. */
extern void mp_check_open(MpCheck *check, MpRequest *request, MpRecall *recall);
extern void mp_check_directory(MpCheck *check, uint32_t index, MpScratch *scratch);
extern void mp_check_compare(MpCheck *check);
extern bool mp_check_wants_confirming(const MpCheck *check);
extern void mp_check_confirm(MpCheck *check, uint32_t index);
extern void mp_check_close(MpCheck *check);

/* Writes the payload of the answer; not after a shortage.  Before mp_check_close. */
extern void mp_check_write(const MpCheck *check, MpWriter *w);

#endif							/* MP_CHECK_H */
