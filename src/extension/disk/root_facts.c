/* root_facts.c: what a root is like right now, asked of the probe; see root_facts.h. */
#include "postgres.h"

#include "probe_client.h"
#include "root_facts.h"

static char *
message_text(MpReader *reader)
{
	MpStr		s = mp_read_str(reader, MP_MAX_PATH);

	return s.data == NULL ? pstrdup("") : pnstrdup(s.data, s.length);
}

/*
 * What is mounted at a point below the root, as a text to be compared: the file system's id where it
 * has one that lasts, for its device may be called otherwise after a reboot; else its source.
 */
static char *
read_mount(MpReader *reader, char **point)
{
	char	   *type;
	char	   *source;
	char	   *folder;
	uint64		fsid;

	*point = message_text(reader);
	type = message_text(reader);
	source = message_text(reader);
	folder = message_text(reader);
	fsid = mp_read_u64(reader);
	if (fsid != 0)
		return psprintf("%s " UINT64_FORMAT " %s", type, fsid, folder);
	return psprintf("%s %s %s", type, source, folder);
}

static void
read_facts(MpReader *reader, RootFacts *facts)
{
	memset(facts, 0, sizeof(*facts));
	mp_read_root_report(reader, &facts->report);
	facts->canonical = message_text(reader);
	facts->fs_type = message_text(reader);
	facts->fs_source = message_text(reader);
	facts->n_mounts = mp_read_count(reader, 24);
	facts->mounts = palloc0((facts->n_mounts + 1) * sizeof(char *));
	facts->mounted = palloc0((facts->n_mounts + 1) * sizeof(char *));
	for (int i = 0; i < facts->n_mounts; i++)
		facts->mounted[i] = read_mount(reader, &facts->mounts[i]);
	if (!mp_read_done(reader))
		probe_malformed();
}

bool
root_ask(const char *server_path, const char *marker, RootFacts *facts)
{
	MpWriter   *w = probe_request(MP_ROOT);
	ProbeAnswer answer;

	mp_write_str(w, server_path, strlen(server_path));
	mp_write_u32(w, 0);
	mp_write_str(w, marker == NULL ? "" : marker, marker == NULL ? 0 : strlen(marker));
	(void) probe_send();
	if (probe_wait(&answer) != PROBE_ANSWER)
		return false;
	read_facts(&answer.body, facts);
	probe_answer_done(&answer);
	return true;
}
