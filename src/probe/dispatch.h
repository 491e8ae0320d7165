/*
 * dispatch.h: requests become jobs for the workers, and their results become answers.
 */
#ifndef MP_DISPATCH_H
#define MP_DISPATCH_H

#include "recall.h"
#include "workers.h"

/* Where answers go: called from any worker; takes over the writer's memory. */
typedef void (*MpAnswerFn) (void *owner, uint64_t request, size_t request_length, MpWriter *answer);

typedef struct MpDispatch
{
	MpWorkers  *workers;
	MpRecall   *recall;			/* for the requests of a sitting; NULL: nothing is kept */
	MpAnswerFn	answer;
	void	   *owner;			/* given back to answer */
} MpDispatch;

/*
 * Takes any request but HELLO over and sees to it that it is answered once, in the
 * end: with its result, or with SHORTAGE.
 */
extern void mp_dispatch(const MpDispatch *dispatch, MpRequest *request);

/* The answer to a request that there is nothing to work with for. */
extern void mp_write_shortage(MpWriter *w, uint64_t request, int err, const char *what);

#endif							/* MP_DISPATCH_H */
