/* scan_lock.h: one scan per owner at a time. */
#ifndef MISSING_PHOTOS_SCAN_LOCK_H
#define MISSING_PHOTOS_SCAN_LOCK_H

/*
 * Takes an owner's lock or raises an error at once.  For the session it is kept over commits until
 * scan_lock_release; otherwise until the transaction ends.
 */
extern void scan_lock_take(const char *owner, bool for_session);
extern void scan_lock_release(const char *owner);

#endif							/* MISSING_PHOTOS_SCAN_LOCK_H */
