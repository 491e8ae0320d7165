/*
 * walk.c: lists a tree with many threads, as bfs -j does in its later versions.
 *
 *     walk THREADS FOLDER        prints how many entries there are
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Folder
{
	struct Folder *next;
	char		path[];
} Folder;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static Folder *folders;
static int	unfinished;
static long entries;

static void
add_folder(const char *path, const char *name)
{
	size_t		size = sizeof(Folder) + strlen(path) + 1 + strlen(name) + 1;
	Folder	   *folder = malloc(size);

	if (folder == NULL)
		exit(1);
	sprintf(folder->path, "%s%s%s", path, *name == '\0' ? "" : "/", name);
	pthread_mutex_lock(&lock);
	folder->next = folders;
	folders = folder;
	unfinished++;
	pthread_cond_signal(&wake);
	pthread_mutex_unlock(&lock);
}

static long
list(const Folder *folder)
{
	DIR		   *dir = opendir(folder->path);
	struct dirent *entry;
	long		n = 0;

	if (dir == NULL)
	{
		perror(folder->path);
		exit(1);
	}
	while ((entry = readdir(dir)) != NULL)
	{
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		n++;
		if (entry->d_type == DT_DIR)
			add_folder(folder->path, entry->d_name);
	}
	closedir(dir);
	return n;
}

static void *
work(void *nothing)
{
	pthread_mutex_lock(&lock);
	for (;;)
	{
		Folder	   *folder;
		long		n;

		while (folders == NULL && unfinished > 0)
			pthread_cond_wait(&wake, &lock);
		if (folders == NULL)
			break;
		folder = folders;
		folders = folder->next;
		pthread_mutex_unlock(&lock);
		n = list(folder);
		free(folder);
		pthread_mutex_lock(&lock);
		entries += n;
		if (--unfinished == 0)
			pthread_cond_broadcast(&wake);
	}
	pthread_mutex_unlock(&lock);
	return nothing;
}

int
main(int argc, char **argv)
{
	int			n = argc == 3 ? atoi(argv[1]) : 0;
	pthread_t  *threads = calloc(n > 0 ? n : 1, sizeof(pthread_t));

	if (n < 1 || threads == NULL)
		return 2;
	add_folder(argv[2], "");
	for (int i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, work, NULL) != 0)
			return 1;
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	printf("%ld\n", entries);
	return 0;
}
