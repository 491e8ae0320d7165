/*
 * tap.c: counting and printing.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

static int	tests;
static int	failures;

static void
report(bool passed, const char *directive, const char *what, va_list arguments)
{
	printf("%sok %d - ", passed ? "" : "not ", ++tests);
	vprintf(what, arguments);
	printf("%s\n", directive);
	fflush(stdout);
	if (!passed)
		failures++;
}

bool
ok(bool passed, const char *what,...)
{
	va_list		arguments;

	va_start(arguments, what);
	report(passed, "", what, arguments);
	va_end(arguments);
	return passed;
}

bool
is(long long got, long long expected, const char *what,...)
{
	va_list		arguments;

	va_start(arguments, what);
	report(got == expected, "", what, arguments);
	va_end(arguments);
	if (got != expected)
	{
		printf("#   got %lld, expected %lld\n", got, expected);
		fflush(stdout);
	}
	return got == expected;
}

void
skip(const char *why, const char *what,...)
{
	va_list		arguments;
	char		directive[256];

	snprintf(directive, sizeof(directive), " # SKIP %s", why);
	va_start(arguments, what);
	report(true, directive, what, arguments);
	va_end(arguments);
	fprintf(stderr, "skipped: %s\n", why);
}

void
note(const char *text,...)
{
	va_list		arguments;

	printf("# ");
	va_start(arguments, text);
	vprintf(text, arguments);
	va_end(arguments);
	printf("\n");
	fflush(stdout);
}

void
bail(const char *why)
{
	printf("Bail out! %s: %s\n", why, strerror(errno));
	fflush(stdout);
	exit(255);
}

int
done(void)
{
	printf("1..%d\n", tests);
	return failures > 0 ? 1 : 0;
}
