/*
 * probe_client.h: requests to the probe and its answers, without ever blocking on the disk.
 *
 * A request is written once (probe_request, then the fields of protocol.h), sent, and answered
 * later; several may be under way.  The session's probe is started when the first is sent.
 */
#ifndef MISSING_PHOTOS_PROBE_CLIENT_H
#define MISSING_PHOTOS_PROBE_CLIENT_H

#include "compat.h"
#include "protocol/wire.h"

typedef struct ProbeRequest ProbeRequest;

typedef enum ProbeEvent
{
	PROBE_NOTHING,				/* no answer has come */
	PROBE_ANSWER,
	PROBE_SILENT				/* probe_timeout without a sign of life: every request is void */
} ProbeEvent;

typedef struct ProbeAnswer
{
	ProbeRequest *request;		/* as returned by probe_send; gone when the answer is released */
	uint8		type;
	MpReader	body;			/* valid until probe_answer_done */
} ProbeAnswer;

extern void probe_client_init(void);

/*
 * Says what the session's probe may read: what lies below these paths, or anything (n = 0).  A probe
 * that was told something else is let go; the next request starts another.  Every verb says so first:
 * it is an error while requests of another one are under way.
 */
extern void probe_confine(int n, const char *const *paths);

/* The same for a probe that may also remove files there (REMOVE of protocol.h): the drainer's. */
extern void probe_confine_removing(int n, const char *const *paths);

/*
 * Remembers a number under a name for as long as this probe lives; false when another number was
 * remembered before.
 */
extern bool probe_remember(const char *name, uint64 value);

/* Begins a request; its fields are written to the returned writer.  Ends an old one's remains. */
extern MpWriter *probe_request(MpMessageType type);

/* Sends what was written since probe_request.  The handle stays valid until it is answered. */
extern ProbeRequest *probe_send(void);

/* Takes an answer that is already here; never waits. */
extern ProbeEvent probe_poll(ProbeAnswer *answer);

/* Waits for the next answer, for interrupts, and no longer than probe_timeout without a sign. */
extern ProbeEvent probe_wait(ProbeAnswer *answer);

/* Frees the answer and its request. */
extern void probe_answer_done(ProbeAnswer *answer);

/* How many requests are under way. */
extern int	probe_outstanding(void);

/* Gives up every request and the probe with them.  Never raises an error. */
extern void probe_abandon(void);

/* An answer that isn't what protocol.h says: abandons the probe and raises an error. */
pg_noreturn extern void probe_malformed(void);

#endif							/* MISSING_PHOTOS_PROBE_CLIENT_H */
