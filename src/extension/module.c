/*
 * module.c: what the server calls when it loads the library.
 *
 * A map of src/extension, a folder each, from what people call down to the process that reads the
 * disk; in a folder the same order:
 *
 *   watch/     the background worker that watches the roots
 *                  watcher, watch_roots, watch_root (one root and its probe), watch_changes,
 *                  watch_pairs (renames between roots), watch_apply (events become changes), watch_moves,
 *                  watch_displaced, watch_absent, watch_new, watch_look, watch_doubts (owners to be scanned),
 *                  watch_job (what it changed), watch_verbs, watch_client,
 *                  watch_clock
 *   delete/    deleting what is missing
 *                  delete, delete_steps, delete_batches (the verbs), delete_preview, undo_delete, undo_chunk,
 *                  deletion, deletion_settle, touched (counters and the like), deletion_run, deletion_plan,
 *                  archive (what goes and is kept),
 *                  derived, add_derived_root, drain, removals (files made of photos)
 *   relink/    files that moved
 *                  relink_missing (the verbs), relink, relink_stage, relink_rules, relink_read,
 *                  relink_apply, relinked, add_file, remap, remap_look, merge, undo_moves
 *   scan/      looking for all files
 *                  scan, scan_steps, scan_guard (what may hold it), scan_stage (going on), scan_all,
 *                  undo_scan (and undo_changes), check_files (one photo)
 *   jobs/      running steps with commits, in the background too
 *                  job_verbs, launcher, worker, background, worker_start, job_queue, job, job_lock,
 *                  owner_lock
 *   library/   the library brought in line with the disk
 *                  learn, folders (what healthy files look like), restore, renew (whether what is back is
 *                  believed), holders, copies, twins, gone_names, claims, moves, apply, file_hash, file_hashes,
 *                  library (the contract)
 *   disk/      rows in, verdicts out
 *                  add_root, stream, judge, batch, found, file_row, discovery, discovery_answer,
 *                  digest, roots, root_facts
 *   probe/     requests and answers, deadlines, cancel
 *                  probe_client, probe_messages, probe_terms, probe_process, probe_service
 *   base/      SQL from C, settings, reasons, differences between server versions (compat.h)
 *
 * Each folder calls only folders below it, with three exceptions: relinking is part of a scan, so scan
 * and relink know each other; a merge of photos is archived as a deletion is; and what takes up pending
 * jobs starts the watcher, too.
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
