/* relinked.h: which files a job gave new paths, and of which photos: hashes of their keys. */
#ifndef MISSING_PHOTOS_RELINKED_H
#define MISSING_PHOTOS_RELINKED_H

#include "file_row.h"

typedef struct Relinked Relinked;

extern Relinked *relinked_make(MemoryContext parent);
/* Returns whether the file is a new one. */
extern bool relinked_add(Relinked *relinked, const char *photo, const char *file);
/* Both say no when relinked is NULL. */
extern bool relinked_has_file(const Relinked *relinked, const FileRow *row);
extern bool relinked_has_photo(const Relinked *relinked, const FileRow *row);

#endif							/* MISSING_PHOTOS_RELINKED_H */
