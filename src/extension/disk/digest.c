/* digest.c: digests of files' contents, read by the probe; see digest.h. */
#include "postgres.h"

#include "utils/builtins.h"

#include "digest.h"
#include "probe_client.h"
#include "reasons.h"

/* So many that the probe's lanes are seldom half empty, which they are at the end of a request. */
#define FILES_PER_REQUEST 4096
#define BYTES_PER_REQUEST (8 * 1024 * 1024)
#define MAX_ASKED 3
/* Bytes that one file takes at least in an answer. */
#define DIGEST_LEAST (1 + 1 + 2 + 40 + 1 + 1)

/* A request under way, for files of one root that follow each other in `order`. */
typedef struct Asked
{
	ProbeRequest *request;
	int			first;
	int			n;
} Asked;

typedef struct Reading
{
	RootTable  *roots;
	Digested  **order;			/* those to be read, those that may share a request together */
	int			n;
	int			next;
	Asked		asked[MAX_ASKED];
	int			n_asked;
} Reading;

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

static void
read_digest(MpReader *reader, Digest *digest)
{
	MpVerdict	verdict = mp_read_u8(reader);
	MpReason	reason = mp_read_u8(reader);

	conclude(digest, verdict, reason, mp_read_u16(reader));
	mp_read_identity(reader, &digest->identity);
	read_text(reader, digest->text);
	read_text(reader, digest->ends);
}

/* Whether the disk must be asked; looks at the file's root when it is the first below it. */
static bool
is_to_be_read(RootTable *roots, Digested *file)
{
	Root	   *root = roots_find(roots, file->path, file->length);

	file->root = root == NULL ? -1 : (int) (root - roots->roots);
	memset(&file->digest, 0, sizeof(file->digest));
	if (root == NULL)
		conclude(&file->digest, MP_INVALID, MP_OUTSIDE_ROOTS, 0);
	else if (file->length > MP_MAX_PATH)
		conclude(&file->digest, MP_INVALID, MP_BAD_PATH, 0);
	else
	{
		roots_look(root);
		return true;
	}
	return false;
}

/* 0: they may share a request. */
static int
compare_terms(const Digested *one, const Digested *two)
{
	if (one->root != two->root)
		return one->root - two->root;
	if (one->algorithm != two->algorithm)
		return (int) one->algorithm - (int) two->algorithm;
	return one->parts - two->parts;
}

/* Otherwise as they were given. */
static int
compare_files(const void *a, const void *b)
{
	const Digested *one = *(Digested *const *) a;
	const Digested *two = *(Digested *const *) b;
	int			terms = compare_terms(one, two);

	return terms != 0 ? terms : one < two ? -1 : one > two ? 1 : 0;
}

/* Files of a root in doubt, or whose request came to nothing. */
static void
give_up(Reading *reading, int first, int n)
{
	for (int i = first; i < first + n; i++)
	{
		const Root *root = &reading->roots->roots[reading->order[i]->root];

		conclude(&reading->order[i]->digest, MP_UNREACHABLE, root->reason, root->err);
	}
}

/* How many of the next files share a request. */
static int
count_next(const Reading *reading)
{
	Digested  **first = &reading->order[reading->next];
	size_t		bytes = 0;
	int			n = 0;

	while (reading->next + n < reading->n && n < FILES_PER_REQUEST && bytes < BYTES_PER_REQUEST &&
		   compare_terms(first[n], first[0]) == 0)
		bytes += first[n++]->length;
	return n;
}

static void
ask(Reading *reading)
{
	int			n = count_next(reading);
	int			first = reading->next;
	Root	   *root = &reading->roots->roots[reading->order[first]->root];
	MpWriter   *w;

	reading->next += n;
	if (root->verdict != MP_PRESENT)
	{
		give_up(reading, first, n);
		return;
	}
	w = probe_request(MP_HASH);
	roots_write_place(reading->roots, root, w);
	mp_write_u8(w, reading->order[first]->algorithm);
	mp_write_u8(w, reading->order[first]->parts);
	mp_write_u32(w, n);
	for (int i = first; i < first + n; i++)
		mp_write_str(w, reading->order[i]->path + root->app_length + 1,
					 reading->order[i]->length - root->app_length - 1);
	reading->asked[reading->n_asked++] = (Asked) {probe_send(), first, n};
}

static Asked
remove_asked(Reading *reading, const ProbeRequest *request)
{
	for (int i = 0; i < reading->n_asked; i++)
		if (reading->asked[i].request == request)
		{
			Asked		asked = reading->asked[i];

			reading->asked[i] = reading->asked[--reading->n_asked];
			return asked;
		}
	probe_malformed();
}

static void
take_answer(Reading *reading, Asked asked, MpReader *body)
{
	Root	   *root = &reading->roots->roots[reading->order[asked.first]->root];
	MpRootReport report;
	uint32		n;

	mp_read_root_report(body, &report);
	n = mp_read_count(body, DIGEST_LEAST);
	if (n != (report.verdict == MP_PRESENT ? (uint32) asked.n : 0))
		probe_malformed();
	for (int i = asked.first; i < asked.first + (int) n; i++)
		read_digest(body, &reading->order[i]->digest);
	if (!mp_read_done(body))
		probe_malformed();
	if (!roots_judge(root, &report))
		give_up(reading, asked.first, asked.n);
}

/* No sign of life from the disk: every root that was being read is in doubt. */
static void
give_up_waiting(Reading *reading)
{
	while (reading->n_asked > 0)
	{
		Asked		asked = reading->asked[--reading->n_asked];

		roots_doubt(&reading->roots->roots[reading->order[asked.first]->root], MP_TIMED_OUT, 0);
		give_up(reading, asked.first, asked.n);
	}
}

static void
wait_for_answer(Reading *reading)
{
	ProbeAnswer answer;

	switch (probe_wait(&answer))
	{
		case PROBE_ANSWER:
			take_answer(reading, remove_asked(reading, answer.request), &answer.body);
			probe_answer_done(&answer);
			break;
		case PROBE_SILENT:
			give_up_waiting(reading);
			break;
		case PROBE_NOTHING:
			elog(ERROR, "requests to the probe were given up by somebody else");
	}
}

/* Now that all answers are in: doubts about a root or a mount hold for what seemed missing. */
static void
doubt_missing(RootTable *roots, Digested *file)
{
	FileRow		row = {.path = file->path, .path_length = file->length};
	Judgement	judgement = {file->digest.verdict, file->digest.reason, file->digest.err,
	file->root, NULL};

	if (judgement.verdict != MP_MISSING)
		return;
	roots_conclude(roots, &row, &judgement);
	conclude(&file->digest, judgement.verdict, judgement.reason, judgement.err);
}

MpAlgorithm
digest_algorithm(const char *name)
{
	return name != NULL && strcmp(name, "sha1") == 0 ? MP_SHA1 : MP_MD5;
}

Digested
digested(const char *path, size_t length, MpAlgorithm algorithm)
{
	return (Digested) {.path = path, .length = length, .algorithm = algorithm, .parts = MP_WHOLE};
}

void
digest_files(RootTable *roots, Digested *files, int n)
{
	Reading		reading = {.roots = roots};

	reading.order = palloc((n + 1) * sizeof(Digested *));
	for (int i = 0; i < n; i++)
		if (is_to_be_read(roots, &files[i]))
			reading.order[reading.n++] = &files[i];
	qsort(reading.order, reading.n, sizeof(Digested *), compare_files);
	while (reading.next < reading.n || reading.n_asked > 0)
	{
		while (reading.next < reading.n && reading.n_asked < MAX_ASKED)
			ask(&reading);
		if (reading.n_asked > 0)
			wait_for_answer(&reading);
	}
	for (int i = 0; i < n; i++)
		doubt_missing(roots, &files[i]);
	pfree(reading.order);
}

void
digest_file(RootTable *roots, const char *path, size_t length, MpAlgorithm algorithm,
			Digest *digest)
{
	Digested	file = digested(path, length, algorithm);

	digest_files(roots, &file, 1);
	*digest = file.digest;
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
