/*
 * settings.c: every configuration parameter of the extension.
 *
 * What guards against a false "missing" or a mass deletion is PGC_SUSET; what only trades patience
 * for speed is anybody's.
 */
#include "postgres.h"

#include <limits.h>

#include "utils/guc.h"

#include "compat.h"
#include "settings.h"

int			setting_probe_timeout = 30000;
int			setting_probe_idle = 60000;
int			setting_probe_threads = 0;

void
settings_define(void)
{
	DefineCustomIntVariable("missing_photos.probe_timeout",
							"How long the disk may give no sign of life.",
							"A batch of files the disk doesn't answer for within this time is "
							"unreachable, and so is everything below the same root.",
							&setting_probe_timeout,
							30000, 100, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
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
	MarkGUCPrefixReserved("missing_photos");
}
