/*
 * keeper.c: starting, keeping, confining.
 *
 * Nothing here can be reported to anybody: descriptors 0 to 2 are /dev/null.  What fails is either
 * not needed (a second wall) or shows as a closed socket.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper.h"

bool
mp_keeper_has_socket(void)
{
	struct sockaddr_storage peer;
	socklen_t	length = sizeof(peer);
	int			type = 0;
	socklen_t	type_length = sizeof(type);

	return getsockopt(MP_PROBE_SOCKET, SOL_SOCKET, SO_TYPE, &type, &type_length) == 0 &&
		type == SOCK_STREAM &&
		getpeername(MP_PROBE_SOCKET, (struct sockaddr *) &peer, &length) == 0;
}

/* Descriptors inherited from a backend are data files and its client's connection. */
static void
close_others(void)
{
	DIR		   *dir;
	struct dirent *entry;

	if (syscall(SYS_close_range, MP_PROBE_SOCKET + 1, ~0U, 0) == 0)
		return;
	dir = opendir("/proc/self/fd");
	if (dir == NULL)
	{
		for (int fd = MP_PROBE_SOCKET + 1; fd < 65536; fd++)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL)
	{
		int			fd = atoi(entry->d_name);

		if (fd > MP_PROBE_SOCKET && fd != dirfd(dir))
			close(fd);
	}
	closedir(dir);
}

static bool
is_fault(int number)
{
	/* Raised by the kernel for the process's own fault, these can't be ignored to any good. */
	return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL ||
		number == SIGTRAP || number == SIGSYS;
}

/* Gives every signal the same disposition; SIGCHLD stays, or there would be nothing to wait for. */
static void
set_signals(void (*disposition) (int))
{
	sigset_t	none;

	for (int number = 1; number < NSIG; number++)
	{
		if (number == SIGKILL || number == SIGSTOP || number == SIGCHLD)
			continue;
		if (disposition == SIG_IGN && is_fault(number))
			continue;
		signal(number, disposition);
	}
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A small file of the kernel's. */
static void
write_setting(const char *path, const char *value, size_t length)
{
	int			fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	/* When it fails the probe is only less willing to go first. */
	(void) !write(fd, value, length);
	close(fd);
}

static void
limit(int resource)
{
	struct rlimit none = {0, 0};

	setrlimit(resource, &none);
}

void
mp_probe_confine(void)
{
	/* Short of memory, the kernel should take the probe and not the database. */
	write_setting("/proc/self/oom_score_adj", "900", 3);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	umask(077);
	limit(RLIMIT_CORE);
	limit(RLIMIT_FSIZE);		/* it writes to its socket and to nothing else */
}

void
mp_keeper_run(int (*probe) (int socket))
{
	pid_t		pid;

	close_others();
	if (chdir("/") != 0)
		_exit(0);
	if (getsid(0) != getpid())
		setsid();
	set_signals(SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);

	pid = fork();
	if (pid == 0)
	{
		set_signals(SIG_DFL);
		signal(SIGPIPE, SIG_IGN);
		mp_probe_confine();
		_exit(probe(MP_PROBE_SOCKET));
	}
	close(MP_PROBE_SOCKET);
	/* Also when there is no child: ECHILD. */
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	_exit(0);
}
