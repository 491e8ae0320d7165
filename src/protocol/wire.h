/*
 * wire.h: bounded cursors over a message's bytes, for both sides of the socket.
 *
 * A reader never runs past its end: the first read that would sets `bad` and everything after it
 * reads as zero or empty, so a parser checks once, at the end (mp_read_done).  A writer owns a
 * malloc'd buffer; when memory or MP_MAX_PAYLOAD runs out it sets `bad` and drops what follows.
 * No PostgreSQL header here: the probe shares this file.
 */
#ifndef MP_WIRE_H
#define MP_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol.h"

typedef struct MpReader
{
	const unsigned char *at;
	const unsigned char *end;
	bool		bad;
} MpReader;

typedef struct MpWriter
{
	unsigned char *data;
	size_t		length;
	size_t		capacity;
	bool		bad;
} MpWriter;

/* A string inside a message: not NUL-terminated, valid as long as the message is. */
typedef struct MpStr
{
	const char *data;
	uint32_t	length;
} MpStr;

typedef struct MpHeader
{
	uint32_t	length;
	uint8_t		version;
	uint8_t		type;
	uint64_t	request;
} MpHeader;

extern void mp_read_start(MpReader *r, const void *data, size_t length);
extern uint8_t mp_read_u8(MpReader *r);
extern uint16_t mp_read_u16(MpReader *r);
extern uint32_t mp_read_u32(MpReader *r);
extern uint64_t mp_read_u64(MpReader *r);
extern int64_t mp_read_i64(MpReader *r);
/* Longer than max bytes, or with a NUL inside, is bad. */
extern MpStr mp_read_str(MpReader *r, uint32_t max);
/* A count of things that take at least `least` bytes each; more than can still follow is bad. */
extern uint32_t mp_read_count(MpReader *r, size_t least);
extern void mp_read_identity(MpReader *r, MpIdentity *identity);
extern void mp_read_root_report(MpReader *r, MpRootReport *report);
extern void mp_read_exception(MpReader *r, MpException *exception);
/* True when nothing was bad and every byte was read. */
extern bool mp_read_done(const MpReader *r);

/*
 * The header of MP_HEADER_SIZE bytes; false when its fixed fields (version, zero) are not as
 * protocol.h says.  It is filled in all the same; the length is for the caller to judge.
 */
extern bool mp_read_header(const void *data, MpHeader *header);

extern void mp_write_start(MpWriter *w);
extern void mp_write_free(MpWriter *w);
extern void mp_write_u8(MpWriter *w, uint8_t value);
extern void mp_write_u16(MpWriter *w, uint16_t value);
extern void mp_write_u32(MpWriter *w, uint32_t value);
extern void mp_write_u64(MpWriter *w, uint64_t value);
extern void mp_write_i64(MpWriter *w, int64_t value);
/* Bytes as they are, without a length. */
extern void mp_write_bytes(MpWriter *w, const void *value, size_t n);
extern void mp_write_str(MpWriter *w, const char *data, size_t length);
extern void mp_write_identity(MpWriter *w, const MpIdentity *identity);
extern void mp_write_root_report(MpWriter *w, const MpRootReport *report);
extern void mp_write_exception(MpWriter *w, const MpException *exception);
/* Overwrites a u32 written earlier, for counts known only at the end. */
extern void mp_write_u32_at(MpWriter *w, size_t offset, uint32_t value);
/*
 * Begins a message (its header) and ends it (the header's length).  A writer holds one message:
 * beginning drops what it held, also that it was bad, and keeps its memory.
 */
extern void mp_write_message(MpWriter *w, uint8_t type, uint64_t request);
extern void mp_write_message_end(MpWriter *w);

#endif							/* MP_WIRE_H */
