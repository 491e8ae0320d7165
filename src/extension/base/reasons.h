/* reasons.h: verdicts and reasons of the probe in words. */
#ifndef MISSING_PHOTOS_REASONS_H
#define MISSING_PHOTOS_REASONS_H

#include "protocol/protocol.h"

/* The name of a verdict, as type missing_photos.file_state has it. */
extern const char *verdict_name(MpVerdict verdict);

/* Why, as a person says it; palloc'd or constant, NULL when there is nothing to say. */
extern const char *reason_text(MpReason reason, int err);

#endif							/* MISSING_PHOTOS_REASONS_H */
