/*
 * watch_limbo.c: renames, put together from their halves.
 *
 * A rename is told as two records with one cookie, that of the old name first.  Between them others
 * may stand, and the second one is missing when the new place isn't watched: so an old name waits in
 * limbo for a moment.  A folder in limbo is cut off from the tree, and what happens in it meanwhile
 * has no path; if something did, all of it is walked once more when its new place is known.
 */
#include "watch_state.h"

#include <stdlib.h>
#include <string.h>

static void
free_limbo(MpLimbo *limbo)
{
	free(limbo->path);
	memset(limbo, 0, sizeof(*limbo));
}

/* The name that a rename took away, or gave, when the other one isn't below this root. */
static void
tell_of_half(MpWatch *watch, MpEventKind kind, bool folder, uint32_t cookie, const char *path)
{
	if (!folder)
		mp_watch_settled(watch, path);
	mp_watch_tell_half(watch, kind, folder ? MP_EVENT_FOLDER : 0, cookie, path);
}

/*
 * It didn't come back, or (left false) not as what it was.  When folders change places across the tree's
 * border, what is at its old place now was told before it went: so that place is looked at once more.
 */
static void
bury(MpWatch *watch, MpLimbo *limbo, bool left)
{
	const char *slash = strrchr(limbo->path, '/');
	const char *name = slash != NULL ? slash + 1 : limbo->path;
	MpWatched  *parent = mp_watched_by_wd(&watch->tree, limbo->parent);

	if (limbo->watched != NULL)
		mp_watch_forget(watch, limbo->watched);
	if (left)
		tell_of_half(watch, MP_EVENT_LEFT, limbo->folder, limbo->cookie, limbo->path);
	else if (limbo->folder)
		mp_watch_tell(watch, MP_EVENT_GONE, MP_EVENT_FOLDER, 0, limbo->path, NULL);
	else
		mp_watch_tell_file(watch, limbo->path);
	if (limbo->folder && parent != NULL)
		mp_watch_new_folder(watch, parent, name, limbo->path);
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

void
mp_watch_moved_from(MpWatch *watch, const MpRecord *record)
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
	limbo->folder = record->folder;
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
folder_arrived(MpWatch *watch, const MpRecord *record, MpLimbo *limbo)
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
folders_collided(MpWatch *watch, const MpRecord *record, MpLimbo *limbo)
{
	mp_watch_forget(watch, mp_watched_child(&watch->tree, record->parent, record->name));
	mp_watch_tell(watch, MP_EVENT_GONE, MP_EVENT_FOLDER, 0, record->path, NULL);
	bury(watch, limbo, false);
	mp_watch_new_folder(watch, record->parent, record->name, record->path);
}

static void
moved(MpWatch *watch, const MpRecord *record, MpLimbo *limbo)
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
			mp_watch_tell_file(watch, record->path);
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
		mp_watch_new_folder(watch, record->parent, record->name, record->path);
	free_limbo(limbo);
}

bool
mp_watch_arrived(MpWatch *watch, const MpWatched *folder, MpWatched *found, const char *path)
{
	char		name[MP_MAX_NAME + 1];
	MpRecord	record = {.parent = found->parent, .name = name, .path = path};

	for (int i = 0; i < MP_WATCH_LIMBOS; i++)
	{
		MpLimbo    *limbo = &watch->limbo[i];

		if (limbo->path == NULL || limbo->watched != folder || record.parent == NULL)
			continue;
		strcpy(name, found->name);
		mp_watch_forget(watch, found);
		moved(watch, &record, limbo);
		return true;
	}
	return false;
}

void
mp_watch_moved_to(MpWatch *watch, const MpRecord *record)
{
	MpLimbo    *limbo = find_limbo(watch, record->cookie);

	if (limbo != NULL)
	{
		moved(watch, record, limbo);
		return;
	}
	if (!record->folder || !mp_watch_excludes(watch, record->path))
		tell_of_half(watch, MP_EVENT_CAME, record->folder, record->cookie, record->path);
	if (record->folder)
		mp_watch_new_folder(watch, record->parent, record->name, record->path);
}
