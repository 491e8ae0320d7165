/*
 * settings.c: every configuration parameter of the extension.
 *
 * What guards against a false "missing" or a mass deletion is PGC_SUSET; what only trades patience
 * for speed is anybody's.
 */
#include "postgres.h"

#include <ctype.h>
#include <limits.h>
#include <sys/un.h>

#include "nodes/pg_list.h"
#include "utils/guc.h"

#include "compat.h"
#include "settings.h"

int			setting_probe_timeout = 30000;
int			setting_probe_idle = 60000;
int			setting_probe_threads = 0;
int			setting_probe_retry = 60;
int			setting_max_missing_percent = 20;
int			setting_max_missing_files = 50;
int			setting_confirm_scans = 1;
int			setting_confirm_after = 0;
int			setting_max_delete_percent = 25;
int			setting_max_delete_photos = 50;
int			setting_delete_after = 0;
int			setting_undo_retention = 30 * 24 * 60 * 60;
char	   *setting_probe_socket = NULL;
bool		setting_allow_superuser_jobs = false;
int			setting_max_workers = 2;
char	   *setting_databases = NULL;
bool		setting_progress = false;
bool		setting_notify = true;
bool		setting_scan_after_import = false;
int			setting_job_retention = 90 * 24 * 60;
int			setting_history_retention = 3 * 365 * 24 * 60;
char	   *setting_exclude = NULL;
char	   *setting_exclude_markers = NULL;
bool		setting_relink = false;

bool		setting_watch = true;
int			setting_watch_delay = 250;
int			setting_watch_interval = 60;
int			setting_max_watches = 0;

static void
define_watching(void)
{
	DefineCustomBoolVariable("missing_photos.watch",
							 "Whether watching that was started goes on after a restart.",
							 "By itself with missing_photos in shared_preload_libraries, else when "
							 "run_pending_jobs is called.",
							 &setting_watch,
							 true,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("missing_photos.watch_delay",
							"How long a file must be gone before the watcher flags it.",
							NULL,
							&setting_watch_delay,
							250, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("missing_photos.watch_interval",
							"How often at most what can't be watched is looked at.",
							"Less often where that takes long: about a tenth of the time at most is "
							"spent on it.",
							&setting_watch_interval,
							60, 1, INT_MAX,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("missing_photos.max_watches",
							"How many folders of a root are watched at most.",
							"0: as many as the system lets.",
							&setting_max_watches,
							0, 0, INT_MAX,
							PGC_SUSET, 0, NULL, NULL, NULL);
}

static void
define_guards(void)
{
	DefineCustomIntVariable("missing_photos.max_missing_percent",
							"How much of an owner's files below a root one scan may flag.",
							"A scan that would newly flag more than this share, and more than "
							"missing_photos.max_missing_files, is held for a person's approval.",
							&setting_max_missing_percent,
							20, 0, 100,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("missing_photos.max_missing_files",
							"How many files a scan may newly flag below a root whatever their share.",
							NULL,
							&setting_max_missing_files,
							50, 0, INT_MAX,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("missing_photos.confirm_scans",
							"In how many scans a file must be gone before it is flagged.",
							NULL,
							&setting_confirm_scans,
							1, 1, 1000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("missing_photos.confirm_after",
							"For how long a file must be gone before it is flagged.",
							"Time in which its root was out of reach doesn't count.",
							&setting_confirm_after,
							0, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("missing_photos.undo_retention",
							"For how long a deletion can be undone.",
							"missing_photos.purge_archive() forgets older ones.",
							&setting_undo_retention,
							30 * 24 * 60 * 60, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
}

static void
define_jobs(void)
{
	DefineCustomBoolVariable("missing_photos.allow_superuser_jobs",
							 "Whether a background job may run as a superuser.",
							 "It would run the library's triggers with a superuser's rights.",
							 &setting_allow_superuser_jobs,
							 false,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("missing_photos.max_workers",
							"How many background jobs of a database run at the same time.",
							NULL,
							&setting_max_workers,
							2, 1, 64,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("missing_photos.databases",
							   "Databases whose broken-off jobs go on after a restart.",
							   "Empty: all. Needs missing_photos in shared_preload_libraries.",
							   &setting_databases,
							   "",
							   PGC_SIGHUP, GUC_LIST_INPUT, NULL, NULL, NULL);
	DefineCustomBoolVariable("missing_photos.progress",
							 "Whether procedures report their progress as notices.",
							 NULL,
							 &setting_progress,
							 false,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("missing_photos.notify",
							 "Whether changes of state are sent to channel missing_photos.",
							 "A transaction that sent one can't be prepared for two-phase commit.",
							 &setting_notify,
							 true,
							 PGC_USERSET, 0, NULL, NULL, NULL);
}

static void
define_upkeep(void)
{
	DefineCustomBoolVariable("missing_photos.scan_after_import",
							 "Whether run_pending_jobs starts a scan after the application's own.",
							 NULL,
							 &setting_scan_after_import,
							 false,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("missing_photos.job_retention",
							"For how long ended jobs and their findings are kept.",
							"0 keeps them for ever.",
							&setting_job_retention,
							90 * 24 * 60, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_MIN, NULL, NULL, NULL);
	DefineCustomIntVariable("missing_photos.history_retention",
							"For how long the history per day is kept.",
							"0 keeps it for ever.",
							&setting_history_retention,
							3 * 365 * 24 * 60, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_MIN, NULL, NULL, NULL);
}

static void
define_delete_guards(void)
{
	DefineCustomIntVariable("missing_photos.max_delete_percent",
							"How much of an owner's photos one deletion may take.",
							"A deletion of more than this share, and of more photos than "
							"missing_photos.max_delete_photos, is held for a person's approval.",
							&setting_max_delete_percent,
							25, 0, 100,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("missing_photos.max_delete_photos",
							"How many photos a deletion may take whatever their share.",
							NULL,
							&setting_max_delete_photos,
							50, 0, INT_MAX,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("missing_photos.delete_after",
							"For how long a photo must have been missing before it is deleted.",
							"Time before the last outage of its root doesn't count.",
							&setting_delete_after,
							0, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
}

bool
settings_ask_confirmation(void)
{
	return setting_confirm_scans > 1 || setting_confirm_after > 0;
}

static bool
check_probe_socket(char **value, void **extra, GucSource source)
{
	struct sockaddr_un address;

	if ((*value)[0] == '\0' ||
		((*value)[0] == '/' && strlen(*value) < sizeof(address.sun_path)))
		return true;
	GUC_check_errdetail("It must be an absolute path of fewer than %zu bytes.",
						sizeof(address.sun_path));
	return false;
}

static void
define_relinking(void)
{
	DefineCustomStringVariable("missing_photos.exclude",
							   "Names that aren't looked at when files are searched for.",
							   "A list of globs with commas; one with a slash is held against the "
							   "path below the root.",
							   &setting_exclude,
							   ".*, @eaDir, #recycle, .Trash-*",
							   PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("missing_photos.exclude_markers",
							   "A folder that holds a file of one of these names isn't searched.",
							   "A list of names with commas.",
							   &setting_exclude_markers,
							   ".nomedia, .ignore",
							   PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("missing_photos.relink",
							 "Scans look for files that moved before they call them missing.",
							 NULL,
							 &setting_relink,
							 false,
							 PGC_USERSET, 0, NULL, NULL, NULL);
}

List *
settings_list(const char *text)
{
	List	   *items = NIL;

	while (*text != '\0')
	{
		size_t		length = strcspn(text, ",");
		const char *from = text;
		size_t		n = length;

		while (n > 0 && isspace((unsigned char) *from))
			from++, n--;
		while (n > 0 && isspace((unsigned char) from[n - 1]))
			n--;
		if (n > 0)
			items = lappend(items, pnstrdup(from, n));
		text += length + (text[length] == ',');
	}
	return items;
}

void
settings_define(void)
{
	define_guards();
	define_watching();
	define_delete_guards();
	DefineCustomStringVariable("missing_photos.probe_socket",
							   "The Unix socket of a probe that runs as a service.",
							   "Empty: each session starts a probe of its own.",
							   &setting_probe_socket,
							   "",
							   PGC_SUSET, 0, check_probe_socket, NULL, NULL);
	define_jobs();
	define_upkeep();
	define_relinking();
	DefineCustomIntVariable("missing_photos.probe_timeout",
							"How long the disk may give no sign of life.",
							"A batch of files the disk doesn't answer for within this time is "
							"unreachable, and so is everything below the same root.",
							&setting_probe_timeout,
							30000, 100, INT_MAX,
							PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("missing_photos.probe_idle",
							"How long a session's probe process waits for work before it ends.",
							"The next request starts another. 0 keeps it for the whole session.",
							&setting_probe_idle,
							60000, 0, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("missing_photos.probe_threads",
							"How many directories a probe reads at the same time.",
							"0 lets the probe choose by the number of processors.",
							&setting_probe_threads,
							0, 0, 64,
							PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("missing_photos.probe_retry",
							"For how long a root that gave no answer isn't asked again.",
							"All sessions take it for unreachable meanwhile, without waiting.",
							&setting_probe_retry,
							60, 0, INT_MAX / 1000,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	MarkGUCPrefixReserved("missing_photos");
}
