/*
 * bench_check.c: how long a CHECK takes over the socket, beside find.  Not a test.
 *
 *     bench_check PROBE [DIRECTORIES FILES_IN_EACH ROUNDS]
 *
 * Makes a tree of empty files, asks for every one of them in one request, everything warm, and runs
 * find over the same tree in turn with it.  Prints medians.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"
#include "fixture.h"
#include "tap.h"

enum
{
	MOST_ROUNDS = 101
};

static void
make_tree(const char *root, int directories, int files)
{
	char		name[64];

	for (int d = 0; d < directories; d++)
	{
		snprintf(name, sizeof(name), "d%05d", d);
		fixture_mkdir(root, name);
		for (int f = 0; f < files; f++)
		{
			int			fd;
			char		path[256];

			snprintf(path, sizeof(path), "%s/d%05d/IMG_%05d.jpg", root, d, f);
			fd = open(path, O_WRONLY | O_CREAT, 0600);
			if (fd < 0)
				bail(path);
			close(fd);
		}
	}
}

/* With `missing` every tenth name asked for isn't there. */
static MpWriter
make_request(const char *root, int directories, int files, bool missing, uint8_t flags)
{
	char		name[64];
	Ask			ask;

	ask_check(&ask, root, 0, NULL);
	for (int d = 0; d < directories; d++)
	{
		snprintf(name, sizeof(name), "d%05d", d);
		ask_directory(&ask, name);
		for (int f = 0; f < files; f++)
		{
			snprintf(name, sizeof(name), missing && f % 10 == 9 ? "GONE_%05d.jpg" :
					 "IMG_%05d.jpg", f);
			ask_name(&ask, name, flags);
		}
	}
	ask_end(&ask, 1);
	return ask.w;
}

static int
compare(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

static double
median(double *times, int n)
{
	qsort(times, (size_t) n, sizeof(*times), compare);
	return times[n / 2];
}

static double
run_find(const char *root)
{
	double		start = now_ms();
	pid_t		pid = fork();

	if (pid == 0)
	{
		int			null = open("/dev/null", O_WRONLY);

		dup2(null, STDOUT_FILENO);
		execlp("find", "find", root, "-type", "f", (char *) NULL);
		_exit(99);
	}
	waitpid(pid, NULL, 0);
	return now_ms() - start;
}

static double
run_probe(const Client *client, const MpWriter *request, Message *answer)
{
	double		start = now_ms();

	client_send(client, request->data, request->length);
	client_answer(client, answer);
	if (answer->header.type != MP_CHECK)
		bail("no CHECK came back");
	return now_ms() - start;
}

static void
bench(const char *program, const char *root, const MpWriter *request, uint32_t threads, int rounds,
	  const char *what)
{
	double		probe[MOST_ROUNDS];
	double		find[MOST_ROUNDS];
	Message		answer = {0};
	Client		client = client_exec(program, NULL);
	double		p;
	double		f;

	client_hello(&client, 0, threads);
	run_probe(&client, request, &answer);
	run_find(root);
	for (int i = 0; i < rounds; i++)
	{
		probe[i] = run_probe(&client, request, &answer);
		find[i] = run_find(root);
	}
	p = median(probe, rounds);
	f = median(find, rounds);
	printf("%-28s %2u threads  probe %7.1f ms  find %7.1f ms  ratio %.2f\n", what, threads, p, f,
		   p / f);
	fflush(stdout);
	free(answer.payload);
	client_close(&client);
	client_wait(&client, 5000);
}

int
main(int argc, char **argv)
{
	const char *program = argc > 1 ? argv[1] : client_program();
	int			directories = argc > 2 ? atoi(argv[2]) : 200;
	int			files = argc > 3 ? atoi(argv[3]) : 500;
	int			rounds = argc > 4 ? atoi(argv[4]) : 11;
	const char *root = fixture_folder();
	MpWriter	all;
	MpWriter	some_missing;
	MpWriter	identities;

	if (rounds < 1 || rounds > MOST_ROUNDS)
		rounds = 11;
	make_tree(root, directories, files);
	printf("%d files in %d directories, warm, median of %d\n", directories * files, directories,
		   rounds);
	all = make_request(root, directories, files, false, 0);
	some_missing = make_request(root, directories, files, true, 0);
	identities = make_request(root, directories, files, false, MP_WANT_IDENTITY);
	bench(program, root, &all, 1, rounds, "all present");
	bench(program, root, &all, 2, rounds, "all present");
	bench(program, root, &all, 0, rounds, "all present");
	bench(program, root, &all, 16, rounds, "all present");
	bench(program, root, &some_missing, 0, rounds, "one in ten missing");
	bench(program, root, &identities, 0, rounds, "all identities");
	return 0;
}
