/*
 * main.c: the probe of missing_photos, the only program of it that touches the disk.
 *
 * It is started by the extension, with a socket, answers questions about paths, and ends with the
 * socket.  What it promises: only a file that is certainly gone is called missing; a disk that
 * hangs or lies can hang or mislead this process, and no other.
 *
 * A map of the source, from the socket to the disk:
 *
 *     keeper.c      the process between the database server and the probe
 *     service.c     the probe as a service that listens on a socket
 *     server.c      the connection: one poll loop that never touches the disk
 *     stream.c      whole messages over a socket that doesn't block
 *     mailbox.c     answers on their way from the workers to the server's thread
 *     request.c     a message taken apart
 *     dispatch.c    requests become jobs, results become answers
 *     workers.c     the threads that do touch the disk
 *     check.c       CHECK: the order in which a batch is guarded and judged
 *     directory.c   the names asked for in one directory
 *     dirlist.c     a directory listed once, names found by hash
 *     hash.c        HASH: files below a guarded root
 *     digest.c      MD5 and SHA-1 of a file by OpenSSL, of all of it or of its ends
 *     digest_many.c MD5 of many files side by side
 *     md5_feed.c    messages through the lanes
 *     md5_lanes.c   MD5 of several messages side by side
 *     content.c     what is read of a file, and whether it held still
 *     discover.c    DISCOVER: what lies in folders below a guarded root
 *     glob.c        names against patterns
 *     listing.c     LIST: the names in one folder
 *     remove.c      REMOVE: files set aside, put back or removed, where HELLO allows it
 *     watch.c       WATCH: a thread per watched root, from its first walk to its last event
 *     watch_tell.c  events wait, and are told in answers
 *     watch_walk.c  folders walked, and told of when they are new
 *     watch_put.c   a folder and the kernel's number for it
 *     watch_settle.c  new files that may still be being written
 *     watch_kernel.c  what the kernel tells becomes events
 *     watch_limbo.c   renames, put together from their halves
 *     watch_tree.c  the watched folders: their names and the kernel's numbers
 *     watch_queue.c  events that wait to be told
 *     root.c        ROOT: what a root is and what is mounted below it
 *     mountinfo.c   the kernel's table of mounts
 *     mounts.c      a fingerprint of what is mounted below a root
 *     served.c      which folders may be opened as roots
 *     guard.c       the root before and after a batch; witnesses of missing names
 *     landlock.c    the right to read anything else, given up
 *     confine.c     look-ups that can't leave the roots, by the kernel
 *     walk.c        the same by hand, with links that the kernel won't follow
 *     handle.c      statx, fstatfs and /proc of open handles
 *     syscalls.h    what some C libraries lack
 *     verdict.c     the table: what each errno means
 *     progress.c    the count of finished operations
 *
 * ../protocol/protocol.h is what both sides say to each other, ../protocol/wire.c how it is read
 * and written.  Functions return 0 or an errno, print nothing and never abort.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "confine.h"
#include "keeper.h"
#include "server.h"
#include "service.h"

#ifndef MP_PROBE_VERSION
#define MP_PROBE_VERSION "unknown"
#endif

enum
{
	EXIT_USAGE = 2
};

static const char usage[] =
	"missing_photos_probe looks at files for the PostgreSQL extension missing_photos.\n"
	"\n"
	"The extension starts it as \"missing_photos_probe --keeper\" with a connected socket as\n"
	"descriptor 3; there is nothing to start by hand, unless you want it to run elsewhere:\n"
	"\n"
	"  missing_photos_probe --listen SOCKET --root FOLDER [--root FOLDER]...\n"
	"                       [--derived-root FOLDER]... [--peer USER]...\n"
	"\n"
	"  --listen SOCKET  serve sessions that connect to this Unix socket; give its path to the\n"
	"                   database as missing_photos.probe_socket\n"
	"  --root FOLDER    what may be looked at, and read, is this folder and what lies below it\n"
	"  --derived-root FOLDER\n"
	"                   the same, and files in it may be removed when drain_deletions asks\n"
	"  --peer USER      a user, by name or number, whose processes may connect (the database\n"
	"                   server's); without it, the user this program runs as\n"
	"\n"
	"  --version   print the version and exit\n"
	"  --help      print this and exit\n";

static int
serve(int socket)
{
	mp_confine_start();
	return mp_server_run(socket);
}

static int
serve_by_hand(int socket)
{
	mp_confine_force_by_hand();
	return mp_server_run(socket);
}

int
main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	bool		by_hand = argc == 3 && strcmp(argv[2], "--no-openat2") == 0;

	if (argc == 2 && strcmp(mode, "--version") == 0)
	{
		puts("missing_photos_probe " MP_PROBE_VERSION);
		return 0;
	}
	if (argc == 2 && strcmp(mode, "--help") == 0)
	{
		fputs(usage, stdout);
		return 0;
	}
	if (strcmp(mode, "--listen") == 0 || strncmp(mode, "--listen=", 9) == 0)
		return mp_service_main(argc, argv);
	if (strcmp(mode, "--keeper") != 0 || (argc != 2 && !by_hand))
	{
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (!mp_keeper_has_socket())
	{
		fputs("missing_photos_probe: descriptor 3 is not a connected stream socket\n"
			  "The extension starts this program; see missing_photos_probe --help.\n", stderr);
		return EXIT_USAGE;
	}
	mp_keeper_run(by_hand ? serve_by_hand : serve);
}
