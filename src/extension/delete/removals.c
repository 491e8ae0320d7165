/* removals.c: see removals.h. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"

#include "probe_client.h"
#include "reasons.h"
#include "removals.h"
#include "sql_calls.h"

static void
load_one(Removal *removal, uint64 row)
{
	removal->id = result_int8(row, 1);
	removal->server_path = result_text(row, 2);
	removal->marker = result_text(row, 3);
	removal->folder = result_text(row, 4);
	removal->name = result_text(row, 5);
	removal->aside = result_text(row, 6);
	removal->known = result_bool(row, 7);
	removal->size = result_int8(row, 8);
	removal->mtime_ns = result_int8(row, 9);
}

Removals *
removals_load(const char *state, int most)
{
	Removals   *removals = palloc0(sizeof(Removals));
	Arguments	a = {0};

	argument_text(&a, state);
	argument_int4(&a, most);
	call_as_owner("SELECT id, server_path, marker, COALESCE(folder, ''), name, aside,"
				  "       size IS NOT NULL, size, mtime_ns"
				  "  FROM missing_photos.held_deletions($1, $2)", &a);
	removals->n = SPI_processed;
	removals->list = palloc0((removals->n + 1) * sizeof(Removal));
	for (int i = 0; i < removals->n; i++)
		load_one(&removals->list[i], i);
	return removals;
}

static void
write_text(MpWriter *w, const char *text)
{
	mp_write_str(w, text, strlen(text));
}

/* Asks for the files first .. end - 1, which lie below one root. */
static void
send_request(const Removals *removals, int first, int end, MpAct act)
{
	MpWriter   *w = probe_request(MP_REMOVE);

	write_text(w, removals->list[first].server_path);
	mp_write_u32(w, 0);
	write_text(w, removals->list[first].marker);
	mp_write_u8(w, act);
	mp_write_u32(w, end - first);
	for (int i = first; i < end; i++)
	{
		const Removal *removal = &removals->list[i];

		write_text(w, removal->folder);
		write_text(w, removal->name);
		write_text(w, removal->aside);
		mp_write_u8(w, removal->known ? MP_SAME : MP_OLDER);
		mp_write_u64(w, removal->size);
		mp_write_i64(w, removal->mtime_ns);
	}
	(void) probe_send();
}

static const char *
outcome_reason(MpOutcome outcome, int err, const MpRootReport *report)
{
	switch (outcome)
	{
		case MP_OTHER_FILE:
			return "another file has its name now";
		case MP_NO_FILE:
			return "not a regular file, or behind a symbolic link";
		case MP_OUT_OF_REACH:
			if (report->verdict != MP_PRESENT)
				return reason_text(report->reason, report->err);
			if (err == EXDEV)
				return "another file system is mounted here; register it with add_derived_root";
			return reason_text(MP_IO_ERROR, err);
		default:
			return NULL;
	}
}

static void
read_outcomes(Removals *removals, int first, int end, MpReader *reader)
{
	MpRootReport report;

	mp_read_root_report(reader, &report);
	if (mp_read_count(reader, 3) != (uint32_t) (end - first))
		probe_malformed();
	for (int i = first; i < end; i++)
	{
		int			err;

		removals->list[i].outcome = mp_read_u8(reader);
		err = mp_read_u16(reader);
		removals->list[i].reason = outcome_reason(removals->list[i].outcome, err, &report);
	}
	if (!mp_read_done(reader))
		probe_malformed();
}

static void
act_below_root(Removals *removals, int first, int end, MpAct act)
{
	ProbeAnswer answer;

	send_request(removals, first, end, act);
	if (probe_wait(&answer) == PROBE_ANSWER)
	{
		read_outcomes(removals, first, end, &answer.body);
		probe_answer_done(&answer);
		return;
	}
	for (int i = first; i < end; i++)
	{
		removals->list[i].outcome = MP_OUT_OF_REACH;
		removals->list[i].reason = reason_text(MP_TIMED_OUT, 0);
	}
}

void
removals_act(Removals *removals, MpAct act)
{
	int			first = 0;

	for (int i = 1; i <= removals->n; i++)
	{
		if (i < removals->n &&
			strcmp(removals->list[i].server_path, removals->list[first].server_path) == 0 &&
			strcmp(removals->list[i].marker, removals->list[first].marker) == 0)
			continue;
		act_below_root(removals, first, i, act);
		first = i;
	}
}

static const char *
outcome_name(MpOutcome outcome)
{
	switch (outcome)
	{
		case MP_DONE:
			return "done";
		case MP_ABSENT:
			return "absent";
		case MP_OTHER_FILE:
			return "other file";
		case MP_NO_FILE:
			return "no file";
		case MP_NAME_TAKEN:
			return "name taken";
		case MP_OUT_OF_REACH:
			break;
	}
	return "out of reach";
}

void
removals_note(const Removals *removals, MpAct act)
{
	static const Oid types[3] = {INT8OID, TEXTOID, TEXTOID};
	static const char *const acts[] = {
		[MP_SET_ASIDE] = "set aside", [MP_PUT_BACK] = "put back", [MP_DROP] = "drop"
	};
	Columns    *columns = columns_make(CurrentMemoryContext, 3, types);
	Arguments	a = {0};

	for (int i = 0; i < removals->n; i++)
	{
		columns_add_row(columns);
		columns_set_int8(columns, 0, removals->list[i].id);
		columns_set_cstring(columns, 1, outcome_name(removals->list[i].outcome));
		columns_set_cstring(columns, 2, removals->list[i].reason);
	}
	argument_text(&a, acts[act]);
	argument_columns(&a, columns);
	call_as_owner("SELECT missing_photos.note_removals($1, $2, $3, $4)", &a);
	columns_free(columns);
}
