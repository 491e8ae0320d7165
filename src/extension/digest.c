/* digest.c: the digest of one file's content, read by the probe; see digest.h. */
#include "postgres.h"

#include "utils/builtins.h"

#include "digest.h"
#include "probe_client.h"
#include "reasons.h"

static void
conclude(Digest *digest, MpVerdict verdict, MpReason reason, int err)
{
	digest->verdict = verdict;
	digest->reason = reason;
	digest->err = err;
}

/* One digest of an answer in words. */
static void
read_text(MpReader *reader, char *text)
{
	int			length = mp_read_u8(reader);

	if (length * 2 >= MAX_DIGEST_TEXT || reader->bad || reader->end - reader->at < length)
		probe_malformed();
	hex_encode((const char *) reader->at, length, text);
	text[length * 2] = '\0';
	reader->at += length;
}

void
digest_read(MpReader *reader, Digest *digest)
{
	MpVerdict	verdict = mp_read_u8(reader);
	MpReason	reason = mp_read_u8(reader);

	conclude(digest, verdict, reason, mp_read_u16(reader));
	mp_read_identity(reader, &digest->identity);
	read_text(reader, digest->text);
	read_text(reader, digest->ends);
}

static void
read_answer(Root *root, MpReader *reader, Digest *digest)
{
	MpRootReport report;
	uint32		n;

	mp_read_root_report(reader, &report);
	n = mp_read_count(reader, DIGEST_LEAST);
	if (n != (report.verdict == MP_PRESENT ? 1 : 0))
		probe_malformed();
	if (n == 1)
		digest_read(reader, digest);
	if (!mp_read_done(reader))
		probe_malformed();
	if (!roots_judge(root, &report))
		conclude(digest, MP_UNREACHABLE, root->reason, root->err);
}

void
digest_file(RootTable *roots, const char *path, size_t length, MpAlgorithm algorithm,
			Digest *digest)
{
	Root	   *root = roots_find(roots, path, length);
	ProbeAnswer answer;
	MpWriter   *w;

	memset(digest, 0, sizeof(*digest));
	if (root == NULL)
	{
		conclude(digest, MP_INVALID, MP_OUTSIDE_ROOTS, 0);
		return;
	}
	roots_look(root);
	if (root->verdict != MP_PRESENT)
	{
		conclude(digest, MP_UNREACHABLE, root->reason, root->err);
		return;
	}
	if (length > MP_MAX_PATH)
	{
		conclude(digest, MP_INVALID, MP_BAD_PATH, 0);
		return;
	}
	w = probe_request(MP_HASH);
	roots_write_place(roots, root, w);
	mp_write_u8(w, algorithm);
	mp_write_u8(w, MP_WHOLE);
	mp_write_u32(w, 1);
	mp_write_str(w, path + root->app_length + 1, length - root->app_length - 1);
	(void) probe_send();
	if (probe_wait(&answer) == PROBE_ANSWER)
	{
		read_answer(root, &answer.body, digest);
		probe_answer_done(&answer);
	}
	else
	{
		roots_doubt(root, MP_TIMED_OUT, 0);
		conclude(digest, MP_UNREACHABLE, MP_TIMED_OUT, 0);
	}
}

/* Everything outside the roots gets one answer, whether it exists or not. */
static void
raise_refusal(const char *path)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("\"%s\" is not a file below a registered root", path),
			 errhint("SELECT app_path FROM missing_photos.roots lists the roots.")));
}

void
digest_require(const Digest *digest, const char *path)
{
	switch (digest->verdict)
	{
		case MP_PRESENT:
			return;
		case MP_MISSING:
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FILE),
					 errmsg("file \"%s\" does not exist", path)));
			break;
		case MP_UNREACHABLE:
			ereport(ERROR,
					(errcode(ERRCODE_IO_ERROR),
					 errmsg("file \"%s\" could not be read: %s", path,
							reason_text(digest->reason, digest->err)),
					 errhint("It may well exist; nothing was concluded.")));
			break;
		case MP_INVALID:
			raise_refusal(path);
			break;
	}
}
