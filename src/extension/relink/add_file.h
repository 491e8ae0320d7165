/* add_file.h: a file that somebody found, put where it belongs. */
#ifndef MISSING_PHOTOS_ADD_FILE_H
#define MISSING_PHOTOS_ADD_FILE_H

#include "apply.h"
#include "key_set.h"

/*
 * Needs an SPI connection.  As the verb add_file for the owner of `changes`, with its job; returns the
 * action.  may_flag: as check_photo has it, for the photo's other files.
 */
extern const char *add_file(Changes *changes, const char *path, const KeySet *may_flag);

#endif							/* MISSING_PHOTOS_ADD_FILE_H */
