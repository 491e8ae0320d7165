/*
 * directory.c: list where that pays, look up what the listing leaves open.
 *
 *     an earlier listing of the sitting did   present, unless its identity is wanted; the directory
 *                                             isn't even opened when that settles all
 *     the listing shows a regular file        present, unless its identity is wanted
 *     it shows a link, a folder, no type      look up
 *     it doesn't show the name                look up: listings race with renames
 *
 * A single name relative to the directory's handle needs no openat2: it holds no slash, isn't "..",
 * and is never followed.  Only a link is, and that by its whole path from the root, since a link
 * may climb from one folder into its neighbour.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "directory.h"
#include "guard.h"
#include "progress.h"

enum
{
	AT_A_TIME = 16				/* names looked for in a listing that is kept */
};

/* A directory in hand. */
typedef struct Held
{
	const MpBatch *batch;
	MpDirectory *directory;
	MpEntry    *entries;		/* the directory's own */
	int			fd;				/* O_PATH */
	bool		other_root;		/* reached through another registered root */
	MpNode		node;
	uint64_t	size;
	uint64_t	fsid;
	uint64_t	fs_magic;
	uint64_t	key;			/* in a sitting */
	int			shortage;
} Held;

static void
settle(Held *held, MpEntry *entry, MpJudgement judgement)
{
	entry->verdict = judgement.verdict;
	entry->reason = judgement.reason;
	entry->err = judgement.err;
	entry->settled = true;
	if (judgement.fate == MP_FATE_SHORTAGE)
		held->shortage = judgement.err;
}

static void
settle_rest(Held *held, MpJudgement judgement)
{
	for (uint32_t i = 0; i < held->directory->count; i++)
	{
		if (!held->entries[i].settled)
			settle(held, &held->entries[i], judgement);
	}
}

/* A link by its whole path. */
static MpJudgement
look_up_link(Held *held, const MpEntry *entry)
{
	char		path[MP_MAX_PATH + 1 + MP_MAX_NAME + 1];
	struct statx st;
	MpFound		found;
	uint64_t	fsid = 0;
	uint64_t	fs_magic;
	int			err;

	snprintf(path, sizeof(path), "%s%s%s", held->directory->path,
			 held->directory->length > 0 ? "/" : "", entry->name);
	mp_find(held->batch->tree, path, false, &found);
	if (found.err != 0)
		return mp_judge_found(&found);
	err = mp_stat_handle(found.fd, &st);
	if (err == 0 && entry->identity != MP_NO_IDENTITY)
		err = mp_statfs_handle(found.fd, &fsid, &fs_magic);
	close(found.fd);
	/* The handle stood already: whatever fails now says nothing about the file being there. */
	if (err != 0)
		return mp_doubt_errno(err);
	if (!S_ISREG(st.stx_mode))
		return mp_judgement(MP_INVALID, MP_NOT_REGULAR, 0);
	if (entry->identity != MP_NO_IDENTITY)
		mp_identity_of(&st, fsid, &held->batch->identities[entry->identity]);
	return mp_judge_errno(0);
}

static MpJudgement
look_up(Held *held, const MpEntry *entry)
{
	struct statx st;
	uint64_t	fsid;
	int			err = mp_stat_name(held->fd, entry->name, &st);

	if (err != 0)
	{
		MpFound		found = {.err = err, .other_root = held->other_root};

		return mp_judge_found(&found);
	}
	if (S_ISLNK(st.stx_mode))
		return look_up_link(held, entry);
	if (!S_ISREG(st.stx_mode))
		return mp_judgement(MP_INVALID, MP_NOT_REGULAR, 0);
	if (entry->identity != MP_NO_IDENTITY)
	{
		err = mp_fsid_of_name(held->fd, &held->node, held->fsid, entry->name, &st, &fsid);
		if (err != 0)
			return mp_doubt_errno(err);
		mp_identity_of(&st, fsid, &held->batch->identities[entry->identity]);
	}
	return mp_judge_errno(0);
}

/*
 * Settles the names that a listing showed; returns how many are left.  A few names at a time, so that
 * memory is waited for once for all of them.
 */
static uint32_t
settle_known(Held *held, const MpNameSet *names)
{
	uint32_t	count = held->directory->count;
	uint32_t	left = 0;
	uint64_t	hashes[AT_A_TIME];

	for (uint32_t first = 0; first < count; first += AT_A_TIME)
	{
		MpEntry    *entries = held->entries + first;
		uint32_t	n = count - first < AT_A_TIME ? count - first : AT_A_TIME;

		for (uint32_t i = 0; i < n; i++)
		{
			hashes[i] = mp_hash_name(entries[i].name, entries[i].length);
			mp_nameset_expect(names, hashes[i]);
		}
		for (uint32_t i = 0; i < n; i++)
		{
			if (!entries[i].settled && entries[i].identity == MP_NO_IDENTITY &&
				mp_nameset_has(names, hashes[i]))
				settle(held, &entries[i], mp_judge_errno(0));
			left += !entries[i].settled;
		}
	}
	return left;
}

/* Lists for the whole sitting. */
static int
list_for_all(Held *held, int fd, MpScratch *scratch)
{
	const MpBatch *batch = held->batch;
	MpNameSet  *names;
	int			err;

	mp_recall_listing(batch->recall, batch->sitting, held->key);
	err = mp_list_set(fd, scratch, &names);
	if (names != NULL)
	{
		mp_recall_put(batch->recall, batch->sitting, held->key, names);
		settle_known(held, names);
	}
	mp_nameset_release(names);
	return err;
}

static int
list_for_itself(Held *held, int fd, MpScratch *scratch)
{
	int			err = mp_list_names(fd, held->entries, held->directory->count, scratch);

	for (uint32_t i = 0; i < held->directory->count; i++)
	{
		MpEntry    *entry = &held->entries[i];

		if (entry->shown == MP_SHOWN_REGULAR && entry->identity == MP_NO_IDENTITY)
			settle(held, entry, mp_judge_errno(0));
	}
	return err;
}

/* Settles what a listing shows; when it can't be read, the look-ups will say why. */
static void
list(Held *held, MpScratch *scratch)
{
	int			fd;
	int			err;

	fd = openat(held->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mp_progress_add(1);
	if (fd < 0)
		err = errno;
	else if (held->batch->recall != NULL)
		err = list_for_all(held, fd, scratch);
	else
		err = list_for_itself(held, fd, scratch);
	if (fd >= 0)
		close(fd);
	if (mp_judge_errno(err).fate == MP_FATE_SHORTAGE)
		held->shortage = err;
}

/* Settles what no file system has to be asked about; returns how many a listing may settle. */
static uint32_t
settle_unsound(Held *held)
{
	uint32_t	listable = 0;
	uint16_t	err;

	for (uint32_t i = 0; i < held->directory->count; i++)
	{
		MpEntry    *entry = &held->entries[i];

		if (!mp_name_is_sound(entry, &err))
			settle(held, entry, mp_judgement(MP_INVALID, MP_BAD_PATH, err));
		else if (entry->identity == MP_NO_IDENTITY)
			listable++;
	}
	return listable;
}

static void
judge_names(Held *held, uint32_t listable, MpScratch *scratch)
{
	MpDirectory *directory = held->directory;

	if (mp_list_pays(listable, held->size, held->fs_magic))
		list(held, scratch);
	for (uint32_t i = 0; i < directory->count && held->shortage == 0; i++)
	{
		MpEntry    *entry = &held->entries[i];

		if (!entry->settled)
			settle(held, entry, look_up(held, entry));
		if (entry->verdict == MP_MISSING && !directory->witness.wanted)
			mp_witness_note(&directory->witness, directory->length, &held->node);
	}
}

/* Reads what the choice between listing and look-ups and the witness need. */
static int
measure(Held *held)
{
	struct statx st;
	int			err = mp_stat_handle(held->fd, &st);

	if (err != 0)
		return err;
	mp_node_of(&st, &held->node);
	held->size = st.stx_size;
	held->fsid = held->batch->fsid;
	held->fs_magic = held->batch->fs_magic;
	/* Asking a far file system costs a round trip; the root's has been asked. */
	if (held->node.device == held->batch->root.device &&
		held->node.mount_id == held->batch->root.mount_id)
		return 0;
	return mp_statfs_handle(held->fd, &held->fsid, &held->fs_magic);
}

/*
 * What the sitting knows of the directory already; true when that settles everything.  *listable
 * becomes the number of names that a listing now would settle, sooner or later.
 */
static bool
recall(Held *held, uint32_t *listable)
{
	const MpBatch *batch = held->batch;
	MpDirectory *directory = held->directory;
	MpNameSet  *names;
	uint32_t	asked;
	uint32_t	left = 1;

	held->key = mp_hash_more(batch->key, directory->path, directory->length);
	names = mp_recall_get(batch->recall, batch->sitting, held->key, *listable, &asked);
	if (names != NULL)
	{
		left = settle_known(held, names);
		*listable = 0;
	}
	else if (directory->to_come > asked)
		*listable = directory->to_come;
	else
		*listable = asked;
	mp_nameset_release(names);
	return names != NULL && left == 0;
}

int
mp_directory_judge(const MpBatch *batch, MpDirectory *directory, MpScratch *scratch)
{
	Held		held = {.batch = batch, .directory = directory, .fd = -1};
	MpFound		found;
	uint32_t	listable;
	int			err;

	held.entries = batch->entries + directory->first;
	if (!mp_path_is_sound(directory->path))
	{
		settle_rest(&held, mp_judgement(MP_INVALID, MP_BAD_PATH, 0));
		return 0;
	}
	listable = settle_unsound(&held);
	if (batch->recall != NULL && recall(&held, &listable))
		return 0;
	mp_find(batch->tree, directory->path, true, &found);
	if (found.err != 0)
	{
		MpJudgement judgement = mp_judge_found(&found);

		if (judgement.verdict == MP_MISSING)
			mp_witness_note(&directory->witness, found.exists, &found.node);
		settle_rest(&held, judgement);
		return held.shortage;
	}
	held.fd = found.fd;
	held.other_root = found.other_root;
	err = measure(&held);
	if (err != 0)
		settle_rest(&held, mp_doubt_errno(err));
	else
		judge_names(&held, listable, scratch);
	close(held.fd);
	return held.shortage;
}

int
mp_directory_confirm(const MpBatch *batch, const MpDirectory *directory)
{
	int			shortage = 0;

	if (!directory->witness.wanted ||
		mp_witness_holds(&directory->witness, batch->tree, directory->path, &shortage))
		return 0;
	for (uint32_t i = 0; i < directory->count; i++)
	{
		MpEntry    *entry = &batch->entries[directory->first + i];

		if (entry->verdict == MP_MISSING)
		{
			entry->verdict = MP_UNREACHABLE;
			entry->reason = MP_ROOT_CHANGED;
			entry->err = 0;
		}
	}
	return shortage;
}
