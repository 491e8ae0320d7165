/*
 * key_set.h: 64-bit keys, hashes mostly, met so far.  A set lives in the memory context it was made in.
 */
#ifndef MISSING_PHOTOS_KEY_SET_H
#define MISSING_PHOTOS_KEY_SET_H

typedef struct keys_hash KeySet;

extern KeySet *key_set_make(MemoryContext parent);

/* True when the key is new. */
extern bool key_set_add(KeySet *set, uint64 key);
extern bool key_set_has(const KeySet *set, uint64 key);

#endif							/* MISSING_PHOTOS_KEY_SET_H */
