/* watch_kernel.c: what the kernel tells becomes events; renames are put together in watch_limbo.c. */
#include "watch_state.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#ifdef MP_WITH_INOTIFY
#include <sys/inotify.h>

enum
{
	READ_BYTES = 64 * 1024
};

static void
folder_deleted(MpWatch *watch, const MpRecord *record)
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
take_named(MpWatch *watch, const MpRecord *record, uint32_t mask)
{
	if (mask & IN_MOVED_FROM)
		mp_watch_moved_from(watch, record);
	else if (mask & IN_MOVED_TO)
		mp_watch_moved_to(watch, record);
	else if (record->folder && (mask & IN_CREATE))
		mp_watch_new_folder(watch, record->parent, record->name, record->path);
	else if (record->folder && (mask & IN_DELETE))
		folder_deleted(watch, record);
	else if (record->folder)
		return;
	else if (mask & IN_CREATE)
		mp_watch_new_file(watch, record->path);
	else if (mask & (IN_CLOSE_WRITE | IN_DELETE))
		mp_watch_tell_file(watch, record->path);
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
	char		path[MP_MAX_PATH + 1];
	MpRecord	record = {.cookie = event->cookie, .folder = (event->mask & IN_ISDIR) != 0,
	.name = event->name, .path = path};
	MpWatched  *folder;
	MpWatched  *top;

	watch->records++;
	if (event->mask & IN_Q_OVERFLOW)
	{
		watch->fate = MP_WATCH_ANEW;
		watch->overflowed = true;
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
	if (mp_watched_path(&watch->tree, folder, event->name, path, sizeof(path), &top))
		take_named(watch, &record, event->mask);
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

#endif							/* MP_WITH_INOTIFY */
