#include "fuzz.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"
#include "due/due.h"
#include "http_server/internal.h"
#include "outbox/outbox.h"

#define USER "0193f5a0-0000-7000-8000-000000000001"
#define SESSION "0193f5a0-0000-7000-8000-0000000000aa"
#define SCOPES "user:read keys:rotate wallet:transfer wallet:audit"
#define WIRE_BYTES_MAX (4u << 20)
#define ANSWER_WAIT_MS 20000
#define QUIET_MS 3

/* --- a store that is always empty --- */

static enum mp_rc empty_batch_get(void *engine, const struct mp_key *keys, size_t count,
	struct mp_arena *arena, struct mp_item **out_items)
{
	for (size_t i = 0; i < count; i++)
		out_items[i] = NULL;
	return MP_OK;
}

static enum mp_rc empty_query(void *engine, const struct mp_query *query, struct mp_arena *arena,
	struct mp_page *out_page)
{
	*out_page = (struct mp_page){.count = 0};
	return MP_OK;
}

static enum mp_rc empty_scan(void *engine, uint32_t segment, uint32_t segments, const char *cursor,
	size_t limit, struct mp_arena *arena, struct mp_page *out_page, const char **out_cursor)
{
	*out_page = (struct mp_page){.count = 0};
	*out_cursor = NULL;
	return MP_OK;
}

static enum mp_rc empty_commit(void *engine, const struct mp_txn *txn, size_t *reterr_op)
{
	for (size_t i = 0; i < txn->count; i++) {
		const struct mp_op *op = &txn->ops[i];
		if (op->kind == MP_OP_REPLACE || op->kind == MP_OP_REMOVE ||
			(op->kind == MP_OP_CHECK && op->version != 0)) {
			if (reterr_op != NULL)
				*reterr_op = i;
			return MP_STALE;
		}
	}
	return MP_OK;
}

static enum mp_rc empty_erase(void *engine, const struct mp_key *keys, size_t count)
{
	return MP_OK;
}

static enum mp_rc empty_ready(void *engine, char reterr[160])
{
	return MP_OK;
}

static void empty_close(void *engine)
{
}

struct mp_store *fuzz_store(void)
{
	static const struct mp_store_engine engine = {
		.name = "empty",
		.txn_ops_max = 4096,
		.batch_get = empty_batch_get,
		.query = empty_query,
		.scan = empty_scan,
		.commit = empty_commit,
		.erase = empty_erase,
		.ready = empty_ready,
		.close = empty_close,
	};
	static struct mp_store *store;

	if (store == NULL)
		store = mp_store_new(&engine, NULL);
	FUZZ_CHECK(store != NULL);
	return store;
}

struct mp_outbox *fuzz_outbox(struct mp_store *store)
{
	static struct mp_outbox *outbox; /* its relay is never started */
	const struct mp_outbox_config config = {
		.store = store, .source = "/fuzz", .amqp_url = "amqp://127.0.0.1:1/"};

	if (outbox == NULL)
		FUZZ_CHECK(mp_outbox_open(&config, &outbox) == MP_OK);
	return outbox;
}

static struct mp_due_result no_work(
	void *ctx, struct mp_arena *arena, const struct mp_id *id, int64_t attempts, int64_t now_ms)
{
	return (struct mp_due_result){.done = true};
}

struct mp_due *fuzz_due(struct mp_store *store, const char *kind)
{
	const struct mp_due_config config = {
		.store = store, .kind = kind, .threads = 1, .handler = no_work};
	struct mp_due *due = NULL; /* never started, lives as long as the process */

	FUZZ_CHECK(mp_due_open(&config, &due) == MP_OK);
	return due;
}

/* --- a server --- */

static struct mp_http_server *server;

static enum mp_rc verify(
	void *ctx, enum mp_auth want, const char *token, size_t token_len, struct mp_principal *out)
{
	enum mp_rc rc = mp_text_copy(out->subject, sizeof(out->subject), USER);

	if (rc == MP_OK && want == MP_AUTH_USER)
		rc = mp_text_copy(out->session, sizeof(out->session), SESSION);
	if (rc == MP_OK && want == MP_AUTH_SERVICE)
		rc = mp_text_copy(out->scopes, sizeof(out->scopes), SCOPES);
	return rc;
}

void fuzz_server_open(const struct mp_route *routes, size_t routes_count, void *ctx)
{
	const struct mp_http_server_config config = {
		.listen = "127.0.0.1:0",
		.routes = routes,
		.routes_count = routes_count,
		.ctx = ctx,
		.verifier = {.verify = verify},
		.origin = "http://fuzz",
		.network_threads = 1,
		.workers = 4,
		.timeout_s = 2,
	};
	char reason[256] = "";

	FUZZ_CHECK(mp_http_server_open(&config, &server, reason) == MP_OK);
}

/* One end for us, the other to the server as if it had been accepted: no ports are used up. */
static int connect_to_server(void)
{
	const struct sockaddr_in peer = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct network *network = &server->networks[0];
	const int size = WIRE_BYTES_MAX;
	int ends[2];

	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	(void)setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	atomic_fetch_add(&network->connections_count, 1);
	FUZZ_CHECK(MHD_add_connection(network->daemon, ends[1],
			   (const struct sockaddr *)(const void *)&peer, sizeof(peer)) == MHD_YES);
	return ends[0];
}

static void send_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
		if (sent < 0)
			return; /* it has hung up, having seen enough */
		bytes += sent;
		len -= (size_t)sent;
	}
}

/*
 * Until the end. Our side is closed when nothing comes for a moment: closed at once, libmicrohttpd
 * would see bytes and end as one event, and wait for what cannot come until its timeout.
 */
static void read_all(int fd, struct mp_buf *out)
{
	bool is_closed = false;

	for (;;) {
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		char bytes[16384];

		int events = poll(&ready, 1, is_closed ? ANSWER_WAIT_MS : QUIET_MS);
		FUZZ_CHECK(events > 0 || !is_closed); /* it ends, whatever came */
		if (events == 0) {
			(void)shutdown(fd, SHUT_WR);
			is_closed = true;
			continue;
		}
		ssize_t len = recv(fd, bytes, sizeof(bytes), 0);
		if (len <= 0)
			return;
		FUZZ_CHECK(mp_buf_add(out, bytes, (size_t)len) == MP_OK);
	}
}

/*
 * Of the last answer that is whole: there may be several, and libmicrohttpd's own, for what is no
 * request at all, are not problems.
 */
static void check_answer(const char *answer)
{
	static const char ours[] = "application/problem+json";
	int status = 0;

	if (answer[0] == '\0')
		return; /* hung up on */
	FUZZ_CHECK(sscanf(answer, "HTTP/1.%*d %d", &status) == 1);
	FUZZ_CHECK(status != 500);
	const char *body = strstr(answer, "\r\n\r\n");
	FUZZ_CHECK(body != NULL);
	const char *problem = strstr(answer, ours);
	if (problem != NULL && problem < body && body[4] == '{') /* not one to HEAD */
		FUZZ_CHECK(strstr(body, "\"type\":\"/problems/") != NULL);
}

void fuzz_server_send_raw(const uint8_t *data, size_t size)
{
	struct mp_buf answer;
	int fd = connect_to_server();

	mp_buf_init(&answer, WIRE_BYTES_MAX);
	send_all(fd, (const char *)data, size);
	send_all(
		fd, "\r\n\r\n", 4); /* half a request line would be waited for, until the timeout */
	read_all(fd, &answer);
	(void)close(fd);
	check_answer(mp_buf_text(&answer));
	mp_buf_done(&answer);
}

/* A line feed alone becomes the line end of HTTP; other control characters are no part of one. */
static void add_line(struct mp_buf *out, const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = (unsigned char)line[i] < 0x20 ? '\t' : line[i];
		(void)mp_buf_add(out, &c, 1);
	}
}

static void add_headers(struct mp_buf *out, const struct fuzz_input *input, const char **out_body,
	size_t *out_body_len)
{
	const char *at = input->rest;
	const char *end = input->rest + input->rest_len;

	while (at < end && *at != '\n') {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((line_end == NULL ? end : line_end) - at);
		if (memchr(at, ':', len) != NULL) {
			add_line(out, at, len);
			(void)mp_buf_adds(out, "\r\n");
		}
		at += line_end == NULL ? len : len + 1;
	}
	*out_body = at < end ? at + 1 : "";
	*out_body_len = at < end ? (size_t)(end - at - 1) : 0;
}

void fuzz_server_send(const uint8_t *data, size_t size, const char *more_headers)
{
	struct fuzz_input input;
	struct mp_buf wire;
	const char *body;
	size_t body_len;

	fuzz_split(data, size, &input);
	mp_buf_init(&wire, WIRE_BYTES_MAX);
	add_line(&wire, input.line, strlen(input.line));
	(void)mp_buf_adds(&wire, " HTTP/1.1\r\nHost: fuzz\r\nConnection: close\r\n"
				 "Authorization: Bearer good\r\nIdempotency-Key: fuzz\r\n"
				 "Origin: http://fuzz\r\nX-Requested-With: fuzz\r\n");
	(void)mp_buf_adds(&wire, more_headers);
	add_headers(&wire, &input, &body, &body_len);
	if (body_len > 0)
		(void)mp_buf_addf(&wire, "Content-Length: %zu\r\n", body_len);
	(void)mp_buf_adds(&wire, "\r\n");
	(void)mp_buf_add(&wire, body, body_len);
	FUZZ_CHECK(mp_buf_rc(&wire) == MP_OK);
	fuzz_server_send_raw((const uint8_t *)wire.data, wire.len);
	mp_buf_done(&wire);
}
