/*
 * landlock.c: Landlock by its system calls; the C library has no functions for them.
 *
 * The folders are opened by a thread each, because one of them may lie on a file system that never
 * answers.  Such a thread is left behind: it stays unconfined, but does nothing any more except
 * close what it opened too late.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "landlock.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

/* As the kernel has them; its headers here may be older than the kernel. */
enum
{
	CREATE_VERSION = 1,
	RULE_PATH_BENEATH = 1,
	READ_FILE = 1 << 2,
	READ_FOLDER = 1 << 3,
	REMOVE_FILE = 1 << 5,
	MAKE_FILE = 1 << 8,			/* what a rename within a folder asks for besides */

	ABI_REFER = 2,
	ABI_TRUNCATE = 3,
	ABI_NETWORK = 4,
	ABI_IOCTL = 5,
	ABI_SCOPES = 6,

	FILE_RIGHTS = (1 << 13) - 1,	/* those of the first ABI */
	FILE_REFER = 1 << 13,
	FILE_TRUNCATE = 1 << 14,
	FILE_IOCTL = 1 << 15,
	NETWORK_RIGHTS = 3,			/* bind and connect by TCP */
	SCOPES = 3,					/* abstract sockets and signals */

	OPEN_MS = 200,
	STACK_BYTES = 64 * 1024
};

typedef struct Ruleset
{
	uint64_t	files;
	uint64_t	network;
	uint64_t	scopes;
} Ruleset;

typedef struct __attribute__((packed)) Beneath
{
	uint64_t	allowed;
	int32_t		fd;
} Beneath;

/* The folders being opened; freed by whoever is the last to have to do with it. */
typedef struct Opening
{
	pthread_mutex_t lock;
	pthread_cond_t progress;
	uint32_t	n;
	uint32_t	pending;		/* threads still at it */
	bool		closed;			/* whoever is late now is too late */
	struct OneOpening
	{
		struct Opening *all;
		char	   *path;
		int			fd;
	}			each[];
} Opening;

static void
free_opening(Opening *opening)
{
	for (uint32_t i = 0; i < opening->n; i++)
		free(opening->each[i].path);
	pthread_cond_destroy(&opening->progress);
	pthread_mutex_destroy(&opening->lock);
	free(opening);
}

static void *
open_one(void *argument)
{
	struct OneOpening *one = argument;
	Opening    *all = one->all;
	int			fd = open(one->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool		last;

	pthread_mutex_lock(&all->lock);
	if (!all->closed)
		one->fd = fd;
	else if (fd >= 0)
		close(fd);
	all->pending--;
	pthread_cond_signal(&all->progress);
	last = all->closed && all->pending == 0;
	pthread_mutex_unlock(&all->lock);
	if (last)
		free_opening(all);
	return NULL;
}

static Opening *
begin_opening(const MpStr *paths, uint32_t n)
{
	Opening    *opening = calloc(1, sizeof(*opening) + n * sizeof(opening->each[0]));
	pthread_condattr_t attributes;

	if (opening == NULL)
		return NULL;
	pthread_mutex_init(&opening->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&opening->progress, &attributes);
	pthread_condattr_destroy(&attributes);
	opening->n = n;
	for (uint32_t i = 0; i < n; i++)
	{
		opening->each[i].all = opening;
		opening->each[i].path = strdup(paths[i].data);
		opening->each[i].fd = -1;
	}
	return opening;
}

/* Starts a thread for each path; called and returns locked. */
static void
start_opening(Opening *opening)
{
	pthread_attr_t attributes;
	pthread_t	thread;

	if (pthread_attr_init(&attributes) != 0)
		return;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	for (uint32_t i = 0; i < opening->n; i++)
	{
		if (opening->each[i].path != NULL &&
			pthread_create(&thread, &attributes, open_one, &opening->each[i]) == 0)
			opening->pending++;
	}
	pthread_attr_destroy(&attributes);
}

/* Waits until all have come back or it is time to go on without them; called and returns locked. */
static void
wait_for_opening(Opening *opening)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += OPEN_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while (opening->pending > 0)
	{
		if (pthread_cond_timedwait(&opening->progress, &opening->lock, &until) != 0)
			break;
	}
	opening->closed = true;
}

static bool
allow(int ruleset, int fd, uint64_t rights)
{
	Beneath		beneath = {.allowed = rights, .fd = fd};

	return syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &beneath, 0) == 0;
}

static void
allow_roots(int ruleset, const MpStr *paths, uint32_t n, uint64_t rights)
{
	Opening    *opening = begin_opening(paths, n);
	bool		last;

	if (opening == NULL)
		return;
	pthread_mutex_lock(&opening->lock);
	start_opening(opening);
	wait_for_opening(opening);
	for (uint32_t i = 0; i < n; i++)
	{
		if (opening->each[i].fd < 0)
			continue;
		allow(ruleset, opening->each[i].fd, rights);
		close(opening->each[i].fd);
	}
	last = opening->pending == 0;
	pthread_mutex_unlock(&opening->lock);
	if (last)
		free_opening(opening);
}

/* The table of mounts; false when there can't be a rule for it. */
static bool
allow_mountinfo(int ruleset)
{
	/*
	 * Stays open: the rule holds for the inode, and /proc makes another one of the same name when
	 * memory gets short and nobody has it in use.
	 */
	int			fd = open("/proc/self/mountinfo", O_PATH | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (allow(ruleset, fd, READ_FILE))
		return true;
	close(fd);
	return false;
}

static int
create_ruleset(int abi)
{
	Ruleset		ruleset = {.files = FILE_RIGHTS};
	size_t		size = sizeof(ruleset.files);

	if (abi >= ABI_REFER)
		ruleset.files |= FILE_REFER;
	if (abi >= ABI_TRUNCATE)
		ruleset.files |= FILE_TRUNCATE;
	if (abi >= ABI_IOCTL)
		ruleset.files |= FILE_IOCTL;
	if (abi >= ABI_NETWORK)
	{
		ruleset.network = NETWORK_RIGHTS;
		size += sizeof(ruleset.network);
	}
	if (abi >= ABI_SCOPES)
	{
		ruleset.scopes = SCOPES;
		size += sizeof(ruleset.scopes);
	}
	return (int) syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);
}

int
mp_landlock_confine(const MpStr *readable, uint32_t n_readable, const MpStr *removable,
					uint32_t n_removable)
{
	const uint64_t reading = READ_FILE | READ_FOLDER;
	int			abi = (int) syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
	int			ruleset;
	bool		confined = false;

	/* Not built in, not switched on, or refused by a container's filter: go on without. */
	if (abi <= 0)
		return 0;
	ruleset = create_ruleset(abi);
	if (ruleset < 0)
		return 0;
	fcntl(ruleset, F_SETFD, FD_CLOEXEC);
	if (allow_mountinfo(ruleset))
	{
		allow_roots(ruleset, readable, n_readable, reading);
		allow_roots(ruleset, removable, n_removable, reading | REMOVE_FILE | MAKE_FILE);
		/* The kernel wants this of whoever isn't root. */
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		confined = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
	}
	close(ruleset);
	return confined ? abi : 0;
}
