/*
 * hash.c: the digests of files below a guarded root; see hash.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hash.h"

enum
{
	WORTHWHILE = 3,				/* lanes: two are no faster than one file after the other */
	STREAMS_PER_PROCESSOR = 4,
	ENOUGH_DESCRIPTORS = 8192
};

static bool forced;
static const MpMd5Way *forced_way;

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
mp_hash_force_way(const MpMd5Way *way)
{
	forced = true;
	forced_way = way;
}

/* The best way for this request, or NULL. */
static const MpMd5Way *
choose_way(const MpRequest *request)
{
	if (request->algorithm != MP_MD5)
		return NULL;
	if (forced)
		return forced_way;
	/* Where OpenSSL's administrator doesn't want MD5 we have none either. */
	return mp_digest_has_md5() ? mp_md5_way(0) : NULL;
}

void
mp_hash_open(MpHash *hash, const MpRequest *request)
{
	memset(hash, 0, sizeof(*hash));
	hash->request = request;
	mp_guard_open(&hash->guard, &request->place);
	note_shortage(hash, hash->guard.shortage);
	if (request->paths.n == 0 || !goes_on(hash))
		return;
	hash->files = calloc(request->paths.n, sizeof(*hash->files));
	hash->order = calloc(request->paths.n, sizeof(*hash->order));
	if (hash->files == NULL || hash->order == NULL)
		note_shortage(hash, ENOMEM);
}

/* A handle of the file, or -1: then its judgement says why there is none. */
static int
find_file(MpHash *hash, MpHashed *file)
{
	MpStr		path = hash->request->paths.list[file - hash->files];
	MpFound		found;

	if (path.length == 0 || !mp_path_is_sound(path.data))
	{
		file->digest.judgement = mp_judgement(MP_INVALID, MP_BAD_PATH, 0);
		return -1;
	}
	mp_find(&hash->guard.tree, path.data, false, &found);
	if (found.err != 0)
	{
		file->digest.judgement = mp_judge_found(&found);
		if (file->digest.judgement.verdict == MP_MISSING)
			mp_witness_note(&file->witness, found.exists, &found.node);
		if (file->digest.judgement.fate == MP_FATE_SHORTAGE)
			note_shortage(hash, file->digest.judgement.err);
		return -1;
	}
	return found.fd;
}

void
mp_hash_survey(MpHash *hash, uint32_t index)
{
	struct statx st;
	int			handle;

	if (!goes_on(hash))
		return;
	handle = find_file(hash, &hash->files[index]);
	if (handle < 0)
		return;
	/* Whatever is wrong with it will show again when it is to be read. */
	if (mp_stat_handle(handle, &st) == 0)
		hash->files[index].size = st.stx_size;
	close(handle);
}

static int
compare_sizes(const void *a, const void *b)
{
	uint64_t	one = (*(MpHashed *const *) a)->size;
	uint64_t	two = (*(MpHashed *const *) b)->size;

	return one < two ? 1 : one > two ? -1 : 0;
}

/*
 * How many files the streams may have open; the look-ups and the rest of the probe need some, too.
 * Most systems begin with a limit of 1024 that everybody may raise.
 */
static uint32_t
open_at_most(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 256;
	if (limit.rlim_cur < ENOUGH_DESCRIPTORS && limit.rlim_cur < limit.rlim_max)
	{
		limit.rlim_cur = limit.rlim_max < ENOUGH_DESCRIPTORS ? limit.rlim_max : ENOUGH_DESCRIPTORS;
		setrlimit(RLIMIT_NOFILE, &limit);
		getrlimit(RLIMIT_NOFILE, &limit);
	}
	return (uint32_t) (limit.rlim_cur < ENOUGH_DESCRIPTORS ? limit.rlim_cur : ENOUGH_DESCRIPTORS) / 2;
}

/* Files to be read, the largest first. */
static void
put_in_order(MpHash *hash)
{
	for (uint32_t i = 0; goes_on(hash) && i < hash->request->paths.n; i++)
	{
		if (hash->files[i].digest.judgement.verdict == MP_PRESENT)
			hash->order[hash->n_order++] = &hash->files[i];
	}
	qsort(hash->order, hash->n_order, sizeof(*hash->order), compare_sizes);
}

/*
 * A stream for each processor; more, for the disk's sake, where there are files to fill the lanes
 * of all.
 */
static uint32_t
count_streams(uint32_t files, uint32_t lanes, uint32_t threads)
{
	long		online = sysconf(_SC_NPROCESSORS_ONLN);
	uint32_t	processors = online > 0 ? (uint32_t) online : 1;
	uint32_t	streams = files / lanes > processors ? files / lanes : processors;

	if (streams > STREAMS_PER_PROCESSOR * processors)
		streams = STREAMS_PER_PROCESSOR * processors;
	return streams < threads ? streams : threads;
}

uint32_t
mp_hash_plan(MpHash *hash, uint32_t threads)
{
	uint32_t	streams;
	uint32_t	open_files;

	if (!goes_on(hash) || hash->request->paths.n == 0)
		return 0;
	put_in_order(hash);
	hash->way = choose_way(hash->request);
	if (hash->way != NULL)
	{
		streams = count_streams(hash->n_order, hash->way->lanes, threads);
		open_files = open_at_most() / streams;
		hash->at_a_time = (hash->n_order + streams - 1) / streams;
		if (hash->at_a_time + MP_FILES_AHEAD > open_files)
			hash->at_a_time = open_files > MP_FILES_AHEAD ? open_files - MP_FILES_AHEAD : 0;
		if (hash->at_a_time >= WORTHWHILE)
			return streams;
		hash->way = NULL;
	}
	return threads < hash->n_order ? threads : hash->n_order;
}

/* For a stream: the next file that there is. */
static int
next_file(void *owner, MpDigest **digest)
{
	MpHash	   *hash = owner;
	uint32_t	turn;

	while (goes_on(hash) && (turn = atomic_fetch_add(&hash->next, 1)) < hash->n_order)
	{
		int			handle = find_file(hash, hash->order[turn]);

		*digest = &hash->order[turn]->digest;
		if (handle >= 0)
			return handle;
	}
	return -1;
}

void
mp_hash_read(MpHash *hash)
{
	const MpFiles files = {next_file, hash};
	MpDigest   *digest;
	int			handle;

	if (hash->way != NULL &&
		mp_digest_many(&files, hash->way, hash->at_a_time, hash->request->parts) == 0)
		return;
	while ((handle = next_file(hash, &digest)) >= 0)
	{
		mp_digest_file(handle, (MpAlgorithm) hash->request->algorithm, hash->request->parts, digest);
		close(handle);
	}
}

/* Where we were short of something, nothing can be said of the file. */
static void
note_shortages(MpHash *hash)
{
	for (uint32_t i = 0; i < hash->n_order; i++)
	{
		if (hash->order[i]->digest.judgement.fate == MP_FATE_SHORTAGE)
			note_shortage(hash, hash->order[i]->digest.judgement.err);
	}
}

void
mp_hash_compare(MpHash *hash)
{
	note_shortages(hash);
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
	free(hash->order);
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
