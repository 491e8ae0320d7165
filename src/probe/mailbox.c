/*
 * mailbox.c: a list, a lock and a bell.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "mailbox.h"
#include "verdict.h"

void
mp_mailbox_start(MpMailbox *mailbox)
{
	memset(mailbox, 0, sizeof(*mailbox));
	pthread_mutex_init(&mailbox->lock, NULL);
	mailbox->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

/* Puts it in, or without one the word that one was lost. */
static void
put_and_ring(MpMailbox *mailbox, MpOutgoing *outgoing)
{
	uint64_t	one = 1;
	int			tries = 0;

	pthread_mutex_lock(&mailbox->lock);
	if (outgoing != NULL)
	{
		outgoing->next = mailbox->newest;
		mailbox->newest = outgoing;
	}
	else
		mailbox->lost = true;
	pthread_mutex_unlock(&mailbox->lock);
	while (write(mailbox->bell, &one, sizeof(one)) < 0 && mp_try_again(&tries))
		;
}

/* NULL: no memory. */
static MpOutgoing *
new_outgoing(MpWriter *message)
{
	MpOutgoing *outgoing = message->bad ? NULL : calloc(1, sizeof(*outgoing));

	if (outgoing != NULL)
		outgoing->message = *message;
	else
		mp_write_free(message);
	return outgoing;
}

void
mp_mailbox_put(void *owner, uint64_t request, size_t request_length, MpWriter *answer)
{
	MpOutgoing *outgoing = new_outgoing(answer);

	if (outgoing != NULL)
	{
		outgoing->answers = true;
		outgoing->request = request;
		outgoing->request_length = request_length;
	}
	put_and_ring(owner, outgoing);
}

void
mp_mailbox_post(MpMailbox *mailbox, MpWriter *message, void (*gone) (void *owner), void *owner)
{
	MpOutgoing *outgoing = new_outgoing(message);

	if (outgoing != NULL)
	{
		outgoing->gone = gone;
		outgoing->owner = owner;
	}
	put_and_ring(mailbox, outgoing);
}

bool
mp_mailbox_take(MpMailbox *mailbox, MpOutgoing **answers)
{
	MpOutgoing *newest;
	uint64_t	count;
	bool		broken;
	bool		lost;

	*answers = NULL;
	/* The bell first: what is put in after this rings it again.  It needn't have rung. */
	broken = read(mailbox->bell, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR;
	pthread_mutex_lock(&mailbox->lock);
	newest = mailbox->newest;
	mailbox->newest = NULL;
	lost = mailbox->lost || broken;
	pthread_mutex_unlock(&mailbox->lock);
	while (newest != NULL)
	{
		MpOutgoing *older = newest->next;

		newest->next = *answers;
		*answers = newest;
		newest = older;
	}
	return !lost;
}
