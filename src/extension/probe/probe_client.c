/*
 * probe_client.c: requests to the probe and its answers.
 *
 * One connection per session.  It outlives transactions, so its memory is malloc'd (by the writers)
 * or lives in TopMemoryContext.  Everything here returns at once, except probe_wait, which waits on
 * the latch and the socket together: cancel, timeouts and shutdown are answered while the disk is
 * stuck.
 *
 * When an error or an abort leaves requests under way, nobody will take their answers: the
 * transaction callbacks abandon the probe then.  A subtransaction takes only its own requests with
 * it: one that a trigger or policy of the user's rolls back while a scan has requests under way is
 * none of the scan's.  For the same reason a verb called from such a trigger is refused
 * (probe_confine): it would take the scan's answers for its own.  A probe that ends by itself
 * (killed, crashed) is started again once per request, with a warning, and gets its open requests
 * anew: they only read.
 */
#include "postgres.h"

#include <errno.h>

#include "access/xact.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "probe_client.h"
#include "probe_messages.h"
#include "probe_process.h"
#include "probe_service.h"
#include "probe_terms.h"
#include "settings.h"

struct ProbeRequest
{
	dlist_node	node;
	uint64		id;
	MpWriter	message;
	size_t		sent;
	bool		resent;			/* already given to a second probe */
	SubTransactionId asked_in;	/* this transaction's; invalid: asked in an earlier one */
};

/* The type of a request, read back from its header. */
#define REQUEST_TYPE(request) ((request)->message.data[5])

static pgsocket probe = PGINVALID_SOCKET;
static uint64 last_id = 0;
static dlist_head outstanding = DLIST_STATIC_INIT(outstanding);
static int	n_outstanding = 0;
static ProbeRequest *draft = NULL;
static ProbeRequest *sending = NULL;	/* the first request not wholly written yet */
static uint32 wait_event = 0;
static TimestampTz last_sign = 0;	/* when the probe was last heard, or given its first task */

static Messages messages;
static MpHeader header;
static const unsigned char *body = NULL;

static void
free_request(ProbeRequest *request)
{
	mp_write_free(&request->message);
	pfree(request);
}

static void
drop_request(ProbeRequest *request)
{
	dlist_delete(&request->node);
	n_outstanding--;
	free_request(request);
}

/* Ends the connection, keeping the requests. */
static void
disconnect(void)
{
	if (probe != PGINVALID_SOCKET)
		probe_process_release(probe);
	probe = PGINVALID_SOCKET;
	terms_forget();
	messages_forget(&messages);
}

void
probe_abandon(void)
{
	dlist_mutable_iter iter;

	disconnect();
	dlist_foreach_modify(iter, &outstanding)
		drop_request(dlist_container(ProbeRequest, node, iter.cur));
	sending = NULL;
	if (draft != NULL)
		free_request(draft);
	draft = NULL;
}

void
probe_malformed(void)
{
	probe_abandon();
	ereport(ERROR,
			(errcode(ERRCODE_INTERNAL_ERROR),
			 errmsg("the probe sent a message that isn't understood"),
			 errhint("The extension's library and its probe may be of different versions; "
					 "install missing_photos again and reconnect.")));
}

/* A procedure's requests live on in the next transaction, which numbers its subtransactions anew. */
static void
on_xact_event(XactEvent event, void *arg)
{
	dlist_iter	iter;

	if ((event == XACT_EVENT_ABORT || event == XACT_EVENT_PARALLEL_ABORT) && n_outstanding > 0)
		probe_abandon();
	else if (event == XACT_EVENT_COMMIT)
		dlist_foreach(iter, &outstanding)
			dlist_container(ProbeRequest, node, iter.cur)->asked_in = InvalidSubTransactionId;
}

/* Whatever was asked since the subtransaction began was asked in it or in one below it. */
static void
on_subxact_event(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	dlist_iter	iter;
	bool		ours = false;

	if (event != SUBXACT_EVENT_ABORT_SUB)
		return;
	dlist_foreach(iter, &outstanding)
		ours = ours || dlist_container(ProbeRequest, node, iter.cur)->asked_in >= mine;
	if (ours)
		probe_abandon();
}

/* A keeper left unreaped would be inherited by process 1; see probe_process.c. */
static void
on_exit_release(int code, Datum arg)
{
	probe_abandon();
	probe_process_reap();
}

void
probe_client_init(void)
{
	RegisterXactCallback(on_xact_event, NULL);
	RegisterSubXactCallback(on_subxact_event, NULL);
}

static ProbeRequest *
new_request(MpMessageType type)
{
	ProbeRequest *request = MemoryContextAllocZero(TopMemoryContext, sizeof(ProbeRequest));

	request->id = ++last_id;
	request->asked_in = GetCurrentSubTransactionId();
	mp_write_start(&request->message);
	mp_write_message(&request->message, type, request->id);
	return request;
}

MpWriter *
probe_request(MpMessageType type)
{
	if (draft != NULL)
		free_request(draft);
	draft = new_request(type);
	return &draft->message;
}

static void
enqueue(ProbeRequest *request)
{
	dlist_push_tail(&outstanding, &request->node);
	n_outstanding++;
	if (sending == NULL)
		sending = request;
}

static void
set_terms(int n, const char *const *paths, bool removes)
{
	if (n_outstanding > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("a scan of this session is reading the disk"),
				 errhint("A trigger, policy or view that the scan itself runs can't call functions "
						 "that read the disk.")));
	if (terms_set(n, paths, removes))
		probe_abandon();
}

void
probe_confine(int n, const char *const *paths)
{
	set_terms(n, paths, false);
}

void
probe_confine_removing(int n, const char *const *paths)
{
	set_terms(n, paths, true);
}

bool
probe_remember(const char *name, uint64 value)
{
	return terms_remember(name, value);
}

/* Starts a probe and says hello; the greeting goes before every other request. */
static void
connect_probe(void)
{
	static bool exit_registered = false;
	ProbeRequest *hello;

	if (!exit_registered)
	{
		on_proc_exit(on_exit_release, 0);
		exit_registered = true;
	}
	probe = setting_probe_socket[0] != '\0' ?
		probe_service_connect(setting_probe_socket) : probe_process_start();
	hello = new_request(MP_HELLO);
	mp_write_u32(&hello->message, setting_probe_idle);
	mp_write_u32(&hello->message, setting_probe_threads);
	terms_write(&hello->message);
	mp_write_message_end(&hello->message);
	dlist_push_head(&outstanding, &hello->node);
	n_outstanding++;
	sending = hello;
	last_sign = GetCurrentTimestamp();
}

static void write_some(void);

ProbeRequest *
probe_send(void)
{
	ProbeRequest *request = draft;

	Assert(request != NULL);
	mp_write_message_end(&request->message);
	if (request->message.bad)
	{
		free_request(request);
		draft = NULL;
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory for a request to the probe")));
	}
	/* An idle probe may have gone since we last asked. */
	if (probe != PGINVALID_SOCKET && n_outstanding == 0 && messages_ended(probe))
		disconnect();
	if (probe == PGINVALID_SOCKET)
		connect_probe();
	if (n_outstanding == 0)
		last_sign = GetCurrentTimestamp();
	draft = NULL;
	enqueue(request);
	write_some();
	return request;
}

int
probe_outstanding(void)
{
	return n_outstanding;
}

/* Starts another probe and gives it the open requests, from their first byte. */
static void
connect_again(void)
{
	dlist_mutable_iter iter;

	disconnect();
	sending = NULL;
	dlist_foreach_modify(iter, &outstanding)
	{
		ProbeRequest *request = dlist_container(ProbeRequest, node, iter.cur);

		request->sent = 0;
		if (REQUEST_TYPE(request) == MP_HELLO)
			drop_request(request);
	}
	connect_probe();
}

/*
 * The probe ended with requests open.  Once per request that is an accident, and another probe gets
 * them; a request that ends two probes is its own cause.
 */
static void
probe_ended(void)
{
	dlist_iter	iter;
	bool		again = true;

	dlist_foreach(iter, &outstanding)
	{
		ProbeRequest *request = dlist_container(ProbeRequest, node, iter.cur);

		again = again && !request->resent;
		request->resent = true;
	}
	if (!again)
	{
		probe_abandon();
		ereport(ERROR,
				(errcode(ERRCODE_SYSTEM_ERROR),
				 errmsg("the probe ended unexpectedly, twice"),
				 errdetail("Nothing was concluded from what it had not answered."),
				 setting_probe_socket[0] != '\0' ?
				 errhint("The service at \"%s\" says on its standard error whom it refused.",
						 setting_probe_socket) :
				 errhint("The system's log may tell why (out of memory, a signal).")));
	}
	ereport(WARNING,
			(errmsg("the probe ended unexpectedly and was started again"),
			 errdetail("What it had not answered is asked anew.")));
	connect_again();
}

/* Writes as much as the socket takes. */
static void
write_some(void)
{
	while (sending != NULL && messages_write(probe, &sending->message, &sending->sent))
		sending = dlist_has_next(&outstanding, &sending->node) ?
			dlist_container(ProbeRequest, node, dlist_next_node(&outstanding, &sending->node)) :
			NULL;
}

static ProbeRequest *
find_request(uint64 id)
{
	dlist_iter	iter;

	dlist_foreach(iter, &outstanding)
	{
		ProbeRequest *request = dlist_container(ProbeRequest, node, iter.cur);

		if (request->id == id)
			return request;
	}
	return NULL;
}

static void
probe_shortage(MpReader *reader)
{
	int			err = mp_read_u16(reader);
	MpStr		what = mp_read_str(reader, 1024);
	char	   *text = pnstrdup(what.data ? what.data : "", what.length);

	probe_abandon();
	errno = err;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
			 errmsg("the probe ran short of something the system gives (%s): %m", text),
			 errdetail("Nothing was concluded from this batch.")));
}

/* The probe's good-bye: being idle is no error, anything else means we spoke nonsense. */
static void
probe_said_bye(MpReader *reader)
{
	int			status = mp_read_u8(reader);

	if (status != MP_BYE_IDLE)
		probe_malformed();
	/* It went just as we asked. */
	connect_again();
}

/* Looks at the message just read; true when it answers a request of ours. */
static bool
take_message(ProbeAnswer *answer)
{
	ProbeRequest *request = find_request(header.request);

	last_sign = GetCurrentTimestamp();
	mp_read_start(&answer->body, body, header.length);
	answer->type = header.type;
	answer->request = request;
	switch (header.type)
	{
		case MP_PROGRESS:
			return false;
		case MP_BYE:
			probe_said_bye(&answer->body);
			return false;
		case MP_SHORTAGE:
			probe_shortage(&answer->body);
			return false;
		default:
			break;
	}
	if (request == NULL || REQUEST_TYPE(request) != header.type || request == sending)
		probe_malformed();
	if (header.type == MP_HELLO)
	{
		drop_request(request);
		return false;
	}
	return true;
}

ProbeEvent
probe_poll(ProbeAnswer *answer)
{
	while (probe != PGINVALID_SOCKET)
	{
		write_some();
		switch (messages_read(&messages, probe, &header, &body))
		{
			case MESSAGE_NOT_YET:
				return PROBE_NOTHING;
			case MESSAGE_HERE:
				if (take_message(answer))
					return PROBE_ANSWER;
				messages_forget(&messages);
				break;
			case MESSAGE_NONSENSE:
				probe_malformed();
				break;
			case MESSAGE_END:
				if (n_outstanding > 0)
					probe_ended();
				else
					disconnect();
				break;
		}
	}
	return PROBE_NOTHING;
}

/* Milliseconds left until the probe counts as silent. */
static long
patience(void)
{
	return setting_probe_timeout -
		TimestampDifferenceMilliseconds(last_sign, GetCurrentTimestamp());
}

ProbeEvent
probe_wait(ProbeAnswer *answer)
{
	for (;;)
	{
		int			events = WL_LATCH_SET | WL_SOCKET_READABLE | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH;
		ProbeEvent	event = probe_poll(answer);
		long		left;

		if (event != PROBE_NOTHING)
			return event;
		if (n_outstanding == 0)
			return PROBE_NOTHING;
		left = patience();
		if (left <= 0)
		{
			probe_abandon();
			return PROBE_SILENT;
		}
		if (sending != NULL)
			events |= WL_SOCKET_WRITEABLE;
		if (wait_event == 0)
			wait_event = WAIT_FOR_PROBE;
		(void) WaitLatchOrSocket(MyLatch, events, probe, left, wait_event);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

void
probe_answer_done(ProbeAnswer *answer)
{
	drop_request(answer->request);
	answer->request = NULL;
	messages_forget(&messages);
}
