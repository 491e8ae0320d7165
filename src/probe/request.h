/*
 * request.h: one request of the extension, taken apart.
 *
 * A request owns its payload; every string in it points there and is NUL-terminated.  The verdicts
 * are written into its entries by the worker that has their directory in hand, and by no other, so
 * they need no lock.
 */
#ifndef MP_REQUEST_H
#define MP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../protocol/wire.h"
#include "handle.h"

/* Entries whose identity isn't asked for. */
#define MP_NO_IDENTITY UINT32_MAX

/* What the listing of its directory showed of a name. */
typedef enum MpShown
{
	MP_NOT_SHOWN = 0,
	MP_SHOWN_REGULAR = 1,
	MP_SHOWN_OTHER = 2,			/* a link, a type the listing doesn't tell */
	MP_SHOWN_FOLDER = 3			/* a folder, or something else that is no file */
} MpShown;

typedef struct MpEntry
{
	const char *name;
	uint32_t	identity;		/* its slot among the identities, or MP_NO_IDENTITY */
	uint16_t	length;
	uint16_t	err;
	uint8_t		shown;			/* MpShown */
	uint8_t		verdict;
	uint8_t		reason;
	bool		settled;		/* verdict, reason and err are final */
} MpEntry;

/*
 * What a directory's missing names rest on: the leading `length` bytes of its path were this
 * folder.  When they no longer are after the batch, the names weren't seen missing, only out of
 * sight.
 */
typedef struct MpWitness
{
	bool		wanted;
	size_t		length;
	MpNode		node;
} MpWitness;

typedef struct MpDirectory
{
	const char *path;			/* relative to the root, "" is the root */
	uint32_t	length;
	uint32_t	to_come;		/* names of it that will be asked for in this sitting */
	uint32_t	count;
	size_t		first;			/* its entries are first .. first + count - 1 */
	MpWitness	witness;
} MpDirectory;

/* A folder to be discovered. */
typedef struct MpFolder
{
	MpStr		path;			/* relative to the root, "" is the root */
	uint32_t	part;
	uint32_t	parts;
} MpFolder;

/* Strings one after the other. */
typedef struct MpStrings
{
	MpStr	   *list;
	uint32_t	n;
} MpStrings;

/* One file of a REMOVE, and what became of it. */
typedef struct MpRemoval
{
	MpStr		folder;
	MpStr		name;
	MpStr		aside;			/* its name when set aside */
	uint8_t		expected;		/* MpExpected */
	uint64_t	size;
	int64_t		mtime_ns;
	uint8_t		outcome;		/* MpOutcome */
	uint16_t	err;
} MpRemoval;

typedef struct MpPlace
{
	MpStr		root;
	MpStr	   *others;			/* the other registered roots */
	uint32_t	n_others;
} MpPlace;

typedef struct MpRequest
{
	uint64_t	id;
	uint8_t		type;			/* MpMessageType */
	unsigned char *payload;
	size_t		length;

	/* HELLO */
	uint32_t	idle_ms;
	uint32_t	threads;
	MpStr	   *confined;		/* what may be read; none: anything */
	uint32_t	n_confined;
	bool		removes;

	/* All others */
	MpPlace		place;

	/* CHECK */
	uint64_t	sitting;		/* 0: on its own */
	MpDirectory *directories;
	uint32_t	n_directories;
	MpEntry    *entries;
	size_t		n_entries;
	size_t		room;			/* entries there is memory for */
	uint32_t	n_identities;

	/* ROOT, REMOVE: the marker's name; LIST: a folder's path below the root */
	MpStr		path;

	/* HASH */
	uint8_t		algorithm;
	uint8_t		parts;			/* MP_WHOLE, MP_ENDS */
	MpStrings	paths;

	/* DISCOVER */
	MpStrings	globs;
	MpStrings	markers;
	MpFolder   *folders;
	uint32_t	n_folders;

	/* REMOVE */
	uint8_t		act;			/* MpAct */
	MpRemoval  *removals;
	uint32_t	n_removals;

	/* WATCH (and the globs) */
	uint32_t	most_folders;
} MpRequest;

/*
 * Takes the payload apart.  The payload is malloc'd with one spare byte behind its length and
 * belongs to the request from now on, whatever is returned: 0, EBADMSG (protocol.h doesn't allow
 * it) or ENOMEM.  mp_request_free() is due in every case.
 */
extern int	mp_request_parse(MpRequest *request, uint8_t type, uint64_t id,
							 unsigned char *payload, size_t length);
extern void mp_request_free(MpRequest *request);

/* Relative, without ".." and not longer than the kernel takes: fit to be looked up below a root. */
extern bool mp_path_is_sound(const char *path);
/* One component that may stand in a directory. */
extern bool mp_component_is_sound(const char *name);
/* The same of an entry; on false *err is 0 or ENAMETOOLONG. */
extern bool mp_name_is_sound(const MpEntry *entry, uint16_t *err);

#endif							/* MP_REQUEST_H */
