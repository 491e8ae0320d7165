/*
 * service.c: listening, looking who it is, starting a process for each session.
 *
 * The listening process never touches the disk but for its socket, so it can always end.  What is
 * served is said here and by nobody else: served.h for what may be opened, Landlock for what may be
 * read, the peer's user id for who may ask.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine.h"
#include "keeper.h"
#include "landlock.h"
#include "served.h"
#include "server.h"
#include "service.h"

enum
{
	EXIT_TROUBLE = 1,
	EXIT_USAGE = 2,
	MOST_ROOTS = 64,
	MOST_PEERS = 64,
	MOST_SESSIONS = 256			/* more wait in the socket's queue */
};

typedef struct Roots
{
	MpStr		each[MOST_ROOTS];
	uint32_t	n;
} Roots;

typedef struct Service
{
	const char *path;
	Roots		roots;			/* to look at */
	Roots		derived;		/* and to remove files from */
	uid_t		peers[MOST_PEERS];
	int			n_peers;
	pid_t		sessions[MOST_SESSIONS];
	int			n_sessions;
} Service;

static int	wake[2];			/* a signal's way into poll */
static volatile sig_atomic_t ending;

static int
complain(const char *what, const char *which)
{
	fprintf(stderr, "missing_photos_probe: %s \"%s\": %s\n", what, which, strerror(errno));
	return EXIT_TROUBLE;
}

static void
on_signal(int number)
{
	int			saved = errno;

	if (number != SIGCHLD)
		ending = 1;
	/* When the pipe is full, poll has enough to wake for. */
	(void) !write(wake[1], "", 1);
	errno = saved;
}

static void
handle_signals(void (*handler) (int))
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = handler;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGCHLD, &action, NULL);
}

static int
add_root(Roots *roots, const char *path)
{
	char	   *real = realpath(path, NULL);

	if (real == NULL)
		return complain("cannot use root", path);
	if (roots->n == MOST_ROOTS)
	{
		free(real);
		errno = E2BIG;
		return complain("too many roots at", path);
	}
	roots->each[roots->n++] = (MpStr) {real, strlen(real)};
	return 0;
}

/* A user's name or number. */
static int
add_peer(Service *service, const char *user)
{
	struct passwd *entry = getpwnam(user);
	char	   *end;
	unsigned long number = strtoul(user, &end, 10);

	if (entry == NULL && (*end != '\0' || end == user || number >= (uid_t) -1))
	{
		errno = ENOENT;
		return complain("no such user", user);
	}
	if (service->n_peers == MOST_PEERS)
	{
		errno = E2BIG;
		return complain("too many peers at", user);
	}
	service->peers[service->n_peers++] = entry != NULL ? entry->pw_uid : (uid_t) number;
	return 0;
}

static int
read_options(Service *service, int argc, char **argv)
{
	static const struct option options[] = {
		{"listen", required_argument, NULL, 'l'},
		{"root", required_argument, NULL, 'r'},
		{"derived-root", required_argument, NULL, 'd'},
		{"peer", required_argument, NULL, 'p'},
		{NULL, 0, NULL, 0}
	};
	int			option;
	int			status = 0;

	while (status == 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1)
	{
		switch (option)
		{
			case 'l':
				service->path = optarg;
				break;
			case 'r':
				status = add_root(&service->roots, optarg);
				break;
			case 'd':
				status = add_root(&service->derived, optarg);
				break;
			case 'p':
				status = add_peer(service, optarg);
				break;
			default:
				return EXIT_USAGE;
		}
	}
	if (status == 0 && (optind != argc || service->path == NULL || service->roots.n == 0))
	{
		fputs("missing_photos_probe: --listen SOCKET and at least one --root FOLDER are needed\n",
			  stderr);
		return EXIT_USAGE;
	}
	if (service->n_peers == 0)
		service->peers[service->n_peers++] = getuid();
	return status;
}

/* A socket that nobody listens on any more is in the way; any other file is somebody's. */
static int
remove_stale(const struct sockaddr_un *address)
{
	struct stat st;
	int			sock;
	int			err = EADDRINUSE;

	if (lstat(address->sun_path, &st) != 0)
		return errno == ENOENT ? 0 : errno;
	if (!S_ISSOCK(st.st_mode))
		return EEXIST;
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return errno;
	if (connect(sock, (const struct sockaddr *) address, sizeof(*address)) != 0)
		err = errno == ECONNREFUSED ? 0 : errno;
	close(sock);
	return err == 0 && unlink(address->sun_path) != 0 ? errno : err;
}

/*
 * The socket's permissions let everybody connect: who may stay is decided by user id, which the
 * folder's owner on the other side of a container can't be expected to share.
 */
static int
listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int			sock;

	if (strlen(path) >= sizeof(address.sun_path))
	{
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	errno = remove_stale(&address);
	if (errno != 0)
		return -1;
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return -1;
	if (bind(sock, (struct sockaddr *) &address, sizeof(address)) != 0 ||
		chmod(path, 0666) != 0 || listen(sock, 64) != 0)
	{
		int			saved = errno;

		close(sock);
		errno = saved;
		return -1;
	}
	return sock;
}

static bool
is_peer(const Service *service, int session)
{
	struct ucred peer;
	socklen_t	length = sizeof(peer);

	if (getsockopt(session, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
		return false;
	for (int i = 0; i < service->n_peers; i++)
		if (peer.uid == service->peers[i])
			return true;
	fprintf(stderr, "missing_photos_probe: refused user %lu\n", (unsigned long) peer.uid);
	return false;
}

/* The life of one session's process. */
static _Noreturn void
serve(const Service *service, int session)
{
	const Roots *roots = &service->roots;
	const Roots *derived = &service->derived;

	handle_signals(SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	/* Whatever it is stuck in: it shouldn't outlive the service longer than the kernel makes it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	mp_probe_confine();
	mp_serve_only((MpFolders) {roots->each, roots->n}, (MpFolders) {derived->each, derived->n});
	(void) mp_landlock_confine(roots->each, roots->n, derived->each, derived->n);
	mp_confine_start();
	_exit(mp_server_run(session));
}

static void
admit(Service *service, int listener)
{
	int			session = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	pid_t		pid;

	if (session < 0)
		return;
	if (is_peer(service, session))
	{
		pid = fork();
		if (pid == 0)
		{
			close(listener);
			close(wake[0]);
			close(wake[1]);
			serve(service, session);
		}
		if (pid > 0)
			service->sessions[service->n_sessions++] = pid;
		else
			(void) complain("cannot start a process for", "a session");
	}
	close(session);
}

/* As process 1 of a container the service buries orphans, too. */
static void
bury(Service *service)
{
	pid_t		pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		for (int i = 0; i < service->n_sessions; i++)
			if (service->sessions[i] == pid)
				service->sessions[i] = service->sessions[--service->n_sessions];
}

static void
wait_for_more(Service *service, int listener)
{
	char		bytes[64];
	struct pollfd fds[2] = {
		{.fd = wake[0], .events = POLLIN},
		{.fd = listener, .events = POLLIN}
	};

	if (poll(fds, service->n_sessions < MOST_SESSIONS ? 2 : 1, -1) < 0)
		return;
	if ((fds[0].revents & POLLIN) != 0)
		(void) !read(wake[0], bytes, sizeof(bytes));
	bury(service);
	if (service->n_sessions < MOST_SESSIONS && (fds[1].revents & POLLIN) != 0)
		admit(service, listener);
}

int
mp_service_main(int argc, char **argv)
{
	static Service service;
	int			status = read_options(&service, argc, argv);
	int			listener;

	if (status != 0)
		return status;
	if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0)
		return complain("cannot make a pipe for", service.path);
	listener = listen_at(service.path);
	if (listener < 0)
		return complain("cannot listen at", service.path);
	handle_signals(on_signal);
	while (!ending)
		wait_for_more(&service, listener);
	unlink(service.path);
	for (int i = 0; i < service.n_sessions; i++)
		kill(service.sessions[i], SIGKILL);
	return 0;
}
