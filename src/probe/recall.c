/*
 * recall.c: a table of directories under one lock, held for a look only.
 */
#include <stdlib.h>
#include <string.h>

#include "recall.h"

void
mp_recall_start(MpRecall *recall)
{
	memset(recall, 0, sizeof(*recall));
	pthread_mutex_init(&recall->lock, NULL);
}

/* Called locked. */
static void
forget(MpRecall *recall)
{
	for (size_t i = 0; i < recall->n_slots; i++)
		mp_nameset_release(recall->slots[i].names);
	free(recall->slots);
	recall->slots = NULL;
	recall->n_slots = 0;
	recall->n_used = 0;
	recall->bytes = 0;
}

void
mp_recall_forget(MpRecall *recall)
{
	pthread_mutex_lock(&recall->lock);
	forget(recall);
	pthread_mutex_unlock(&recall->lock);
}

void
mp_recall_begin(MpRecall *recall, uint64_t sitting)
{
	pthread_mutex_lock(&recall->lock);
	if (sitting != recall->sitting)
		forget(recall);
	recall->sitting = sitting;
	pthread_mutex_unlock(&recall->lock);
}

bool
mp_recall_is_empty(MpRecall *recall)
{
	bool		empty;

	pthread_mutex_lock(&recall->lock);
	empty = recall->n_slots == 0;
	pthread_mutex_unlock(&recall->lock);
	return empty;
}

/* The slot of a directory, or the free one where it would go.  The table is never full. */
static MpRecalled *
find_slot(MpRecalled *slots, size_t n_slots, uint64_t key)
{
	size_t		at = key & (n_slots - 1);

	while (slots[at].used && slots[at].key != key)
		at = (at + 1) & (n_slots - 1);
	return &slots[at];
}

static bool
grow(MpRecall *recall)
{
	size_t		n_slots = recall->n_slots > 0 ? recall->n_slots * 2 : 256;
	MpRecalled *slots = calloc(n_slots, sizeof(*slots));

	if (slots == NULL)
		return false;
	for (size_t i = 0; i < recall->n_slots; i++)
	{
		if (recall->slots[i].used)
			*find_slot(slots, n_slots, recall->slots[i].key) = recall->slots[i];
	}
	free(recall->slots);
	recall->slots = slots;
	recall->n_slots = n_slots;
	return true;
}

/* A directory's entry, a new one if need be; NULL when it isn't this sitting's or no memory is left. */
static MpRecalled *
enter(MpRecall *recall, uint64_t sitting, uint64_t key)
{
	MpRecalled *entry;

	if (sitting != recall->sitting)
		return NULL;
	if (recall->n_used * 2 >= recall->n_slots && !grow(recall))
		return NULL;
	entry = find_slot(recall->slots, recall->n_slots, key);
	if (!entry->used)
	{
		if (recall->bytes >= MP_RECALL_BYTES)
			return NULL;
		entry->used = true;
		entry->key = key;
		recall->n_used++;
		recall->bytes += 2 * sizeof(*entry);
	}
	return entry;
}

MpNameSet *
mp_recall_get(MpRecall *recall, uint64_t sitting, uint64_t key, uint32_t count,
			  uint32_t *asked)
{
	MpNameSet  *names = NULL;
	MpRecalled *entry;

	*asked = count;
	pthread_mutex_lock(&recall->lock);
	entry = enter(recall, sitting, key);
	if (entry != NULL)
	{
		entry->asked = entry->asked < UINT32_MAX - count ? entry->asked + count : UINT32_MAX;
		if (!entry->alone)
			*asked = entry->asked;
		names = entry->names;
		if (names != NULL)
			atomic_fetch_add(&names->users, 1);
	}
	pthread_mutex_unlock(&recall->lock);
	return names;
}

void
mp_recall_listing(MpRecall *recall, uint64_t sitting, uint64_t key)
{
	MpRecalled *entry;

	pthread_mutex_lock(&recall->lock);
	entry = enter(recall, sitting, key);
	if (entry != NULL)
		entry->alone = true;
	pthread_mutex_unlock(&recall->lock);
}

void
mp_recall_put(MpRecall *recall, uint64_t sitting, uint64_t key, MpNameSet *names)
{
	MpRecalled *entry;

	pthread_mutex_lock(&recall->lock);
	entry = enter(recall, sitting, key);
	if (entry != NULL && entry->names == NULL &&
		recall->bytes + mp_nameset_bytes(names) <= MP_RECALL_BYTES)
	{
		recall->bytes += mp_nameset_bytes(names);
		atomic_fetch_add(&names->users, 1);
		entry->names = names;
		entry->alone = false;
	}
	pthread_mutex_unlock(&recall->lock);
}
