/* check_files.h: one photo's files looked at and the library brought in line with what is found. */
#ifndef MISSING_PHOTOS_CHECK_FILES_H
#define MISSING_PHOTOS_CHECK_FILES_H

/* Needs an SPI connection and a library that was checked; an error when there is no such photo. */
#include "apply.h"
#include "key_set.h"

/*
 * What check_files does, but for returning rows: with the job of `changes`, to which it adds.  Of the
 * files that are gone only those of may_flag (by check_file_key; NULL: all) are flagged, the others
 * stay as they are.
 */
extern void check_photo(const char *photo, Changes *changes, const KeySet *may_flag);
extern uint64 check_file_key(const char *file, size_t length);

#endif							/* MISSING_PHOTOS_CHECK_FILES_H */
