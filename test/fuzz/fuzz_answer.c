/*
 * fuzz_answer.c: any bytes as an answer, read with the cursors that the extension uses.
 *
 * The input is a whole message.  Reading must stay in bounds (ASan sees to that), end (every count
 * is bounded by the bytes that follow), and say "done" only when nothing is left.
 */
#include <stdlib.h>
#include <string.h>

#include "../../src/protocol/wire.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_check(MpReader *r)
{
	MpException exception;
	MpIdentity	identity;
	uint32_t	n = mp_read_count(r, 8);

	for (uint32_t i = 0; i < n; i++)
		mp_read_exception(r, &exception);
	n = mp_read_count(r, 44);
	for (uint32_t i = 0; i < n; i++)
	{
		mp_read_u32(r);
		mp_read_identity(r, &identity);
	}
}

static void
check_str(MpStr str)
{
	if (str.length > 0 && memchr(str.data, '\0', str.length) != NULL)
		abort();
}

static void
read_root(MpReader *r)
{
	uint32_t	n;

	for (int i = 0; i < 3; i++)
		check_str(mp_read_str(r, MP_MAX_PATH));
	n = mp_read_count(r, 24);
	for (uint32_t i = 0; i < n; i++)
	{
		for (int part = 0; part < 4; part++)
			check_str(mp_read_str(r, MP_MAX_PATH));
		mp_read_u64(r);
	}
}

static void
read_hash(MpReader *r)
{
	MpIdentity	identity;
	uint32_t	files = mp_read_count(r, 46);

	for (uint32_t i = 0; i < files; i++)
	{
		mp_read_u8(r);
		mp_read_u8(r);
		mp_read_u16(r);
		mp_read_identity(r, &identity);
		for (int digest = 0; digest < 2; digest++)
			for (uint8_t n = mp_read_u8(r); n > 0; n--)
				mp_read_u8(r);
	}
}

static void
read_entry(MpReader *r)
{
	MpIdentity	identity;
	uint8_t		kind = mp_read_u8(r);

	check_str(mp_read_str(r, MP_MAX_NAME));
	if (kind == MP_ENTRY_FILE || kind == MP_ENTRY_FILE_LINK)
		mp_read_identity(r, &identity);
}

static void
read_discover(MpReader *r)
{
	uint32_t	folders = mp_read_count(r, 29);

	for (uint32_t i = 0; i < folders; i++)
	{
		uint32_t	n;

		mp_read_u32(r);			/* verdict, reason, errno */
		mp_read_u8(r);
		mp_read_u64(r);
		mp_read_u64(r);
		mp_read_u32(r);
		n = mp_read_count(r, 5);
		for (uint32_t j = 0; j < n; j++)
			read_entry(r);
	}
}

static void
read_list(MpReader *r)
{
	uint32_t	folders = mp_read_count(r, 9);

	for (uint32_t i = 0; i < folders; i++)
	{
		uint32_t	n;

		mp_read_u32(r);			/* verdict, reason, errno */
		mp_read_u8(r);
		n = mp_read_count(r, 4);
		for (uint32_t j = 0; j < n; j++)
			check_str(mp_read_str(r, MP_MAX_NAME));
	}
}

static void
read_removed(MpReader *r)
{
	uint32_t	n = mp_read_count(r, 3);

	for (uint32_t i = 0; i < n; i++)
	{
		mp_read_u8(r);
		mp_read_u16(r);
	}
}

static void
read_watched(MpReader *r)
{
	uint32_t	n;

	mp_read_u64(r);
	mp_read_u64(r);
	mp_read_u64(r);
	n = mp_read_count(r, MP_EVENT_BYTES);
	for (uint32_t i = 0; i < n; i++)
	{
		mp_read_u32(r);			/* kind, flags, errno */
		mp_read_u32(r);
		check_str(mp_read_str(r, MP_MAX_PATH));
		check_str(mp_read_str(r, MP_MAX_PATH));
	}
}

static void
read_answer(MpReader *r, uint8_t type)
{
	MpRootReport report;

	if (type == MP_CHECK || type == MP_ROOT || type == MP_HASH || type == MP_LIST ||
		type == MP_DISCOVER || type == MP_REMOVE)
		mp_read_root_report(r, &report);
	if (type == MP_CHECK)
		read_check(r);
	else if (type == MP_ROOT)
		read_root(r);
	else if (type == MP_HASH)
		read_hash(r);
	else if (type == MP_LIST)
		read_list(r);
	else if (type == MP_DISCOVER)
		read_discover(r);
	else if (type == MP_REMOVE)
		read_removed(r);
	else if (type == MP_WATCH)
		read_watched(r);
	else if (type == MP_PROGRESS)
		mp_read_u64(r);
	else if (type == MP_HELLO)
	{
		mp_read_u32(r);
		mp_read_u8(r);
	}
	else
	{
		if (type == MP_SHORTAGE)
			mp_read_u16(r);
		else
			mp_read_u8(r);
		check_str(mp_read_str(r, UINT32_MAX));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char *copy;
	MpHeader	header;
	MpReader	r;

	if (size < MP_HEADER_SIZE || !mp_read_header(data, &header))
		return 0;
	size -= MP_HEADER_SIZE;
	/* A copy of just that length: ASan then sees a read of one byte too many. */
	copy = malloc(size > 0 ? size : 1);
	memcpy(copy, data + MP_HEADER_SIZE, size);
	mp_read_start(&r, copy, size);
	read_answer(&r, header.type);
	if (mp_read_done(&r) && r.at != r.end)
		abort();
	free(copy);
	return 0;
}
