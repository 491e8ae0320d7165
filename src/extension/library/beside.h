/*
 * beside.h: sidecars that a library names in rows of their own go where their photos go.
 *
 * The library says where they are expected (library_beside); they are looked for there, under the
 * guard of their root, before their rows change.  One that isn't there keeps its row as it is, and a
 * finding tells.  Both functions need an SPI connection.
 */
#ifndef MISSING_PHOTOS_BESIDE_H
#define MISSING_PHOTOS_BESIDE_H

#include "apply.h"

/* After files were moved (moves_columns). */
extern void beside_follow(const Changes *changes, const Columns *moved);

/* Those of an owner that lie elsewhere than the library says: they moved later than their photos. */
extern void beside_find_astray(const Changes *changes);

#endif							/* MISSING_PHOTOS_BESIDE_H */
