/*
 * service.h: the probe as a service of its own, listening on a Unix socket.
 *
 * For a database that shouldn't have the library mounted, or must be able to stop whatever hangs:
 * the probe runs elsewhere, in a container beside the database's, and each session that wants one
 * gets a process of its own there.
 */
#ifndef MP_SERVICE_H
#define MP_SERVICE_H

/*
 * The command line after "--listen"; returns the exit status when the service was told to end
 * (SIGTERM, SIGINT) or couldn't begin.
 */
extern int	mp_service_main(int argc, char **argv);

#endif							/* MP_SERVICE_H */
