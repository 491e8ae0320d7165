/*
 * probe_process.c: starting the probe and letting it go.
 *
 * The backend's child is a keeper, the probe is the keeper's child.  The keeper is there for the
 * day the backend is gone before the probe: it inherits the probe and ends with status 0 whatever
 * becomes of it.  Without it the probe would be inherited by process 1, which in a container is the
 * postmaster, and a postmaster that reaps a child that died by a signal restarts the cluster.
 *
 * Keepers are remembered until they are reaped.  A backend waits for its keepers without blocking:
 * before each start and when it exits.
 */
#include "postgres.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/fd.h"

#include "probe_process.h"

#define PROBE_NAME "missing_photos_probe"
#define PROBE_SOCKET 3			/* where the keeper finds its socket */
#define MAX_KEEPERS 32			/* probes stuck in the kernel that one session may leave behind */

static pid_t keepers[MAX_KEEPERS];
static int	n_keepers = 0;

/* The probe lies beside this library, wherever that was loaded from. */
static void
probe_path(char *path)
{
	Dl_info		self;
	char	   *slash;

	if (dladdr((void *) probe_process_start, &self) == 0 || self.dli_fname == NULL ||
		strlcpy(path, self.dli_fname, MAXPGPATH) >= MAXPGPATH ||
		(slash = strrchr(path, '/')) == NULL ||
		slash + 1 - path + sizeof(PROBE_NAME) > MAXPGPATH)
		elog(ERROR, "could not tell where the missing_photos library was loaded from");
	strcpy(slash + 1, PROBE_NAME);
}

/* Signals as a fresh process has them: a backend blocks some and handles others. */
static int
clean_attributes(posix_spawnattr_t *attributes)
{
	sigset_t	none;
	sigset_t	all;

	sigemptyset(&none);
	sigfillset(&all);
	if ((errno = posix_spawnattr_init(attributes)) != 0 ||
		(errno = posix_spawnattr_setsigmask(attributes, &none)) != 0 ||
		(errno = posix_spawnattr_setsigdefault(attributes, &all)) != 0 ||
		(errno = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK |
										  POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID)) != 0)
		return errno;
	return 0;
}

/*
 * The keeper gets the socket as descriptor 3 and nothing to read from or print to.  It closes what
 * else it inherited in its first lines; closing it here would need a list of it.
 */
static int
clean_descriptors(posix_spawn_file_actions_t *actions, int sock)
{
	int			rc;

	if ((rc = posix_spawn_file_actions_init(actions)) != 0 ||
		(rc = posix_spawn_file_actions_adddup2(actions, sock, PROBE_SOCKET)) != 0 ||
		(rc = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0)) != 0 ||
		(rc = posix_spawn_file_actions_addopen(actions, 1, "/dev/null", O_WRONLY, 0)) != 0 ||
		(rc = posix_spawn_file_actions_addopen(actions, 2, "/dev/null", O_WRONLY, 0)) != 0)
		return rc;
	return 0;
}

static int
spawn_keeper(const char *path, int sock, pid_t *pid)
{
	char	   *arguments[] = {"missing_photos_probe", "--keeper", NULL};
	char	   *environment[] = {NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int			rc;

	rc = clean_attributes(&attributes);
	if (rc != 0)
		return rc;
	rc = clean_descriptors(&actions, sock);
	if (rc == 0)
	{
		rc = posix_spawn(pid, path, &actions, &attributes, arguments, environment);
		posix_spawn_file_actions_destroy(&actions);
	}
	posix_spawnattr_destroy(&attributes);
	return rc;
}

void
probe_process_reap(void)
{
	int			kept = 0;

	for (int i = 0; i < n_keepers; i++)
	{
		pid_t		rc = waitpid(keepers[i], NULL, WNOHANG);

		if (rc == 0 || (rc < 0 && errno == EINTR))
			keepers[kept++] = keepers[i];
	}
	n_keepers = kept;
}

/* The socket pair; the keeper's end is placed above PROBE_SOCKET so that dup2 clears its flag. */
static void
make_sockets(int ends[2])
{
	int			moved;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_SYSTEM_ERROR),
				 errmsg("could not create a socket for the probe: %m")));
	moved = fcntl(ends[1], F_DUPFD_CLOEXEC, PROBE_SOCKET + 1);
	close(ends[1]);
	ends[1] = moved;
	if (moved < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
	{
		int			saved = errno;

		close(ends[0]);
		if (moved >= 0)
			close(moved);
		errno = saved;
		ereport(ERROR,
				(errcode(ERRCODE_SYSTEM_ERROR),
				 errmsg("could not prepare a socket for the probe: %m")));
	}
}

pgsocket
probe_process_start(void)
{
	char		path[MAXPGPATH];
	int			ends[2];
	pid_t		pid;
	int			rc;

	probe_process_reap();
	if (n_keepers >= MAX_KEEPERS)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("%d probes of this session are stuck in file systems that don't answer",
						n_keepers),
				 errhint("Bring the file system back or unmount it, or use another session.")));
	probe_path(path);
	if (!AcquireExternalFD())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("no file descriptor is left for the probe's socket")));
	PG_TRY();
	{
		make_sockets(ends);
	}
	PG_CATCH();
	{
		ReleaseExternalFD();
		PG_RE_THROW();
	}
	PG_END_TRY();

	rc = spawn_keeper(path, ends[1], &pid);
	close(ends[1]);
	if (rc != 0)
	{
		probe_process_release(ends[0]);
		errno = rc;
		ereport(ERROR,
				(errcode(ERRCODE_SYSTEM_ERROR),
				 errmsg("could not start the probe \"%s\": %m", path),
				 errhint("It is installed beside the extension's library; install missing_photos again.")));
	}
	keepers[n_keepers++] = pid;
	return ends[0];
}

void
probe_process_release(pgsocket sock)
{
	close(sock);
	ReleaseExternalFD();
	probe_process_reap();
}
