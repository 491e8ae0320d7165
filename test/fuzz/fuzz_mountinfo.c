/*
 * fuzz_mountinfo.c: any text as the kernel's table of mounts.  Mount points and sources are chosen
 * by whoever may mount, so they are not ours to trust.
 */
#include <stdlib.h>
#include <string.h>

#include "../../src/probe/mountinfo.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = malloc(size + 1);
	const char *end = text + size + 1;
	MpMount		mount;

	memcpy(text, data, size);
	text[size] = '\0';
	for (char *at = text; mp_mountinfo_next(&at, &mount);)
	{
		if (mount.point[0] != '/' || mount.point + strlen(mount.point) >= end ||
			mount.type + strlen(mount.type) >= end ||
			mount.source + strlen(mount.source) >= end)
			abort();
	}
	free(text);
	return 0;
}
