/* owner_lock.h: one job per owner at a time. */
#ifndef MISSING_PHOTOS_OWNER_LOCK_H
#define MISSING_PHOTOS_OWNER_LOCK_H

/*
 * Takes an owner's lock or raises an error at once.  For the session it is kept over commits until
 * owner_lock_release; otherwise until the transaction ends.
 */
extern void owner_lock_take(const char *owner, bool for_session);
extern void owner_lock_release(const char *owner);

#endif							/* MISSING_PHOTOS_OWNER_LOCK_H */
