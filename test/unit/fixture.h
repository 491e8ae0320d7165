/*
 * fixture.h: files to look at, and requests that ask for them.
 */
#ifndef MP_FIXTURE_H
#define MP_FIXTURE_H

#include "../../src/probe/check.h"

/* A fresh folder, removed with all that is in it when the program ends.  Never freed. */
extern const char *fixture_folder(void);
/* folder/name, good until the program ends. */
extern char *fixture_path(const char *folder, const char *name);
extern void fixture_file(const char *folder, const char *name, const char *content);
extern void fixture_mkdir(const char *folder, const char *name);
extern void fixture_link(const char *folder, const char *name, const char *target);
extern void fixture_remove(const char *folder, const char *name);

/* Whether we may mount; then from now on in a namespace of our own: nothing is left behind. */
extern bool can_mount(const char *what);

/* A CHECK (or, with ask_place alone, another request) in the making. */
typedef struct Ask
{
	MpWriter	w;
	size_t		sitting_at;
	size_t		directories_at;
	size_t		names_at;
	uint32_t	directories;
	uint32_t	names;
} Ask;

extern void ask_place(Ask *ask, uint8_t type, const char *root, int n_others,
					  const char *const *others);
extern void ask_list(Ask *ask, const char *root, uint32_t n, const char *const *folders);
/* A HASH of one file. */
extern void ask_hashes(Ask *ask, const char *root, size_t n, const char *const *paths,
					   MpAlgorithm algorithm, uint8_t parts);
extern void ask_hash(Ask *ask, const char *root, const char *path, MpAlgorithm algorithm,
					 uint8_t parts);
/* A DISCOVER of one folder, with one glob and one marker ("": none). */
extern void ask_discover(Ask *ask, const char *root, const char *glob, const char *marker,
						 const char *folder);
/* A ROOT with its marker. */
extern void ask_place_and_path(Ask *ask, uint8_t type, const char *root, const char *path);
/* A REMOVE of n files, each to be given with ask_removal. */
extern void ask_remove(Ask *ask, const char *root, const char *marker, uint8_t act, uint32_t n);
extern void ask_removal(Ask *ask, const char *folder, const char *name, const char *aside,
						uint8_t expected, uint64_t size, int64_t mtime_ns);
extern void ask_check(Ask *ask, const char *root, int n_others, const char *const *others);
extern void ask_directory(Ask *ask, const char *path);
/* Which sitting a CHECK is of (0 unless said), how many names of the last directory are to come. */
extern void ask_sitting(Ask *ask, uint64_t sitting);
extern void ask_to_come(Ask *ask, uint32_t names);
extern void ask_name(Ask *ask, const char *name, uint8_t flags);
extern void ask_end(Ask *ask, uint64_t id);
/* Ends the asking and parses it; the request is for mp_request_free. */
extern int	ask_parse(Ask *ask, MpRequest *request);

/* Runs a CHECK's steps in order on this thread; false when there was a shortage. */
extern bool run_check(MpCheck *check, MpRequest *request);
extern bool run_check_sitting(MpCheck *check, MpRequest *request, MpRecall *recall);
/* The entry asked for by this name, the first of them; bails out when there is none. */
extern const MpEntry *entry_named(const MpRequest *request, const char *name);
/* One name below a root, from the pin to the comparison. */
extern MpEntry judge_one(const char *root, int n_others, const char *const *others,
						 const char *directory, const char *name);
/* ok() when a verdict and its reason are as expected. */
extern bool judged(MpEntry entry, MpVerdict verdict, MpReason reason, const char *what);

#endif							/* MP_FIXTURE_H */
