#include "http_server/internal.h"

#include <assert.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/*
 * A body that is written over time. While there is nothing to send the connection is suspended, so
 * that an idle stream costs its memory and no time. libmicrohttpd does not notice then that the
 * peer has gone: each write looks for that.
 *
 * A stream is held by its writer, by its request, and by libmicrohttpd's response; the last one
 * frees it. Its mutex is taken behind the server's streams_mutex, and before libmicrohttpd's own.
 */
#define MHD_BLOCK_BYTES 1024 /* only for HTTP/1.0: chunks are made in the connection's memory */
#define CAPACITY_FIRST 512u

struct mp_stream {
	atomic_uint refs;
	struct mp_http_server *server; /* only from http_stream_attach to http_stream_leave */
	struct mp_stream *next;	       /* of the server's, under its streams_mutex */
	struct mp_stream *previous;

	pthread_mutex_t mutex; /* over all below */
	char *bytes;	       /* bytes[taken..len) wait to be sent; NULL while nothing does */
	size_t taken;
	size_t len;
	size_t capacity;
	size_t bytes_max;
	bool ended;  /* the writer has said all */
	bool closed; /* nobody reads any more: the peer is gone, or the server closes */
	bool failed; /* the peer is known to be gone: what waits is not sent */
	bool asleep; /* the connection is suspended */
	struct MHD_Connection *mhd; /* NULL before and after it has one */
	int fd;
};

static void unref(void *cls)
{
	struct mp_stream *stream = cls;

	if (atomic_fetch_sub(&stream->refs, 1) != 1)
		return;
	(void)pthread_mutex_destroy(&stream->mutex);
	free(stream->bytes);
	free(stream);
}

/* With the mutex held, as all that follow here. */
static void wake(struct mp_stream *stream)
{
	if (stream->asleep)
		MHD_resume_connection(stream->mhd);
	stream->asleep = false;
}

/* One system call. POLLRDHUP is seen behind unread bytes, too, where reading ahead would not. */
static bool peer_is_there(struct mp_stream *stream)
{
	struct pollfd fd = {.fd = stream->fd, .events = POLLRDHUP};

	if (stream->closed)
		return false;
	if (stream->mhd == NULL || poll(&fd, 1, 0) <= 0)
		return true;
	stream->closed = true;
	stream->failed = true;
	wake(stream);
	return false;
}

static void free_bytes(struct mp_stream *stream)
{
	free(stream->bytes);
	stream->bytes = NULL;
	stream->taken = 0;
	stream->len = 0;
	stream->capacity = 0;
}

static enum mp_rc make_room(struct mp_stream *stream, size_t len)
{
	size_t waiting = stream->len - stream->taken;
	size_t capacity = stream->capacity == 0 ? CAPACITY_FIRST : stream->capacity;

	if (len > stream->bytes_max)
		return MP_TOO_LARGE;
	if (len > stream->bytes_max - waiting)
		return MP_BUSY;
	if (stream->taken > 0)
		memmove(stream->bytes, stream->bytes + stream->taken, waiting);
	stream->taken = 0;
	stream->len = waiting;
	while (capacity < waiting + len)
		capacity *= 2;
	if (capacity == stream->capacity)
		return MP_OK;
	char *bytes = realloc(stream->bytes, capacity);
	if (bytes == NULL)
		return MP_NOMEM;
	stream->bytes = bytes;
	stream->capacity = capacity;
	return MP_OK;
}

/* --- the writer's side --- */

enum mp_rc mp_response_stream(struct mp_response *res, const char *content_type, size_t bytes_max,
	struct mp_stream **out_stream)
{
	struct mp_stream *stream = calloc(1, sizeof(*stream));

	assert(res->stream == NULL && bytes_max > 0);
	if (stream == NULL)
		return MP_NOMEM;
	atomic_init(&stream->refs, 2); /* the writer's and the request's */
	(void)pthread_mutex_init(&stream->mutex, NULL);
	stream->bytes_max = bytes_max;
	stream->fd = -1;
	res->status = 200;
	res->content_type = content_type;
	res->stream = stream;
	res->req->close_after = true; /* its end is the connection's, for every kind of reader */
	*out_stream = stream;
	return MP_OK;
}

enum mp_rc mp_stream_write(struct mp_stream *stream, const void *bytes, size_t len)
{
	enum mp_rc rc = MP_NOT_FOUND;

	(void)pthread_mutex_lock(&stream->mutex);
	assert(!stream->ended);
	if (peer_is_there(stream))
		rc = make_room(stream, len);
	if (rc == MP_OK && len > 0) {
		memcpy(stream->bytes + stream->len, bytes, len);
		stream->len += len;
		wake(stream);
	}
	(void)pthread_mutex_unlock(&stream->mutex);
	return rc;
}

bool mp_stream_is_read(struct mp_stream *stream)
{
	(void)pthread_mutex_lock(&stream->mutex);
	bool there = peer_is_there(stream);
	(void)pthread_mutex_unlock(&stream->mutex);
	return there;
}

void mp_stream_end(struct mp_stream *stream)
{
	if (stream == NULL)
		return;
	(void)pthread_mutex_lock(&stream->mutex);
	stream->ended = true;
	wake(stream);
	(void)pthread_mutex_unlock(&stream->mutex);
	unref(stream);
}

/* --- the connection's side: its network thread --- */

/* libmicrohttpd has room for up to max bytes. */
static ssize_t on_room(void *cls, uint64_t position, char *out, size_t max)
{
	struct mp_stream *stream = cls;
	ssize_t result = MHD_CONTENT_READER_END_OF_STREAM;

	(void)position;
	(void)pthread_mutex_lock(&stream->mutex);
	size_t len = stream->len - stream->taken;
	if (stream->failed) {
		result = MHD_CONTENT_READER_END_WITH_ERROR;
	} else if (len > 0) {
		len = len < max ? len : max;
		memcpy(out, stream->bytes + stream->taken, len);
		stream->taken += len;
		if (stream->taken == stream->len)
			free_bytes(stream); /* an idle stream keeps none */
		result = (ssize_t)len;
	} else if (!stream->ended && !stream->closed) {
		stream->asleep = true;
		MHD_suspend_connection(stream->mhd);
		result = 0;
	}
	(void)pthread_mutex_unlock(&stream->mutex);
	return result;
}

/*
 * The system's buffer is kept small, so that a slow reader is seen to be slow; and a peer that has
 * vanished without a word is given up when it does not confirm in time.
 */
static void tune_socket(int fd, size_t bytes_max, unsigned timeout_s)
{
	int send_bytes = bytes_max < INT_MAX / 2 ? (int)bytes_max : INT_MAX / 2;
	unsigned timeout_ms = timeout_s * 1000;

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof(send_bytes));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
}

static void attach(struct mp_stream *stream, struct mp_request *req)
{
	struct mp_http_server *server = req->server;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(req->conn->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);

	(void)pthread_mutex_lock(&server->streams_mutex);
	stream->server = server;
	stream->next = server->streams;
	if (stream->next != NULL)
		stream->next->previous = stream;
	server->streams = stream;

	(void)pthread_mutex_lock(&stream->mutex);
	stream->mhd = req->conn->mhd;
	stream->fd = info == NULL ? -1 : info->connect_fd;
	tune_socket(stream->fd, stream->bytes_max, server->config.timeout_s);
	(void)pthread_mutex_unlock(&stream->mutex);
	(void)pthread_mutex_unlock(&server->streams_mutex);
}

struct MHD_Response *http_stream_response(struct mp_request *req)
{
	struct mp_stream *stream = req->res.stream;

	atomic_fetch_add(&stream->refs, 1);
	struct MHD_Response *out = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, MHD_BLOCK_BYTES, on_room, stream, unref);
	if (out == NULL) {
		unref(stream);
		return NULL;
	}
	attach(stream, req);
	return out;
}

void http_stream_leave(struct mp_response *res)
{
	struct mp_stream *stream = res->stream;

	if (stream == NULL)
		return;
	res->stream = NULL;
	if (stream->server != NULL) {
		struct mp_http_server *server = stream->server;
		(void)pthread_mutex_lock(&server->streams_mutex);
		if (stream->next != NULL)
			stream->next->previous = stream->previous;
		if (stream->previous != NULL)
			stream->previous->next = stream->next;
		else
			server->streams = stream->next;
		(void)pthread_mutex_unlock(&server->streams_mutex);
	}
	(void)pthread_mutex_lock(&stream->mutex);
	stream->closed = true;
	stream->mhd = NULL;
	stream->fd = -1; /* it is libmicrohttpd's to close, and may be another's then */
	free_bytes(stream);
	(void)pthread_mutex_unlock(&stream->mutex);
	unref(stream);
}

void http_streams_end(struct mp_http_server *server)
{
	(void)pthread_mutex_lock(&server->streams_mutex);
	for (struct mp_stream *stream = server->streams; stream != NULL; stream = stream->next) {
		(void)pthread_mutex_lock(&stream->mutex);
		stream->closed = true;
		wake(stream);
		(void)pthread_mutex_unlock(&stream->mutex);
	}
	(void)pthread_mutex_unlock(&server->streams_mutex);
}
