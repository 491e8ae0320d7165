/* probe_service.c: see probe_service.h. */
#include "postgres.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "storage/fd.h"

#include "probe_service.h"

/* Never waits: a queue that is full is EAGAIN. */
static int
open_connection(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int			sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strlcpy(address.sun_path, path, sizeof(address.sun_path));
	if (sock >= 0 && connect(sock, (struct sockaddr *) &address, sizeof(address)) != 0)
	{
		int			saved = errno;

		close(sock);
		errno = saved;
		return -1;
	}
	return sock;
}

pgsocket
probe_service_connect(const char *path)
{
	int			sock;

	if (!AcquireExternalFD())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("no file descriptor is left for the probe's socket")));
	sock = open_connection(path);
	if (sock < 0)
	{
		int			saved = errno;

		ReleaseExternalFD();
		errno = saved;
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("could not connect to the probe at \"%s\": %m", path),
				 errdetail("No file was looked at."),
				 errhint("Start it with missing_photos_probe --listen, or reset "
						 "missing_photos.probe_socket to have each session start its own.")));
	}
	return sock;
}
