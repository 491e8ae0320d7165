/*
 * server.h: the probe's side of one connection.
 */
#ifndef MP_SERVER_H
#define MP_SERVER_H

/*
 * Serves the extension over a connected stream socket until it closes the socket, breaks the
 * protocol, or asks nothing for as long as it said.  Returns the process's exit status, an MpBye (0
 * when the socket was closed).  Workers may still be stuck in the kernel, and they know the server:
 * the caller must _exit with the status at once.
 */
extern int	mp_server_run(int socket);

#endif							/* MP_SERVER_H */
