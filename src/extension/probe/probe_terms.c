/* probe_terms.c: see probe_terms.h. */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "probe_terms.h"
#include "settings.h"

/* Where the probe is (missing_photos.probe_socket), a count, and paths, each ended by a NUL. */
static char *socket_kept = NULL;
static int	n_paths = 0;
static char *paths_kept = NULL;
static size_t paths_length = 0;
static bool may_remove = false;

typedef struct Memory
{
	uint64		name;
	uint64		value;
} Memory;

static Memory memories[64];
static int	n_memories = 0;

bool
terms_set(int n, const char *const *paths, bool removes)
{
	size_t		length = 0;
	char	   *list;
	char	   *at;

	for (int i = 0; i < n; i++)
		length += strlen(paths[i]) + 1;
	at = list = MemoryContextAlloc(TopMemoryContext, length + 1);
	for (int i = 0; i < n; i++)
		at = strcpy(at, paths[i]) + strlen(paths[i]) + 1;
	if (paths_kept != NULL && removes == may_remove && n == n_paths && length == paths_length &&
		memcmp(list, paths_kept, length) == 0 && strcmp(setting_probe_socket, socket_kept) == 0)
	{
		pfree(list);
		return false;
	}
	if (paths_kept != NULL)
	{
		pfree(paths_kept);
		pfree(socket_kept);
	}
	socket_kept = MemoryContextStrdup(TopMemoryContext, setting_probe_socket);
	paths_kept = list;
	paths_length = length;
	n_paths = n;
	may_remove = removes;
	return true;
}

void
terms_write(MpWriter *w)
{
	const char *at = paths_kept;

	mp_write_u32(w, n_paths);
	for (int i = 0; i < n_paths; i++)
	{
		mp_write_str(w, at, strlen(at));
		at += strlen(at) + 1;
	}
	mp_write_u8(w, may_remove);
}

bool
terms_remember(const char *name, uint64 value)
{
	uint64		key = hash_bytes_extended((const unsigned char *) name, strlen(name), 0);

	for (int i = 0; i < n_memories; i++)
		if (memories[i].name == key)
			return memories[i].value == value;
	if (n_memories < (int) lengthof(memories))
		memories[n_memories++] = (Memory) {key, value};
	return true;
}

void
terms_forget(void)
{
	n_memories = 0;
}
