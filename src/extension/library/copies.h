/*
 * copies.h: further copies of files, looked at before a file is called missing.
 *
 * Where a library keeps one row per content, two equal files share a row, and losing the one it names
 * isn't losing the content.  Copies that add_file or relinking came across are noted; one that is
 * still there takes the lost file's place.
 */
#ifndef MISSING_PHOTOS_COPIES_H
#define MISSING_PHOTOS_COPIES_H

#include "apply.h"
#include "roots.h"

/*
 * Takes rows (apply_missing_columns) of which a copy is there out, and gives them that copy's path.
 * Reads the copies' contents; needs an SPI connection.
 */
extern void copies_use(Changes *changes, RootTable *roots, Columns **missing);

#endif							/* MISSING_PHOTOS_COPIES_H */
