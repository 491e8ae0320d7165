/*
 * compat.h: every difference between PostgreSQL 14 and 19 that we touch, and no other file's.
 */
#ifndef MISSING_PHOTOS_COMPAT_H
#define MISSING_PHOTOS_COMPAT_H

#include "utils/guc.h"
#include "utils/wait_event.h"

/* 16 moved the macros for values of variable length to a header of their own. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 17 knows the kinds of processes by one scheme. */
#if PG_VERSION_NUM < 170000
#define AmBackgroundWorkerProcess() IsBackgroundWorker
#endif

/* 15 lets an extension reserve its prefix of settings; 14 can only warn about unknown ones. */
#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* 18 has C11's way of saying that a function doesn't return; it stands before the declaration. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* 17 can ask whether a stronger lock is held. */
#if PG_VERSION_NUM >= 170000
#define lock_held_by_me(tag, mode) LockHeldByMe(tag, mode, false)
#else
#define lock_held_by_me(tag, mode) LockHeldByMe(tag, mode)
#endif

/* 15 has a name of its own for a statement without parameters; 18 runs no portal twice. */
#if PG_VERSION_NUM >= 150000
#define analyze_statement(raw, text) pg_analyze_and_rewrite_fixedparams(raw, text, NULL, 0, NULL)
#else
#define analyze_statement(raw, text) pg_analyze_and_rewrite(raw, text, NULL, 0, NULL)
#endif
#if PG_VERSION_NUM >= 180000
#define run_portal(portal, done) \
	PortalRun(portal, FETCH_ALL, true, None_Receiver, None_Receiver, done)
#else
#define run_portal(portal, done) \
	PortalRun(portal, FETCH_ALL, true, true, None_Receiver, None_Receiver, done)
#endif

/* 19 wants to be told when a row's description is complete. */
#if PG_VERSION_NUM < 190000
#define TupleDescFinalize(shape) ((void) (shape))
#endif

/* 17 gives sets of events an owner instead of a memory context. */
#if PG_VERSION_NUM >= 170000
#define make_wait_set(events) CreateWaitEventSet(NULL, events)
#else
#define make_wait_set(events) CreateWaitEventSet(TopMemoryContext, events)
#endif

/* 17 gives extensions wait events of their own name. */
#if PG_VERSION_NUM >= 170000
#define WAIT_FOR_PROBE (WaitEventExtensionNew("MissingPhotosProbe"))
#else
#define WAIT_FOR_PROBE PG_WAIT_EXTENSION
#endif

#endif							/* MISSING_PHOTOS_COMPAT_H */
