/*
 * listing.h: one LIST request: the names of files and links in folders.
 *
 * The names are hints: what a listing shows is looked up before anybody builds on it.
 */
#ifndef MP_LISTING_H
#define MP_LISTING_H

#include "guard.h"

/*
 * Writes the payload of the answer.  Returns 0, or the errno of our own shortage; the writer's
 * content is then of no use.
 */
extern int	mp_listing_write(const MpRequest *request, MpWriter *w);

#endif							/* MP_LISTING_H */
