#include "http_server/http_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/thread.h"
#include "http_server/test_raw.h"
#include "log/log.h"

/* Answers that are written over time, read byte by byte. */

#define STREAM_BYTES_MAX 8192
#define SLOW_MS_MAX 15000
#define OPENED_S_MAX 20

static sem_t opened;
/* Of the last request; read behind `opened`, whose sem_clockwait ThreadSanitizer does not know. */
static struct mp_stream *_Atomic stream;

static enum mp_rc open_stream(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct mp_stream *own = NULL;

	(void)req;
	(void)ctx;
	enum mp_rc rc = mp_response_header(res, "X-Of-The-Handler", "yes");
	if (rc == MP_OK)
		rc = mp_response_stream(res, "text/event-stream", STREAM_BYTES_MAX, &own);
	atomic_store(&stream, own);
	(void)sem_post(&opened);
	return rc;
}

static enum mp_rc open_and_refuse(struct mp_request *req, struct mp_response *res, void *ctx)
{
	enum mp_rc rc = open_stream(req, res, ctx);
	return rc == MP_OK ? MP_TOO_MANY : rc;
}

static enum mp_rc open_detached(struct mp_request *req, struct mp_response *res, void *ctx)
{
	mp_request_detach(req);
	mp_request_finish(req, open_stream(req, mp_request_response(req), ctx));
	return MP_PENDING;
}

static enum mp_rc say(struct mp_request *req, struct mp_response *res, void *ctx)
{
	(void)req;
	(void)ctx;
	return mp_response_body(res, 200, "text/plain", "said", 4);
}

static const struct mp_route routes[] = {
	{.method = "GET", .path = "/stream", .handler = open_stream},
	{.method = "GET", .path = "/inline", .handler = open_stream, .flags = MP_ROUTE_INLINE},
	{.method = "GET", .path = "/detached", .handler = open_detached},
	{.method = "GET", .path = "/refused", .handler = open_and_refuse},
	{.method = "GET", .path = "/say", .handler = say},
};

/* --- helpers --- */

static void nap_ms(long ms)
{
	const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	(void)nanosleep(&time, NULL);
}

static struct mp_http_server *open_server(unsigned timeout_s)
{
	const struct mp_http_server_config config = {
		.listen = "127.0.0.1:0",
		.routes = routes,
		.routes_count = sizeof(routes) / sizeof(routes[0]),
		.timeout_s = timeout_s,
		.workers = 2,
	};
	char reason[256] = "";
	struct mp_http_server *server = NULL;

	if (mp_http_server_open(&config, &server, reason) != MP_OK)
		fail_msg("%s", reason);
	return server;
}

static void ask(struct raw *raw, uint16_t port, const char *path)
{
	struct timespec until;
	char text[128];

	raw_open(raw, port);
	(void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
	raw_send(raw, text);
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += OPENED_S_MAX;
	assert_int_equal(sem_clockwait(&opened, CLOCK_MONOTONIC, &until), 0);
}

/* As ask, and the head of the answer has been read. */
static void ask_and_read_head(struct raw *raw, uint16_t port, const char *path)
{
	static struct raw_answer answer;

	ask(raw, port, path);
	assert_true(raw_read_head(raw, &answer));
	assert_int_equal(answer.status, 200);
	assert_string_equal(raw_header(&answer, "Content-Type"), "text/event-stream");
	assert_string_equal(raw_header(&answer, "Cache-Control"), "no-store");
	assert_string_equal(raw_header(&answer, "Connection"), "close");
	assert_string_equal(raw_header(&answer, "X-Of-The-Handler"), "yes");
	assert_string_equal(raw_header(&answer, "Transfer-Encoding"), "chunked");
}

static void write_text(const char *text)
{
	assert_int_equal(mp_stream_write(stream, text, strlen(text)), MP_OK);
}

static bool receive(struct raw *raw)
{
	ssize_t got = recv(raw->fd, raw->bytes + raw->len, sizeof(raw->bytes) - 1 - raw->len, 0);

	if (got > 0)
		raw->len += (size_t)got;
	raw->bytes[raw->len] = '\0';
	return got > 0;
}

/* Reads until the bytes, with their chunks' heads, contain text. */
static void wait_for_text(struct raw *raw, const char *text)
{
	raw->bytes[raw->len] = '\0';
	while (strstr(raw->bytes, text) == NULL)
		assert_true(receive(raw));
}

static void wait_for_end(struct raw *raw)
{
	while (receive(raw))
		;
}

static bool ends_well(const struct raw *raw)
{
	return raw->len >= 5 && memcmp(raw->bytes + raw->len - 5, "0\r\n\r\n", 5) == 0;
}

/* Writes until nobody reads any more; at most SLOW_MS_MAX. */
static void write_until_gone(void)
{
	int64_t until_ms = mp_clock_mono_ms() + SLOW_MS_MAX;
	enum mp_rc rc = MP_OK;

	while (rc != MP_NOT_FOUND && mp_clock_mono_ms() < until_ms) {
		rc = mp_stream_write(stream, ":\n\n", 3);
		assert_true(rc == MP_OK || rc == MP_BUSY || rc == MP_NOT_FOUND);
		nap_ms(5);
	}
	assert_int_equal(rc, MP_NOT_FOUND);
}

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(mp_crypto_init(), MP_OK);
	mp_json_init();
	mp_log_init("test", "error");
	return sem_init(&opened, 0, 0);
}

/* --- tests --- */

static void what_is_written_arrives_at_once_and_in_order(void **state)
{
	static const char *const paths[] = {"/stream", "/inline", "/detached"};
	struct mp_http_server *server = open_server(30);
	static struct raw raw;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		ask_and_read_head(&raw, mp_http_server_port(server), paths[i]);
		write_text("data: one\n\n");
		wait_for_text(&raw, "data: one\n\n");
		assert_true(mp_stream_is_read(stream));
		write_text("data: two\n\n");
		write_text("data: three\n\n");
		wait_for_text(&raw, "data: three\n\n");
		mp_stream_end(stream);
		wait_for_end(&raw);
		assert_true(ends_well(&raw));
		assert_true(strstr(raw.bytes, "two") < strstr(raw.bytes, "three"));
		raw_close(&raw);
	}
	mp_http_server_close(server, 1000);
}

static void what_was_written_before_the_end_is_sent(void **state)
{
	struct mp_http_server *server = open_server(30);
	static struct raw raw;

	(void)state;
	ask(&raw, mp_http_server_port(server), "/stream");
	write_text("data: last words\n\n");
	mp_stream_end(stream);
	wait_for_end(&raw);
	assert_true(ends_well(&raw));
	assert_non_null(strstr(raw.bytes, "last words"));
	raw_close(&raw);
	mp_http_server_close(server, 1000);
}

static void an_idle_stream_outlives_the_servers_timeout(void **state)
{
	struct mp_http_server *server = open_server(1);
	static struct raw raw;

	(void)state;
	ask_and_read_head(&raw, mp_http_server_port(server), "/stream");
	nap_ms(2500);
	write_text("data: still here\n\n");
	wait_for_text(&raw, "still here");
	mp_stream_end(stream);
	wait_for_end(&raw);
	assert_true(ends_well(&raw));
	raw_close(&raw);
	mp_http_server_close(server, 1000);
}

static void a_reader_of_http_1_0_gets_the_body_without_chunks(void **state)
{
	struct mp_http_server *server = open_server(30);
	static struct raw raw;

	(void)state;
	raw_open(&raw, mp_http_server_port(server));
	raw_send(&raw, "GET /stream HTTP/1.0\r\nHost: x\r\n\r\n");
	while (sem_wait(&opened) != 0)
		;
	write_text("plain");
	mp_stream_end(stream);
	wait_for_end(&raw);
	assert_non_null(strstr(raw.bytes, "\r\n\r\nplain"));
	raw_close(&raw);
	mp_http_server_close(server, 1000);
}

static void a_full_buffer_takes_all_or_nothing_and_a_slow_reader_is_cut_off(void **state)
{
	static const char piece[1024] = {[0 ... 1023] = 'x'};
	static const char huge[STREAM_BYTES_MAX + 1];
	struct mp_http_server *server = open_server(1);
	static struct raw raw;
	size_t written = 0;
	bool was_full = false;
	enum mp_rc rc = MP_OK;

	(void)state;
	ask_and_read_head(&raw, mp_http_server_port(server), "/stream");
	assert_int_equal(mp_stream_write(stream, huge, sizeof(huge)), MP_TOO_LARGE);
	/* The peer reads nothing: its own buffer fills, then the system's, then ours. */
	int64_t taken_ms = mp_clock_mono_ms();
	while (rc != MP_NOT_FOUND && mp_clock_mono_ms() - taken_ms < 300) {
		rc = mp_stream_write(stream, piece, sizeof(piece));
		if (rc == MP_OK) {
			taken_ms = mp_clock_mono_ms();
			written += sizeof(piece);
			assert_true(written < 64u << 20);
		} else {
			assert_true(rc == MP_BUSY || rc == MP_NOT_FOUND);
			was_full = was_full || rc == MP_BUSY;
			nap_ms(1);
		}
	}
	assert_true(was_full);
	write_until_gone();
	assert_false(mp_stream_is_read(stream));
	mp_stream_end(stream);
	raw_close(&raw);
	mp_http_server_close(server, 1000);
}

static void a_reader_that_has_gone_is_noticed_by_a_write(void **state)
{
	struct mp_http_server *server = open_server(30);
	static struct raw raw;

	(void)state;
	ask_and_read_head(&raw, mp_http_server_port(server), "/stream");
	raw_send(&raw, "GET /say HTTP/1.1\r\nHost: x\r\n\r\n"); /* hides the end behind bytes */
	write_text(":\n\n");
	raw_close(&raw);
	int64_t started_ms = mp_clock_mono_ms();
	write_until_gone();
	assert_true(mp_clock_mono_ms() - started_ms < 2000);
	mp_stream_end(stream);
	mp_http_server_close(server, 1000);
}

static void a_refused_stream_gives_the_problem_and_has_no_reader(void **state)
{
	struct mp_http_server *server = open_server(30);
	static struct raw raw;
	static struct raw_answer answer;

	(void)state;
	ask(&raw, mp_http_server_port(server), "/refused");
	assert_true(raw_read(&raw, &answer));
	assert_int_equal(answer.status, 429);
	assert_non_null(strstr(answer.body, "/problems/too_many_requests"));
	assert_int_equal(mp_stream_write(stream, "x", 1), MP_NOT_FOUND);
	mp_stream_end(stream);
	raw_close(&raw);
	mp_http_server_close(server, 1000);
}

static void a_head_request_has_no_reader(void **state)
{
	struct mp_http_server *server = open_server(30);
	static struct raw raw;
	static struct raw_answer answer;

	(void)state;
	raw_open(&raw, mp_http_server_port(server));
	raw_send(&raw, "HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	while (sem_wait(&opened) != 0)
		;
	assert_true(raw_read_head(&raw, &answer));
	write_until_gone();
	mp_stream_end(stream);
	raw_close(&raw);
	mp_http_server_close(server, 1000);
}

static void a_closing_server_ends_streams_and_their_writers_outlive_it(void **state)
{
	struct mp_http_server *server = open_server(30);
	static struct raw raw;

	(void)state;
	ask_and_read_head(&raw, mp_http_server_port(server), "/stream");
	write_text("data: before\n\n");
	wait_for_text(&raw, "before");
	int64_t started_ms = mp_clock_mono_ms();
	mp_http_server_close(server, 5000);
	assert_true(mp_clock_mono_ms() - started_ms < 4000); /* it did not wait for the stream */
	assert_int_equal(mp_stream_write(stream, "x", 1), MP_NOT_FOUND);
	assert_false(mp_stream_is_read(stream));
	mp_stream_end(stream);
	wait_for_end(&raw);
	assert_true(ends_well(&raw));
	raw_close(&raw);
}

#define WRITERS 4
#define LINES 200

static void *write_lines(void *arg)
{
	const char *line = arg;

	for (int i = 0; i < LINES;) {
		enum mp_rc rc = mp_stream_write(stream, line, strlen(line));
		if (rc == MP_OK)
			i++;
		else if (rc == MP_BUSY)
			nap_ms(1);
		else
			break;
	}
	return NULL;
}

static void threads_write_whole_pieces_while_the_server_closes(void **state)
{
	static char lines[WRITERS][8] = {"<a>", "<bb>", "<ccc>", "<dddd>"};
	struct mp_http_server *server = open_server(30);
	pthread_t threads[WRITERS];
	static struct raw raw;

	(void)state;
	ask_and_read_head(&raw, mp_http_server_port(server), "/stream");
	for (size_t i = 0; i < WRITERS; i++)
		assert_int_equal(
			mp_thread_start(&threads[i], "writer", write_lines, lines[i]), MP_OK);
	wait_for_text(&raw, ">");
	mp_http_server_close(server, 1000);
	for (size_t i = 0; i < WRITERS; i++)
		(void)pthread_join(threads[i], NULL);
	mp_stream_end(stream);
	wait_for_end(&raw);
	assert_true(ends_well(&raw));
	for (size_t i = 0; i < WRITERS; i++)
		for (const char *at = raw.bytes; (at = strchr(at, lines[i][1])) != NULL; at++)
			if (at[-1] == '<')
				assert_memory_equal(at - 1, lines[i], strlen(lines[i]));
	raw_close(&raw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_arrives_at_once_and_in_order),
		cmocka_unit_test(what_was_written_before_the_end_is_sent),
		cmocka_unit_test(an_idle_stream_outlives_the_servers_timeout),
		cmocka_unit_test(a_reader_of_http_1_0_gets_the_body_without_chunks),
		cmocka_unit_test(a_full_buffer_takes_all_or_nothing_and_a_slow_reader_is_cut_off),
		cmocka_unit_test(a_reader_that_has_gone_is_noticed_by_a_write),
		cmocka_unit_test(a_refused_stream_gives_the_problem_and_has_no_reader),
		cmocka_unit_test(a_head_request_has_no_reader),
		cmocka_unit_test(a_closing_server_ends_streams_and_their_writers_outlive_it),
		cmocka_unit_test(threads_write_whole_pieces_while_the_server_closes),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
