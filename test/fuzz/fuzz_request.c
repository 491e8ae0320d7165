/*
 * fuzz_request.c: any bytes as a request.
 *
 * The first byte is the message's type.  What the parser accepts must be whole: every string ends
 * where it says, every entry belongs to one directory, every identity has its slot.
 */
#include <stdlib.h>
#include <string.h>

#include "../../src/probe/request.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(const char *text, size_t length)
{
	if (strlen(text) != length)
		abort();
	mp_path_is_sound(text);
}

static void
check_entries(const MpRequest *request)
{
	uint32_t	identities = 0;
	uint16_t	err;

	for (size_t i = 0; i < request->n_entries; i++)
	{
		const MpEntry *entry = &request->entries[i];

		check_text(entry->name, entry->length);
		mp_name_is_sound(entry, &err);
		if (entry->identity != MP_NO_IDENTITY && entry->identity != identities++)
			abort();
	}
	if (identities != request->n_identities)
		abort();
}

static void
check_strings(const MpStrings *strings)
{
	for (uint32_t i = 0; i < strings->n; i++)
		if (strings->list[i].length > 0)
			check_text(strings->list[i].data, strings->list[i].length);
}

static void
check_discover(const MpRequest *request)
{
	check_strings(&request->paths);
	check_strings(&request->globs);
	check_strings(&request->markers);
	for (uint32_t i = 0; i < request->n_folders; i++)
	{
		const MpFolder *folder = &request->folders[i];

		if (folder->path.length > 0)
			check_text(folder->path.data, folder->path.length);
		if (folder->part >= folder->parts)
			abort();
	}
}

static void
check_whole(const MpRequest *request)
{
	size_t		first = 0;

	if (request->type != MP_HELLO)
		check_text(request->place.root.data, request->place.root.length);
	if (request->path.data != NULL)
		check_text(request->path.data, request->path.length);
	for (uint32_t i = 0; i < request->n_confined; i++)
		check_text(request->confined[i].data, request->confined[i].length);
	for (uint32_t i = 0; i < request->place.n_others; i++)
		check_text(request->place.others[i].data, request->place.others[i].length);
	for (uint32_t i = 0; i < request->n_directories; i++)
	{
		const MpDirectory *directory = &request->directories[i];

		check_text(directory->path, directory->length);
		if (directory->first != first)
			abort();
		first += directory->count;
	}
	for (uint32_t i = 0; i < request->n_removals; i++)
	{
		const MpRemoval *removal = &request->removals[i];

		check_text(removal->folder.data, removal->folder.length);
		check_text(removal->name.data, removal->name.length);
		check_text(removal->aside.data, removal->aside.length);
		mp_component_is_sound(removal->name.data);
	}
	if (first != request->n_entries)
		abort();
	check_entries(request);
	check_discover(request);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char *payload;
	MpRequest	request;

	if (size == 0)
		return 0;
	payload = malloc(size);		/* one byte less for the type, one more to spare */
	memcpy(payload, data + 1, size - 1);
	if (mp_request_parse(&request, data[0], 7, payload, size - 1) == 0)
		check_whole(&request);
	mp_request_free(&request);
	return 0;
}
