/*
 * keeper.h: the process between the server and the probe.
 *
 * Where postgres is process 1 (every official container) it inherits orphans, and one that dies by
 * a signal, or with a status it doesn't know, makes it restart the whole cluster.  So the probe is
 * never a direct child of the server: the keeper is, adopts whatever the probe leaves behind, and
 * exits 0 whatever happened to it.
 *
 *     backend --- keeper (no socket, no disk, ignores signals) --- probe (socket, disk, threads)
 */
#ifndef MP_KEEPER_H
#define MP_KEEPER_H

#include <stdbool.h>

enum
{
	MP_PROBE_SOCKET = 3			/* the descriptor that both come with */
};

/* Whether descriptor 3 is a connected stream socket. */
extern bool mp_keeper_has_socket(void);

/*
 * Cuts loose from whoever started us, starts `probe` in a child, whose exit status it returns, and
 * keeps it.  Doesn't return: the keeper exits 0 when its last child is gone.
 */
extern _Noreturn void mp_keeper_run(int (*probe) (int socket));

/* What the child does first: gives up what a probe doesn't need, and offers itself to go first. */
extern void mp_probe_confine(void);

#endif							/* MP_KEEPER_H */
