/*
 * discover.c: the folders of a DISCOVER request; see discover.h.
 *
 * A folder is listed first, its names set aside, and then each name is looked at.  So a marker
 * spares the look at everything beside it, and a folder with too many names for the answer costs one
 * listing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dirlist.h"
#include "discover.h"
#include "glob.h"
#include "progress.h"

enum
{
	ENTRY_BYTES = 1 + 4 + 40,	/* of an entry in the answer, without its name */
	FOLDER_BYTES = 32,			/* of a folder, without its entries */
	ANSWER_BYTES = MP_MAX_PAYLOAD - 4096
};

/* A folder in hand. */
typedef struct Search
{
	const MpDiscovery *discovery;
	const MpFolder *folder;
	MpDiscovered *found;
	int			fd;				/* O_PATH */
	uint64_t	fsid;
	MpWriter	names;			/* str each */
	uint32_t	n_names;
	size_t		room;			/* in the answer, for what is still to be found */
} Search;

static void
note_shortage(MpDiscovery *discovery, int err)
{
	int			none = 0;

	if (err != 0)
		atomic_compare_exchange_strong(&discovery->shortage, &none, err);
}

static bool
goes_on(const MpDiscovery *discovery)
{
	return atomic_load(&discovery->shortage) == 0 &&
		discovery->guard.report.verdict == MP_PRESENT;
}

void
mp_discover_open(MpDiscovery *discovery, const MpRequest *request)
{
	memset(discovery, 0, sizeof(*discovery));
	discovery->request = request;
	mp_guard_open(&discovery->guard, &request->place);
	note_shortage(discovery, discovery->guard.shortage);
	if (request->n_folders > 0 && goes_on(discovery))
	{
		discovery->folders = calloc(request->n_folders, sizeof(*discovery->folders));
		if (discovery->folders == NULL)
			note_shortage(discovery, ENOMEM);
	}
}

/* The path of a name from the root; false when that would be too long for the kernel. */
static bool
path_of(const Search *search, const char *name, char *path, size_t size)
{
	const MpStr *folder = &search->folder->path;
	int			n = snprintf(path, size, "%.*s%s%s", (int) folder->length,
							 folder->length > 0 ? folder->data : "",
							 folder->length > 0 ? "/" : "", name);

	return n >= 0 && (size_t) n < size;
}

static bool
is_excluded(const Search *search, const char *name)
{
	const MpStrings *globs = &search->discovery->request->globs;
	char		path[MP_MAX_PATH + 1];

	for (uint32_t i = 0; i < globs->n; i++)
	{
		const char *glob = globs->list[i].length > 0 ? globs->list[i].data : "";
		const char *subject = name;

		if (strchr(glob, '/') != NULL)
			subject = path_of(search, name, path, sizeof(path)) ? path : name;
		if (mp_glob_matches(glob, subject))
			return true;
	}
	return false;
}

static bool
is_marker(const Search *search, const char *name, size_t length)
{
	const MpStrings *markers = &search->discovery->request->markers;

	for (uint32_t i = 0; i < markers->n; i++)
	{
		if (markers->list[i].length == length && memcmp(markers->list[i].data, name, length) == 0)
			return true;
	}
	return false;
}

static bool
is_of_another_part(const Search *search, const char *name, size_t length)
{
	return search->folder->parts > 1 &&
		mp_name_hash(name, length) % search->folder->parts != search->folder->part;
}

/* Takes one name of the listing; false: nothing more of this folder is wanted. */
static bool
take_name(void *owner, const char *name, MpShown shown)
{
	Search	   *search = owner;
	size_t		length = strlen(name);

	(void) shown;
	if (is_marker(search, name, length))
	{
		search->found->flags = MP_MARKED;
		return false;
	}
	/* FUSE may have longer names; nothing else here takes them. */
	if ((search->found->flags & MP_TOO_MANY) || length > MP_MAX_NAME ||
		is_of_another_part(search, name, length) || is_excluded(search, name))
		return true;
	if (ENTRY_BYTES + length > search->room)
	{
		/* A marker may still follow. */
		search->found->flags = MP_TOO_MANY;
		return true;
	}
	search->room -= ENTRY_BYTES + length;
	mp_write_str(&search->names, name, length);
	search->n_names++;
	return true;
}

static void
write_entry(Search *search, MpEntryKind kind, const char *name, const struct statx *st,
			uint64_t fsid)
{
	MpWriter   *w = &search->found->entries;
	MpIdentity	identity;

	mp_write_u8(w, (uint8_t) kind);
	mp_write_str(w, name, strlen(name));
	if (kind == MP_ENTRY_FILE || kind == MP_ENTRY_FILE_LINK)
	{
		mp_identity_of(st, fsid, &identity);
		mp_write_identity(w, &identity);
	}
	search->found->n++;
}

/* Follows a link by its whole path; one that leads nowhere, or out of the roots, isn't told. */
static int
take_link(Search *search, const char *name)
{
	char		path[MP_MAX_PATH + 1];
	struct statx st;
	uint64_t	fsid;
	uint64_t	fs_magic;
	MpFound		found;
	int			err;

	if (!path_of(search, name, path, sizeof(path)))
		return 0;
	mp_find(&search->discovery->guard.tree, path, false, &found);
	if (found.err != 0)
		return mp_judge_found(&found).fate == MP_FATE_SHORTAGE ? found.err : 0;
	err = mp_stat_handle(found.fd, &st);
	if (err == 0)
		err = mp_statfs_handle(found.fd, &fsid, &fs_magic);
	close(found.fd);
	if (err == 0 && S_ISREG(st.stx_mode))
		write_entry(search, MP_ENTRY_FILE_LINK, name, &st, fsid);
	else if (err == 0 && S_ISDIR(st.stx_mode))
		write_entry(search, MP_ENTRY_FOLDER_LINK, name, &st, 0);
	return err;
}

static int
look_at_name(Search *search, const char *name)
{
	struct statx st;
	uint64_t	fsid;
	int			err = mp_stat_name(search->fd, name, &st);

	/* Gone since it was listed. */
	if (err == ENOENT)
		return 0;
	if (err != 0)
		return err;
	if (S_ISLNK(st.stx_mode))
		return take_link(search, name);
	if (S_ISDIR(st.stx_mode))
		write_entry(search, MP_ENTRY_FOLDER, name, &st, 0);
	if (!S_ISREG(st.stx_mode))
		return 0;
	err = mp_fsid_of_name(search->fd, &search->found->node, search->fsid, name, &st, &fsid);
	if (err == 0)
		write_entry(search, MP_ENTRY_FILE, name, &st, fsid);
	return err;
}

static int
look_at_names(Search *search)
{
	char		name[MP_MAX_NAME + 1];
	MpReader	r;

	mp_read_start(&r, search->names.data, search->names.length);
	for (uint32_t i = 0; i < search->n_names; i++)
	{
		MpStr		str = mp_read_str(&r, MP_MAX_NAME);
		int			err;

		memcpy(name, str.data, str.length);
		name[str.length] = '\0';
		err = look_at_name(search, name);
		if (mp_judge_errno(err).fate == MP_FATE_SHORTAGE)
			return err;
		if (err != 0)
			search->found->unread++;
	}
	return search->found->entries.bad ? ENOMEM : 0;
}

/* Returns 0 or the errno of the folder as a whole. */
static int
search_folder(Search *search)
{
	struct statx st;
	uint64_t	fs_magic;
	int			fd;
	int			err = mp_stat_handle(search->fd, &st);

	if (err == 0)
		err = mp_statfs_handle(search->fd, &search->fsid, &fs_magic);
	if (err != 0)
		return err;
	mp_node_of(&st, &search->found->node);
	fd = openat(search->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mp_progress_add(1);
	err = fd < 0 ? errno : mp_list_each(fd, take_name, search);
	if (fd >= 0)
		close(fd);
	if (err == 0 && search->names.bad)
		err = ENOMEM;
	if (err == 0 && search->found->flags == 0)
		err = look_at_names(search);
	return err;
}

void
mp_discover_folder(MpDiscovery *discovery, uint32_t index)
{
	const MpRequest *request = discovery->request;
	const char *path = request->folders[index].path.length > 0 ?
		request->folders[index].path.data : "";
	Search		search = {.discovery = discovery, .folder = &request->folders[index]};
	MpFound		found;

	if (!goes_on(discovery))
		return;
	search.found = &discovery->folders[index];
	search.room = ANSWER_BYTES / request->n_folders - FOLDER_BYTES;
	mp_write_start(&search.found->entries);
	mp_write_start(&search.names);
	if (!mp_path_is_sound(path))
	{
		search.found->judgement = mp_judgement(MP_INVALID, MP_BAD_PATH, 0);
		return;
	}
	mp_find(&discovery->guard.tree, path, true, &found);
	search.fd = found.fd;
	if (found.err != 0)
		search.found->judgement = mp_judge_found(&found);
	else
	{
		/* The folder's handle stood already: an error now doesn't make it missing. */
		search.found->judgement = mp_doubt_errno(search_folder(&search));
		close(found.fd);
	}
	mp_write_free(&search.names);
	if (search.found->judgement.fate == MP_FATE_SHORTAGE)
		note_shortage(discovery, search.found->judgement.err);
}

void
mp_discover_compare(MpDiscovery *discovery)
{
	if (goes_on(discovery))
	{
		mp_guard_compare(&discovery->guard);
		note_shortage(discovery, discovery->guard.shortage);
	}
}

void
mp_discover_close(MpDiscovery *discovery)
{
	mp_guard_close(&discovery->guard);
	for (uint32_t i = 0; discovery->folders != NULL && i < discovery->request->n_folders; i++)
		mp_write_free(&discovery->folders[i].entries);
	free(discovery->folders);
	discovery->folders = NULL;
}

static void
write_folder(const MpDiscovered *found, MpWriter *w)
{
	bool		told = found->judgement.verdict == MP_PRESENT && found->flags == 0;

	mp_write_u8(w, found->judgement.verdict);
	mp_write_u8(w, found->judgement.reason);
	mp_write_u16(w, found->judgement.err);
	mp_write_u8(w, found->flags);
	mp_write_u64(w, found->node.device);
	mp_write_u64(w, found->node.inode);
	mp_write_u32(w, found->unread);
	mp_write_u32(w, told ? found->n : 0);
	if (told)
		mp_write_bytes(w, found->entries.data, found->entries.length);
}

void
mp_discover_write(const MpDiscovery *discovery, MpWriter *w)
{
	uint32_t	n = discovery->guard.report.verdict == MP_PRESENT ?
		discovery->request->n_folders : 0;

	mp_write_root_report(w, &discovery->guard.report);
	mp_write_u32(w, n);
	for (uint32_t i = 0; i < n; i++)
		write_folder(&discovery->folders[i], w);
}
