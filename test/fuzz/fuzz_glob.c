/*
 * fuzz_glob.c: any pattern against any name, divided at the first NUL.
 *
 * Matching must stay in bounds and end; and a pattern without a special byte must match itself and
 * nothing else.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/probe/glob.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *copy = malloc(size + 2);
	char	   *name;
	bool		matches;

	memcpy(copy, data, size);
	copy[size] = copy[size + 1] = '\0';
	/* Each in memory of its own length: ASan then sees a byte too many. */
	name = strdup(copy + strlen(copy) + (strlen(copy) < size));
	copy = realloc(copy, strlen(copy) + 1);
	matches = mp_glob_matches(copy, name);
	if (strpbrk(copy, "*?[\\") == NULL && matches != (strcmp(copy, name) == 0))
		abort();
	free(copy);
	free(name);
	return 0;
}
