/*
 * watch_client.h: a probe that watches one root.
 *
 * It is a process of its own beside the session's probe, one per root: a root that hangs, goes or
 * comes back concerns no other.  Nothing here waits.
 */
#ifndef MISSING_PHOTOS_WATCH_CLIENT_H
#define MISSING_PHOTOS_WATCH_CLIENT_H

#include "probe_messages.h"
#include "roots.h"

typedef struct WatchClient
{
	pgsocket	sock;
	Messages	messages;
	MpHeader	header;
	const unsigned char *body;
} WatchClient;

/* Starts a probe that watches a root; folders matching one of the globs are left out. */
extern void watch_client_start(WatchClient *client, const RootTable *roots, const Root *root,
							   List *globs, int most_folders);

/*
 * Takes a message of the watch that is here; it is valid until the next call.  MESSAGE_END: the probe
 * has ended, or says it can't go on; it is to be stopped then.
 */
extern MessageEvent watch_client_read(WatchClient *client, MpReader *body);

/* Ends the probe.  Never raises an error. */
extern void watch_client_stop(WatchClient *client);

#endif							/* MISSING_PHOTOS_WATCH_CLIENT_H */
