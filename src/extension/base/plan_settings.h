/*
 * plan_settings.h: telling the planner for a while what it can't know about our statements.
 *
 * Between begin and end statements aren't compiled: each runs once, and compiling it would take longer
 * than that.  Where pages are expected in memory, an index costs what it does there.  An error in
 * between restores the settings with the (sub)transaction.
 */
#ifndef MISSING_PHOTOS_PLAN_SETTINGS_H
#define MISSING_PHOTOS_PLAN_SETTINGS_H

extern int	plan_settings_begin(bool pages_in_memory);
extern void plan_settings_end(int level);

#endif							/* MISSING_PHOTOS_PLAN_SETTINGS_H */
