/* discovery_answer.c: what the folders that were asked for hold; see discovery.h. */
#include "postgres.h"

#include "common/hashfn.h"
#include "mb/pg_wchar.h"

#include "discovery_state.h"
#include "reasons.h"

#define MORE_PARTS 8			/* into so many a folder is divided that is too big for an answer */

/* Sets discovery->path to what the application calls a name in a folder ("": the folder itself). */
static void
name_path(Discovery *discovery, const Root *root, const Folder *folder, MpStr name)
{
	StringInfo	path = &discovery->path;

	resetStringInfo(path);
	appendBinaryStringInfo(path, root->app_path, root->app_length);
	if (folder->path[0] != '\0')
	{
		appendStringInfoChar(path, '/');
		appendStringInfoString(path, folder->path);
	}
	if (name.length > 0)
	{
		appendStringInfoChar(path, '/');
		appendBinaryStringInfo(path, name.data, name.length);
	}
}

/* Folders that are themselves a root are walked as that root, where the application's names begin. */
static bool
is_another_root(const Discovery *discovery)
{
	for (int i = 0; i < discovery->roots->n; i++)
		if (strcmp(discovery->roots->roots[i].app_path, discovery->path.data) == 0)
			return true;
	return false;
}

static void
take_entry(Discovery *discovery, int number, const Folder *folder, MpReader *reader, bool wanted)
{
	const Root *root = &discovery->roots->roots[number];
	MpEntryKind kind = mp_read_u8(reader);
	MpStr		name = mp_read_str(reader, MP_MAX_NAME);
	bool		is_file = kind == MP_ENTRY_FILE || kind == MP_ENTRY_FILE_LINK;
	MpIdentity	identity;
	size_t		below = root->app_length + 1;

	if (is_file)
		mp_read_identity(reader, &identity);
	if (kind < MP_ENTRY_FILE || kind > MP_ENTRY_FOLDER_LINK || reader->bad || name.length == 0)
		probe_malformed();
	if (!wanted)
		return;
	if (!pg_verifymbstr(name.data, name.length, true))
	{
		discovery->counts.unreadable++;
		return;
	}
	name_path(discovery, root, folder, name);
	if (is_file)
	{
		discovery->counts.files++;
		discovery->take(discovery->taker, discovery->path.data, discovery->path.len, &identity,
						kind == MP_ENTRY_FILE_LINK || folder->linked);
	}
	else if (!is_another_root(discovery) && discovery->path.len - below <= MP_MAX_PATH)
		discovery_push(discovery, kind == MP_ENTRY_FOLDER_LINK ? &discovery->links[number] :
			 &discovery->todo[number],
			 discovery->path.data + below, discovery->path.len - below, 0, 0,
			 kind == MP_ENTRY_FOLDER_LINK || folder->linked);
}

/* Asks for a folder that was too big for its share of an answer, alone, or for a part of it. */
static void
ask_again(Discovery *discovery, int number, const Folder *folder)
{
	FolderList *todo = &discovery->todo[number];
	size_t		length = strlen(folder->path);

	if (folder->parts == 0)
	{
		discovery_push(discovery, todo, folder->path, length, 0, 1, folder->linked);
		return;
	}
	if (folder->parts > MP_MAX_PARTS / MORE_PARTS)
		probe_malformed();
	/* What is left over by number % parts is told apart by number % (parts * MORE_PARTS). */
	for (uint32 i = 0; i < MORE_PARTS; i++)
		discovery_push(discovery, todo, folder->path, length, folder->part + i * folder->parts,
			 folder->parts * MORE_PARTS, folder->linked);
}

/* Whether a folder, or part of it, is met for the first time; it only matters behind a link. */
static bool
is_news(Discovery *discovery, const Folder *folder, uint64 device, uint64 inode)
{
	uint64		who[] = {device, inode, folder->part, Max(folder->parts, 1)};
	return key_set_add(discovery->seen, hash_bytes_extended((unsigned char *) who, sizeof(who), 0)) ||
		!folder->linked;
}

static void
take_folder(Discovery *discovery, int number, const Folder *folder, MpReader *reader, bool usable)
{
	const Root *root = &discovery->roots->roots[number];
	MpVerdict	verdict = mp_read_u8(reader);
	MpReason	reason = mp_read_u8(reader);
	int			err = mp_read_u16(reader);
	int			flags = mp_read_u8(reader);
	uint64		device = mp_read_u64(reader);
	uint64		inode = mp_read_u64(reader);
	uint32		unread = mp_read_u32(reader);
	uint32		n = mp_read_count(reader, 5);

	if (usable)
	{
		name_path(discovery, root, folder, (MpStr) {NULL, 0});
		discovery->counts.folders++;
		if (verdict != MP_PRESENT)
			discovery_add_unread(discovery, 1, discovery->path.data, reason_text(reason, err));
		else
			discovery_add_unread(discovery, unread, discovery->path.data,
								 "some of its entries could not be looked at");
		if (flags & MP_TOO_MANY)
			ask_again(discovery, number, folder);
		else
			usable = is_news(discovery, folder, device, inode);
	}
	for (uint32 i = 0; i < n; i++)
		take_entry(discovery, number, folder, reader, usable);
}

bool
discovery_take_answer(Discovery *discovery, const Asked *asked, MpReader *reader)
{
	Root	   *root = &discovery->roots->roots[asked->root];
	MpRootReport report;
	uint32		n;

	mp_read_root_report(reader, &report);
	n = mp_read_count(reader, 29);
	if (n != (report.verdict == MP_PRESENT ? (uint32) asked->n : 0))
		probe_malformed();
	(void) roots_judge(root, &report);
	for (uint32 i = 0; i < n; i++)
		take_folder(discovery, asked->root, &asked->folders[i], reader,
					root->verdict == MP_PRESENT);
	if (!mp_read_done(reader))
		probe_malformed();
	return root->verdict == MP_PRESENT;
}
