/* reasons.c: verdicts and reasons of the probe in words. */
#include "postgres.h"

#include "reasons.h"

const char *
verdict_name(MpVerdict verdict)
{
	switch (verdict)
	{
		case MP_PRESENT:
			return "present";
		case MP_MISSING:
			return "missing";
		case MP_UNREACHABLE:
			return "unreachable";
		case MP_INVALID:
			return "invalid";
	}
	elog(ERROR, "unknown verdict %d", (int) verdict);
}

const char *
reason_text(MpReason reason, int err)
{
	switch (reason)
	{
		case MP_OK:
			return NULL;
		case MP_NOT_FOUND:
			return "not found";
		case MP_PARENT_NOT_FOLDER:
			return "not found: a folder of its path is a file now";
		case MP_NO_PATH:
			return "no path";
		case MP_NO_PERMISSION:
			return "no permission: the database server's user needs read and search permission on the folder";
		case MP_LINK_TARGET_OFFLINE:
			return "link target offline";
		case MP_IO_ERROR:
			return psprintf("the file system answered: %s", pg_strerror(err));
		case MP_CHANGED_WHILE_READ:
			return "the file kept changing while it was read";
		case MP_TIMED_OUT:
			return "timed out: the file system gives no answer";
		case MP_ROOT_ABSENT:
			return "the root is absent";
		case MP_ROOT_NOT_FOLDER:
			return "the root is not a folder";
		case MP_ROOT_CHANGED:
			return "the root changed while it was read";
		case MP_ROOT_EMPTY:
			return "the root is empty";
		case MP_ROOT_REPLACED:
			return "another file system or folder is in the root's place; if it is the library now, call missing_photos.accept_root";
		case MP_MARKER_ABSENT:
			return "the root's marker file is absent";
		case MP_MOUNT_ABSENT:
			return "a file system that was mounted here is absent";
		case MP_MOUNT_NEW:
			return "a file system is mounted here that wasn't before; if it belongs to the library, call missing_photos.accept_root";
		case MP_MOUNT_REPLACED:
			return "another file system is mounted here than before; if it belongs to the library, call missing_photos.accept_root";
		case MP_NOT_CONFIRMED:
			return "not found; waiting for another scan to confirm it";
		case MP_NOT_REGULAR:
			return "not a regular file";
		case MP_OUTSIDE_ROOTS:
			return "outside the roots";
		case MP_BAD_PATH:
			return "not a usable path";
	}
	return psprintf("reason %d", (int) reason);
}
