/*
 * digest_many.c: a file in each lane, part after part, until it held still or changed too often.
 *
 * While files aren't in the page cache, some wait, open and asked of the disk, before they get a
 * lane: else every lane would wait for the first bytes of each file in turn.
 */
#include <string.h>
#include <unistd.h>

#include "digest_many.h"

/* The file of a lane, or one that waits for it. */
typedef struct Place
{
	MpDigest   *digest;			/* NULL: no file */
	MpContent	content;
	uint8_t		left;			/* parts not begun yet */
	int			attempts;
} Place;

typedef struct Many
{
	const MpFiles *files;
	uint8_t		parts;
	Place		places[MP_MOST_LANES];
	Place		waiting[MP_FILES_AHEAD];	/* a ring */
	uint32_t	first;
	uint32_t	n_waiting;
} Many;

/* Opens the next file that can be opened; false when there is none. */
static bool
open_file(Many *many, Place *place)
{
	int			handle;

	while ((handle = many->files->next(many->files->owner, &place->digest)) >= 0)
	{
		memset(place->digest, 0, sizeof(*place->digest));
		place->digest->judgement = mp_content_open(&place->content, handle, many->parts);
		close(handle);
		if (place->digest->judgement.verdict == MP_PRESENT)
		{
			place->left = many->parts;
			place->attempts = 0;
			return true;
		}
	}
	place->digest = NULL;
	return false;
}

/* Takes the file that waits longest, or else the next one; false when there is none. */
static bool
take_file(Many *many, Place *place)
{
	bool		more = true;

	if (many->n_waiting > 0)
	{
		*place = many->waiting[many->first];
		many->first = (many->first + 1) % MP_FILES_AHEAD;
		many->n_waiting--;
	}
	else if (!open_file(many, place))
		return false;
	while (more && place->content.was_cold && many->n_waiting < MP_FILES_AHEAD)
	{
		more = open_file(many, &many->waiting[(many->first + many->n_waiting) % MP_FILES_AHEAD]);
		many->n_waiting += more;
	}
	return true;
}

static bool
next_part(void *owner, uint32_t lane)
{
	Many	   *many = owner;
	Place	   *place = &many->places[lane];
	uint8_t		part;

	if (place->digest == NULL && !take_file(many, place))
		return false;
	part = (place->left & MP_ENDS) ? MP_ENDS : MP_WHOLE;
	place->left &= (uint8_t) ~part;
	mp_content_start(&place->content, part);
	return true;
}

static size_t
read_part(void *owner, uint32_t lane, uint8_t *buffer, size_t size)
{
	return mp_content_read(&((Many *) owner)->places[lane].content, buffer, size);
}

static void
end_part(void *owner, uint32_t lane, const uint8_t bytes[16])
{
	Many	   *many = owner;
	Place	   *place = &many->places[lane];
	MpDigest   *digest = place->digest;

	memcpy(place->content.part == MP_ENDS ? digest->ends : digest->whole, bytes, 16);
	if (place->content.err == 0 && place->left != 0)
		return;
	digest->judgement = mp_content_check(&place->content, &digest->identity);
	digest->length = digest->judgement.verdict == MP_PRESENT ? 16 : 0;
	if (digest->judgement.reason == MP_CHANGED_WHILE_READ && ++place->attempts < MP_ATTEMPTS)
	{
		place->left = many->parts;
		return;
	}
	mp_content_close(&place->content);
	place->digest = NULL;
}

int
mp_digest_many(const MpFiles *files, const MpMd5Way *way, uint32_t at_a_time, uint8_t parts)
{
	Many		many = {.files = files, .parts = parts};
	const MpMd5Source source = {&many, next_part, read_part, end_part};

	return mp_md5_feed(way, at_a_time, &source);
}
