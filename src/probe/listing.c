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
	MOST_BYTES = 8 * 1024 * 1024	/* of names, their lengths included */
};

typedef struct Listing
{
	MpJudgement judgement;
	MpWriter	names;
	uint32_t	n;
	bool		cut_short;
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
		listing->cut_short = true;
		return false;
	}
	/* FUSE may have such names; nothing else here takes them. */
	if (length > MP_MAX_NAME)
	{
		listing->cut_short = true;
		return true;
	}
	mp_write_str(&listing->names, name, length);
	listing->n++;
	return true;
}

static void
read_names(Listing *listing, int folder)
{
	int			fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int			err = fd < 0 ? errno : mp_list_each(fd, take_name, listing);

	mp_progress_add(1);
	if (fd >= 0)
		close(fd);
	/* The folder's handle stood already: an error now doesn't make it missing. */
	listing->judgement = mp_doubt_errno(err);
	if (listing->names.bad)
		listing->judgement = mp_judge_errno(ENOMEM);
}

static void
list_folder(Listing *listing, const MpTree *tree, const MpRequest *request, MpWitness *witness)
{
	MpFound		found;

	if (!mp_path_is_sound(request->path.data))
	{
		listing->judgement = mp_judgement(MP_INVALID, MP_BAD_PATH, 0);
		return;
	}
	mp_find(tree, request->path.data, true, &found);
	if (found.err != 0)
	{
		listing->judgement = mp_judge_found(&found);
		if (listing->judgement.verdict == MP_MISSING)
			mp_witness_note(witness, found.exists, &found.node);
		return;
	}
	read_names(listing, found.fd);
	close(found.fd);
}

static void
write_answer(const Listing *listing, const MpGuard *guard, MpWriter *w)
{
	MpJudgement judgement = listing->judgement;
	bool		told;

	if (guard->report.verdict != MP_PRESENT)
		judgement = mp_judgement(MP_UNREACHABLE, (MpReason) guard->report.reason,
								 guard->report.err);
	told = judgement.verdict == MP_PRESENT;
	mp_write_root_report(w, &guard->report);
	mp_write_u8(w, judgement.verdict);
	mp_write_u8(w, judgement.reason);
	mp_write_u16(w, judgement.err);
	mp_write_u8(w, told && listing->cut_short);
	mp_write_u32(w, told ? listing->n : 0);
	if (told)
		mp_write_bytes(w, listing->names.data, listing->names.length);
}

int
mp_listing_write(const MpRequest *request, MpWriter *w)
{
	Listing		listing = {0};
	MpWitness	witness = {0};
	MpGuard		guard;
	int			shortage = 0;

	mp_write_start(&listing.names);
	mp_guard_open(&guard, &request->place);
	if (mp_guard_holds(&guard))
	{
		list_folder(&listing, &guard.tree, request, &witness);
		mp_guard_compare(&guard);
	}
	if (mp_guard_holds(&guard) && witness.wanted &&
		!mp_witness_holds(&witness, &guard.tree, request->path.data, &shortage))
		listing.judgement = mp_judgement(MP_UNREACHABLE, MP_ROOT_CHANGED, 0);
	if (listing.judgement.fate == MP_FATE_SHORTAGE)
		shortage = listing.judgement.err;
	if (guard.shortage != 0)
		shortage = guard.shortage;
	if (shortage == 0)
		write_answer(&listing, &guard, w);
	mp_write_free(&listing.names);
	mp_guard_close(&guard);
	return shortage;
}
