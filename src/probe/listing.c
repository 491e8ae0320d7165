/*
 * listing.c: names as the file system gives them, byte by byte.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dirlist.h"
#include "listing.h"
#include "progress.h"

enum
{
	MOST_BYTES = 8 * 1024 * 1024	/* of names, their lengths included, in one answer */
};

/* One folder; its names are bytes of the answer's. */
typedef struct Folder
{
	MpJudgement judgement;
	MpWitness	witness;
	size_t		from;
	size_t		length;
	uint32_t	n;
	bool		cut_short;
} Folder;

typedef struct Listing
{
	MpWriter	names;			/* of all folders */
	uint32_t	n;
	Folder	   *folders;
	Folder	   *folder;			/* that is being read */
} Listing;

/* Takes one entry of the folder; false: there is no room for more. */
static bool
take_name(void *owner, const char *name, MpShown shown)
{
	Listing    *listing = owner;
	size_t		length = strlen(name);

	if (shown == MP_SHOWN_FOLDER)
		return true;
	if (listing->n == MP_MAX_NAMES || listing->names.length + 4 + length > MOST_BYTES)
	{
		listing->folder->cut_short = true;
		return false;
	}
	/* FUSE may have such names; nothing else here takes them. */
	if (length > MP_MAX_NAME)
	{
		listing->folder->cut_short = true;
		return true;
	}
	mp_write_str(&listing->names, name, length);
	listing->n++;
	listing->folder->n++;
	return true;
}

static void
read_names(Listing *listing, int handle)
{
	int			fd = openat(handle, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int			err = fd < 0 ? errno : mp_list_each(fd, take_name, listing);

	mp_progress_add(1);
	if (fd >= 0)
		close(fd);
	/* The folder's handle stood already: an error now doesn't make it missing. */
	listing->folder->judgement = mp_doubt_errno(err);
	if (listing->names.bad)
		listing->folder->judgement = mp_judge_errno(ENOMEM);
}

static void
list_folder(Listing *listing, const MpTree *tree, const char *path)
{
	Folder	   *folder = listing->folder;
	MpFound		found;

	folder->from = listing->names.length;
	if (!mp_path_is_sound(path))
	{
		folder->judgement = mp_judgement(MP_INVALID, MP_BAD_PATH, 0);
		return;
	}
	mp_find(tree, path, true, &found);
	if (found.err != 0)
	{
		folder->judgement = mp_judge_found(&found);
		if (folder->judgement.verdict == MP_MISSING)
			mp_witness_note(&folder->witness, found.exists, &found.node);
		return;
	}
	read_names(listing, found.fd);
	folder->length = listing->names.length - folder->from;
	close(found.fd);
}

static void
list_folders(Listing *listing, const MpTree *tree, const MpStrings *paths)
{
	for (uint32_t i = 0; i < paths->n; i++)
	{
		listing->folder = &listing->folders[i];
		list_folder(listing, tree, paths->list[i].data);
	}
}

/* What seemed missing must rest on folders that still are where they were.  Returns our shortage. */
static int
look_at_witnesses(Listing *listing, const MpTree *tree, const MpStrings *paths)
{
	int			shortage = 0;

	for (uint32_t i = 0; i < paths->n; i++)
	{
		Folder	   *folder = &listing->folders[i];

		if (folder->witness.wanted &&
			!mp_witness_holds(&folder->witness, tree, paths->list[i].data, &shortage))
			folder->judgement = mp_judgement(MP_UNREACHABLE, MP_ROOT_CHANGED, 0);
		if (folder->judgement.fate == MP_FATE_SHORTAGE)
			shortage = folder->judgement.err;
	}
	return shortage;
}

static void
write_folder(const Listing *listing, const Folder *folder, MpWriter *w)
{
	bool		told = folder->judgement.verdict == MP_PRESENT;

	mp_write_u8(w, folder->judgement.verdict);
	mp_write_u8(w, folder->judgement.reason);
	mp_write_u16(w, folder->judgement.err);
	mp_write_u8(w, told && folder->cut_short);
	mp_write_u32(w, told ? folder->n : 0);
	if (told)
		mp_write_bytes(w, listing->names.data + folder->from, folder->length);
}

static void
write_answer(const Listing *listing, const MpGuard *guard, uint32_t n, MpWriter *w)
{
	mp_write_root_report(w, &guard->report);
	if (guard->report.verdict != MP_PRESENT)
		n = 0;
	mp_write_u32(w, n);
	for (uint32_t i = 0; i < n; i++)
		write_folder(listing, &listing->folders[i], w);
}

int
mp_listing_write(const MpRequest *request, MpWriter *w)
{
	Listing		listing = {.folders = calloc((size_t) request->paths.n + 1, sizeof(Folder))};
	MpGuard		guard;
	int			shortage = 0;

	if (listing.folders == NULL)
		return ENOMEM;
	mp_write_start(&listing.names);
	mp_guard_open(&guard, &request->place);
	if (mp_guard_holds(&guard))
	{
		list_folders(&listing, &guard.tree, &request->paths);
		mp_guard_compare(&guard);
	}
	if (mp_guard_holds(&guard))
		shortage = look_at_witnesses(&listing, &guard.tree, &request->paths);
	if (guard.shortage != 0)
		shortage = guard.shortage;
	if (shortage == 0)
		write_answer(&listing, &guard, request->paths.n, w);
	mp_write_free(&listing.names);
	free(listing.folders);
	mp_guard_close(&guard);
	return shortage;
}
