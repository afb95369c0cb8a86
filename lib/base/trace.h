#ifndef MP_BASE_TRACE_H
#define MP_BASE_TRACE_H

/*
 * W3C Trace Context (traceparent, version 00) of the work that this thread does now. The HTTP
 * server and the bus set it; log lines, outgoing requests and outbox rows carry it on.
 */
#define MP_TRACEPARENT_SIZE 56

/* Takes over a caller's traceparent, or starts a new trace when it is NULL or not well-formed. */
void mp_trace_begin(const char *traceparent);
void mp_trace_end(void);

/* The header to send on: same trace, a new parent id. "" outside a trace. */
void mp_trace_next(char out_traceparent[MP_TRACEPARENT_SIZE]);

/* 32 hex digits, or "" outside a trace. Borrowed; this thread's. */
const char *mp_trace_id(void);

#endif
