/* probe_terms.h: what the session's probe was told it may read, and what was remembered of it. */
#ifndef MISSING_PHOTOS_PROBE_TERMS_H
#define MISSING_PHOTOS_PROBE_TERMS_H

#include "protocol/wire.h"

/*
 * Keeps the paths the next probe is confined to, and whether it may remove files below them; false
 * when that is already kept, and the probe is still to be found at the same place.
 */
extern bool terms_set(int n, const char *const *paths, bool removes);

/* Writes them, as HELLO has them. */
extern void terms_write(MpWriter *w);

/* As probe_remember; forgotten with the probe. */
extern bool terms_remember(const char *name, uint64 value);
extern void terms_forget(void);

#endif							/* MISSING_PHOTOS_PROBE_TERMS_H */
