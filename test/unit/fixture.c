/*
 * fixture.c: files and requests for tests.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "fixture.h"
#include "tap.h"

enum
{
	MOST_FOLDERS = 64
};

static char folders[MOST_FOLDERS][64];
static int	n_folders;
static pid_t owner;

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void) st;
	(void) type;
	(void) ftw;
	remove(path);
	return 0;
}

static void
remove_all(void)
{
	/* A forked child that exits mustn't take its parent's files along. */
	if (getpid() != owner)
		return;
	for (int i = 0; i < n_folders; i++)
		nftw(folders[i], remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

const char *
fixture_folder(void)
{
	char	   *folder = folders[n_folders];

	if (n_folders == MOST_FOLDERS)
		bail("too many folders");
	if (n_folders == 0)
	{
		owner = getpid();
		atexit(remove_all);
	}
	strcpy(folder, "/tmp/missing_photos_unit.XXXXXX");
	if (mkdtemp(folder) == NULL)
		bail("mkdtemp");
	n_folders++;
	return folder;
}

char *
fixture_path(const char *folder, const char *name)
{
	/* All paths ever made stay reachable from here: what LeakSanitizer finds is somebody else's. */
	typedef struct Path
	{
		struct Path *next;
		char		text[];
	} Path;
	static Path *paths;
	size_t		size = strlen(folder) + 1 + strlen(name) + 1;
	Path	   *path = malloc(sizeof(*path) + size);

	if (path == NULL)
		bail("malloc");
	path->next = paths;
	paths = path;
	snprintf(path->text, size, "%s/%s", folder, name);
	return path->text;
}

void
fixture_file(const char *folder, const char *name, const char *content)
{
	char	   *path = fixture_path(folder, name);
	FILE	   *file = fopen(path, "w");

	if (file == NULL || fputs(content, file) < 0 || fclose(file) != 0)
		bail(path);
}

void
fixture_mkdir(const char *folder, const char *name)
{
	char	   *path = fixture_path(folder, name);

	if (mkdir(path, 0755) != 0)
		bail(path);
}

void
fixture_link(const char *folder, const char *name, const char *target)
{
	char	   *path = fixture_path(folder, name);

	if (symlink(target, path) != 0)
		bail(path);
}

void
fixture_remove(const char *folder, const char *name)
{
	char	   *path = fixture_path(folder, name);

	if (remove(path) != 0)
		bail(path);
}

bool
can_mount(const char *what)
{
	static bool may;

	if (may)
		return true;
	may = geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	if (!may)
		skip("only root may mount", "%s", what);
	return may;
}

void
ask_place(Ask *ask, uint8_t type, const char *root, int n_others, const char *const *others)
{
	memset(ask, 0, sizeof(*ask));
	mp_write_start(&ask->w);
	mp_write_message(&ask->w, type, 0);
	mp_write_str(&ask->w, root, strlen(root));
	mp_write_u32(&ask->w, (uint32_t) n_others);
	for (int i = 0; i < n_others; i++)
		mp_write_str(&ask->w, others[i], strlen(others[i]));
}

void
ask_place_and_path(Ask *ask, uint8_t type, const char *root, const char *path)
{
	ask_place(ask, type, root, 0, NULL);
	mp_write_str(&ask->w, path, strlen(path));
}

void
ask_list(Ask *ask, const char *root, uint32_t n, const char *const *folders)
{
	ask_place(ask, MP_LIST, root, 0, NULL);
	mp_write_u32(&ask->w, n);
	for (uint32_t i = 0; i < n; i++)
		mp_write_str(&ask->w, folders[i], strlen(folders[i]));
}

void
ask_hashes(Ask *ask, const char *root, size_t n, const char *const *paths, MpAlgorithm algorithm,
		   uint8_t parts)
{
	ask_place(ask, MP_HASH, root, 0, NULL);
	mp_write_u8(&ask->w, (uint8_t) algorithm);
	mp_write_u8(&ask->w, parts);
	mp_write_u32(&ask->w, (uint32_t) n);
	for (size_t i = 0; i < n; i++)
		mp_write_str(&ask->w, paths[i], strlen(paths[i]));
}

void
ask_hash(Ask *ask, const char *root, const char *path, MpAlgorithm algorithm, uint8_t parts)
{
	ask_hashes(ask, root, 1, &path, algorithm, parts);
}

static void
ask_string(Ask *ask, const char *string)
{
	mp_write_u32(&ask->w, *string != '\0');
	if (*string != '\0')
		mp_write_str(&ask->w, string, strlen(string));
}

void
ask_discover(Ask *ask, const char *root, const char *glob, const char *marker, const char *folder)
{
	ask_place(ask, MP_DISCOVER, root, 0, NULL);
	ask_string(ask, glob);
	ask_string(ask, marker);
	mp_write_u32(&ask->w, 1);
	mp_write_str(&ask->w, folder, strlen(folder));
	mp_write_u32(&ask->w, 0);
	mp_write_u32(&ask->w, 1);
}

void
ask_remove(Ask *ask, const char *root, const char *marker, uint8_t act, uint32_t n)
{
	ask_place_and_path(ask, MP_REMOVE, root, marker);
	mp_write_u8(&ask->w, act);
	mp_write_u32(&ask->w, n);
}

void
ask_removal(Ask *ask, const char *folder, const char *name, const char *aside, uint8_t expected,
			uint64_t size, int64_t mtime_ns)
{
	mp_write_str(&ask->w, folder, strlen(folder));
	mp_write_str(&ask->w, name, strlen(name));
	mp_write_str(&ask->w, aside, strlen(aside));
	mp_write_u8(&ask->w, expected);
	mp_write_u64(&ask->w, size);
	mp_write_i64(&ask->w, mtime_ns);
}

void
ask_check(Ask *ask, const char *root, int n_others, const char *const *others)
{
	ask_place(ask, MP_CHECK, root, n_others, others);
	ask->sitting_at = ask->w.length;
	mp_write_u64(&ask->w, 0);
	ask->directories_at = ask->w.length;
	mp_write_u32(&ask->w, 0);
}

void
ask_directory(Ask *ask, const char *path)
{
	mp_write_str(&ask->w, path, strlen(path));
	mp_write_u32(&ask->w, 0);
	ask->names_at = ask->w.length;
	ask->names = 0;
	mp_write_u32(&ask->w, 0);
	mp_write_u32_at(&ask->w, ask->directories_at, ++ask->directories);
}

void
ask_sitting(Ask *ask, uint64_t sitting)
{
	memcpy(ask->w.data + ask->sitting_at, &sitting, sizeof(sitting));
}

void
ask_to_come(Ask *ask, uint32_t names)
{
	mp_write_u32_at(&ask->w, ask->names_at - sizeof(names), names);
}

void
ask_name(Ask *ask, const char *name, uint8_t flags)
{
	mp_write_u8(&ask->w, flags);
	mp_write_str(&ask->w, name, strlen(name));
	mp_write_u32_at(&ask->w, ask->names_at, ++ask->names);
}

void
ask_end(Ask *ask, uint64_t id)
{
	mp_write_message_end(&ask->w);
	/* The id stands last in the header. */
	memcpy(ask->w.data + MP_HEADER_SIZE - sizeof(id), &id, sizeof(id));
}

int
ask_parse(Ask *ask, MpRequest *request)
{
	MpHeader	header;
	unsigned char *payload;

	ask_end(ask, 1);
	mp_read_header(ask->w.data, &header);
	payload = malloc(header.length + 1);
	memcpy(payload, ask->w.data + MP_HEADER_SIZE, header.length);
	mp_write_free(&ask->w);
	return mp_request_parse(request, header.type, header.request, payload, header.length);
}

bool
run_check_sitting(MpCheck *check, MpRequest *request, MpRecall *recall)
{
	MpScratch	scratch = {0};

	mp_check_open(check, request, recall);
	for (uint32_t i = 0; i < request->n_directories; i++)
		mp_check_directory(check, i, &scratch);
	mp_check_compare(check);
	for (uint32_t i = 0; i < request->n_directories; i++)
		mp_check_confirm(check, i);
	mp_scratch_free(&scratch);
	return atomic_load(&check->shortage) == 0;
}

bool
run_check(MpCheck *check, MpRequest *request)
{
	return run_check_sitting(check, request, NULL);
}

const MpEntry *
entry_named(const MpRequest *request, const char *name)
{
	for (size_t i = 0; i < request->n_entries; i++)
	{
		if (strcmp(request->entries[i].name, name) == 0)
			return &request->entries[i];
	}
	errno = ENOENT;
	bail(name);
}

MpEntry
judge_one(const char *root, int n_others, const char *const *others, const char *directory,
		  const char *name)
{
	MpRequest	request;
	MpCheck		check;
	MpEntry		entry;
	Ask			ask;

	ask_check(&ask, root, n_others, others);
	ask_directory(&ask, directory);
	ask_name(&ask, name, 0);
	if (ask_parse(&ask, &request) != 0)
		bail("ask_parse");
	if (!run_check(&check, &request))
		bail("shortage");
	entry = request.entries[0];
	if (check.guard.report.verdict != MP_PRESENT)
	{
		entry.verdict = check.guard.report.verdict;
		entry.reason = check.guard.report.reason;
		entry.err = check.guard.report.err;
	}
	entry.name = NULL;
	mp_check_close(&check);
	mp_request_free(&request);
	return entry;
}

bool
judged(MpEntry entry, MpVerdict verdict, MpReason reason, const char *what)
{
	bool		passed = entry.verdict == verdict && entry.reason == reason;

	ok(passed, "%s", what);
	if (!passed)
		note("got verdict %d, reason %d, errno %d", entry.verdict, entry.reason, entry.err);
	return passed;
}
