/* root_facts.h: what a root is like right now, asked of the probe. */
#ifndef MISSING_PHOTOS_ROOT_FACTS_H
#define MISSING_PHOTOS_ROOT_FACTS_H

#include "protocol/protocol.h"

typedef struct RootFacts
{
	MpRootReport report;
	char	   *canonical;		/* the path without symbolic links */
	char	   *fs_type;
	char	   *fs_source;
	int			n_mounts;
	char	  **mounts;			/* mount points below the root, relative to it */
	char	  **mounted;		/* what is mounted there: type, id or source, folder of it */
} RootFacts;

/* Waits for the probe; false when it gave no answer in time.  marker may be NULL. */
extern bool root_ask(const char *server_path, const char *marker, RootFacts *facts);

#endif							/* MISSING_PHOTOS_ROOT_FACTS_H */
