/*
 * test_request.c: what the protocol doesn't allow is refused; what a library may hold is not.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "tap.h"

/* Parses the first `length` bytes of the payload written so far. */
static int
parse_part(const MpWriter *w, uint8_t type, size_t length)
{
	unsigned char *payload = malloc(length + 1);
	MpRequest	request;
	int			err;

	memcpy(payload, w->data + MP_HEADER_SIZE, length);
	err = mp_request_parse(&request, type, 1, payload, length);
	mp_request_free(&request);
	return err;
}

static int
parse_whole(const MpWriter *w, uint8_t type)
{
	return parse_part(w, type, w->length - MP_HEADER_SIZE);
}

/* Every proper beginning must be refused, and a byte too many too. */
static void
test_lengths(MpWriter *w, uint8_t type, const char *name)
{
	size_t		length = w->length - MP_HEADER_SIZE;
	size_t		refused = 0;

	is(parse_whole(w, type), 0, "%s is accepted", name);
	for (size_t n = 0; n < length; n++)
		refused += parse_part(w, type, n) == EBADMSG;
	is((long long) refused, (long long) length, "%s cut short anywhere is refused", name);
	mp_write_u8(w, 0);
	is(parse_whole(w, type), EBADMSG, "%s with a byte too many is refused", name);
	mp_write_free(w);
}

static void
test_every_length(void)
{
	const char *others[] = {"/mnt/a", "/mnt/b"};
	MpWriter	w;
	Ask			ask;

	mp_write_start(&w);
	mp_write_message(&w, MP_HELLO, 1);
	mp_write_u32(&w, 1000);
	mp_write_u32(&w, 0);
	mp_write_u32(&w, 2);
	mp_write_str(&w, "/data", 5);
	mp_write_str(&w, "/mnt/a", 6);
	mp_write_u8(&w, 1);
	test_lengths(&w, MP_HELLO, "HELLO");

	ask_place(&ask, MP_ROOT, "/data", 2, others);
	mp_write_str(&ask.w, ".library", 8);
	test_lengths(&ask.w, MP_ROOT, "ROOT");

	ask_list(&ask, "/data", 2, (const char *const[]) {"2019/may", ""});
	test_lengths(&ask.w, MP_LIST, "LIST");
	ask_list(&ask, "/data", 0, NULL);
	test_lengths(&ask.w, MP_LIST, "LIST of nothing");

	ask_check(&ask, "/data", 2, others);
	ask_directory(&ask, "");
	ask_name(&ask, "a.jpg", 0);
	ask_name(&ask, "", MP_WANT_IDENTITY);
	ask_directory(&ask, "2019/may");
	ask_directory(&ask, "2020");
	ask_name(&ask, "b.jpg", MP_WANT_IDENTITY);
	test_lengths(&ask.w, MP_CHECK, "CHECK");

	ask_hash(&ask, "/data", "a.jpg", MP_SHA1, MP_WHOLE | MP_ENDS);
	test_lengths(&ask.w, MP_HASH, "HASH");

	ask_discover(&ask, "/data", "*.tmp", ".nomedia", "2019/may");
	test_lengths(&ask.w, MP_DISCOVER, "DISCOVER");
	ask_discover(&ask, "/data", "", "", "");
	test_lengths(&ask.w, MP_DISCOVER, "DISCOVER of the root itself, nothing left out");

	ask_remove(&ask, "/data", ".marker", MP_SET_ASIDE, 2);
	ask_removal(&ask, "2019/may", "a.webp", ".aside", MP_SAME, 17, 4);
	ask_removal(&ask, "", "b.webp", ".aside2", MP_OLDER, 0, -1);
	test_lengths(&ask.w, MP_REMOVE, "REMOVE");
}

static void
test_refused(void)
{
	Ask			ask;

	ask_place_and_path(&ask, MP_ROOT, "data", "");
	is(parse_whole(&ask.w, MP_ROOT), EBADMSG, "a relative root is refused");
	mp_write_free(&ask.w);

	ask_check(&ask, "/data", 0, NULL);
	ask_directory(&ask, "");
	ask_name(&ask, "a", 2);
	is(parse_whole(&ask.w, MP_CHECK), EBADMSG, "an unknown flag is refused");
	mp_write_free(&ask.w);

	ask_hash(&ask, "/data", "a.jpg", (MpAlgorithm) 99, MP_WHOLE);
	is(parse_whole(&ask.w, MP_HASH), EBADMSG, "an unknown algorithm is refused");
	mp_write_free(&ask.w);

	ask_hash(&ask, "/data", "a.jpg", MP_MD5, 0);
	is(parse_whole(&ask.w, MP_HASH), EBADMSG, "a digest of nothing is refused");
	mp_write_free(&ask.w);

	ask_hash(&ask, "/data", "a.jpg", MP_MD5, 4);
	is(parse_whole(&ask.w, MP_HASH), EBADMSG, "a digest of an unknown part is refused");
	mp_write_free(&ask.w);

	ask_discover(&ask, "/data", "", "", "a");
	mp_write_u32_at(&ask.w, ask.w.length - 8, 1);
	is(parse_whole(&ask.w, MP_DISCOVER), EBADMSG, "part 1 of 1 (from 0) is refused");
	mp_write_free(&ask.w);

	ask_remove(&ask, "/data", ".marker", 9, 0);
	is(parse_whole(&ask.w, MP_REMOVE), EBADMSG, "an unknown act is refused");
	mp_write_free(&ask.w);

	ask_remove(&ask, "/data", ".marker", MP_DROP, 1);
	ask_removal(&ask, "", "b.webp", ".aside2", 0, 0, 0);
	is(parse_whole(&ask.w, MP_REMOVE), EBADMSG, "a file known by nothing is refused");
	mp_write_free(&ask.w);

	ask_place(&ask, MP_PROGRESS, "/data", 0, NULL);
	is(parse_whole(&ask.w, MP_PROGRESS), EBADMSG, "an answer is no request");
	mp_write_free(&ask.w);
}

static void
test_content(void)
{
	const char *others[] = {"/mnt/a"};
	MpRequest	request;
	Ask			ask;

	ask_check(&ask, "/data", 1, others);
	ask_directory(&ask, "x");
	ask_name(&ask, "one", 0);
	ask_name(&ask, "two", MP_WANT_IDENTITY);
	ask_directory(&ask, "y");
	ask_name(&ask, "three", MP_WANT_IDENTITY);
	is(ask_parse(&ask, &request), 0, "a request is taken apart");
	ok(strcmp(request.place.root.data, "/data") == 0 &&
	   strcmp(request.place.others[0].data, "/mnt/a") == 0, "the place ends where it should");
	ok(request.n_directories == 2 && strcmp(request.directories[1].path, "y") == 0 &&
	   request.directories[1].first == 2 && request.directories[1].count == 1, "directories");
	ok(request.n_entries == 3 && strcmp(request.entries[2].name, "three") == 0 &&
	   request.entries[0].identity == MP_NO_IDENTITY && request.entries[2].identity == 1 &&
	   request.n_identities == 2, "entries and their identities");
	mp_request_free(&request);
}

static void
test_soundness(void)
{
	static const char *const bad_paths[] = {"/a", "..", "a/..", "../a", "a/../b"};
	static const char *const good_paths[] = {"", "a", "a/b", "..a/b..", "a/...", "a//b"};
	static const char *const bad_names[] = {"", ".", "..", "a/b", "/"};
	char		name[MP_MAX_NAME + 2];
	MpEntry		entry = {0};
	uint16_t	err;

	for (size_t i = 0; i < sizeof(bad_paths) / sizeof(*bad_paths); i++)
		ok(!mp_path_is_sound(bad_paths[i]), "path \"%s\" isn't sound", bad_paths[i]);
	for (size_t i = 0; i < sizeof(good_paths) / sizeof(*good_paths); i++)
		ok(mp_path_is_sound(good_paths[i]), "path \"%s\" is sound", good_paths[i]);
	for (size_t i = 0; i < sizeof(bad_names) / sizeof(*bad_names); i++)
	{
		entry.name = bad_names[i];
		entry.length = (uint16_t) strlen(bad_names[i]);
		ok(!mp_name_is_sound(&entry, &err), "name \"%s\" isn't sound", bad_names[i]);
	}
	memset(name, 'x', sizeof(name));
	name[MP_MAX_NAME + 1] = '\0';
	entry.name = name;
	entry.length = MP_MAX_NAME + 1;
	ok(!mp_name_is_sound(&entry, &err) && err == ENAMETOOLONG, "a name of 256 bytes isn't sound");
	name[MP_MAX_NAME] = '\0';
	entry.length = MP_MAX_NAME;
	ok(mp_name_is_sound(&entry, &err), "a name of 255 bytes is");
}

int
main(void)
{
	test_every_length();
	test_refused();
	test_content();
	test_soundness();
	return done();
}
