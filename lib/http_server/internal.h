#ifndef MP_HTTP_SERVER_INTERNAL_H
#define MP_HTTP_SERVER_INTERNAL_H

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

#include "http_server/http_server.h"
#include "base/trace.h"
#include "metrics/metrics.h"

/*
 * What the files of http_server share. Each has one job:
 *	server.c      opening and closing
 *	acceptor.c    the listening socket; hands connections to the networks
 *	connection.c  libmicrohttpd's callbacks: a request's way from its first byte to its last
 *	check.c       everything that is refused before a handler sees it
 *	headers.c     the header fields that the server itself reads, their framing, addresses
 *	route.c       paths, patterns, percent-encoding
 *	pool.c        workers and their bounded queue
 *	request.c     what handlers read
 *	page.c        limits and cursors
 *	response.c    what handlers write, and how it is sent
 *	stream.c      answers that are written over time
 *	problem.c     a code becomes a status and a problem body
 *	observe.c     one log line and two metrics per request
 *
 * Who may touch a request is its stage:
 *	READING    its network thread
 *	RUNNING    the thread that runs the handler (if that is a worker, it is suspended)
 *	DETACHED   whoever the handler gave it to, until mp_request_finish
 *	ANSWERED   its network thread again
 *	ABANDONED  was detached when the server closed: the network thread answers 503 without
 *	           looking at it, and the last of connection and finisher frees it
 */
enum stage {
	STAGE_READING,
	STAGE_RUNNING,
	STAGE_DETACHED,
	STAGE_ANSWERED,
	STAGE_ABANDONED,
};

#define HTTP_BODY_BYTES_USUAL (16u * 1024)
#define HTTP_ARENA_BYTES (4u * 1024 * 1024) /* and thrice the body */
#define HTTP_HEADER_BYTES_MAX (8u * 1024)
#define HTTP_DISCARD_BYTES_MAX (8u * 1024 * 1024) /* of a refused body; beyond it we hang up */
#define HTTP_SEGMENTS_MAX 8
#define HTTP_PARAMS_MAX 4
#define HTTP_ARGS_MAX 16
#define HTTP_FIELD_ERRORS_MAX 64
#define HTTP_STATUS_SLOTS 24
#define HTTP_ROUTE_READYZ 256u /* beside MP_ROUTE_*: has a worker of its own */
#define HTTP_READYZ_QUEUE_MAX 16

struct segment {
	const char *text;
	size_t len;
	bool is_param;
};

struct route {
	const struct mp_route *spec;
	void *ctx;
	struct segment segments[HTTP_SEGMENTS_MAX];
	size_t segments_count;
	size_t body_bytes_max;
	struct mp_metric *seconds;
	_Atomic(struct mp_metric *) requests[HTTP_STATUS_SLOTS];
};

struct param {
	const char *name;
	size_t name_len;
	const char *value;
};

/* The header fields that the server reads itself, found in one pass; the connection's. */
struct known_headers {
	const char *authorization;
	const char *content_length;
	const char *content_type;
	const char *expect;
	const char *forwarded_for;
	const char *host;
	const char *idempotency_key;
	const char *origin;
	const char *requested_with;
	const char *traceparent;
	const char *transfer_encoding;
	bool repeated; /* one that must stand once stands twice */
};

struct field_error {
	const char *field;
	const char *message;
	struct field_error *next;
};

struct header_out {
	const char *name;
	const char *value;
	struct header_out *next;
};

struct mp_response {
	struct mp_request *req;
	unsigned status; /* 0: not set */
	const char *content_type;
	const char *body; /* the arena's */
	size_t body_len;
	struct header_out *headers;
	struct header_out **headers_end;
	bool hang_up;
	struct mp_stream *stream; /* the body, instead of those above */
};

struct mp_request {
	/* kept from request to request on one connection */
	struct mp_http_server *server;
	struct connection *conn;
	struct mp_arena *arena;
	struct mp_field_errors field_errors;
	atomic_uint refs; /* the connection's, and a finisher's while detached */

	/* of this request */
	_Atomic enum stage stage;
	struct route *route; /* never NULL: the server's `unmatched` when nothing matches */
	const char *method;
	const char *path; /* as it came; the connection's */
	struct known_headers headers;
	struct param params[HTTP_PARAMS_MAX];
	size_t params_count;
	struct param args[HTTP_ARGS_MAX];
	size_t args_count;
	struct mp_principal principal;
	char *body;
	size_t body_len;
	size_t body_capacity;
	size_t body_bytes_seen;
	json_t *json;
	int64_t started_us;
	enum mp_rc early_rc; /* found before the handler: answered when the body has been read */
	enum mp_rc rc;
	unsigned problem_status; /* 0: that of the code */
	const char *problem_name;
	const char *problem_detail;
	struct field_error *errors;
	struct field_error **errors_end;
	size_t errors_count;
	struct mp_response res;
	char traceparent[MP_TRACEPARENT_SIZE]; /* kept when detached, for the log line */
	char address[INET6_ADDRSTRLEN];
	bool close_after;
	bool was_detached;
	bool dispatched; /* counted in server->dispatched */
	bool *detached_in_handler;
	mp_request_answer answer; /* called once resumed; NULL: rc and res are there */
	void *answer_ctx;
	struct mp_request *next; /* in the pool's queue */
	int64_t queue_turn;
};

struct connection {
	struct network *network;
	struct MHD_Connection *mhd;
	struct mp_request *request; /* changed under the network's mutex */
	struct connection *next;
	struct connection *previous;
};

/* One network thread: a libmicrohttpd daemon without a listening socket. */
struct network {
	struct mp_http_server *server;
	struct MHD_Daemon *daemon;
	pthread_mutex_t mutex;
	struct connection *connections;
	atomic_uint connections_count;
};

struct acceptor {
	int listen_fd;
	int wake_fd;
	pthread_t thread;
	bool running;
	uint16_t port;
	struct mp_metric *turned_away;
};

struct mp_http_server {
	struct mp_http_server_config config; /* with defaults filled in */
	char *origin;
	struct route *routes;
	size_t routes_count;
	struct route unmatched;
	size_t arena_bytes_max;
	struct network *networks;
	struct pool *pool;
	struct pool *readyz; /* one worker: it is not asked behind the work whether it can work */
	struct acceptor acceptor;
	pthread_mutex_t streams_mutex;
	struct mp_stream *streams;	/* those that have a connection */
	struct MHD_Response *abandoned; /* says 503 without needing memory */
	atomic_bool closing;
	atomic_uint requests;	/* begun and not yet sent */
	atomic_uint dispatched; /* given to a handler or refused, not yet queued for sending */
	atomic_uint finishers;	/* of detached requests that may still touch the server */
};

/* acceptor.c */
struct listen_address {
	struct sockaddr_storage address;
	socklen_t len;
};
enum mp_rc http_listen_parse(const char *text, struct listen_address *out, char reterr[256]);
enum mp_rc http_acceptor_open(struct mp_http_server *server, char reterr[256]);
enum mp_rc http_acceptor_start(struct mp_http_server *server);
void http_acceptor_close(struct mp_http_server *server);

/* connection.c */
enum mp_rc http_network_open(struct network *network);
void http_network_abandon(struct network *network); /* detached requests get their 503 */
void http_network_close(struct network *network);
bool http_run_handler(struct mp_request *req); /* false: answered elsewhere; do not touch req */

/* check.c */
enum mp_rc http_check(struct mp_request *req, const char *url, size_t header_bytes);

/* headers.c */
void http_headers_read(struct mp_request *req);
enum mp_rc http_headers_check_framing(struct mp_request *req, uint64_t *out_content_length);
bool http_media_type_is_json(const char *content_type);

/* route.c */
enum mp_rc http_routes_compile(struct mp_http_server *server, char reterr[256]);
enum mp_rc http_route_find(struct mp_request *req, const char *url);
enum mp_rc http_percent_decode(
	struct mp_arena *arena, const char *text, size_t len, bool is_path, const char **out_text);
extern const struct mp_route http_builtin_routes[];
extern const size_t http_builtin_routes_count;

/* pool.c */
enum mp_rc http_pool_open(unsigned workers, unsigned queue_max, struct pool **out_pool);
bool http_pool_reserve(struct pool *pool, bool provider);	/* a place in the queue, or false */
void http_pool_push(struct pool *pool, struct mp_request *req); /* into the reserved place */
void http_pool_stop(struct pool *pool); /* answers what waits 503, joins; refuses from then on */
void http_pool_free(struct pool *pool);

/* problem.c: name is a literal; detail too, or the arena's; NULL: that of the code */
enum mp_rc http_refuse(struct mp_request *req, unsigned status, const char *name,
	const char *detail, enum mp_rc rc);
void http_settle(struct mp_request *req, enum mp_rc rc); /* res is an answer afterwards */

/* response.c */
enum MHD_Result http_send(struct mp_request *req);
struct MHD_Response *http_abandoned_new(void);
void http_response_begin(struct mp_request *req);
bool http_response_has(const struct mp_response *res, const char *name);

/* stream.c */
struct MHD_Response *http_stream_response(struct mp_request *req); /* NULL without memory */
void http_stream_leave(struct mp_response *res); /* it has no connection any more; or no stream */
void http_streams_end(struct mp_http_server *server); /* once what they hold is sent */

/* observe.c */
void http_observe_open(struct route *route);
void http_observe_log(struct mp_request *req);
void http_observe_count(struct mp_request *req);

/* request.c */
struct mp_request *http_request_new(struct mp_http_server *server, struct connection *conn);
void http_request_reset(struct mp_request *req);
void http_request_unref(struct mp_request *req);

static inline bool http_is_inline(const struct route *route)
{
	return (route->spec->flags & MP_ROUTE_INLINE) != 0;
}

#endif
