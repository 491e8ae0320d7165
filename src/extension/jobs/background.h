/*
 * background.h: what all our background workers have in common: how the postmaster is asked for one,
 * and how one begins.
 */
#ifndef MISSING_PHOTOS_BACKGROUND_H
#define MISSING_PHOTOS_BACKGROUND_H

#include "postmaster/bgworker.h"

/* Fills in a worker that the postmaster finds by the name of its function and never restarts. */
extern void background_describe(BackgroundWorker *worker, const char *name, const char *function);

/* What it is to connect as; no role: the bootstrap superuser. */
extern void background_order(BackgroundWorker *worker, Oid database, Oid role);

/* Asks for one in this database, that waits for the end of this transaction; false: none is free. */
extern bool background_start(Oid role, const char *name, const char *function);

/*
 * In the worker: signals, connection, name.  Returns when the transaction that asked for it has ended,
 * outside any transaction.
 */
extern void background_begin(const char *name);

/* A transaction with a snapshot and an SPI connection. */
extern void background_begin_transaction(void);
extern void background_end_transaction(void);

/* Outside any transaction: whether there is something to work for. */
extern bool background_extension_is_here(void);

/* Reads the settings again if the server was told to. */
extern void background_reload(void);

#endif							/* MISSING_PHOTOS_BACKGROUND_H */
