/*
 * protocol.h: what the extension and the probe say to each other.
 *
 * Both sides run on one machine and share this header, so numbers travel in the machine's own byte
 * order.  The transport is a stream socket.  Every message is a header of MP_HEADER_SIZE bytes and
 * a payload; both are written and read with the bounded cursors of wire.h, never by casting a
 * struct.
 *
 *     header    u32 payload length | u8 version | u8 type | u16 zero | u64 request id
 *     str       u32 length | bytes (no NUL inside, none at the end)
 *
 * The extension asks, the probe answers each request once (WATCH apart), in any order, under its id;
 * before the answer it may send PROGRESS, which says nothing but "alive, and getting on".  A
 * message that breaks a rule of this file makes the probe send BYE and end; the extension closes
 * the socket and starts another probe.  Closing the socket is also how the extension takes its
 * requests back.
 *
 * Requests and answers
 *
 *   HELLO     u32 idle_ms | u32 threads | u32 n | n x str absolute path | u8 removes
 *             First message, once; idle_ms 0: never idle out.  n > 0: the probe gives up the right to
 *             read anything but what lies below these paths, where the kernel lets it (Landlock).
 *             removes 1: REMOVE is allowed, with one of these paths as its root; 0: it breaks a rule.
 *   -> HELLO  u32 pid of the probe | u8 Landlock's ABI (0: not confined)
 *
 *   ROOT      place | str name of the marker file ("": none)
 *   -> ROOT   root report | str canonical path | str file system type | str mount source
 *             | u32 n | n x (str mount point below the root, relative | str file system type
 *             | str mount source | str which folder of it | u64 fsid)
 *             (fsid: 0 unless it can be had without asking a network and survives a reboot)
 *
 *   CHECK     place | u64 sitting | u32 directories | per directory: str path below the root (""
 *             is the root) | u32 names to come | u32 names | per name: u8 flags (MP_WANT_IDENTITY)
 *             | str name (one component)
 *             Requests of one sitting other than 0 may share what a directory's listing showed: a
 *             name that one of them saw counts as present in all.  A directory without names is
 *             listed for the requests that follow when so many names to come make that worth it.
 *   -> CHECK  root report | u32 n | n x exception | u32 n | n x (u32 entry | identity)
 *             Entries are the names in the order of the request, from 0.  An entry without an
 *             exception is present.  When the root report isn't "present" nothing was concluded:
 *             no exception and no identity follows, and every entry is as unreachable as its root.
 *             A name may be anything without a NUL, up to MP_MAX_PATH bytes: one that is no file's
 *             (empty, ".", "..", with a slash, over MP_MAX_NAME) is MP_INVALID, as is a directory
 *             with ".." in it.  A name that isn't there behind a symbolic link into another root is
 *             MP_UNREACHABLE: the request guards its own root alone.
 *
 *   HASH      place | u8 algorithm | u8 parts (MP_WHOLE, MP_ENDS, or both) | u32 n
 *             | n x str path relative to the root
 *   -> HASH   root report | u32 n | n x (u8 verdict | u8 reason | u16 errno | identity
 *             | u8 k | k bytes, the digest of the whole | u8 k | k bytes, the digest of the ends)
 *             The files in the order of the request.  Verdict "present" alone comes with digests, of
 *             the parts asked for.  The ends are what is read of a file's first and last MP_END_BYTES
 *             (of a file not longer than both: all of it), followed by its size as 8 bytes, the most
 *             significant first.  When the root report isn't "present", n is 0.
 *
 *   LIST      place | u32 n | n x str path of a folder relative to the root
 *   -> LIST   root report | u32 n | n x (u8 verdict | u8 reason | u16 errno | u8 cut short
 *             | u32 n | n x str name)
 *             The folders in the order of the request; names of files and links, as bytes; cut short
 *             at MP_MAX_NAMES or 8 MiB of all folders.  When the root report isn't "present", n is 0.
 *
 *   DISCOVER  place | u32 n | n x str glob | u32 n | n x str marker
 *             | u32 n | n x (str path of a folder relative to the root | u32 part | u32 parts)
 *   -> DISCOVER  root report | u32 n | n x folder
 *             What lies in these folders, not below them; in the order of the request.  Names that a
 *             glob matches are left out (a glob with a slash is held against the path from the root,
 *             any other against the name; glob.h), and all of a folder that holds a name which is
 *             one of the markers.  A symbolic link is followed, inside the roots only; it is told as
 *             what it leads to.  With parts > 1 the names are dealt out to so many heaps, and only
 *             heap number `part` is told.  When the root report isn't "present", n is 0.
 *     folder  u8 verdict | u8 reason | u16 errno | u8 flags (MP_TOO_MANY, MP_MARKED)
 *             | u64 device | u64 inode | u32 unread | u32 n | n x entry
 *             (nothing but the verdict is told unless that is "present"; with MP_TOO_MANY no entry
 *             is: ask for the folder alone, or in more parts.  unread: entries that gave an error)
 *     entry   u8 kind (MP_ENTRY_...) | str name | (of files) identity
 *
 *   REMOVE    place | str name of the marker file | u8 act (MpAct)
 *             | u32 n | n x (str folder below the root | str name | str name when set aside
 *             | u8 expected (MpExpected) | u64 size | i64 mtime ns)
 *   -> REMOVE root report | u32 n | n x (u8 outcome (MpOutcome) | u16 errno)
 *             Only regular files are touched, never through a symbolic link, never on another file
 *             system than the root's.  Asked again after an accident, it answers the same.  When the
 *             root report isn't "present" because the root or its marker wasn't found, nothing was
 *             touched and every outcome is MP_OUT_OF_REACH.
 *
 *   WATCH     place | u32 n | n x str glob | u32 most folders to watch (0: all that the system lets)
 *   -> WATCH  u64 folders watched | u64 folders known | u64 records read from the kernel
 *             | u32 n | n x event
 *             Answered again and again, under the request's id, until an event says MP_EVENT_ENDED or
 *             the socket is closed: when something happened, and every MP_WATCH_BEAT_MS (n may be 0
 *             then).  No more than MP_WATCH_AHEAD answers are written before the other side has read
 *             them; what doesn't fit waits, and in the end becomes MP_EVENT_LOST.  Folders that a glob
 *             matches aren't watched (a glob with a slash is held against the path from the root, any
 *             other against the name; glob.h).  An event is a hint: what it says is true of the past.
 *     event   u8 kind (MpEventKind) | u8 flags | u16 errno | u32 cookie | str path from the root
 *             | str new path
 *             (flags: MP_EVENT_FOLDER, _EXCLUDED, _EMPTY; of MP_EVENT_ENDED, an MpReason; the cookie
 *             is 0 but for LEFT and CAME: two halves of one rename have the same, whichever watches
 *             tell of them)
 *
 *   -> PROGRESS  u64 operations finished since the probe started
 *   -> SHORTAGE  u16 errno | str what       the probe's own lack of memory or descriptors: the
 *                                           request is dropped and nothing may be concluded from it
 *   -> BYE       u8 status (MpBye) | str what
 *
 *   place     str absolute path of the root | u32 n | n x str absolute path of every other
 *             registered root (a symbolic link may lead there, and nowhere else)
 *   root report
 *             u8 verdict | u8 reason | u16 errno | u8 empty (ROOT alone) | u64 fs magic | u64 fsid
 *             | u64 inode of the root | u64 device | u64 mount id | u64 mounts
 *             (mounts: a fingerprint of what is mounted at and below the root)
 *   exception u32 entry | u8 verdict | u8 reason | u16 errno
 *   identity  u64 fsid | u64 inode | u64 size | i64 mtime ns | i64 ctime ns
 */
#ifndef MP_PROTOCOL_H
#define MP_PROTOCOL_H

#include <stdint.h>

enum
{
	MP_VERSION = 1,
	MP_HEADER_SIZE = 16,
	MP_MAX_PAYLOAD = 32 * 1024 * 1024,
	MP_MAX_PATH = 4095,		/* bytes, as the kernel's PATH_MAX without the NUL */
	MP_MAX_NAME = 255,
	MP_MAX_NAMES = 200000,
	MP_MAX_FOLDERS = 1024,		/* of one DISCOVER */
	MP_MAX_PARTS = 65536,
	MP_END_BYTES = 64 * 1024
};

typedef enum MpMessageType
{
	MP_HELLO = 1,
	MP_ROOT = 2,
	MP_CHECK = 3,
	MP_HASH = 4,
	MP_LIST = 5,
	MP_DISCOVER = 6,
	MP_WATCH = 7,
	MP_REMOVE = 12,
	MP_PROGRESS = 64,
	MP_SHORTAGE = 65,
	MP_BYE = 66
} MpMessageType;

/* What is known of a file.  Only MP_MISSING may ever flag one. */
typedef enum MpVerdict
{
	MP_PRESENT = 0,
	MP_MISSING = 1,
	MP_UNREACHABLE = 2,
	MP_INVALID = 3
} MpVerdict;

/* Why; the extension turns these into sentences (reasons.c). */
typedef enum MpReason
{
	MP_OK = 0,
	/* missing */
	MP_NOT_FOUND = 1,			/* ENOENT, and its folder answers */
	MP_PARENT_NOT_FOLDER = 2,	/* ENOTDIR */
	MP_NO_PATH = 3,				/* the library holds no path (said by the extension) */
	/* unreachable */
	MP_NO_PERMISSION = 20,
	MP_LINK_TARGET_OFFLINE = 21,
	MP_IO_ERROR = 22,			/* see errno */
	MP_CHANGED_WHILE_READ = 23,
	MP_TIMED_OUT = 24,			/* said by the extension */
	MP_ROOT_ABSENT = 25,
	MP_ROOT_NOT_FOLDER = 26,
	MP_ROOT_CHANGED = 27,		/* another file system or folder after the batch than before */
	MP_ROOT_EMPTY = 28,			/* said by the extension */
	MP_ROOT_REPLACED = 29,		/* said by the extension */
	MP_MARKER_ABSENT = 30,
	MP_MOUNT_ABSENT = 31,		/* said by the extension: a file system below the root is gone */
	MP_MOUNT_NEW = 32,			/* said by the extension: one covers a folder that had none */
	MP_NOT_CONFIRMED = 33,		/* said by the extension: gone, but not often or long enough yet */
	MP_MOUNT_REPLACED = 34,		/* said by the extension: another one is mounted in its place */
	/* invalid */
	MP_NOT_REGULAR = 40,
	MP_OUTSIDE_ROOTS = 41,
	MP_BAD_PATH = 42			/* relative, "..", too long, a NUL, a trailing slash */
} MpReason;

typedef enum MpBye
{
	MP_BYE_IDLE = 0,			/* nothing asked for idle_ms: not an error */
	MP_BYE_MALFORMED = 1,		/* a message this file doesn't allow */
	MP_BYE_OVERSIZED = 2,		/* a payload over MP_MAX_PAYLOAD */
	MP_BYE_VERSION = 3,
	MP_BYE_INTERNAL = 4
} MpBye;

enum
{
	MP_WANT_IDENTITY = 1
};

typedef enum MpAlgorithm
{
	MP_MD5 = 1,
	MP_SHA1 = 2
} MpAlgorithm;

/* What of a file's content is digested. */
enum
{
	MP_WHOLE = 1,
	MP_ENDS = 2
};

/* Of a folder that was discovered. */
enum
{
	MP_TOO_MANY = 1,			/* names for the answer */
	MP_MARKED = 2				/* it holds a marker: left out */
};

typedef enum MpEntryKind
{
	MP_ENTRY_FILE = 1,			/* a regular file */
	MP_ENTRY_FOLDER = 2,
	MP_ENTRY_FILE_LINK = 3,		/* a symbolic link to a regular file */
	MP_ENTRY_FOLDER_LINK = 4
} MpEntryKind;

/* What REMOVE does with a file.  Setting aside comes first; the other two follow. */
typedef enum MpAct
{
	MP_SET_ASIDE = 1,			/* renames it within its folder, if it is the file expected */
	MP_PUT_BACK = 2,			/* gives it its name back, unless another has that name by now */
	MP_DROP = 3					/* removes it */
} MpAct;

/* By what a file is known before it is set aside. */
typedef enum MpExpected
{
	MP_SAME = 1,				/* it has this size and modification time */
	MP_OLDER = 2				/* it was last modified before this time */
} MpExpected;

typedef enum MpOutcome
{
	MP_DONE = 0,
	MP_ABSENT = 1,				/* no such file, or no such folder */
	MP_OTHER_FILE = 2,			/* it isn't the one expected */
	MP_NO_FILE = 3,				/* not a regular file; a link on the way; no fit name */
	MP_OUT_OF_REACH = 4,		/* see errno */
	MP_NAME_TAKEN = 5			/* put back: another has the name, so this one was removed */
} MpOutcome;

/* What a watch tells. */
typedef enum MpEventKind
{
	MP_EVENT_READY = 1,			/* all is watched; what changed before must be looked for */
	MP_EVENT_LOOK = 2,			/* a name came, went, or what it names was written */
	MP_EVENT_GONE = 3,			/* a folder went, with all that was in it */
	MP_EVENT_MOVED = 4,			/* a name, and all below it, is the new path now */
	MP_EVENT_LOST = 5,			/* events were lost (EOVERFLOW: by the kernel, whose queue was
								 * full); the watch begins anew, READY follows */
	MP_EVENT_UNWATCHED = 6,		/* what lies below isn't watched (errno tells why) */
	MP_EVENT_ENDED = 7,			/* the root isn't what it was: nothing more will be told */
	MP_EVENT_LEFT = 8,			/* a name was moved out of what is watched; a folder with all below */
	MP_EVENT_CAME = 9			/* one was moved in; what is in a folder is told by LOOKs that follow */
} MpEventKind;

enum
{
	MP_EVENT_FOLDER = 1,
	MP_EVENT_EXCLUDED = 2,		/* a glob matches the name */
	MP_EVENT_EMPTY = 4,			/* a watched folder that was deleted: what was in it was told */
	MP_EVENT_BYTES = 16,		/* that each takes at least */
	MP_WATCH_BEAT_MS = 10000,
	MP_WATCH_AHEAD = 2
};

typedef struct MpIdentity
{
	uint64_t	fsid;
	uint64_t	inode;
	uint64_t	size;
	int64_t		mtime_ns;
	int64_t		ctime_ns;
} MpIdentity;

typedef struct MpRootReport
{
	uint8_t		verdict;
	uint8_t		reason;
	uint16_t	err;
	uint8_t		empty;
	uint64_t	fs_magic;
	uint64_t	fsid;
	uint64_t	inode;
	uint64_t	device;
	uint64_t	mount_id;
	uint64_t	mounts;
} MpRootReport;

typedef struct MpException
{
	uint32_t	entry;
	uint8_t		verdict;
	uint8_t		reason;
	uint16_t	err;
} MpException;

#endif							/* MP_PROTOCOL_H */
