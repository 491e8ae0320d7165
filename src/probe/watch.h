/*
 * watch.h: WATCH requests: a root watched for as long as the probe lives.
 */
#ifndef MP_WATCH_H
#define MP_WATCH_H

#include "mailbox.h"
#include "request.h"

/*
 * Takes the request over and watches on a thread of its own; events go to the mailbox.  Returns 0,
 * or the errno for which there is no thread (then the request is the caller's again).
 */
extern int	mp_watch_start(MpMailbox *mailbox, MpRequest *request);

#endif							/* MP_WATCH_H */
