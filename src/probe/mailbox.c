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

void
mp_mailbox_put(void *owner, uint64_t request, size_t request_length, MpWriter *answer)
{
	MpMailbox  *mailbox = owner;
	MpOutgoing *outgoing = answer->bad ? NULL : calloc(1, sizeof(*outgoing));
	uint64_t	one = 1;
	int			tries = 0;

	if (outgoing != NULL)
	{
		outgoing->message = *answer;
		outgoing->answers = true;
		outgoing->request = request;
		outgoing->request_length = request_length;
	}
	else
		mp_write_free(answer);
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
