/*
 * tap.h: what a test program says, in the form that prove reads.
 */
#ifndef MP_TAP_H
#define MP_TAP_H

#include <stdbool.h>

/* "ok N - what" or "not ok N - what"; returns passed. */
extern bool ok(bool passed, const char *what, ...) __attribute__((format(printf, 2, 3)));
/* The same for two numbers, and says both when they differ. */
extern bool is(long long got, long long expected, const char *what, ...)
			__attribute__((format(printf, 3, 4)));
/* A test that can't run here, loudly. */
extern void skip(const char *why, const char *what, ...) __attribute__((format(printf, 2, 3)));
extern void note(const char *text, ...) __attribute__((format(printf, 1, 2)));
/* Gives up: the test itself can't go on. */
extern _Noreturn void bail(const char *why);
/* The plan; returns the program's exit status. */
extern int	done(void);

#endif							/* MP_TAP_H */
