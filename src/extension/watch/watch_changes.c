/* watch_changes.c: what the watches told; see watch_changes.h. */
#include "postgres.h"

#include "watch_changes.h"

void
watch_changes_add(WatchChanges *changes, WatchChange change)
{
	if (changes->n == changes->capacity)
	{
		changes->capacity = Max(256, changes->capacity * 2);
		changes->list = changes->list == NULL ?
			palloc(changes->capacity * sizeof(WatchChange)) :
			repalloc_huge(changes->list, changes->capacity * sizeof(WatchChange));
	}
	changes->list[changes->n++] = change;
}
