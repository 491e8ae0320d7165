/*
 * watch_changes.h: what the watches told, in its order.
 */
#ifndef MISSING_PHOTOS_WATCH_CHANGES_H
#define MISSING_PHOTOS_WATCH_CHANGES_H

typedef struct WatchChange
{
	uint8		kind;			/* MpEventKind */
	uint8		flags;
	uint32		cookie;			/* of LEFT and CAME */
	char	   *path;			/* as the application names it */
	char	   *to;				/* of MOVED, else NULL */
} WatchChange;

/* A list in the memory context that was current when its first change was added. */
typedef struct WatchChanges
{
	int			n;
	int			capacity;
	WatchChange *list;
} WatchChanges;

/* The texts aren't copied. */
extern void watch_changes_add(WatchChanges *changes, WatchChange change);

#endif							/* MISSING_PHOTOS_WATCH_CHANGES_H */
