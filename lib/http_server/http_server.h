#ifndef MP_HTTP_SERVER_HTTP_SERVER_H
#define MP_HTTP_SERVER_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/rc.h"
#include "json/json.h"
#include "store/idempotency.h"

/*
 * HTTP/1.1 on libmicrohttpd: network threads (epoll) and a fixed pool of workers. A route is data;
 * its handler runs on a worker and may block, or, with MP_ROUTE_INLINE, on the network thread and
 * may not. A handler returns a code; only here does a code become a status and a problem body
 * (RFC 9457, `type` "/problems/<name>"). MP_NOMEM of a handler that does not only read is told as
 * an unknown outcome: perhaps the answer alone lacked memory.
 */
struct mp_request;
struct mp_response;

enum mp_auth {
	MP_AUTH_NONE,	 /* anyone */
	MP_AUTH_USER,	 /* a user's access token */
	MP_AUTH_SERVICE, /* a service's token with the route's scope */
	MP_AUTH_COOKIE,	 /* our Origin and X-Requested-With are demanded here; the refresh cookie
	                    itself is the handler's to check */
};

enum mp_key_policy {
	MP_KEY_NONE, /* an Idempotency-Key is ignored */
	MP_KEY_ACCEPTED,
	MP_KEY_REQUIRED, /* absent: 400 */
};

#define MP_ROUTE_INLINE 1u   /* the handler never blocks; it runs on the network thread */
#define MP_ROUTE_PROVIDER 2u /* calls the payment provider: at most a quarter of the workers */
#define MP_ROUTE_QUIET 8u    /* called so often that a line is logged for refusals only */

typedef enum mp_rc (*mp_handler)(struct mp_request *req, struct mp_response *res, void *ctx);

struct mp_route {
	const char *method;
	const char *path; /* "/v1/payments/{id}/cancel"; {name} is one segment */
	enum mp_auth auth;
	const char *scope; /* MP_AUTH_SERVICE: one that is enough, or several by '|' */
	enum mp_key_policy key;
	unsigned flags;
	size_t body_bytes_max; /* 0: 16 KiB */
	mp_handler handler;
};

/* Who calls, as the token says. */
struct mp_principal {
	char subject[64]; /* a user's id, or a service's name */
	char session[40]; /* of a user: the session that the token came from */
	char scopes[128]; /* of a service: separated by spaces */
	/* From then on the token is not taken any more; 0 where a verifier does not say. */
	int64_t expires_at_s;
};

/*
 * Checks a bearer token. want is MP_AUTH_USER or MP_AUTH_SERVICE. MP_UNAUTHENTICATED when it is not
 * valid, MP_UNAVAILABLE when keys are not known yet. Called on network threads too: must not block.
 */
struct mp_verifier {
	enum mp_rc (*verify)(void *ctx, enum mp_auth want, const char *token, size_t token_len,
		struct mp_principal *out);
	void *ctx;
};

struct mp_http_server_config {
	const char *listen;	       /* "127.0.0.1:8081", "[::1]:8081", "0.0.0.0:80" */
	const struct mp_route *routes; /* borrowed until the server is closed */
	size_t routes_count;
	void *ctx; /* given to every handler */
	struct mp_verifier verifier;
	const char *origin;	  /* for MP_AUTH_COOKIE: the one allowed Origin */
	unsigned network_threads; /* 0: 2 */
	unsigned workers;	  /* 0: 16 */
	unsigned queue_max;	  /* requests waiting for a worker; over it 503. 0: 1024 */
	unsigned connections_max; /* over it 503. 0: 1536 */
	unsigned timeout_s;	  /* of an idle or slow connection. 0: 30 */
	/*
	 * /readyz: MP_OK, or a sentence; on a thread of its own, one call at a time: it may wait,
	 * for a second or two. /healthz and /metrics are served by the server itself.
	 */
	enum mp_rc (*ready)(void *ready_ctx, char reterr[160]);
	void *ready_ctx;
	struct mp_sink sink;
};

struct mp_http_server;

/* The address alone, for checking settings. MP_INVALID with a sentence in reterr. */
enum mp_rc mp_http_listen_check(const char *listen, char reterr[256]) MP_MUST_CHECK;

/*
 * Listens when it returns. Errors: MP_UNAVAILABLE (address taken or not ours: a sentence in reterr,
 * size 256), MP_INVALID (a route or address is malformed), MP_NOMEM.
 */
enum mp_rc mp_http_server_open(const struct mp_http_server_config *config,
	struct mp_http_server **out_server, char reterr[256]) MP_MUST_CHECK;

/*
 * No new connections; new requests are answered 503. Waits at most drain_ms for those that run or
 * wait; then answers 503 to what waits or is detached, waits for handlers to return, ends all.
 * Streams end at once, behind what they hold.
 * Takes NULL.
 */
void mp_http_server_close(struct mp_http_server *server, int drain_ms);

/* The port that it listens on (for ":0" in tests). */
uint16_t mp_http_server_port(const struct mp_http_server *server);

/* --- a request: borrowed for the handler's run (or until mp_request_finish, once detached) --- */

struct mp_arena *mp_request_arena(struct mp_request *req); /* freed with the response */
const struct mp_principal *mp_request_principal(const struct mp_request *req);
const char *mp_request_method(const struct mp_request *req);
const char *mp_request_path(const struct mp_request *req); /* as it came, without the query */
const char *mp_request_param(const struct mp_request *req, const char *name); /* of the path */
const char *mp_request_query(struct mp_request *req, const char *name);	      /* decoded; or NULL */
/* The query's fields in order, decoded, for who refuses unknown ones; NULL behind the last. */
const char *mp_request_query_at(const struct mp_request *req, size_t index, const char **out_value);
const char *mp_request_header(struct mp_request *req, const char *name);    /* or NULL */
const char *mp_request_cookie(struct mp_request *req, const char *name);    /* or NULL */
const char *mp_request_body(const struct mp_request *req, size_t *out_len); /* NUL-terminated */
/* The client's address: the gateway's X-Forwarded-For when the peer is loopback or private. */
const char *mp_request_address(struct mp_request *req);
void mp_request_idempotency(struct mp_request *req, struct mp_idempotency *out);

/*
 * The body as a JSON object (Content-Type application/json, else 415). *out_json is the request's.
 * MP_INVALID is already told to the client.
 */
enum mp_rc mp_request_json(struct mp_request *req, json_t **out_json) MP_MUST_CHECK;

/* The path parameter as an id; MP_NOT_FOUND when it is not one. */
enum mp_rc mp_request_param_id(
	struct mp_request *req, const char *name, struct mp_id *out_id) MP_MUST_CHECK;

/*
 * ?limit= (1..100, default 20) and ?cursor= (opaque to clients: base64url of the last sk with a
 * check value; *out_after NULL for the first page). MP_INVALID names the wrong one.
 */
enum mp_rc mp_request_page(
	struct mp_request *req, size_t *out_limit, const char **out_after) MP_MUST_CHECK;

/* For readers: adds to the problem's `errors` ([{field, message}]); then return MP_INVALID. */
const struct mp_field_errors *mp_request_field_errors(struct mp_request *req);

/*
 * Says more than the code does, before returning it: name becomes `type` "/problems/<name>", detail
 * one sentence for the person. Without it each code has its own name and sentence.
 */
void mp_request_problem(struct mp_request *req, const char *name, const char *detail);

/* --- the response --- */

/* Takes json. MP_NOMEM when json is NULL or cannot be written. Compact, keys as they were set. */
enum mp_rc mp_response_json(struct mp_response *res, unsigned status, json_t *json) MP_MUST_CHECK;

/* {items, next_cursor}: takes items; after is the last sk, NULL at the end. */
enum mp_rc mp_response_list(
	struct mp_response *res, json_t *items, const char *after) MP_MUST_CHECK;

/* bytes are copied. content_type is a literal. */
enum mp_rc mp_response_body(struct mp_response *res, unsigned status, const char *content_type,
	const char *bytes, size_t len) MP_MUST_CHECK;

enum mp_rc mp_response_empty(struct mp_response *res, unsigned status) MP_MUST_CHECK; /* 204, 303 */
enum mp_rc mp_response_header(
	struct mp_response *res, const char *name, const char *value) MP_MUST_CHECK;

/* Ends the connection without an answer: for stand-ins of others' services that fail on request. */
void mp_response_hang_up(struct mp_response *res);

/* --- an answer that is written over time, from any thread --- */

struct mp_stream;

/*
 * In a handler: the answer is 200 with the header fields set so far, and a body of which the end is
 * not known yet, sent as it is written, until mp_stream_end. The connection is not used again.
 * *out_stream is the writer's, to be ended once, whatever the handler returns; with any other code
 * than MP_OK the client gets the problem, and the stream has no reader. content_type is a literal.
 *
 * Memory   at most bytes_max wait to be sent, and about as many in the system; none while idle.
 * Bounds   a stream is a connection, counted as such (connections_max). A reader that takes nothing
 *          for the server's timeout_s while something waits is cut off. One that has gone is
 *          noticed by writes: so write something now and then (a heartbeat).
 * Closing  the server ends its streams when it closes; the writer may outlive it.
 * Threads  any; one stream by several, too.
 */
enum mp_rc mp_response_stream(struct mp_response *res, const char *content_type, size_t bytes_max,
	struct mp_stream **out_stream) MP_MUST_CHECK;

/*
 * All of it or nothing: MP_BUSY while there is no room (the reader is slow: later, or never),
 * MP_TOO_LARGE over bytes_max, MP_NOMEM; MP_NOT_FOUND: nobody reads any more. Never waits: one
 * system call, or two.
 */
enum mp_rc mp_stream_write(struct mp_stream *stream, const void *bytes, size_t len) MP_MUST_CHECK;

/* False: nobody reads any more. */
bool mp_stream_is_read(struct mp_stream *stream);

/* What was written is sent, then the body ends. The stream is not the caller's any more. NULL. */
void mp_stream_end(struct mp_stream *stream);

/* --- answering later, from any thread --- */

/*
 * In a handler: keeps the request and its response open, to be answered by exactly one
 * mp_request_finish, from any thread, also after the server was closed; the handler then returns
 * MP_PENDING. A handler that cannot hand the request over returns another code instead, which
 * finishes it. Not answered by the time the server closes: 503.
 *
 * Once detached, only its arena, principal, path parameters, body, JSON, problem and response may
 * be used, by one thread at a time: header fields, query and cookies are not there any more.
 * Finishing is cheap (one system call): the answer is written out by the network thread.
 */
void mp_request_detach(struct mp_request *req);
struct mp_response *mp_request_response(struct mp_request *req);
void mp_request_finish(struct mp_request *req, enum mp_rc rc);

/*
 * As mp_request_finish with what answer returns, which is called on the request's network thread:
 * whoever finishes many at once does not write their answers, too. Not called when the server was
 * closed before. MP_PENDING is MP_BUG.
 */
typedef enum mp_rc (*mp_request_answer)(struct mp_request *req, struct mp_response *res, void *ctx);
void mp_request_finish_with(struct mp_request *req, mp_request_answer answer, void *ctx);

#endif
