/*
 * test_wire.c: the cursors of wire.h never leave their bounds.
 *
 * Every truncation is read from a malloc'd copy of just that length, so that ASan sees a read of
 * even one byte too many.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/protocol/wire.h"
#include "tap.h"

static const MpIdentity identity = {1, UINT64_MAX, 3, INT64_MIN, INT64_MAX};
static const MpRootReport report = {2, 27, 5, 1, 0xEF53, 7, 8, 9, 10, 11};
static const MpException exception = {77, 1, 1, 2};

static void
write_everything(MpWriter *w)
{
	mp_write_start(w);
	mp_write_message(w, MP_CHECK, 0x1122334455667788);
	mp_write_u8(w, 200);
	mp_write_u16(w, 60000);
	mp_write_u32(w, 4000000000);
	mp_write_u64(w, UINT64_MAX);
	mp_write_i64(w, -5);
	mp_write_str(w, "photo.jpg", 9);
	mp_write_str(w, "", 0);
	mp_write_identity(w, &identity);
	mp_write_root_report(w, &report);
	mp_write_exception(w, &exception);
	mp_write_u32(w, 1);			/* a count of one u8 */
	mp_write_u8(w, 9);
	mp_write_message_end(w);
}

/* Reads it all; true when every value is as written. */
static bool
read_everything(MpReader *r)
{
	MpIdentity	i;
	MpRootReport p;
	MpException e;
	MpStr		s;
	bool		same = true;

	same &= mp_read_u8(r) == 200;
	same &= mp_read_u16(r) == 60000;
	same &= mp_read_u32(r) == 4000000000;
	same &= mp_read_u64(r) == UINT64_MAX;
	same &= mp_read_i64(r) == -5;
	s = mp_read_str(r, 9);
	same &= s.length == 9 && memcmp(s.data, "photo.jpg", 9) == 0;
	s = mp_read_str(r, 0);
	same &= s.length == 0;
	mp_read_identity(r, &i);
	same &= i.fsid == 1 && i.inode == UINT64_MAX && i.size == 3 && i.mtime_ns == INT64_MIN &&
		i.ctime_ns == INT64_MAX;
	mp_read_root_report(r, &p);
	same &= p.verdict == 2 && p.reason == 27 && p.err == 5 && p.empty == 1 &&
		p.fs_magic == 0xEF53 && p.fsid == 7 && p.inode == 8 && p.device == 9 && p.mount_id == 10 &&
		p.mounts == 11;
	mp_read_exception(r, &e);
	same &= e.entry == 77 && e.verdict == 1 && e.reason == 1 && e.err == 2;
	same &= mp_read_count(r, 1) == 1;
	same &= mp_read_u8(r) == 9;
	return same;
}

static void
test_round_trip(void)
{
	MpWriter	w;
	MpReader	r;
	MpHeader	header;

	write_everything(&w);
	ok(!w.bad, "a message is written");
	ok(mp_read_header(w.data, &header) && header.length == w.length - MP_HEADER_SIZE &&
	   header.type == MP_CHECK && header.request == 0x1122334455667788, "its header is read");
	mp_read_start(&r, w.data + MP_HEADER_SIZE, header.length);
	ok(read_everything(&r), "every value comes back");
	ok(mp_read_done(&r), "and nothing is left");
	mp_write_free(&w);
}

static void
test_truncations(void)
{
	MpWriter	w;
	size_t		length;
	size_t		complained = 0;

	write_everything(&w);
	length = w.length - MP_HEADER_SIZE;
	for (size_t n = 0; n < length; n++)
	{
		unsigned char *copy = malloc(n > 0 ? n : 1);
		MpReader	r;

		memcpy(copy, w.data + MP_HEADER_SIZE, n);
		mp_read_start(&r, copy, n);
		read_everything(&r);
		complained += r.bad && !mp_read_done(&r);
		free(copy);
	}
	is((long long) complained, (long long) length, "a message cut short anywhere is bad");
	mp_write_free(&w);
}

static void
test_strings(void)
{
	MpWriter	w;
	MpReader	r;

	mp_write_start(&w);
	mp_write_str(&w, "a\0b", 3);
	mp_read_start(&r, w.data, w.length);
	mp_read_str(&r, 10);
	ok(r.bad, "a NUL inside a string is bad");
	mp_read_start(&r, w.data, w.length);
	mp_read_str(&r, 2);
	ok(r.bad, "a string over its maximum is bad");
	ok(mp_read_str(&r, 10).length == 0 && mp_read_u64(&r) == 0 && mp_read_count(&r, 1) == 0,
	   "after that everything reads as zero or empty");
	mp_write_free(&w);

	mp_write_start(&w);
	mp_write_u32(&w, UINT32_MAX);
	mp_read_start(&r, w.data, w.length);
	mp_read_str(&r, UINT32_MAX);
	ok(r.bad, "a string as long as numbers go is bad");
	mp_write_free(&w);
}

static void
test_counts(void)
{
	MpWriter	w;
	MpReader	r;

	mp_write_start(&w);
	mp_write_u32(&w, 3);
	mp_write_u64(&w, 0);
	mp_read_start(&r, w.data, w.length);
	is(mp_read_count(&r, 2), 3, "a count that can follow");
	mp_read_start(&r, w.data, w.length);
	mp_read_count(&r, 3);
	ok(r.bad, "a count of more than can follow is bad");
	mp_read_start(&r, w.data, w.length);
	is(mp_read_count(&r, 0), 3, "a count of things of no size doesn't divide by zero");
	mp_write_free(&w);

	mp_read_start(&r, NULL, 0);
	ok(mp_read_done(&r), "nothing at all is read to its end");
	ok(mp_read_u8(&r) == 0 && r.bad, "but no further");
}

static void
test_header(void)
{
	unsigned char bytes[MP_HEADER_SIZE] = {0};
	MpHeader	header;

	bytes[4] = MP_VERSION;
	ok(mp_read_header(bytes, &header), "a header");
	bytes[4] = MP_VERSION + 1;
	ok(!mp_read_header(bytes, &header) && header.version == MP_VERSION + 1,
	   "another version is refused, and told");
	bytes[4] = MP_VERSION;
	bytes[7] = 1;
	ok(!mp_read_header(bytes, &header), "a field that must be zero and isn't is refused");
}

static void
test_writer(void)
{
	static char big[1024 * 1024];
	MpWriter	w;

	mp_write_start(&w);
	mp_write_u32(&w, 1);
	mp_write_u32_at(&w, 1, 2);
	ok(w.bad, "overwriting past the end is bad");
	mp_write_message(&w, MP_ROOT, 1);
	ok(!w.bad && w.length == MP_HEADER_SIZE, "a message begins afresh");
	memset(big, 'x', sizeof(big));
	for (int i = 0; i < 40; i++)
		mp_write_str(&w, big, sizeof(big));
	mp_write_message_end(&w);
	ok(w.bad && w.length <= (size_t) MP_HEADER_SIZE + MP_MAX_PAYLOAD,
	   "a message stops at the longest payload");
	mp_write_free(&w);
	ok(w.data == NULL && !w.bad, "a freed writer is a fresh one");
}

int
main(void)
{
	test_round_trip();
	test_truncations();
	test_strings();
	test_counts();
	test_header();
	test_writer();
	return done();
}
