/* watch_queue.c: a list and a hash table; see watch_queue.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch_queue.h"

enum
{
	MOST_BYTES = 1024 * 1024	/* of paths in one message */
};

static uint64_t
hash_path(MpEventKind kind, const char *path)
{
	uint64_t	hash = UINT64_C(14695981039346656037) ^ (uint64_t) kind;

	for (; *path != '\0'; path++)
		hash = (hash ^ (unsigned char) *path) * UINT64_C(1099511628211);
	return hash ^ hash >> 29;
}

static MpWaiting **
bucket_of(MpQueue *queue, uint64_t hash)
{
	return &queue->by_path[hash % MP_QUEUE_BUCKETS];
}

static size_t
bytes_of(const MpWaiting *waiting)
{
	return sizeof(*waiting) + strlen(waiting->path) + 1 +
		(waiting->to != NULL ? strlen(waiting->to) + 1 : 0);
}

static void
append(MpQueue *queue, MpWaiting *waiting)
{
	waiting->next = NULL;
	waiting->previous = queue->last;
	if (queue->last != NULL)
		queue->last->next = waiting;
	else
		queue->first = waiting;
	queue->last = waiting;
}

static void
detach(MpQueue *queue, MpWaiting *waiting)
{
	if (waiting->previous != NULL)
		waiting->previous->next = waiting->next;
	else
		queue->first = waiting->next;
	if (waiting->next != NULL)
		waiting->next->previous = waiting->previous;
	else
		queue->last = waiting->previous;
}

MpWaiting *
mp_queue_put(MpQueue *queue, MpEventKind kind, const char *path, const char *to)
{
	size_t		length = strlen(path) + 1;
	size_t		to_length = to != NULL ? strlen(to) + 1 : 0;
	MpWaiting  *waiting = calloc(1, sizeof(*waiting) + length + to_length);
	MpWaiting **bucket;

	if (waiting == NULL)
		return NULL;
	memcpy(waiting->path, path, length);
	if (to != NULL)
	{
		waiting->to = waiting->path + length;
		memcpy(waiting->to, to, to_length);
	}
	waiting->kind = (uint8_t) kind;
	waiting->hash = hash_path(kind, path);
	bucket = bucket_of(queue, waiting->hash);
	waiting->by_path = *bucket;
	*bucket = waiting;
	append(queue, waiting);
	queue->n++;
	queue->bytes += bytes_of(waiting);
	return waiting;
}

MpWaiting *
mp_queue_find(const MpQueue *queue, MpEventKind kind, const char *path)
{
	uint64_t	hash = hash_path(kind, path);
	MpWaiting  *waiting = queue->by_path[hash % MP_QUEUE_BUCKETS];

	while (waiting != NULL && (waiting->hash != hash || waiting->kind != kind ||
							   strcmp(waiting->path, path) != 0))
		waiting = waiting->by_path;
	return waiting;
}

void
mp_queue_drop(MpQueue *queue, MpWaiting *waiting)
{
	MpWaiting **at = bucket_of(queue, waiting->hash);

	while (*at != waiting)
		at = &(*at)->by_path;
	*at = waiting->by_path;
	detach(queue, waiting);
	queue->n--;
	queue->bytes -= bytes_of(waiting);
	free(waiting);
}

void
mp_queue_defer(MpQueue *queue, MpWaiting *waiting)
{
	detach(queue, waiting);
	append(queue, waiting);
}

void
mp_queue_empty(MpQueue *queue)
{
	while (queue->first != NULL)
		mp_queue_drop(queue, queue->first);
}

/* What of a path lies below a folder, or NULL. */
static const char *
below(const char *path, const char *folder)
{
	size_t		length = strlen(folder);

	return strncmp(path, folder, length) == 0 && path[length] == '/' ? path + length : NULL;
}

bool
mp_queue_moved(MpQueue *queue, const char *from, const char *to)
{
	MpWaiting  *last = queue->last;
	bool		complete = true;

	for (MpWaiting *waiting = queue->first, *next; waiting != NULL; waiting = next)
	{
		const char *rest = below(waiting->path, from);
		char		path[MP_MAX_PATH + 1];
		int			length;
		MpWaiting  *moved;

		next = waiting != last ? waiting->next : NULL;
		if (rest == NULL)
			continue;
		length = snprintf(path, sizeof(path), "%s%s", to, rest);
		if (length < 0 || (size_t) length >= sizeof(path))
			continue;
		moved = mp_queue_put(queue, (MpEventKind) waiting->kind, path, NULL);
		if (moved == NULL)
		{
			complete = false;
			continue;
		}
		moved->flags = waiting->flags;
		moved->due = waiting->due;
		mp_queue_drop(queue, waiting);
	}
	return complete;
}

static void
write_text(MpWriter *w, const char *text)
{
	mp_write_str(w, text, strlen(text));
}

void
mp_queue_write(MpQueue *queue, size_t most, MpWriter *w)
{
	size_t		at = w->length;
	size_t		full = w->length + MOST_BYTES;
	uint32_t	n = 0;

	mp_write_u32(w, 0);
	for (; queue->first != NULL && n < most && w->length < full; n++)
	{
		const MpWaiting *event = queue->first;

		mp_write_u8(w, event->kind);
		mp_write_u8(w, event->flags);
		mp_write_u16(w, event->err);
		mp_write_u32(w, event->cookie);
		write_text(w, event->path);
		write_text(w, event->to != NULL ? event->to : "");
		mp_queue_drop(queue, queue->first);
	}
	mp_write_u32_at(w, at, n);
}
