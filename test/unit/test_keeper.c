/*
 * test_keeper.c: whatever becomes of the probe, the process that the database server sees ends with
 * 0.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"
#include "fixture.h"
#include "tap.h"

static void
test_killed(int number)
{
	Client		client = client_exec(client_program(), NULL);

	client_hello(&client, 0, 0);
	ok(client.probe > 0 && client.probe != client.child, "the probe isn't the keeper");
	kill(client.probe, number);
	is(client_wait(&client, 5000), 0, "the probe ends by signal %d, the keeper with 0", number);
	ok(client_bye(&client) == -1 && kill(client.probe, 0) != 0, "and nothing is left");
	client_close(&client);
}

static void
test_statuses(void)
{
	Client		client = client_exec(client_program(), NULL);

	client_send(&client, "This is no protocol.", 20);
	is(client_bye(&client), MP_BYE_VERSION, "a probe that ends with a status of its own");
	is(client_wait(&client, 5000), 0, "and a keeper that ends with 0");
	client_close(&client);

	client = client_exec(client_program(), NULL);
	client_hello(&client, 50, 0);
	is(client_bye(&client), MP_BYE_IDLE, "an idle probe goes");
	is(client_wait(&client, 5000), 0, "its keeper too");
	client_close(&client);

	client = client_exec(client_program(), "--no-openat2");
	client_hello(&client, 0, 0);
	client_close(&client);
	is(client_wait(&client, 5000), 0, "a closed socket ends both");
}

static void
test_signals(void)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE,
	SIGALRM, SIGABRT, SIGTSTP};
	Client		client = client_exec(client_program(), NULL);

	client_hello(&client, 0, 0);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		kill(client.child, signals[i]);
	is(client_wait(&client, 100), -1, "no signal that a person sends ends the keeper");
	kill(client.probe, SIGTERM);
	is(client_wait(&client, 5000), 0, "SIGTERM ends the probe");
	client_close(&client);
}

/* A line of /proc/PID/status, or "". */
static void
status_line(pid_t pid, const char *key, char *value, size_t size)
{
	char		path[64];
	char		line[256];
	FILE	   *file;

	value[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/status", (int) pid);
	file = fopen(path, "r");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
	{
		if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':')
			snprintf(value, size, "%s", line + strlen(key) + 2);
	}
	if (file != NULL)
		fclose(file);
}

/* How many descriptors a process has open beyond 3; -1 when that can't be seen. */
static int
spare_descriptors(pid_t pid)
{
	char		path[64];
	DIR		   *dir;
	struct dirent *entry;
	int			n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int) pid);
	dir = opendir(path);
	if (dir == NULL)
		return -1;
	while ((entry = readdir(dir)) != NULL)
		n += isdigit((unsigned char) entry->d_name[0]) && atoi(entry->d_name) > 3;
	closedir(dir);
	return n;
}

static void
test_cut_loose(void)
{
	char		value[256];
	char		path[64];
	int			inherited = open("/dev/null", O_RDONLY);
	int			high = fcntl(inherited, F_DUPFD, 200);
	Client		client = client_exec(client_program(), NULL);
	FILE	   *file;
	int			score = 0;

	client_hello(&client, 0, 0);
	ok(getsid(client.child) == client.child && getsid(client.probe) == client.child,
	   "a session of their own");
	is(spare_descriptors(client.child), 0, "the keeper has inherited no descriptor");
	if (geteuid() != 0)
		skip("only root sees into a process that can't be dumped", "the probe's descriptors");
	else
		is(spare_descriptors(client.probe), 1, "the probe has its bell and no other");
	status_line(client.probe, "NoNewPrivs", value, sizeof(value));
	is(atoi(value), 1, "no new privileges");
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int) client.probe);
	file = fopen(path, "r");
	if (file == NULL || fscanf(file, "%d", &score) != 1)
		score = -1;
	if (file != NULL)
		fclose(file);
	is(score, 900, "first to go when memory is short");
	client_close(&client);
	is(client_wait(&client, 5000), 0, "gone with the socket");
	close(inherited);
	close(high);
}

/* The exit status of the program started by a person. */
static int
run_by_hand(const char *option)
{
	int			null = open("/dev/null", O_RDWR);
	pid_t		pid;
	int			status;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
	{
		for (int fd = 0; fd <= 3; fd++)
			dup2(null, fd);
		execl(client_program(), "missing_photos_probe", option, (char *) NULL);
		_exit(99);
	}
	close(null);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int
main(void)
{
	test_killed(SIGKILL);
	test_killed(SIGSEGV);
	test_killed(SIGABRT);
	test_statuses();
	test_signals();
	test_cut_loose();
	is(run_by_hand("--version"), 0, "--version");
	is(run_by_hand("--help"), 0, "--help");
	is(run_by_hand(NULL), 2, "no option");
	is(run_by_hand("--keeper"), 2, "--keeper without a socket");
	is(run_by_hand("--nonsense"), 2, "an option that there isn't");
	return done();
}
