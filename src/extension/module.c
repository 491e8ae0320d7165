/*
 * module.c: what the server calls when it loads the library.
 *
 * A map of src/extension, from the functions people call down to the process that reads the disk:
 *
 *   watcher.c              the background worker that watches the roots
 *   watch_root.c  watch_apply.c    one root and its probe; what is told becomes changes
 *   watch_new.c  watch_look.c  watch_doubts.c    new files, names looked at, owners to be scanned
 *   scan.c  check_files.c  file_hash.c  file_hashes.c  add_root.c    the verbs, one file each
 *   add_file.c  remap.c  merge.c  undo_moves.c    those about files that moved
 *   job_verbs.c            what people do with a job: approve, cancel
 *   delete.c  delete_steps.c  delete_batches.c    deleting what is missing: the verbs, their steps
 *   derived.c              files made of photos, queued with them
 *   add_derived_root.c  drain.c  removals.c    files made of photos, removed when these are gone
 *   relink_missing.c       relinking by itself, and what a person chooses
 *   relink.c  relink_stage.c  relink_read.c  relink_apply.c    finding files that moved, part of a scan
 *   discovery.c  claims.c  relinked.c    walking folders; an owner's paths; what was relinked
 *   scan_steps.c  scan_guard.c   the steps of a scan; what may hold it
 *   job.c  owner_lock.c    running steps with commits, the job's row; one job per owner
 *   learn.c  folders.c     what healthy files look like, noted for later, and where any are new
 *   remap_look.c  holders.c    files at the places they may have moved to; who has a content
 *   copies.c  moves.c      further copies of missing files; new paths, brought into the library
 *   restore.c  renew.c     whether a file that is back, or a root that changed, is believed
 *   twins.c                missing files that were probably renamed
 *   apply.c                brings the library in line with what was judged, batch by batch
 *   deletion.c  deletion_settle.c    takes missing photos out; counters and covers afterwards
 *   deletion_run.c  deletion_plan.c  archive.c    a deletion's statements, and what they took
 *   library.c              calls the contract that attach_library generated
 *   stream.c               a query's rows on their way to the judge
 *   judge.c  batch.c       rows in, verdicts out: groups files by folder, keeps the probe busy
 *   found.c  file_row.c    judged rows set aside; one row
 *   roots.c  root_facts.c  which folder a path belongs to, and whether that is what it was
 *   digest.c  reasons.c    files' contents; verdicts in words
 *   result_set.c  sha1.c   many rows as a result; a digest the server lacks
 *   sql_calls.c  columns.c  owner_rights.c    SQL, arrays for it, acting as the extension's owner
 *   watch_verbs.c  watch_client.c    starting the watcher; a probe that watches a root
 *   probe_client.c         requests and answers, deadlines, cancel
 *   probe_messages.c  probe_terms.c    whole messages; what the probe was told
 *   probe_process.c  probe_service.c    starting and ending the probe; one that runs as a service
 *   subtransaction.c       trying without waiting for locks
 *   settings.c  compat.h   settings; differences between server versions
 *
 * Each file calls only files below it.
 */
#include "postgres.h"

#include "fmgr.h"

#include "job_verbs.h"
#include "launcher.h"
#include "probe_client.h"
#include "settings.h"
#include "worker_start.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	settings_define();
	probe_client_init();
	worker_start_init();
	job_verbs_init();
	launcher_init();
}
