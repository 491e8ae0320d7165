/*
 * control.c: both ends of the control socket.  One command per connection; the answer comes when
 * the command has taken effect, so a test never races with the fault it asked for.
 */
#include "faults.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int
set_address(struct sockaddr_un *address, const char *path)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(address->sun_path))
		return ENAMETOOLONG;
	strcpy(address->sun_path, path);
	return 0;
}

/* Reads up to the first newline or the end; the line comes without it. */
static void
read_line(int fd, char *line, size_t size)
{
	size_t		used = 0;

	while (used < size - 1)
	{
		ssize_t		got = read(fd, line + used, size - 1 - used);

		if (got <= 0)
			break;
		used += (size_t) got;
		if (memchr(line, '\n', used) != NULL)
			break;
	}
	line[used] = '\0';
	line[strcspn(line, "\n")] = '\0';
}

static void *
serve(void *argument)
{
	int			listener = (int) (long) argument;

	for (;;)
	{
		char		line[PATH_MAX + 64];
		char		answer[128];
		int			fd = accept(listener, NULL, NULL);

		if (fd < 0)
			continue;
		read_line(fd, line, sizeof(line));
		faults_command(line, answer, sizeof(answer));
		dprintf(fd, "%s\n", answer);
		close(fd);
	}
	return NULL;
}

int
control_serve(const char *socket_path)
{
	struct sockaddr_un address;
	pthread_t	thread;
	int			err = set_address(&address, socket_path);
	int			fd;

	if (err != 0)
		return err;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unlink(socket_path);
	if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof(address)) != 0 ||
		chmod(socket_path, 0666) != 0 || listen(fd, 16) != 0)
		return errno;
	return pthread_create(&thread, NULL, serve, (void *) (long) fd);
}

int
control_send(const char *socket_path, const char *line)
{
	struct sockaddr_un address;
	char		answer[128];
	int			fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (set_address(&address, socket_path) != 0 || fd < 0 ||
		connect(fd, (struct sockaddr *) &address, sizeof(address)) != 0)
	{
		perror(socket_path);
		return 1;
	}
	dprintf(fd, "%s\n", line);
	read_line(fd, answer, sizeof(answer));
	puts(answer);
	close(fd);
	return strncmp(answer, "error", 5) == 0;
}
