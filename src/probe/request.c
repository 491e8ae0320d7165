/*
 * request.c: from a message's bytes to a request.
 *
 * Strings stay where they are in the payload.  A string's end is always followed by another field,
 * or by the payload's spare byte, so once everything has been read that byte can become its NUL.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "request.h"

enum
{
	LEAST_STR = 4,				/* bytes that an empty string takes in a message */
	LEAST_NAME = 1 + LEAST_STR,
	LEAST_DIRECTORY = LEAST_STR + 4 + 4,
	LEAST_FOLDER = LEAST_STR + 4 + 4,
	LEAST_REMOVAL = 3 * LEAST_STR + 1 + 8 + 8
};

/* An absolute path. */
static MpStr
read_root(MpReader *r)
{
	MpStr		str = mp_read_str(r, MP_MAX_PATH);

	if (str.length == 0 || str.data[0] != '/')
		r->bad = true;
	return str;
}

/* A list of absolute paths. */
static int
read_roots(MpReader *r, MpStr **roots, uint32_t *n)
{
	uint32_t	count = mp_read_count(r, LEAST_STR + 1);

	if (r->bad)
		return EBADMSG;
	if (count > 0)
	{
		*roots = calloc(count, sizeof(**roots));
		if (*roots == NULL)
			return ENOMEM;
	}
	*n = count;
	for (uint32_t i = 0; i < count; i++)
		(*roots)[i] = read_root(r);
	return r->bad ? EBADMSG : 0;
}

static int
read_place(MpReader *r, MpPlace *place)
{
	place->root = read_root(r);
	return read_roots(r, &place->others, &place->n_others);
}

/* Makes room for n more entries. */
static int
reserve_entries(MpRequest *request, size_t n)
{
	size_t		room = request->room > 0 ? request->room : 1024;
	MpEntry    *entries;

	if (request->n_entries + n <= request->room)
		return 0;
	while (room < request->n_entries + n)
		room *= 2;
	entries = realloc(request->entries, room * sizeof(*entries));
	if (entries == NULL)
		return ENOMEM;
	request->entries = entries;
	request->room = room;
	return 0;
}

static int
read_entry(MpReader *r, MpRequest *request)
{
	uint8_t		flags = mp_read_u8(r);
	MpStr		name = mp_read_str(r, MP_MAX_PATH);
	MpEntry    *entry = &request->entries[request->n_entries];

	if (r->bad || (flags & ~MP_WANT_IDENTITY) != 0)
		return EBADMSG;
	memset(entry, 0, sizeof(*entry));
	entry->name = name.data;
	entry->length = (uint16_t) name.length;
	entry->identity = MP_NO_IDENTITY;
	if (flags & MP_WANT_IDENTITY)
		entry->identity = request->n_identities++;
	request->n_entries++;
	return 0;
}

static int
read_directory(MpReader *r, MpRequest *request, MpDirectory *directory)
{
	MpStr		path = mp_read_str(r, MP_MAX_PATH);
	uint32_t	to_come = mp_read_u32(r);
	uint32_t	count = mp_read_count(r, LEAST_NAME);
	int			err = r->bad ? EBADMSG : reserve_entries(request, count);

	if (err != 0)
		return err;
	directory->path = path.data;
	directory->length = path.length;
	directory->to_come = to_come;
	directory->first = request->n_entries;
	directory->count = count;
	for (uint32_t i = 0; i < count && err == 0; i++)
		err = read_entry(r, request);
	return err;
}

static int
read_check(MpReader *r, MpRequest *request)
{
	int			err = read_place(r, &request->place);
	uint32_t	count;

	if (err != 0)
		return err;
	request->sitting = mp_read_u64(r);
	count = mp_read_count(r, LEAST_DIRECTORY);
	if (r->bad)
		return EBADMSG;
	if (count > 0)
	{
		request->directories = calloc(count, sizeof(*request->directories));
		if (request->directories == NULL)
			return ENOMEM;
	}
	for (uint32_t i = 0; i < count && err == 0; i++)
	{
		err = read_directory(r, request, &request->directories[i]);
		if (err == 0)
			request->n_directories++;
	}
	return err;
}

static int
read_strings(MpReader *r, uint32_t max, MpStrings *strings)
{
	uint32_t	n = mp_read_count(r, LEAST_STR);

	if (r->bad)
		return EBADMSG;
	if (n == 0)
		return 0;
	strings->list = calloc(n, sizeof(*strings->list));
	if (strings->list == NULL)
		return ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		strings->list[i] = mp_read_str(r, max);
	strings->n = n;
	return r->bad ? EBADMSG : 0;
}

static int
read_hash(MpReader *r, MpRequest *request)
{
	int			err = read_place(r, &request->place);

	if (err != 0)
		return err;
	request->algorithm = mp_read_u8(r);
	request->parts = mp_read_u8(r);
	if (request->algorithm != MP_MD5 && request->algorithm != MP_SHA1)
		return EBADMSG;
	if (request->parts == 0 || (request->parts & ~(MP_WHOLE | MP_ENDS)) != 0)
		return EBADMSG;
	return read_strings(r, MP_MAX_PATH, &request->paths);
}

static int
read_folders(MpReader *r, MpRequest *request)
{
	uint32_t	n = mp_read_count(r, LEAST_FOLDER);

	if (r->bad || n > MP_MAX_FOLDERS)
		return EBADMSG;
	if (n == 0)
		return 0;
	request->folders = calloc(n, sizeof(*request->folders));
	if (request->folders == NULL)
		return ENOMEM;
	request->n_folders = n;
	for (uint32_t i = 0; i < n; i++)
	{
		MpFolder   *folder = &request->folders[i];

		folder->path = mp_read_str(r, MP_MAX_PATH);
		folder->part = mp_read_u32(r);
		folder->parts = mp_read_u32(r);
		if (folder->parts > MP_MAX_PARTS || folder->part >= folder->parts)
			r->bad = true;
	}
	return r->bad ? EBADMSG : 0;
}

static int
read_discover(MpReader *r, MpRequest *request)
{
	int			err = read_place(r, &request->place);

	if (err == 0)
		err = read_strings(r, MP_MAX_PATH, &request->globs);
	if (err == 0)
		err = read_strings(r, MP_MAX_NAME, &request->markers);
	return err != 0 ? err : read_folders(r, request);
}

static int
read_watch(MpReader *r, MpRequest *request)
{
	int			err = read_place(r, &request->place);

	if (err == 0)
		err = read_strings(r, MP_MAX_PATH, &request->globs);
	request->most_folders = mp_read_u32(r);
	return err;
}

/* What a ROOT has beyond its place: a name. */
static int
read_place_and_path(MpReader *r, MpRequest *request)
{
	int			err = read_place(r, &request->place);

	if (err == 0)
		request->path = mp_read_str(r, MP_MAX_PATH);
	return err;
}

static int
read_place_and_paths(MpReader *r, MpRequest *request)
{
	int			err = read_place(r, &request->place);

	return err != 0 ? err : read_strings(r, MP_MAX_PATH, &request->paths);
}

static void
read_removal(MpReader *r, MpRemoval *removal)
{
	removal->folder = mp_read_str(r, MP_MAX_PATH);
	removal->name = mp_read_str(r, MP_MAX_PATH);
	removal->aside = mp_read_str(r, MP_MAX_PATH);
	removal->expected = mp_read_u8(r);
	removal->size = mp_read_u64(r);
	removal->mtime_ns = mp_read_i64(r);
	if (removal->expected != MP_SAME && removal->expected != MP_OLDER)
		r->bad = true;
}

static int
read_remove(MpReader *r, MpRequest *request)
{
	int			err = read_place_and_path(r, request);

	if (err != 0)
		return err;
	request->act = mp_read_u8(r);
	request->n_removals = mp_read_count(r, LEAST_REMOVAL);
	if (r->bad || request->act < MP_SET_ASIDE || request->act > MP_DROP)
		return EBADMSG;
	request->removals = calloc((size_t) request->n_removals + 1, sizeof(*request->removals));
	if (request->removals == NULL)
		return ENOMEM;
	for (uint32_t i = 0; i < request->n_removals; i++)
		read_removal(r, &request->removals[i]);
	return r->bad ? EBADMSG : 0;
}

static int
read_hello(MpReader *r, MpRequest *request)
{
	uint8_t		removes;
	int			err;

	request->idle_ms = mp_read_u32(r);
	request->threads = mp_read_u32(r);
	err = read_roots(r, &request->confined, &request->n_confined);
	if (err != 0)
		return err;
	removes = mp_read_u8(r);
	request->removes = removes != 0;
	return r->bad || removes > 1 ? EBADMSG : 0;
}

static int
read_request(MpReader *r, MpRequest *request)
{
	switch (request->type)
	{
		case MP_HELLO:
			return read_hello(r, request);
		case MP_ROOT:
			return read_place_and_path(r, request);
		case MP_LIST:
			return read_place_and_paths(r, request);
		case MP_CHECK:
			return read_check(r, request);
		case MP_HASH:
			return read_hash(r, request);
		case MP_DISCOVER:
			return read_discover(r, request);
		case MP_REMOVE:
			return read_remove(r, request);
		case MP_WATCH:
			return read_watch(r, request);
		default:
			return EBADMSG;
	}
}

static void
terminate(const char *data, size_t length)
{
	/* The payload is the request's own; an empty string isn't in it and is terminated already. */
	if (length > 0)
		((char *) data)[length] = '\0';
}

static void
terminate_each(const MpStr *strings, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		terminate(strings[i].data, strings[i].length);
}

static void
terminate_all(MpRequest *request)
{
	terminate_each(request->confined, request->n_confined);
	terminate_each(&request->place.root, 1);
	terminate_each(request->place.others, request->place.n_others);
	for (uint32_t i = 0; i < request->n_directories; i++)
		terminate(request->directories[i].path, request->directories[i].length);
	for (size_t i = 0; i < request->n_entries; i++)
		terminate(request->entries[i].name, request->entries[i].length);
	terminate(request->path.data, request->path.length);
	terminate_each(request->paths.list, request->paths.n);
	terminate_each(request->globs.list, request->globs.n);
	terminate_each(request->markers.list, request->markers.n);
	for (uint32_t i = 0; i < request->n_folders; i++)
		terminate_each(&request->folders[i].path, 1);
	for (uint32_t i = 0; i < request->n_removals; i++)
	{
		terminate(request->removals[i].folder.data, request->removals[i].folder.length);
		terminate(request->removals[i].name.data, request->removals[i].name.length);
		terminate(request->removals[i].aside.data, request->removals[i].aside.length);
	}
}

int
mp_request_parse(MpRequest *request, uint8_t type, uint64_t id, unsigned char *payload,
				 size_t length)
{
	MpReader	r;
	int			err;

	memset(request, 0, sizeof(*request));
	request->type = type;
	request->id = id;
	request->payload = payload;
	request->length = length;
	mp_read_start(&r, payload, length);
	err = read_request(&r, request);
	if (err == 0 && !mp_read_done(&r))
		err = EBADMSG;
	if (err == 0)
		terminate_all(request);
	return err;
}

void
mp_request_free(MpRequest *request)
{
	free(request->confined);
	free(request->place.others);
	free(request->directories);
	free(request->entries);
	free(request->paths.list);
	free(request->globs.list);
	free(request->markers.list);
	free(request->folders);
	free(request->removals);
	free(request->payload);
	memset(request, 0, sizeof(*request));
}

bool
mp_path_is_sound(const char *path)
{
	if (path[0] == '/')
		return false;
	while (*path != '\0')
	{
		size_t		n = strcspn(path, "/");

		if (n == 2 && path[0] == '.' && path[1] == '.')
			return false;
		path += n;
		path += strspn(path, "/");
	}
	return true;
}

bool
mp_component_is_sound(const char *name)
{
	return name[0] != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
		strchr(name, '/') == NULL && strlen(name) <= MP_MAX_NAME;
}

bool
mp_name_is_sound(const MpEntry *entry, uint16_t *err)
{
	*err = entry->length > MP_MAX_NAME ? ENAMETOOLONG : 0;
	return mp_component_is_sound(entry->name);
}
