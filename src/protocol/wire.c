/*
 * wire.c: the bounded cursors of wire.h.
 *
 * Everything goes through two functions, take() and put(): they alone look at the bounds, and they
 * alone move a cursor.
 */
#include <stdlib.h>
#include <string.h>

#include "wire.h"

/* The next n bytes, or NULL (and bad from now on) when there aren't as many. */
static const unsigned char *
take(MpReader *r, size_t n)
{
	const unsigned char *bytes = r->at;

	if (r->bad || (size_t) (r->end - r->at) < n)
	{
		r->bad = true;
		return NULL;
	}
	r->at += n;
	return bytes;
}

/* Copies the next n bytes to value, or leaves it as it is. */
static void
read_bytes(MpReader *r, void *value, size_t n)
{
	const unsigned char *bytes = take(r, n);

	if (bytes != NULL)
		memcpy(value, bytes, n);
}

void
mp_read_start(MpReader *r, const void *data, size_t length)
{
	/* An empty message may have no buffer at all; arithmetic on NULL is undefined. */
	static const unsigned char nothing[1];

	r->at = length > 0 ? data : nothing;
	r->end = r->at + length;
	r->bad = false;
}

uint8_t
mp_read_u8(MpReader *r)
{
	uint8_t		value = 0;

	read_bytes(r, &value, sizeof(value));
	return value;
}

uint16_t
mp_read_u16(MpReader *r)
{
	uint16_t	value = 0;

	read_bytes(r, &value, sizeof(value));
	return value;
}

uint32_t
mp_read_u32(MpReader *r)
{
	uint32_t	value = 0;

	read_bytes(r, &value, sizeof(value));
	return value;
}

uint64_t
mp_read_u64(MpReader *r)
{
	uint64_t	value = 0;

	read_bytes(r, &value, sizeof(value));
	return value;
}

int64_t
mp_read_i64(MpReader *r)
{
	int64_t		value = 0;

	read_bytes(r, &value, sizeof(value));
	return value;
}

MpStr
mp_read_str(MpReader *r, uint32_t max)
{
	MpStr		str = {"", 0};
	uint32_t	length = mp_read_u32(r);
	const unsigned char *bytes;

	if (length > max)
		r->bad = true;
	bytes = take(r, length);
	if (bytes == NULL || length == 0)
		return str;
	if (memchr(bytes, '\0', length) != NULL)
	{
		r->bad = true;
		return str;
	}
	str.data = (const char *) bytes;
	str.length = length;
	return str;
}

uint32_t
mp_read_count(MpReader *r, size_t least)
{
	uint32_t	count = mp_read_u32(r);

	if (count > (size_t) (r->end - r->at) / (least > 0 ? least : 1))
	{
		r->bad = true;
		return 0;
	}
	return count;
}

void
mp_read_identity(MpReader *r, MpIdentity *identity)
{
	identity->fsid = mp_read_u64(r);
	identity->inode = mp_read_u64(r);
	identity->size = mp_read_u64(r);
	identity->mtime_ns = mp_read_i64(r);
	identity->ctime_ns = mp_read_i64(r);
}

void
mp_read_root_report(MpReader *r, MpRootReport *report)
{
	report->verdict = mp_read_u8(r);
	report->reason = mp_read_u8(r);
	report->err = mp_read_u16(r);
	report->empty = mp_read_u8(r);
	report->fs_magic = mp_read_u64(r);
	report->fsid = mp_read_u64(r);
	report->inode = mp_read_u64(r);
	report->device = mp_read_u64(r);
	report->mount_id = mp_read_u64(r);
	report->mounts = mp_read_u64(r);
}

void
mp_read_exception(MpReader *r, MpException *exception)
{
	exception->entry = mp_read_u32(r);
	exception->verdict = mp_read_u8(r);
	exception->reason = mp_read_u8(r);
	exception->err = mp_read_u16(r);
}

bool
mp_read_done(const MpReader *r)
{
	return !r->bad && r->at == r->end;
}

bool
mp_read_header(const void *data, MpHeader *header)
{
	MpReader	r;
	uint16_t	zero;

	mp_read_start(&r, data, MP_HEADER_SIZE);
	header->length = mp_read_u32(&r);
	header->version = mp_read_u8(&r);
	header->type = mp_read_u8(&r);
	zero = mp_read_u16(&r);
	header->request = mp_read_u64(&r);
	return header->version == MP_VERSION && zero == 0;
}

/* Room for n more bytes; NULL (and bad from now on) when there can't be any. */
static unsigned char *
put(MpWriter *w, size_t n)
{
	const size_t limit = (size_t) MP_HEADER_SIZE + MP_MAX_PAYLOAD;
	unsigned char *room;

	if (w->bad || n > limit - w->length)
	{
		w->bad = true;
		return NULL;
	}
	if (w->length + n > w->capacity)
	{
		size_t		capacity = w->capacity > 0 ? w->capacity : 256;
		unsigned char *data;

		while (capacity < w->length + n)
			capacity *= 2;
		data = realloc(w->data, capacity);
		if (data == NULL)
		{
			w->bad = true;
			return NULL;
		}
		w->data = data;
		w->capacity = capacity;
	}
	room = w->data + w->length;
	w->length += n;
	return room;
}

void
mp_write_bytes(MpWriter *w, const void *value, size_t n)
{
	unsigned char *room = put(w, n);

	if (room != NULL && n > 0)
		memcpy(room, value, n);
}

void
mp_write_start(MpWriter *w)
{
	w->data = NULL;
	w->length = 0;
	w->capacity = 0;
	w->bad = false;
}

void
mp_write_free(MpWriter *w)
{
	free(w->data);
	mp_write_start(w);
}

void
mp_write_u8(MpWriter *w, uint8_t value)
{
	mp_write_bytes(w, &value, sizeof(value));
}

void
mp_write_u16(MpWriter *w, uint16_t value)
{
	mp_write_bytes(w, &value, sizeof(value));
}

void
mp_write_u32(MpWriter *w, uint32_t value)
{
	mp_write_bytes(w, &value, sizeof(value));
}

void
mp_write_u64(MpWriter *w, uint64_t value)
{
	mp_write_bytes(w, &value, sizeof(value));
}

void
mp_write_i64(MpWriter *w, int64_t value)
{
	mp_write_bytes(w, &value, sizeof(value));
}

void
mp_write_str(MpWriter *w, const char *data, size_t length)
{
	if (length > MP_MAX_PAYLOAD)
	{
		w->bad = true;
		return;
	}
	mp_write_u32(w, (uint32_t) length);
	mp_write_bytes(w, data, length);
}

void
mp_write_identity(MpWriter *w, const MpIdentity *identity)
{
	mp_write_u64(w, identity->fsid);
	mp_write_u64(w, identity->inode);
	mp_write_u64(w, identity->size);
	mp_write_i64(w, identity->mtime_ns);
	mp_write_i64(w, identity->ctime_ns);
}

void
mp_write_root_report(MpWriter *w, const MpRootReport *report)
{
	mp_write_u8(w, report->verdict);
	mp_write_u8(w, report->reason);
	mp_write_u16(w, report->err);
	mp_write_u8(w, report->empty);
	mp_write_u64(w, report->fs_magic);
	mp_write_u64(w, report->fsid);
	mp_write_u64(w, report->inode);
	mp_write_u64(w, report->device);
	mp_write_u64(w, report->mount_id);
	mp_write_u64(w, report->mounts);
}

void
mp_write_exception(MpWriter *w, const MpException *exception)
{
	mp_write_u32(w, exception->entry);
	mp_write_u8(w, exception->verdict);
	mp_write_u8(w, exception->reason);
	mp_write_u16(w, exception->err);
}

void
mp_write_u32_at(MpWriter *w, size_t offset, uint32_t value)
{
	if (w->bad || w->length < sizeof(value) || offset > w->length - sizeof(value))
	{
		w->bad = true;
		return;
	}
	memcpy(w->data + offset, &value, sizeof(value));
}

void
mp_write_message(MpWriter *w, uint8_t type, uint64_t request)
{
	w->length = 0;
	w->bad = false;
	mp_write_u32(w, 0);			/* the length, filled in at the end */
	mp_write_u8(w, MP_VERSION);
	mp_write_u8(w, type);
	mp_write_u16(w, 0);
	mp_write_u64(w, request);
}

void
mp_write_message_end(MpWriter *w)
{
	if (w->length < MP_HEADER_SIZE)
		w->bad = true;
	else
		mp_write_u32_at(w, 0, (uint32_t) (w->length - MP_HEADER_SIZE));
}
