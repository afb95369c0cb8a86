#ifndef MP_HTTP_CLIENT_HTTP_CLIENT_H
#define MP_HTTP_CLIENT_HTTP_CLIENT_H

#include <stddef.h>

#include "base/arena.h"
#include "base/rc.h"

/*
 * Outgoing HTTP on libcurl: one keep-alive handle per thread, no redirects, bounded answers, the
 * thread's traceparent sent on. Threads: a client may be shared by any.
 */
struct mp_http_client;

struct mp_http_client_config {
	const char *base_url;	 /* "http://127.0.0.1:8082"; borrowed */
	long connect_timeout_ms; /* 0: 2,000 */
	long timeout_ms;	 /* of the whole call. 0: 10,000 */
	size_t answer_bytes_max; /* 0: 1 MiB */
};

/* curl_global_init once, before threads. MP_BUG. */
enum mp_rc mp_http_client_global_init(void) MP_MUST_CHECK;

enum mp_rc mp_http_client_open(const struct mp_http_client_config *config,
	struct mp_http_client **out_client) MP_MUST_CHECK;
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
};

struct mp_http_answer {
	long status;
	const char *body; /* NUL-terminated, in the arena */
	size_t body_len;
	const char *content_type;
	long retry_after_s; /* -1: not given */
};

/*
 * MP_OK whatever the status, once an answer came whole. MP_UNAVAILABLE: never sent (no connection).
 * MP_UNKNOWN: sent, perhaps, and no whole answer. MP_TOO_LARGE, MP_NOMEM: after it was sent.
 */
enum mp_rc mp_http_call(struct mp_http_client *client, const struct mp_http_call *call,
	struct mp_arena *arena, struct mp_http_answer *out_answer) MP_MUST_CHECK;

/* Percent-encodes all but unreserved characters (RFC 3986). NULL without memory. */
const char *mp_url_encode(struct mp_arena *arena, const char *text);

#endif
