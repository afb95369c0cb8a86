#include "http_server/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/trace.h"

/*
 * libmicrohttpd calls on_request when the headers are there, again with each piece of the body,
 * again at the end of the body, and once more when a suspended connection was resumed.
 */
#define MEMORY_BYTES_PER_CONNECTION (16u * 1024)
#define STACK_BYTES (256u * 1024)
#define TRACE_ID_LEN 32

/* --- running a handler --- */

bool http_run_handler(struct mp_request *req)
{
	const struct route *route = req->route;
	bool detached = false;

	req->detached_in_handler = &detached;
	mp_trace_begin(req->headers.traceparent);
	enum mp_rc rc = route->spec->handler(req, &req->res, route->ctx);
	if (detached) {
		/* Nobody else will finish what the handler could not hand over. */
		if (rc != MP_PENDING)
			mp_request_finish(req, rc);
	} else {
		http_settle(req, rc == MP_PENDING ? MP_BUG : rc);
		http_observe_log(req);
	}
	mp_trace_end();
	return !detached;
}

/* Only the trace's id is wanted again, by the log line; any parent id will do. */
static void keep_trace(struct mp_request *req)
{
	const char *id = mp_trace_id();

	assert(strlen(id) == TRACE_ID_LEN);
	memcpy(req->traceparent, "00-", 3);
	memcpy(req->traceparent + 3, id, TRACE_ID_LEN);
	memcpy(req->traceparent + 35, "-0123456789abcdef-01", 21);
}

void mp_request_detach(struct mp_request *req)
{
	struct mp_http_server *server = req->server;
	enum stage running = STAGE_RUNNING;

	assert(req->detached_in_handler != NULL && !*req->detached_in_handler);
	*req->detached_in_handler = true;
	req->detached_in_handler = NULL;
	req->was_detached = true;
	keep_trace(req);
	atomic_fetch_add(&req->refs, 1);
	atomic_fetch_add(&server->finishers, 1);
	if (http_is_inline(req->route))
		MHD_suspend_connection(req->conn->mhd); /* else it is already */

	bool moved = atomic_compare_exchange_strong(&req->stage, &running, STAGE_DETACHED);
	assert(moved);
	(void)moved;
}

static void finish(struct mp_request *req)
{
	struct mp_http_server *server = req->server;
	enum stage detached = STAGE_DETACHED;

	/* When the server has abandoned it, neither the server nor the connection may be there. */
	if (atomic_compare_exchange_strong(&req->stage, &detached, STAGE_ANSWERED)) {
		MHD_resume_connection(req->conn->mhd);
		atomic_fetch_sub(&server->finishers, 1); /* now the server may close */
	}
	http_request_unref(req);
}

void mp_request_finish(struct mp_request *req, enum mp_rc rc)
{
	req->rc = rc == MP_PENDING ? MP_BUG : rc;
	finish(req);
}

void mp_request_finish_with(struct mp_request *req, mp_request_answer answer, void *ctx)
{
	req->answer = answer;
	req->answer_ctx = ctx;
	finish(req);
}

/* --- answering --- */

static void leave_dispatched(struct mp_request *req)
{
	if (req->dispatched)
		atomic_fetch_sub(&req->server->dispatched, 1);
	req->dispatched = false;
}

static enum MHD_Result send_settled(struct mp_request *req)
{
	enum MHD_Result queued = http_send(req);

	http_observe_count(req);
	leave_dispatched(req);
	return queued;
}

static enum MHD_Result answer_now(struct mp_request *req, enum mp_rc rc)
{
	mp_trace_begin(req->headers.traceparent);
	http_settle(req, rc);
	http_observe_log(req);
	mp_trace_end();
	return send_settled(req);
}

/* The finisher may still be writing to an abandoned request, so nothing of it is looked at. */
static enum MHD_Result answer_abandoned(struct mp_request *req)
{
	enum MHD_Result queued = MHD_queue_response(req->conn->mhd, 503, req->server->abandoned);

	leave_dispatched(req);
	return queued;
}

static enum MHD_Result answer_resumed(struct mp_request *req)
{
	if (req->was_detached) {
		mp_trace_begin(req->traceparent);
		if (req->answer != NULL)
			req->rc = req->answer(req, &req->res, req->answer_ctx);
		http_settle(req, req->rc == MP_PENDING ? MP_BUG : req->rc);
		http_observe_log(req);
		mp_trace_end();
	}
	return send_settled(req);
}

/* --- the three phases of a request --- */

static enum MHD_Result dispatch(struct mp_request *req)
{
	struct mp_http_server *server = req->server;

	/* Counted before `closing` is read: a server that closes waits for whom it did not stop. */
	atomic_fetch_add(&server->dispatched, 1);
	req->dispatched = true;
	if (req->early_rc != MP_OK)
		return answer_now(req, req->early_rc);
	if (atomic_load(&server->closing)) {
		req->close_after = true;
		mp_request_problem(req, "unavailable", "The service is restarting.");
		return answer_now(req, MP_UNAVAILABLE);
	}
	if (http_is_inline(req->route)) {
		atomic_store(&req->stage, STAGE_RUNNING);
		return http_run_handler(req) ? send_settled(req) : MHD_YES;
	}
	unsigned flags = req->route->spec->flags;
	struct pool *pool = flags & HTTP_ROUTE_READYZ ? server->readyz : server->pool;
	if (!http_pool_reserve(pool, flags & MP_ROUTE_PROVIDER))
		return answer_now(req, MP_BUSY);
	atomic_store(&req->stage, STAGE_RUNNING);
	MHD_suspend_connection(req->conn->mhd); /* before a worker can resume it */
	http_pool_push(pool, req);
	return MHD_YES;
}

static enum mp_rc refuse_body(struct mp_request *req)
{
	const char *detail = mp_arena_printf(req->arena,
		"The body is larger than %zu bytes, the most that this address takes.",
		req->route->body_bytes_max);

	return http_refuse(req, 0, "too_large", detail, MP_TOO_LARGE);
}

static enum MHD_Result add_body(struct mp_request *req, const char *bytes, size_t len)
{
	int64_t time_max_us = (int64_t)req->server->config.timeout_s * 2 * 1000000;

	req->body_bytes_seen += len;
	if (req->body_bytes_seen > HTTP_DISCARD_BYTES_MAX + req->route->body_bytes_max)
		return MHD_NO;
	if (mp_clock_mono_us() - req->started_us > time_max_us)
		return MHD_NO; /* a byte now and then is no way to hold a connection */
	if (req->early_rc != MP_OK)
		return MHD_YES;
	if (req->body_bytes_seen > req->route->body_bytes_max) {
		req->early_rc = refuse_body(req);
		return MHD_YES;
	}
	if (req->body_len + len > req->body_capacity) {
		/* Chunked: its length was not told before. */
		size_t capacity = 2 * (req->body_len + len);
		char *body = mp_arena_alloc(req->arena, capacity + 1);
		if (body == NULL) {
			req->early_rc = MP_NOMEM;
			return MHD_YES;
		}
		if (req->body_len > 0)
			memcpy(body, req->body, req->body_len);
		req->body = body;
		req->body_capacity = capacity;
	}
	memcpy(req->body + req->body_len, bytes, len);
	req->body_len += len;
	return MHD_YES;
}

static struct connection *connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info == NULL ? NULL : info->socket_context;
}

static size_t header_bytes_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

	return info == NULL ? 0 : info->header_size;
}

static struct mp_request *request_of(struct connection *conn)
{
	struct network *network = conn->network;

	if (conn->request == NULL) {
		struct mp_request *req = http_request_new(network->server, conn);
		(void)pthread_mutex_lock(&network->mutex);
		conn->request = req;
		(void)pthread_mutex_unlock(&network->mutex);
	}
	return conn->request;
}

/*
 * A refused body is read and dropped first, so that the client is not cut off while it sends; but
 * not one whose end is in doubt, one that is huge, or one that waits for our "100 Continue".
 */
static bool refuse_at_once(
	const struct mp_request *req, bool framing_is_wrong, uint64_t content_length)
{
	return req->early_rc != MP_OK &&
	       (framing_is_wrong || content_length > HTTP_DISCARD_BYTES_MAX ||
		       req->headers.expect != NULL);
}

static enum MHD_Result first_call(
	struct MHD_Connection *mhd, const char *url, const char *method, void **out_context)
{
	struct connection *conn = connection_of(mhd);
	struct mp_request *req = conn == NULL ? NULL : request_of(conn);
	uint64_t content_length = 0;

	if (req == NULL)
		return MHD_NO; /* without memory for a request there is none for an answer */
	*out_context = req;
	atomic_fetch_add(&req->server->requests, 1);
	req->started_us = mp_clock_mono_us();
	req->method = method;
	req->path = url;
	http_headers_read(req);
	req->early_rc = http_headers_check_framing(req, &content_length);
	bool framing_is_wrong = req->early_rc != MP_OK;
	if (!framing_is_wrong)
		req->early_rc = http_check(req, url, header_bytes_of(mhd));
	if (req->early_rc == MP_OK && content_length > req->route->body_bytes_max)
		req->early_rc = refuse_body(req);
	if (refuse_at_once(req, framing_is_wrong, content_length)) {
		atomic_fetch_add(&req->server->dispatched, 1);
		req->dispatched = true;
		return answer_now(req, req->early_rc);
	}
	if (req->early_rc == MP_OK && content_length > 0) {
		req->body = mp_arena_alloc(req->arena, (size_t)content_length + 1);
		if (req->body == NULL)
			req->early_rc = MP_NOMEM;
		else
			req->body_capacity = (size_t)content_length;
	}
	return MHD_YES;
}

/* --- libmicrohttpd's callbacks --- */

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_len,
	void **context)
{
	struct mp_request *req = *context;

	if (req == NULL)
		return first_call(mhd, url, method, context);
	if (*upload_len > 0) {
		size_t len = *upload_len;
		*upload_len = 0;
		return add_body(req, upload, len);
	}
	switch (atomic_load(&req->stage)) {
	case STAGE_READING:
		return dispatch(req);
	case STAGE_ANSWERED:
		return answer_resumed(req);
	case STAGE_ABANDONED:
		return answer_abandoned(req);
	case STAGE_RUNNING:
	case STAGE_DETACHED:
		break; /* its connection is suspended */
	}
	return MHD_YES;
}

/* The answer has been sent, or the connection is gone. */
static void on_completed(
	void *cls, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode why)
{
	struct mp_request *req = *context;

	if (req == NULL)
		return;
	*context = NULL;
	leave_dispatched(req);
	atomic_fetch_sub(&req->server->requests, 1);
	if (atomic_load(&req->stage) != STAGE_ABANDONED) {
		http_request_reset(req);
		return;
	}
	struct connection *conn = req->conn;
	(void)pthread_mutex_lock(&conn->network->mutex);
	conn->request = NULL;
	(void)pthread_mutex_unlock(&conn->network->mutex);
	http_request_unref(req);
}

static void connection_started(
	struct network *network, struct MHD_Connection *mhd, void **socket_context)
{
	struct connection *conn = calloc(1, sizeof(*conn));

	*socket_context = conn; /* NULL: its first request ends it */
	if (conn == NULL)
		return;
	conn->network = network;
	conn->mhd = mhd;

	(void)pthread_mutex_lock(&network->mutex);
	conn->next = network->connections;
	if (conn->next != NULL)
		conn->next->previous = conn;
	network->connections = conn;
	(void)pthread_mutex_unlock(&network->mutex);
}

static void connection_closed(struct network *network, void **socket_context)
{
	struct connection *conn = *socket_context;

	*socket_context = NULL;
	atomic_fetch_sub(&network->connections_count, 1);
	if (conn == NULL)
		return;
	(void)pthread_mutex_lock(&network->mutex);
	if (conn->next != NULL)
		conn->next->previous = conn->previous;
	if (conn->previous != NULL)
		conn->previous->next = conn->next;
	else
		network->connections = conn->next;
	(void)pthread_mutex_unlock(&network->mutex);
	http_request_unref(conn->request);
	free(conn);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
	enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		connection_started(cls, mhd, socket_context);
	else
		connection_closed(cls, socket_context);
}

/* Paths and queries are decoded here once, and strictly: libmicrohttpd leaves them as they are. */
static size_t keep_escapes(void *cls, struct MHD_Connection *mhd, char *text)
{
	return text == NULL ? 0 : strlen(text);
}

/* --- a network's life --- */

enum mp_rc http_network_open(struct network *network)
{
	const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET |
			       MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC;

	/*
	 * The limit is never to be reached: libmicrohttpd 0.9.75 leaves a mutex locked there. The
	 * acceptor keeps far below it.
	 */
	network->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, network,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, network, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, network, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, network,
		MHD_OPTION_CONNECTION_LIMIT, 1u << 20, MHD_OPTION_CONNECTION_TIMEOUT,
		network->server->config.timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)MEMORY_BYTES_PER_CONNECTION, MHD_OPTION_THREAD_STACK_SIZE,
		(size_t)STACK_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	return network->daemon == NULL ? MP_NOMEM : MP_OK;
}

void http_network_abandon(struct network *network)
{
	(void)pthread_mutex_lock(&network->mutex);
	for (struct connection *conn = network->connections; conn != NULL; conn = conn->next) {
		enum stage detached = STAGE_DETACHED;
		struct mp_request *req = conn->request;

		if (req == NULL ||
			!atomic_compare_exchange_strong(&req->stage, &detached, STAGE_ABANDONED))
			continue;
		MHD_resume_connection(conn->mhd);
		/* Its finisher will see that it was abandoned and touch nothing but the request. */
		atomic_fetch_sub(&network->server->finishers, 1);
	}
	(void)pthread_mutex_unlock(&network->mutex);
}

void http_network_close(struct network *network)
{
	if (network->daemon != NULL)
		MHD_stop_daemon(network->daemon);
	network->daemon = NULL;
}
