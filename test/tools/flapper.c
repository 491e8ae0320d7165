/*
 * flapper.c: a bind mount that comes and goes, and what believes it too easily.
 *
 *     flapper flap SOURCE TARGET SECONDS    mounts and unmounts as fast as it can, in bursts between
 *                                           which the mount holds still for a moment; ends mounted;
 *                                           prints how often
 *     flapper trust TARGET SECONDS NAME...  the known-bad way: sees a marker file, then looks the
 *                                           names up by their paths; prints how many looked absent
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum
{
	BURST = 20,
	LONGEST_PAUSE_US = 60000
};

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static int
flap(const char *source, const char *target, double seconds)
{
	double		end = now() + seconds;
	long		times = 0;

	while (now() < end)
	{
		for (int i = 0; i < BURST; i++, times++)
			if (umount2(target, MNT_DETACH) != 0 || mount(source, target, NULL, MS_BIND, NULL) != 0)
			{
				perror(target);
				return 1;
			}
		usleep((useconds_t) (rand() % LONGEST_PAUSE_US));
	}
	printf("%ld\n", times);
	return 0;
}

static int
exists(const char *folder, const char *name)
{
	char		path[4096];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return stat(path, &st) == 0;
}

static int
trust(const char *folder, double seconds, char **names)
{
	double		end = now() + seconds;
	long		absent = 0;

	while (now() < end)
	{
		if (!exists(folder, ".marker"))
			continue;
		for (char **name = names; *name != NULL; name++)
			absent += !exists(folder, *name);
	}
	printf("%ld\n", absent);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "flap") == 0)
		return flap(argv[2], argv[3], atof(argv[4]));
	if (argc > 4 && strcmp(argv[1], "trust") == 0)
		return trust(argv[2], atof(argv[3]), argv + 4);
	fprintf(stderr, "usage: see the head of flapper.c\n");
	return 2;
}
