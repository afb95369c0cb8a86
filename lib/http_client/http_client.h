#ifndef MP_HTTP_CLIENT_HTTP_CLIENT_H
#define MP_HTTP_CLIENT_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/rc.h"

/*
 * Outgoing HTTP on libcurl: kept-alive connections, as many as calls run at once; no redirects,
 * bounded answers, the thread's traceparent sent on. http:// goes there directly; https:// by the
 * environment's HTTPS_PROXY, if any. Threads: a client may be shared by any.
 */
struct mp_http_client;

struct mp_http_client_config {
	const char *base_url;	 /* "http://127.0.0.1:8082", no slash at its end */
	long connect_timeout_ms; /* 0: 2,000 */
	long timeout_ms;	 /* of the whole call. 0: 10,000 */
	size_t answer_bytes_max; /* 0: 1 MiB */
};

/* curl_global_init once, before threads. MP_BUG. */
enum mp_rc mp_http_client_global_init(void) MP_MUST_CHECK;

/* MP_INVALID: base_url is not http:// or https://. MP_NOMEM. Nothing is connected yet. */
enum mp_rc mp_http_client_open(const struct mp_http_client_config *config,
	struct mp_http_client **out_client) MP_MUST_CHECK;

/* When no call runs any more. Takes NULL. */
void mp_http_client_close(struct mp_http_client *client);

struct mp_http_header {
	const char *name;
	const char *value;
};

struct mp_http_call {
	const char *method;
	const char *path;	  /* with query, already encoded */
	const char *content_type; /* NULL: no body */
	const char *body;
	size_t body_len;
	const char *bearer; /* token or key; NULL: none. Never logged. */
	const struct mp_http_header *headers;
	size_t headers_count;
	long timeout_ms; /* 0: the client's */
	/*
	 * Never sent twice: a kept connection that dies once a part of the body was sent gives
	 * MP_UNKNOWN. For writes whose caller must know that the first sending was ambiguous.
	 */
	bool once;
};

struct mp_http_answer {
	long status;
	const char *body; /* NUL-terminated, in the arena */
	size_t body_len;
	const char *content_type;
	long retry_after_s; /* -1: not given */
	const char *date;   /* the server's clock, as its header says it; "" when it does not */
	bool replayed;	    /* Idempotent-Replayed: true, an answer kept under the request's key */
};

/*
 * MP_OK whatever the status, once an answer came whole. MP_UNAVAILABLE: never sent (no connection,
 * no memory for the call). MP_INVALID: never sent (a control character or space in method, path or
 * a header). MP_UNKNOWN: sent, perhaps, and no whole answer. MP_TOO_LARGE, MP_NOMEM: after it was
 * sent. When a kept connection turns out to be dead before anything came back, libcurl sends the
 * request once more on a new one: whatever must not be done twice carries an id of its own, or says
 * once.
 */
enum mp_rc mp_http_call(struct mp_http_client *client, const struct mp_http_call *call,
	struct mp_arena *arena, struct mp_http_answer *out_answer) MP_MUST_CHECK;

/* Percent-encodes all but unreserved characters (RFC 3986). NULL without memory. */
const char *mp_url_encode(struct mp_arena *arena, const char *text);

#endif
