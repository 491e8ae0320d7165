/*
 * faults.c: the list of faults.  One mutex guards everything below; a hung request waits on
 * `cleared`, so it costs a thread of the file system and nothing else.
 */
#include "faults.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
	MAX_FAULTS = 64,
	HANG = -1
};

typedef struct Fault
{
	char		operation[16];
	char		pattern[PATH_MAX];
	int			err;			/* an errno, or HANG */
} Fault;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cleared = PTHREAD_COND_INITIALIZER;
static Fault faults[MAX_FAULTS];
static int	fault_count;
static unsigned generation;		/* counts the times faults were cleared */
static unsigned latency_us;
static unsigned hanging;
static unsigned long requests;

static int
find_fault(const char *operation, const char *path)
{
	for (int i = fault_count - 1; i >= 0; i--)
	{
		const Fault *fault = &faults[i];

		if (strcmp(fault->operation, "*") != 0 && strcmp(fault->operation, operation) != 0)
			continue;
		if (fnmatch(fault->pattern, path, 0) == 0)
			return fault->err;
	}
	return 0;
}

int
faults_apply(const char *operation, const char *path)
{
	unsigned	delay;
	int			err;

	pthread_mutex_lock(&lock);
	requests++;
	delay = latency_us;
	pthread_mutex_unlock(&lock);
	if (delay > 0)
		usleep(delay);

	pthread_mutex_lock(&lock);
	while ((err = find_fault(operation, path)) == HANG)
	{
		unsigned	seen = generation;

		hanging++;
		while (generation == seen)
			pthread_cond_wait(&cleared, &lock);
		hanging--;
	}
	pthread_mutex_unlock(&lock);
	return err;
}

static int
errno_from_text(const char *text)
{
	int			number = atoi(text);

	if (number > 0)
		return number;
	for (int i = 1; i < 134; i++)
	{
		const char *name = strerrorname_np(i);

		if (name != NULL && strcmp(name, text) == 0)
			return i;
	}
	return 0;
}

static const char *
add_fault(const char *operation, const char *pattern, int err)
{
	Fault	   *fault;

	if (fault_count == MAX_FAULTS)
		return "error: too many faults";
	fault = &faults[fault_count++];
	snprintf(fault->operation, sizeof(fault->operation), "%s", operation);
	snprintf(fault->pattern, sizeof(fault->pattern), "%s", pattern);
	fault->err = err;
	return "ok";
}

static const char *
clear_faults(void)
{
	fault_count = 0;
	latency_us = 0;
	generation++;
	pthread_cond_broadcast(&cleared);
	return "ok";
}

void
faults_command(const char *line, char *answer, size_t size)
{
	char		verb[16] = "";
	char		first[16] = "";
	char		name[32] = "";
	char		pattern[PATH_MAX] = "";
	const char *result = "error: not a command";

	pthread_mutex_lock(&lock);
	if (sscanf(line, "errno %31s %15s %4095[^\n]", name, first, pattern) == 3)
	{
		int			err = errno_from_text(name);

		result = err != 0 ? add_fault(first, pattern, err) : "error: not an errno";
	}
	else if (sscanf(line, "hang %15s %4095[^\n]", first, pattern) == 2)
		result = add_fault(first, pattern, HANG);
	else if (sscanf(line, "latency %u", &latency_us) == 1)
		result = "ok";
	else if (sscanf(line, "%15s", verb) == 1 && strcmp(verb, "clear") == 0)
		result = clear_faults();
	else if (strcmp(verb, "hanging") == 0 || strcmp(verb, "requests") == 0)
	{
		snprintf(answer, size, "%lu", verb[0] == 'h' ? (unsigned long) hanging : requests);
		result = NULL;
	}
	if (result != NULL)
		snprintf(answer, size, "%s", result);
	pthread_mutex_unlock(&lock);
}
