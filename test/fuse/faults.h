/*
 * faults.h: which requests of faultfs fail, hang or wait, and how that is changed at run time.
 *
 * A fault names an operation ("*": any) and a pattern of paths as seen below the mount ("/" is its
 * root; "*" in a pattern matches slashes too).  The newest matching fault wins.  All functions may
 * be called from any thread.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <stddef.h>

/*
 * Called at the start of each request.  Waits for the latency; hangs until the faults are cleared
 * when a hang matches; returns 0, or the errno to answer with.
 */
extern int	faults_apply(const char *operation, const char *path);

/* Carries out one command line (see faultfs.c) and writes the answer, one line, into answer. */
extern void faults_command(const char *line, char *answer, size_t size);

/* Serves commands on a Unix socket, in a thread of its own.  Returns 0 or an errno. */
extern int	control_serve(const char *socket_path);

/* The other side: sends one command, prints the answer.  Returns the exit status. */
extern int	control_send(const char *socket_path, const char *line);

#endif							/* FAULTS_H */
