/*
 * hash.c: the digests of files below a guarded root; see hash.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hash.h"

static void
note_shortage(MpHash *hash, int err)
{
	int			none = 0;

	if (err != 0)
		atomic_compare_exchange_strong(&hash->shortage, &none, err);
}

static bool
goes_on(const MpHash *hash)
{
	return atomic_load(&hash->shortage) == 0 && hash->guard.report.verdict == MP_PRESENT;
}

void
mp_hash_open(MpHash *hash, const MpRequest *request)
{
	memset(hash, 0, sizeof(*hash));
	hash->request = request;
	mp_guard_open(&hash->guard, &request->place);
	note_shortage(hash, hash->guard.shortage);
	if (request->paths.n > 0 && goes_on(hash))
	{
		hash->files = calloc(request->paths.n, sizeof(*hash->files));
		if (hash->files == NULL)
			note_shortage(hash, ENOMEM);
	}
}

static void
read_file(MpHash *hash, MpStr path, MpHashed *file)
{
	const MpRequest *request = hash->request;
	MpFound		found;

	if (path.length == 0 || !mp_path_is_sound(path.data))
	{
		file->digest.judgement = mp_judgement(MP_INVALID, MP_BAD_PATH, 0);
		return;
	}
	mp_find(&hash->guard.tree, path.data, false, &found);
	if (found.err != 0)
	{
		file->digest.judgement = mp_judge_found(&found);
		if (file->digest.judgement.verdict == MP_MISSING)
			mp_witness_note(&file->witness, found.exists, &found.node);
	}
	else
	{
		mp_digest_file(found.fd, (MpAlgorithm) request->algorithm, request->parts, &file->digest);
		close(found.fd);
	}
	if (file->digest.judgement.fate == MP_FATE_SHORTAGE)
		note_shortage(hash, file->digest.judgement.err);
}

void
mp_hash_file(MpHash *hash, uint32_t index)
{
	if (goes_on(hash))
		read_file(hash, hash->request->paths.list[index], &hash->files[index]);
}

void
mp_hash_compare(MpHash *hash)
{
	if (goes_on(hash))
	{
		mp_guard_compare(&hash->guard);
		note_shortage(hash, hash->guard.shortage);
	}
}

bool
mp_hash_wants_confirming(const MpHash *hash)
{
	if (!goes_on(hash))
		return false;
	for (uint32_t i = 0; i < hash->request->paths.n; i++)
	{
		if (hash->files[i].witness.wanted)
			return true;
	}
	return false;
}

void
mp_hash_confirm(MpHash *hash, uint32_t index)
{
	MpHashed   *file = &hash->files[index];
	int			shortage = 0;

	if (!goes_on(hash) || !file->witness.wanted)
		return;
	if (!mp_witness_holds(&file->witness, &hash->guard.tree,
						  hash->request->paths.list[index].data, &shortage))
		file->digest.judgement = mp_judgement(MP_UNREACHABLE, MP_ROOT_CHANGED, 0);
	note_shortage(hash, shortage);
}

void
mp_hash_close(MpHash *hash)
{
	mp_guard_close(&hash->guard);
	free(hash->files);
	hash->files = NULL;
}

static void
write_digest(MpWriter *w, const uint8_t *bytes, uint8_t length)
{
	mp_write_u8(w, length);
	mp_write_bytes(w, bytes, length);
}

void
mp_hash_write(const MpHash *hash, MpWriter *w)
{
	uint32_t	n = hash->guard.report.verdict == MP_PRESENT ? hash->request->paths.n : 0;
	uint8_t		parts = hash->request->parts;

	mp_write_root_report(w, &hash->guard.report);
	mp_write_u32(w, n);
	for (uint32_t i = 0; i < n; i++)
	{
		const MpDigest *digest = &hash->files[i].digest;
		uint8_t		length = digest->judgement.verdict == MP_PRESENT ? digest->length : 0;

		mp_write_u8(w, digest->judgement.verdict);
		mp_write_u8(w, digest->judgement.reason);
		mp_write_u16(w, digest->judgement.err);
		mp_write_identity(w, &digest->identity);
		write_digest(w, digest->whole, (parts & MP_WHOLE) ? length : 0);
		write_digest(w, digest->ends, (parts & MP_ENDS) ? length : 0);
	}
}
