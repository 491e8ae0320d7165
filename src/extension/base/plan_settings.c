/* plan_settings.c: telling the planner what it can't know; see plan_settings.h. */
#include "postgres.h"

#include "utils/guc.h"

#include "plan_settings.h"

static void
set_for_now(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
}

int
plan_settings_begin(bool pages_in_memory)
{
	int			level = NewGUCNestLevel();

	set_for_now("jit", "off");
	if (pages_in_memory)
		set_for_now("random_page_cost", GetConfigOption("seq_page_cost", false, false));
	return level;
}

void
plan_settings_end(int level)
{
	AtEOXact_GUC(true, level);
}
