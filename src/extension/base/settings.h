/* settings.h: the configuration parameters missing_photos.*, all defined in settings.c. */
#ifndef MISSING_PHOTOS_SETTINGS_H
#define MISSING_PHOTOS_SETTINGS_H

extern int	setting_probe_timeout;	/* ms */
extern int	setting_probe_idle;		/* ms */
extern int	setting_probe_threads;	/* 0: the probe chooses */

extern int	setting_probe_retry;	/* s */
extern int	setting_max_missing_percent;
extern int	setting_max_missing_files;
extern int	setting_confirm_scans;
extern int	setting_confirm_after;	/* s */
extern int	setting_max_delete_percent;
extern int	setting_max_delete_photos;
extern int	setting_delete_after;	/* s */
extern int	setting_undo_retention;	/* s */
extern char *setting_probe_socket;	/* "": none */

extern bool setting_allow_superuser_jobs;
extern int	setting_max_workers;
extern char *setting_databases; /* whose jobs go on after a restart; empty: all */
extern bool setting_progress;	/* notices about a job's progress in the session that runs it */
extern bool setting_notify;
extern bool setting_scan_after_import;
extern int	setting_job_retention;	/* min */
extern int	setting_history_retention;	/* min */
extern char *setting_exclude;
extern char *setting_exclude_markers;
extern bool setting_relink;

extern bool setting_watch;
extern int	setting_watch_delay;	/* ms */
extern int	setting_watch_interval; /* s */
extern int	setting_max_watches;	/* per root; 0: as many as the system lets */

extern void settings_define(void);

/* The items of a list with commas, without the blanks around them: a List of strings. */
extern struct List *settings_list(const char *text);

/* Whether a file that is gone is flagged only after later scans missed it too. */
extern bool settings_ask_confirmation(void);

#endif							/* MISSING_PHOTOS_SETTINGS_H */
