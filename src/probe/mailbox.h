/*
 * mailbox.h: answers on their way from the workers and watches to the server's thread.
 */
#ifndef MP_MAILBOX_H
#define MP_MAILBOX_H

#include <pthread.h>

#include "stream.h"

typedef struct MpMailbox
{
	int			bell;			/* eventfd, readable when something was put in; or -1 */
	pthread_mutex_t lock;		/* guards the two below */
	MpOutgoing *newest;			/* linked from newer to older */
	bool		lost;			/* there was no memory to put an answer in */
} MpMailbox;

extern void mp_mailbox_start(MpMailbox *mailbox);

/* An MpAnswerFn whose owner is the mailbox; any thread may call it. */
extern void mp_mailbox_put(void *mailbox, uint64_t request, size_t request_length,
						   MpWriter *answer);

/*
 * Puts a message in that is nobody's last answer; gone(owner) is called on the server's thread when
 * it was written.  It takes the writer's memory over.
 */
extern void mp_mailbox_post(MpMailbox *mailbox, MpWriter *message, void (*gone) (void *owner),
							void *owner);

/* Takes out what is there, oldest first, and stops the bell.  False when an answer was lost. */
extern bool mp_mailbox_take(MpMailbox *mailbox, MpOutgoing **answers);

#endif							/* MP_MAILBOX_H */
