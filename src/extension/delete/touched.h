/*
 * touched.h: noting rows from which something went, so that their counters, covers and the like are
 * brought in line (deletion_settle.c).
 */
#ifndef MISSING_PHOTOS_TOUCHED_H
#define MISSING_PHOTOS_TOUCHED_H

#include "archive.h"

/* The keys in a column of rows, each once, as text[]; of which rows, NULL for all. */
extern Datum touched_keys(const TextRows *rows, int column, const bool *which);

/* Notes that a rule is to look at these keys. */
extern void touched_note(Datum job_id, const char *owner, const char *rule, Datum keys);

#endif							/* MISSING_PHOTOS_TOUCHED_H */
