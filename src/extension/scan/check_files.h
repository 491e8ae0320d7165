/* check_files.h: one photo's files looked at and the library brought in line with what is found. */
#ifndef MISSING_PHOTOS_CHECK_FILES_H
#define MISSING_PHOTOS_CHECK_FILES_H

/* Needs an SPI connection and a library that was checked; an error when there is no such photo. */
extern void check_photo(const char *photo);

#endif							/* MISSING_PHOTOS_CHECK_FILES_H */
