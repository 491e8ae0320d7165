/* watch_pairs.c: renames from one root to another; see watch_pairs.h. */
#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "protocol/protocol.h"
#include "watch_clock.h"
#include "watch_doubts.h"
#include "watch_pairs.h"

#define WAIT_MS 100				/* the probe of the old place waits itself, for 10 ms */

typedef struct Half
{
	MemoryContext context;		/* of all that is kept of it */
	WatchChange change;
	TimestampTz due;
	WatchChanges below;			/* of a folder that came: what was told of it since */
} Half;

static List *halves = NIL;

static WatchChange
copy_of(const WatchChange *change)
{
	WatchChange copy = *change;

	copy.path = pstrdup(change->path);
	copy.to = change->to == NULL ? NULL : pstrdup(change->to);
	return copy;
}

static void
keep(const WatchChange *change)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "half of a rename",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Half	   *half = palloc0(sizeof(Half));

	half->context = context;
	half->change = copy_of(change);
	half->due = TimestampTzPlusMilliseconds(watch_now(), WAIT_MS);
	MemoryContextSwitchTo(TopMemoryContext);
	halves = lappend(halves, half);
	MemoryContextSwitchTo(old);
}

static Half *
find_other(const WatchChange *change)
{
	ListCell   *cell;

	foreach(cell, halves)
	{
		Half	   *half = lfirst(cell);

		if (half->change.cookie == change->cookie && half->change.kind != change->kind &&
			((half->change.flags ^ change->flags) & MP_EVENT_FOLDER) == 0)
			return half;
	}
	return NULL;
}

/* The folder that came a moment ago and holds the path, or NULL. */
static Half *
find_above(const char *path)
{
	ListCell   *cell;

	foreach(cell, halves)
	{
		Half	   *half = lfirst(cell);
		size_t		length = strlen(half->change.path);

		if (half->change.kind == MP_EVENT_CAME && (half->change.flags & MP_EVENT_FOLDER) &&
			strncmp(path, half->change.path, length) == 0 && path[length] == '/')
			return half;
	}
	return NULL;
}

/* Hands out what was kept back with a half, which is no longer in the list, and frees it. */
static void
let_go(Half *half, WatchChanges *out)
{
	for (int i = 0; i < half->below.n; i++)
		watch_changes_add(out, copy_of(&half->below.list[i]));
	MemoryContextDelete(half->context);
}

/* What a half is by itself. */
static void
take_alone(const WatchChange *change, WatchChanges *out)
{
	WatchChange alone = copy_of(change);

	/* Of a folder that came, its files are told. */
	if (change->kind == MP_EVENT_CAME && (change->flags & MP_EVENT_FOLDER))
		return;
	alone.kind = change->flags & MP_EVENT_FOLDER ? MP_EVENT_GONE : MP_EVENT_LOOK;
	watch_changes_add(out, alone);
}

/* Both halves are known. */
static void
join(const WatchChange *change, Half *other, WatchChanges *out)
{
	const WatchChange *left = change->kind == MP_EVENT_LEFT ? change : &other->change;
	const WatchChange *came = change->kind == MP_EVENT_LEFT ? &other->change : change;

	if (came->flags & MP_EVENT_EXCLUDED)
	{
		take_alone(left, out);
		take_alone(came, out);
	}
	else
		watch_changes_add(out, (WatchChange) {
			.kind = MP_EVENT_MOVED, .flags = came->flags, .path = pstrdup(left->path),
			.to = pstrdup(came->path)
		});
	halves = list_delete_ptr(halves, other);
	let_go(other, out);
}

static void
take(const WatchChange *change, bool wait, WatchChanges *out)
{
	bool		is_half = change->kind == MP_EVENT_LEFT || change->kind == MP_EVENT_CAME;
	Half	   *other = is_half ? find_other(change) : NULL;
	Half	   *above = find_above(change->path);

	if (other != NULL)
		join(change, other, out);
	else if (is_half && wait)
		keep(change);
	else if (is_half)
		take_alone(change, out);
	else if (above != NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(above->context);

		watch_changes_add(&above->below, copy_of(change));
		MemoryContextSwitchTo(old);
	}
	else
		watch_changes_add(out, *change);
}

void
watch_pairs_match(WatchChanges *changes, bool wait)
{
	WatchChanges out = {0};
	TimestampTz now = watch_now();
	ListCell   *cell;

	for (int i = 0; i < changes->n; i++)
		take(&changes->list[i], wait, &out);
	foreach(cell, halves)
	{
		Half	   *half = lfirst(cell);

		if (half->due > now)
			continue;
		take_alone(&half->change, &out);
		halves = foreach_delete_current(halves, cell);
		let_go(half, &out);
	}
	/* What is kept back isn't quiet. */
	if (halves != NIL)
		watch_heard();
	*changes = out;
}

TimestampTz
watch_pairs_due(TimestampTz due)
{
	ListCell   *cell;

	foreach(cell, halves)
	{
		const Half *half = lfirst(cell);

		if (due == 0 || half->due < due)
			due = half->due;
	}
	return due;
}
