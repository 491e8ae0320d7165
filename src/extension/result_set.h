/* result_set.h: returning many rows from a function in C. */
#ifndef MISSING_PHOTOS_RESULT_SET_H
#define MISSING_PHOTOS_RESULT_SET_H

#include "fmgr.h"

/*
 * Makes an empty tuplestore for the result of the function, whose rows go to its setResult in the shape
 * of setDesc.  An error where a set isn't accepted; `call` says how to call it.
 */
extern void result_set_begin(FunctionCallInfo fcinfo, const char *call);

#endif							/* MISSING_PHOTOS_RESULT_SET_H */
