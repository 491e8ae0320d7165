/*
 * subtransaction.h: trying something that may meet rows other sessions hold, without waiting long.
 */
#ifndef MISSING_PHOTOS_SUBTRANSACTION_H
#define MISSING_PHOTOS_SUBTRANSACTION_H

/*
 * Calls try(arg) in a subtransaction of its own in which no lock is waited for longer than 20 ms; a
 * deadlock is looked for after a second by default, so none comes to be found.  False when somebody
 * held what it needed: then nothing happened and nothing is locked.  Other errors are thrown on.
 */
extern bool try_without_waiting(void (*try) (void *arg), void *arg);

/* The same for any error, which it returns, in the current memory context; NULL when it went well. */
extern ErrorData *try_in_subtransaction(void (*try) (void *arg), void *arg);

/* A short rest before another try. */
extern void pause_for_locks(void);

#endif							/* MISSING_PHOTOS_SUBTRANSACTION_H */
