/*
 * check.c: see check.h for the order of things.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static void
note_shortage(MpCheck *check, int err)
{
	int			none = 0;

	if (err != 0)
		atomic_compare_exchange_strong(&check->shortage, &none, err);
}

static bool
goes_on(const MpCheck *check)
{
	return atomic_load(&check->shortage) == 0 && check->guard.report.verdict == MP_PRESENT;
}

/* What directories of the sitting are kept under: another file system at the root is another key. */
static void
join_sitting(MpCheck *check, MpRecall *recall)
{
	const MpRequest *request = check->request;
	const MpRootReport *report = &check->guard.report;
	uint64_t	nature[] = {report->device, report->inode, report->mount_id, report->fsid,
	report->mounts};

	mp_recall_begin(recall, request->sitting);
	check->batch.recall = recall;
	check->batch.sitting = request->sitting;
	check->batch.key = mp_hash_more(mp_hash_name(request->place.root.data,
												 request->place.root.length),
									nature, sizeof(nature));
}

void
mp_check_open(MpCheck *check, MpRequest *request, MpRecall *recall)
{
	memset(check, 0, sizeof(*check));
	check->request = request;
	mp_guard_open(&check->guard, &request->place);
	note_shortage(check, check->guard.shortage);
	check->batch.tree = &check->guard.tree;
	check->batch.entries = request->entries;
	check->batch.root = check->guard.node;
	check->batch.fsid = check->guard.fsid;
	check->batch.fs_magic = check->guard.fs_magic;
	if (recall != NULL && request->sitting != 0 && goes_on(check))
		join_sitting(check, recall);
	if (request->n_identities > 0 && goes_on(check))
	{
		check->batch.identities = calloc(request->n_identities, sizeof(MpIdentity));
		if (check->batch.identities == NULL)
			note_shortage(check, ENOMEM);
	}
}

void
mp_check_directory(MpCheck *check, uint32_t index, MpScratch *scratch)
{
	if (goes_on(check))
		note_shortage(check, mp_directory_judge(&check->batch,
												&check->request->directories[index], scratch));
}

void
mp_check_compare(MpCheck *check)
{
	if (goes_on(check))
	{
		mp_guard_compare(&check->guard);
		note_shortage(check, check->guard.shortage);
	}
}

bool
mp_check_wants_confirming(const MpCheck *check)
{
	if (!goes_on(check))
		return false;
	for (uint32_t i = 0; i < check->request->n_directories; i++)
	{
		if (check->request->directories[i].witness.wanted)
			return true;
	}
	return false;
}

void
mp_check_confirm(MpCheck *check, uint32_t index)
{
	if (goes_on(check))
		note_shortage(check, mp_directory_confirm(&check->batch,
												  &check->request->directories[index]));
}

void
mp_check_close(MpCheck *check)
{
	mp_guard_close(&check->guard);
	free(check->batch.identities);
	check->batch.identities = NULL;
}

/* Writes the count and then what was counted. */
static void
write_exceptions(const MpRequest *request, MpWriter *w)
{
	size_t		at = w->length;
	uint32_t	n = 0;

	mp_write_u32(w, 0);
	for (size_t i = 0; i < request->n_entries; i++)
	{
		const MpEntry *entry = &request->entries[i];
		MpException exception = {(uint32_t) i, entry->verdict, entry->reason, entry->err};

		if (entry->verdict == MP_PRESENT)
			continue;
		mp_write_exception(w, &exception);
		n++;
	}
	mp_write_u32_at(w, at, n);
}

static void
write_identities(const MpCheck *check, MpWriter *w)
{
	const MpRequest *request = check->request;
	size_t		at = w->length;
	uint32_t	n = 0;

	mp_write_u32(w, 0);
	for (size_t i = 0; i < request->n_entries; i++)
	{
		const MpEntry *entry = &request->entries[i];

		if (entry->verdict != MP_PRESENT || entry->identity == MP_NO_IDENTITY)
			continue;
		mp_write_u32(w, (uint32_t) i);
		mp_write_identity(w, &check->batch.identities[entry->identity]);
		n++;
	}
	mp_write_u32_at(w, at, n);
}

void
mp_check_write(const MpCheck *check, MpWriter *w)
{
	mp_write_root_report(w, &check->guard.report);
	if (check->guard.report.verdict == MP_PRESENT)
	{
		write_exceptions(check->request, w);
		write_identities(check, w);
	}
	else
	{
		mp_write_u32(w, 0);
		mp_write_u32(w, 0);
	}
}
