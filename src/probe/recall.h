/*
 * recall.h: what directories held when they were listed, for the rest of a sitting.
 *
 * A scan's rows come in the order that suits the server's joins, and the names of one directory in
 * dozens of requests.  Requests of one sitting (protocol.h) share what each listing showed, so that
 * a directory is read once however its names are strewn.  A name that was shown counts as present
 * until the sitting ends, as if the whole sitting had been one request; one that wasn't shown is
 * looked up like any other.
 *
 * Memory is bounded: listings that would go beyond MP_RECALL_BYTES aren't kept.
 */
#ifndef MP_RECALL_H
#define MP_RECALL_H

#include <pthread.h>

#include "nameset.h"

enum
{
	MP_RECALL_BYTES = 24 * 1024 * 1024
};

typedef struct MpRecalled
{
	uint64_t	key;			/* hash of the directory's path and of its root's nature */
	MpNameSet  *names;			/* NULL: not listed */
	uint32_t	asked;			/* names asked for so far */
	bool		used;			/* whether this slot is */
	bool		alone;			/* being listed, or its listing isn't kept */
} MpRecalled;

typedef struct MpRecall
{
	pthread_mutex_t lock;		/* guards everything below */
	uint64_t	sitting;
	MpRecalled *slots;
	size_t		n_slots;		/* a power of two, or 0 */
	size_t		n_used;
	size_t		bytes;			/* of all names */
} MpRecall;

extern void mp_recall_start(MpRecall *recall);

/* Forgets everything unless it is of this sitting. */
extern void mp_recall_begin(MpRecall *recall, uint64_t sitting);
extern void mp_recall_forget(MpRecall *recall);
extern bool mp_recall_is_empty(MpRecall *recall);

/*
 * What is kept of a directory of which `count` names are asked for; the set is for
 * mp_nameset_release.  NULL: nothing; *asked is then how many of its names the sitting has asked for
 * so far, or just `count` where nothing is to be gained for later requests.
 */
extern MpNameSet *mp_recall_get(MpRecall *recall, uint64_t sitting, uint64_t key,
								uint32_t count, uint32_t *asked);

/* Somebody begins to list a directory; mp_recall_put brings what it showed, unless that failed. */
extern void mp_recall_listing(MpRecall *recall, uint64_t sitting, uint64_t key);
extern void mp_recall_put(MpRecall *recall, uint64_t sitting, uint64_t key, MpNameSet *names);

#endif							/* MP_RECALL_H */
