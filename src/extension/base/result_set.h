/* result_set.h: returning many rows from a function in C. */
#ifndef MISSING_PHOTOS_RESULT_SET_H
#define MISSING_PHOTOS_RESULT_SET_H

#include "fmgr.h"

/*
 * Makes an empty tuplestore for the result of the function, whose rows go to its setResult in the shape
 * of setDesc.  An error where a set isn't accepted; `call` says how to call it.
 */
extern void result_set_begin(FunctionCallInfo fcinfo, const char *call);

/* The value of this name of type missing_photos.file_state, whose oid is given. */
extern Datum result_set_state(const char *name, Oid type);

#endif							/* MISSING_PHOTOS_RESULT_SET_H */
