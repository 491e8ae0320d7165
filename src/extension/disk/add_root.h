/* add_root.h: what registering a root and registering a derived root have in common. */
#ifndef MISSING_PHOTOS_ADD_ROOT_H
#define MISSING_PHOTOS_ADD_ROOT_H

#include "fmgr.h"

#include "root_facts.h"

/* An absolute path without "..", in canonical form; name is the argument's, for the error. */
extern char *root_path_argument(FunctionCallInfo fcinfo, int argument, const char *name);

/* The name of a file directly in the root; NULL when null. */
extern char *root_marker_argument(FunctionCallInfo fcinfo, int argument);

/* What is there; an error when that can't be a root.  marker may be NULL. */
extern void root_ask_facts(const char *server_path, const char *marker, RootFacts *facts);

/* Both without symbolic links. */
extern bool root_lies_within(const char *path, const char *folder);

/* An error when a root overlaps the data directory or a tablespace.  Needs an SPI connection. */
extern void root_refuse_server_files(const RootFacts *facts);

/* The same for a derived root (add_derived_root.c). */
extern void root_refuse_derived_roots(const RootFacts *facts, const char *server_path);

#endif							/* MISSING_PHOTOS_ADD_ROOT_H */
