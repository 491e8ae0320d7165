/*
 * relink_read.c: reading the contents of files that may be the missing ones; see relink.h.
 *
 * Many files are asked for in one request, because the probe digests them side by side (its hash.h),
 * and several requests are under way.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/memutils.h"

#include "digest.h"
#include "probe_client.h"
#include "relink.h"
#include "sql_calls.h"

#define FILES_PER_REQUEST 4096
#define MAX_ASKED 3
#define ROUNDS 2				/* the ends, and then the whole of those whose ends fit */

typedef struct Wanted
{
	int			number;
	char	   *path;
	size_t		length;
	int			root;
	MpAlgorithm algorithm;
	uint8		parts;
	MpIdentity	identity;		/* as the walk found it */
} Wanted;

typedef struct Asked
{
	ProbeRequest *request;
	Wanted	   *first;
	int			n;
} Asked;

typedef struct Reading
{
	Relink	   *relink;
	Wanted	   *wanted;
	int			n;
	int			next;
	bool		again;			/* all of files whose ends were read */
	Asked		asked[MAX_ASKED];
	int			n_asked;
	Columns    *digests;
} Reading;

enum
{
	D_NUMBER, D_ALGORITHM, D_WHOLE, D_ENDS, D_COLUMNS
};

static int32
result_int4(uint64 row, int column)
{
	bool		isnull;

	return DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column,
									   &isnull));
}

static void
load_wanted(Reading *reading, Wanted *wanted, uint64 row)
{
	RootTable  *roots = reading->relink->scan->roots;
	char	   *algorithm = result_text(row, 3);
	Root	   *root;

	wanted->number = result_int4(row, 1);
	wanted->path = result_text(row, 2);
	wanted->length = strlen(wanted->path);
	wanted->algorithm = strcmp(algorithm, "sha1") == 0 ? MP_SHA1 : MP_MD5;
	wanted->parts = result_bool(row, 4) ? MP_ENDS : MP_WHOLE | MP_ENDS;
	wanted->identity.inode = result_int8(row, 5);
	wanted->identity.size = result_int8(row, 6);
	wanted->identity.mtime_ns = result_int8(row, 7);
	root = roots_find(roots, wanted->path, wanted->length);
	wanted->root = root == NULL ? -1 : root - roots->roots;
}

static int
compare_wanted(const void *a, const void *b)
{
	const Wanted *one = a;
	const Wanted *two = b;

	if (one->root != two->root)
		return one->root - two->root;
	if (one->algorithm != two->algorithm)
		return (int) one->algorithm - (int) two->algorithm;
	if (one->parts != two->parts)
		return one->parts - two->parts;
	return one->number - two->number;
}

/* What is to be read of the batch, files that may share a request side by side. */
static void
load(Reading *reading)
{
	Relink	   *relink = reading->relink;
	Arguments	a = {0};

	argument_datum(&a, UUIDOID, relink->scan->job.id);
	argument_int4(&a, relink->batch);
	call_as_owner("SELECT r.number, r.path, r.algorithm, r.ends_only, r.inode, r.size, r.mtime_ns"
				  "  FROM missing_photos.relink_to_read($1, $2) AS r", &a);
	reading->n = SPI_processed;
	reading->next = 0;
	reading->wanted = MemoryContextAllocHuge(CurrentMemoryContext,
											 (Size) (reading->n + 1) * sizeof(Wanted));
	for (int i = 0; i < reading->n; i++)
		load_wanted(reading, &reading->wanted[i], i);
	qsort(reading->wanted, reading->n, sizeof(Wanted), compare_wanted);
}

static void
add_digest(Reading *reading, const Wanted *wanted, const char *whole, const char *ends)
{
	Columns    *digests = reading->digests;

	columns_add_row(digests);
	columns_set_int4(digests, D_NUMBER, wanted->number);
	columns_set_cstring(digests, D_ALGORITHM, wanted->algorithm == MP_SHA1 ? "sha1" : "md5");
	if (whole != NULL && whole[0] != '\0')
		columns_set_cstring(digests, D_WHOLE, whole);
	if (ends != NULL && ends[0] != '\0')
		columns_set_cstring(digests, D_ENDS, ends);
}

static bool
is_as_found(const MpIdentity *found, const MpIdentity *read)
{
	return found->inode == read->inode && found->size == read->size &&
		found->mtime_ns == read->mtime_ns;
}

static void
take_digest(Reading *reading, const Wanted *wanted, MpReader *body)
{
	Relink	   *relink = reading->relink;
	bool		whole = (wanted->parts & MP_WHOLE) != 0;
	Digest		digest;

	digest_read(body, &digest);
	if (digest.verdict != MP_PRESENT || !is_as_found(&wanted->identity, &digest.identity))
	{
		add_digest(reading, wanted, NULL, NULL);
		return;
	}
	if (!reading->again)
		relink->hashed_files++;
	relink->hashed_bytes += whole ? digest.identity.size :
		Min(digest.identity.size, 2 * MP_END_BYTES);
	add_digest(reading, wanted, digest.text, digest.ends);
}

/* Files of a root in doubt, or whose request came to nothing. */
static void
give_up(Reading *reading, const Wanted *first, int n)
{
	for (int i = 0; i < n; i++)
		add_digest(reading, &first[i], NULL, NULL);
}

/* How many of the next files may share a request. */
static int
count_alike(const Reading *reading)
{
	const Wanted *first = &reading->wanted[reading->next];
	int			n = 1;

	while (reading->next + n < reading->n && n < FILES_PER_REQUEST &&
		   first[n].root == first->root && first[n].algorithm == first->algorithm &&
		   first[n].parts == first->parts)
		n++;
	return n;
}

static void
ask(Reading *reading)
{
	RootTable  *roots = reading->relink->scan->roots;
	Wanted	   *first = &reading->wanted[reading->next];
	int			n = count_alike(reading);
	Root	   *root = first->root < 0 ? NULL : &roots->roots[first->root];
	MpWriter   *w;

	reading->next += n;
	if (root == NULL || root->verdict != MP_PRESENT)
	{
		give_up(reading, first, n);
		return;
	}
	w = probe_request(MP_HASH);
	roots_write_place(roots, root, w);
	mp_write_u8(w, first->algorithm);
	mp_write_u8(w, first->parts);
	mp_write_u32(w, n);
	for (int i = 0; i < n; i++)
		mp_write_str(w, first[i].path + root->app_length + 1, first[i].length - root->app_length - 1);
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
	Root	   *root = &reading->relink->scan->roots->roots[asked.first->root];
	MpRootReport report;
	uint32		n;

	mp_read_root_report(body, &report);
	n = mp_read_count(body, DIGEST_LEAST);
	if (n != (report.verdict == MP_PRESENT ? (uint32) asked.n : 0))
		probe_malformed();
	if (!roots_judge(root, &report))
	{
		give_up(reading, asked.first, asked.n);
		return;
	}
	for (int i = 0; i < asked.n; i++)
		take_digest(reading, &asked.first[i], body);
	if (!mp_read_done(body))
		probe_malformed();
}

static void
wait_for_answer(Reading *reading)
{
	ProbeAnswer answer;

	switch (probe_wait(&answer))
	{
		case PROBE_SILENT:
			while (reading->n_asked > 0)
			{
				Asked		asked = reading->asked[--reading->n_asked];

				roots_doubt(&reading->relink->scan->roots->roots[asked.first->root],
							MP_TIMED_OUT, 0);
				give_up(reading, asked.first, asked.n);
			}
			break;
		case PROBE_NOTHING:
			elog(ERROR, "requests to the probe were given up by somebody else");
			break;
		case PROBE_ANSWER:
			take_answer(reading, remove_asked(reading, answer.request), &answer.body);
			probe_answer_done(&answer);
			break;
	}
}

static void
read_all(Reading *reading)
{
	while (reading->next < reading->n || reading->n_asked > 0)
	{
		while (reading->next < reading->n && reading->n_asked < MAX_ASKED)
			ask(reading);
		if (reading->n_asked > 0)
			wait_for_answer(reading);
	}
}

void
relink_read_batch(Relink *relink)
{
	static const Oid types[D_COLUMNS] = {INT4OID, TEXTOID, TEXTOID, TEXTOID};
	Reading		reading = {.relink = relink};

	for (int round = 0; round < ROUNDS; round++)
	{
		Arguments	a = {0};

		job_new_round(&relink->scan->job);
		load(&reading);
		reading.again = round > 0;
		if (reading.n == 0)
			break;
		reading.digests = columns_make(CurrentMemoryContext, D_COLUMNS, types);
		read_all(&reading);
		argument_datum(&a, UUIDOID, relink->scan->job.id);
		argument_columns(&a, reading.digests);
		call_as_owner("SELECT missing_photos.relink_note_digests($1, $2, $3, $4, $5)", &a);
	}
}
