/*
 * module.c: what the server calls when it loads the library.
 *
 * A map of src/extension, from the functions people call down to the process that reads the disk:
 *
 *   scan.c  check_files.c  file_hash.c  add_root.c    the verbs, one file each
 *   learn.c                what healthy files look like, noted for later
 *   apply.c                brings the library in line with what was judged, batch by batch
 *   judge.c  batch.c       rows in, verdicts out: groups files by folder, keeps the probe busy
 *   library.c              calls the contract that attach_library generated
 *   roots.c  reasons.c     which folder a path belongs to; verdicts in words
 *   spi_columns.c  owner_rights.c    arrays for SQL; acting as the extension's owner
 *   probe_client.c         requests and answers, deadlines, cancel
 *   probe_process.c        starting and ending the probe
 *   settings.c  compat.h   settings; differences between server versions
 *
 * Each file calls only files below it.
 */
#include "postgres.h"

#include "fmgr.h"

#include "probe_client.h"
#include "settings.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	settings_define();
	probe_client_init();
}
