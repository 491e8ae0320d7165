/*
 * glob.h: names against patterns, without the surprises of fnmatch.
 *
 * In a pattern, * stands for any bytes, ? for any one, [abc], [a-z] and [!a-z] for one of a set, and
 * a backslash takes the next byte as it is.  A set that isn't closed stands for itself.  Names are
 * bytes: no locale has a say.  The time a match takes is bounded by the product of the lengths.
 */
#ifndef MP_GLOB_H
#define MP_GLOB_H

#include <stdbool.h>

extern bool mp_glob_matches(const char *pattern, const char *name);

#endif							/* MP_GLOB_H */
