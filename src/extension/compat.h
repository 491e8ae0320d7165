/*
 * compat.h: every difference between PostgreSQL 14 and 18 that we touch, and no other file's.
 */
#ifndef MISSING_PHOTOS_COMPAT_H
#define MISSING_PHOTOS_COMPAT_H

#include "utils/guc.h"
#include "utils/wait_event.h"

/* 15 lets an extension reserve its prefix of settings; 14 can only warn about unknown ones. */
#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* 18 has C11's way of saying that a function doesn't return; it stands before the declaration. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* 17 gives extensions wait events of their own name. */
#if PG_VERSION_NUM >= 170000
#define WAIT_FOR_PROBE (WaitEventExtensionNew("MissingPhotosProbe"))
#else
#define WAIT_FOR_PROBE PG_WAIT_EXTENSION
#endif

#endif							/* MISSING_PHOTOS_COMPAT_H */
