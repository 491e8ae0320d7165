/*
 * watch_kernel.c: what the kernel tells becomes events.
 *
 * A rename is told as two records with one cookie, that of the old name first.  Between them others
 * may stand, and the second one is missing when the new place isn't watched: so an old name waits in
 * limbo for a moment.  A folder in limbo is cut off from the tree, and what happens in it meanwhile
 * has no path; if something did, all of it is walked once more when its new place is known.
 */
#include "watch_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef MP_WITH_INOTIFY
#include <sys/inotify.h>

enum
{
	READ_BYTES = 64 * 1024
};

/* One record, its folder found and its path built. */
typedef struct Record
{
	uint32_t	mask;
	uint32_t	cookie;
	MpWatched  *parent;
	const char *name;
	char		path[MP_MAX_PATH + 1];
} Record;

static void
free_limbo(MpLimbo *limbo)
{
	free(limbo->path);
	memset(limbo, 0, sizeof(*limbo));
}

static void
settle(MpWatch *watch, const char *path)
{
	MpWaiting  *waiting = mp_queue_find(&watch->settling, MP_EVENT_LOOK, path);

	if (waiting != NULL)
		mp_queue_drop(&watch->settling, waiting);
}

static void
tell_of_file(MpWatch *watch, const char *path)
{
	settle(watch, path);
	mp_watch_tell(watch, MP_EVENT_LOOK, 0, 0, path, NULL);
}

/* The name that a rename took away, or gave, when the other one isn't below this root. */
static void
tell_of_half(MpWatch *watch, MpEventKind kind, bool folder, uint32_t cookie, const char *path)
{
	if (!folder)
		settle(watch, path);
	mp_watch_tell_half(watch, kind, folder ? MP_EVENT_FOLDER : 0, cookie, path);
}

/* A folder that is new here, whether made or moved in. */
static void
new_folder(MpWatch *watch, const Record *record)
{
	MpWatched  *folder = mp_watched_child(&watch->tree, record->parent, record->name);

	if (mp_watch_excludes(watch, record->path))
		return;
	if (folder == NULL)
		folder = mp_watched_add(&watch->tree, record->parent, record->name);
	if (folder == NULL)
		watch->fate = MP_WATCH_ANEW;
	else
		mp_watch_want(watch, folder, true, true);
}

/*
 * It didn't come back, or (left false) not as what it was.  When folders change places across the tree's border, what is at its old place
 * now was told before it went: so that place is looked at once more.
 */
static void
bury(MpWatch *watch, MpLimbo *limbo, bool left)
{
	const char *slash = strrchr(limbo->path, '/');
	Record		place = {.parent = mp_watched_by_wd(&watch->tree, limbo->parent)};

	if (limbo->watched != NULL)
		mp_watch_forget(watch, limbo->watched);
	if (left)
		tell_of_half(watch, MP_EVENT_LEFT, limbo->folder, limbo->cookie, limbo->path);
	else if (limbo->folder)
		mp_watch_tell(watch, MP_EVENT_GONE, MP_EVENT_FOLDER, 0, limbo->path, NULL);
	else
		tell_of_file(watch, limbo->path);
	if (limbo->folder)
	{
		strcpy(place.path, limbo->path);
		place.name = slash != NULL ? place.path + (slash + 1 - limbo->path) : place.path;
		if (place.parent != NULL)
			new_folder(watch, &place);
	}
	free_limbo(limbo);
}

void
mp_watch_expire(MpWatch *watch, int64_t now)
{
	for (int i = 0; i < MP_WATCH_LIMBOS; i++)
		if (watch->limbo[i].path != NULL && watch->limbo[i].due <= now)
			bury(watch, &watch->limbo[i], true);
}

void
mp_watch_empty_limbo(MpWatch *watch)
{
	for (int i = 0; i < MP_WATCH_LIMBOS; i++)
	{
		if (watch->limbo[i].watched != NULL)
			mp_watched_remove(&watch->tree, watch->limbo[i].watched, NULL, NULL);
		free_limbo(&watch->limbo[i]);
	}
}

/* A free place; the one longest in limbo makes room. */
static MpLimbo *
free_place(MpWatch *watch)
{
	MpLimbo    *oldest = &watch->limbo[0];

	for (int i = 0; i < MP_WATCH_LIMBOS; i++)
	{
		if (watch->limbo[i].path == NULL)
			return &watch->limbo[i];
		if (watch->limbo[i].due < oldest->due)
			oldest = &watch->limbo[i];
	}
	bury(watch, oldest, true);
	return oldest;
}

static void
moved_from(MpWatch *watch, const Record *record)
{
	MpLimbo    *limbo = free_place(watch);

	limbo->path = strdup(record->path);
	if (limbo->path == NULL)
	{
		watch->fate = MP_WATCH_ANEW;
		return;
	}
	limbo->cookie = record->cookie;
	limbo->parent = record->parent->wd;
	limbo->folder = (record->mask & IN_ISDIR) != 0;
	limbo->due = mp_watch_now() + MP_WATCH_LIMBO_MS;
	if (limbo->folder)
		limbo->watched = mp_watched_child(&watch->tree, record->parent, record->name);
	if (limbo->watched == NULL)
		return;
	mp_watched_cut(&watch->tree, limbo->watched);
	/* What was walked under its old name may not have been below it any more. */
	limbo->watched->touched = watch->walked;
}

static MpLimbo *
find_limbo(MpWatch *watch, uint32_t cookie)
{
	for (int i = 0; i < MP_WATCH_LIMBOS; i++)
		if (watch->limbo[i].path != NULL && watch->limbo[i].cookie == cookie)
			return &watch->limbo[i];
	return NULL;
}

/* A watched folder arrives at its new place with all that is known below it. */
static void
folder_arrived(MpWatch *watch, const Record *record, MpLimbo *limbo)
{
	MpWatched  *folder = limbo->watched;

	if (!mp_watched_attach(&watch->tree, folder, record->parent, record->name))
	{
		watch->fate = MP_WATCH_ANEW;
		return;
	}
	limbo->watched = NULL;
	if (folder->touched || folder->wd < 0)
		mp_watch_want(watch, folder, true, true);
}

/*
 * A folder arrives where there is another one: that was empty, or both change places.  Nothing is
 * concluded from it; both places are walked as if they were new.
 */
static void
folders_collided(MpWatch *watch, const Record *record, MpLimbo *limbo)
{
	mp_watch_forget(watch, mp_watched_child(&watch->tree, record->parent, record->name));
	mp_watch_tell(watch, MP_EVENT_GONE, MP_EVENT_FOLDER, 0, record->path, NULL);
	bury(watch, limbo, false);
	new_folder(watch, record);
}

static void
moved(MpWatch *watch, const Record *record, MpLimbo *limbo)
{
	if (limbo->folder && mp_watched_child(&watch->tree, record->parent, record->name) != NULL)
	{
		folders_collided(watch, record, limbo);
		return;
	}
	if (mp_watch_excludes(watch, record->path))
	{
		/* Into the bin, say: gone from where it is looked for. */
		if (!limbo->folder)
			tell_of_file(watch, record->path);
		bury(watch, limbo, false);
		return;
	}
	mp_watch_tell(watch, MP_EVENT_MOVED, limbo->folder ? MP_EVENT_FOLDER : 0, 0, limbo->path,
				  record->path);
	if (limbo->folder && !mp_queue_moved(&watch->settling, limbo->path, record->path))
		watch->fate = MP_WATCH_ANEW;
	if (limbo->watched != NULL)
		folder_arrived(watch, record, limbo);
	else if (limbo->folder)
		new_folder(watch, record);
	free_limbo(limbo);
}

bool
mp_watch_arrived(MpWatch *watch, const MpWatched *folder, MpWatched *found, const char *path)
{
	Record		record = {.parent = found->parent};
	char		name[MP_MAX_NAME + 1];

	for (int i = 0; i < MP_WATCH_LIMBOS; i++)
	{
		MpLimbo    *limbo = &watch->limbo[i];

		if (limbo->path == NULL || limbo->watched != folder || record.parent == NULL)
			continue;
		strcpy(record.path, path);
		strcpy(name, found->name);
		record.name = name;
		mp_watch_forget(watch, found);
		moved(watch, &record, limbo);
		return true;
	}
	return false;
}

static void
moved_to(MpWatch *watch, const Record *record)
{
	MpLimbo    *limbo = find_limbo(watch, record->cookie);

	bool		folder = (record->mask & IN_ISDIR) != 0;

	if (limbo != NULL)
	{
		moved(watch, record, limbo);
		return;
	}
	if (!folder || !mp_watch_excludes(watch, record->path))
		tell_of_half(watch, MP_EVENT_CAME, folder, record->cookie, record->path);
	if (folder)
		new_folder(watch, record);
}

static void
folder_deleted(MpWatch *watch, const Record *record)
{
	MpWatched  *folder = mp_watched_child(&watch->tree, record->parent, record->name);

	uint8_t		flags = MP_EVENT_FOLDER;

	if (folder != NULL && folder->wd >= 0)
		flags |= MP_EVENT_EMPTY;
	if (folder != NULL)
		mp_watch_forget(watch, folder);
	mp_watch_tell(watch, MP_EVENT_GONE, flags, 0, record->path, NULL);
}

/* A record that names something in a folder. */
static void
take_named(MpWatch *watch, const Record *record)
{
	bool		folder = (record->mask & IN_ISDIR) != 0;

	if (record->mask & IN_MOVED_FROM)
		moved_from(watch, record);
	else if (record->mask & IN_MOVED_TO)
		moved_to(watch, record);
	else if (folder && (record->mask & IN_CREATE))
		new_folder(watch, record);
	else if (folder && (record->mask & IN_DELETE))
		folder_deleted(watch, record);
	else if (folder)
		return;
	else if (record->mask & IN_CREATE)
		mp_watch_new_file(watch, record->path);
	else if (record->mask & (IN_CLOSE_WRITE | IN_DELETE))
		tell_of_file(watch, record->path);
}

/* A record about a watched folder itself. */
static void
take_unnamed(MpWatch *watch, MpWatched *folder, uint32_t mask)
{
	if (mask & IN_UNMOUNT)
		mp_watch_end(watch, MP_ROOT_CHANGED, 0);
	else if (folder == watch->tree.root &&
			 (mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)))
		mp_watch_end(watch, MP_ROOT_ABSENT, 0);
	else if (mask & IN_IGNORED)
	{
		/* Replaced by a rename, most likely: see what is there now. */
		mp_watched_set_wd(&watch->tree, folder, -1);
		mp_watch_want(watch, folder, true, false);
	}
}

static void
take_record(MpWatch *watch, const struct inotify_event *event)
{
	Record		record = {.mask = event->mask, .cookie = event->cookie, .name = event->name};
	MpWatched  *folder;
	MpWatched  *top;

	watch->records++;
	if (event->mask & IN_Q_OVERFLOW)
	{
		watch->fate = MP_WATCH_ANEW;
		return;
	}
	folder = mp_watched_by_wd(&watch->tree, event->wd);
	if (folder == NULL)
		return;
	if (event->len == 0)
	{
		take_unnamed(watch, folder, event->mask);
		return;
	}
	record.parent = folder;
	if (mp_watched_path(&watch->tree, folder, event->name, record.path, sizeof(record.path), &top))
		take_named(watch, &record);
	else if (top != NULL)
		top->touched = true;
}

void
mp_watch_read(MpWatch *watch)
{
	_Alignas(struct inotify_event) char buffer[READ_BYTES];

	while (watch->fate == MP_WATCH_ON && mp_watch_has_room(watch))
	{
		ssize_t		n = read(watch->inotify, buffer, sizeof(buffer));

		if (n <= 0)
		{
			/* What is told from now on came after all that was walked. */
			watch->walked = false;
			return;
		}
		for (char *at = buffer; at < buffer + n && watch->fate == MP_WATCH_ON;)
		{
			const struct inotify_event *event = (const struct inotify_event *) at;

			take_record(watch, event);
			at += sizeof(*event) + event->len;
		}
	}
}

#else

void
mp_watch_read(MpWatch *watch)
{
	(void) watch;
}

void
mp_watch_expire(MpWatch *watch, int64_t now)
{
	(void) watch;
	(void) now;
}

void
mp_watch_empty_limbo(MpWatch *watch)
{
	(void) watch;
}

bool
mp_watch_arrived(MpWatch *watch, const MpWatched *folder, MpWatched *found, const char *path)
{
	(void) watch;
	(void) folder;
	(void) found;
	(void) path;
	return false;
}

#endif							/* MP_WITH_INOTIFY */
