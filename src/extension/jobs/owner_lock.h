/* owner_lock.h: one job per owner at a time. */
#ifndef MISSING_PHOTOS_OWNER_LOCK_H
#define MISSING_PHOTOS_OWNER_LOCK_H

/*
 * Takes an owner's lock or raises an error at once.  For the session it is kept over commits until
 * owner_lock_release; otherwise until the transaction ends.
 */
extern void owner_lock_take(const char *owner, bool for_session);
/* The same for the session; false when another has it. */
extern bool owner_lock_try(const char *owner);
extern void owner_lock_release(const char *owner);

/*
 * Makes sure that the session's lock is still ours: pg_advisory_unlock_all(), called by a trigger of
 * the user's, takes all of a session's advisory locks away.
 */
extern void owner_lock_keep(const char *owner);

#endif							/* MISSING_PHOTOS_OWNER_LOCK_H */
