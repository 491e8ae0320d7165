/*
 * hash.c: the digest of one file below a guarded root.
 */
#include <string.h>
#include <unistd.h>

#include "hash.h"

static void
read_file(MpHash *hash, const MpTree *tree, const MpRequest *request, MpWitness *witness)
{
	MpFound		found;

	if (request->path.length == 0 || !mp_path_is_sound(request->path.data))
	{
		hash->digest.judgement = mp_judgement(MP_INVALID, MP_BAD_PATH, 0);
		return;
	}
	mp_find(tree, request->path.data, false, &found);
	if (found.err != 0)
	{
		hash->digest.judgement = mp_judge_found(&found);
		if (hash->digest.judgement.verdict == MP_MISSING)
			mp_witness_note(witness, found.exists, &found.node);
	}
	else
	{
		mp_digest_file(found.fd, (MpAlgorithm) request->algorithm, &hash->digest);
		close(found.fd);
	}
	if (hash->digest.judgement.fate == MP_FATE_SHORTAGE)
		hash->shortage = hash->digest.judgement.err;
}

void
mp_hash_run(MpHash *hash, const MpRequest *request)
{
	MpWitness	witness = {0};
	MpGuard		guard;

	memset(hash, 0, sizeof(*hash));
	mp_guard_open(&guard, &request->place);
	if (mp_guard_holds(&guard))
	{
		read_file(hash, &guard.tree, request, &witness);
		mp_guard_compare(&guard);
	}
	if (mp_guard_holds(&guard) && witness.wanted &&
		!mp_witness_holds(&witness, &guard.tree, request->path.data, &hash->shortage))
		hash->digest.judgement = mp_judgement(MP_UNREACHABLE, MP_ROOT_CHANGED, 0);
	if (guard.shortage != 0)
		hash->shortage = guard.shortage;
	hash->report = guard.report;
	mp_guard_close(&guard);
}

void
mp_hash_write(const MpHash *hash, MpWriter *w)
{
	MpDigest	nothing;
	const MpDigest *digest = &hash->digest;

	if (hash->report.verdict != MP_PRESENT)
	{
		/* Nothing was concluded: the file is as far away as its root. */
		memset(&nothing, 0, sizeof(nothing));
		nothing.judgement = mp_judgement(MP_UNREACHABLE, (MpReason) hash->report.reason,
										 hash->report.err);
		digest = &nothing;
	}
	mp_write_root_report(w, &hash->report);
	mp_write_u8(w, digest->judgement.verdict);
	mp_write_u8(w, digest->judgement.reason);
	mp_write_u16(w, digest->judgement.err);
	mp_write_identity(w, &digest->identity);
	mp_write_u8(w, digest->judgement.verdict == MP_PRESENT ? digest->length : 0);
	if (digest->judgement.verdict == MP_PRESENT)
	{
		for (uint8_t i = 0; i < digest->length; i++)
			mp_write_u8(w, digest->bytes[i]);
	}
}
