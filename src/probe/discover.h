/*
 * discover.h: one DISCOVER request: what lies in many folders below a guarded root.
 *
 * The steps are those of check.h: open once, each folder in any order on many threads, compare once,
 * close.  Whoever asks walks the tree: the answer names the sub-folders, and he asks for those next.
 */
#ifndef MP_DISCOVER_H
#define MP_DISCOVER_H

#include <stdatomic.h>

#include "guard.h"

typedef struct MpDiscovered
{
	MpJudgement judgement;
	uint8_t		flags;			/* MP_TOO_MANY, MP_MARKED */
	MpNode		node;
	uint32_t	unread;			/* entries that gave an error */
	uint32_t	n;
	MpWriter	entries;		/* as they go into the answer */
} MpDiscovered;

typedef struct MpDiscovery
{
	const MpRequest *request;
	MpGuard		guard;
	MpDiscovered *folders;		/* in the order of the request */
	atomic_int	shortage;		/* the first errno of our own lack; 0: none */
} MpDiscovery;

/* The request must outlive the discovery. */
extern void mp_discover_open(MpDiscovery *discovery, const MpRequest *request);
extern void mp_discover_folder(MpDiscovery *discovery, uint32_t index);
extern void mp_discover_compare(MpDiscovery *discovery);
extern void mp_discover_close(MpDiscovery *discovery);

/* Writes the payload of the answer; not after a shortage.  Before mp_discover_close. */
extern void mp_discover_write(const MpDiscovery *discovery, MpWriter *w);

#endif							/* MP_DISCOVER_H */
