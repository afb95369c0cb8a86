#include "http_client/http_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/thread.h"
#include "base/trace.h"
#include "http_client/service_token.h"
#include "http_server/http_server.h"
#include "log/log.h"

/* --- a good server: ours --- */

static struct mp_http_server *server;
static char base_url[64];
static atomic_int tokens_given;
static atomic_int token_status;
static atomic_int token_life_s = 900;
static atomic_int token_delay_ms;

static const char *or_none(const char *text)
{
	return text == NULL ? "(none)" : text;
}

static enum mp_rc echo(struct mp_request *req, struct mp_response *res, void *ctx)
{
	size_t len;
	const char *body = mp_request_body(req, &len);
	const char *text = mp_arena_printf(mp_request_arena(req), "%s|%s|%s|%s|%s|%.*s",
		or_none(mp_request_header(req, "Content-Type")),
		or_none(mp_request_header(req, "Authorization")),
		or_none(mp_request_header(req, "traceparent")),
		or_none(mp_request_header(req, "X-Own")), or_none(mp_request_query(req, "q")),
		(int)len, body);

	return mp_response_body(res, 200, "text/plain", text, strlen(text));
}

static enum mp_rc say_expect(struct mp_request *req, struct mp_response *res, void *ctx)
{
	const char *text = or_none(mp_request_header(req, "Expect"));

	return mp_response_body(res, 200, "text/plain", text, strlen(text));
}

static enum mp_rc too_many(struct mp_request *req, struct mp_response *res, void *ctx)
{
	enum mp_rc rc = mp_response_header(res, "Retry-After", "17");

	return rc == MP_OK ? MP_TOO_MANY : rc;
}

static enum mp_rc elsewhere(struct mp_request *req, struct mp_response *res, void *ctx)
{
	enum mp_rc rc = mp_response_header(res, "Location", "/echo");

	return rc == MP_OK ? mp_response_empty(res, 303) : rc;
}

static enum mp_rc large(struct mp_request *req, struct mp_response *res, void *ctx)
{
	static const char bytes[5000];

	return mp_response_body(res, 200, "application/octet-stream", bytes, sizeof(bytes));
}

static enum mp_rc give_token(struct mp_request *req, struct mp_response *res, void *ctx)
{
	size_t len;
	const char *body = mp_request_body(req, &len);
	char text[128];

	if (strcmp(body, "grant_type=client_credentials&client_id=a%26b&client_secret=s%20%2B") !=
		0)
		return MP_INVALID;
	if (atomic_load(&token_status) != 200)
		return mp_response_empty(res, (unsigned)atomic_load(&token_status));
	(void)usleep((useconds_t)atomic_load(&token_delay_ms) * 1000);
	(void)snprintf(text, sizeof(text),
		"{\"access_token\":\"token-%d\",\"token_type\":\"Bearer\",\"expires_in\":%d}",
		atomic_fetch_add(&tokens_given, 1) + 1, atomic_load(&token_life_s));
	return mp_response_body(res, 200, "application/json", text, strlen(text));
}

static const struct mp_route routes[] = {
	{.method = "GET", .path = "/echo", .handler = echo},
	{.method = "POST", .path = "/echo", .handler = echo},
	{.method = "PUT", .path = "/echo", .handler = echo},
	{.method = "PATCH", .path = "/echo", .handler = echo},
	{.method = "DELETE", .path = "/echo", .handler = echo},
	{.method = "POST", .path = "/expect", .handler = say_expect, .body_bytes_max = 2000000},
	{.method = "GET", .path = "/too-many", .handler = too_many},
	{.method = "GET", .path = "/elsewhere", .handler = elsewhere},
	{.method = "GET", .path = "/large", .handler = large},
	{.method = "POST", .path = "/token", .handler = give_token},
};

static int open_server(void **state)
{
	char reason[256];
	const struct mp_http_server_config config = {
		.listen = "127.0.0.1:0",
		.routes = routes,
		.routes_count = sizeof(routes) / sizeof(routes[0]),
		.workers = 4,
	};

	/* http:// is never sent through a proxy */
	assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
	assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
	assert_int_equal(mp_crypto_init(), MP_OK);
	mp_json_init();
	mp_log_init("test", "error");
	assert_int_equal(mp_http_client_global_init(), MP_OK);
	assert_int_equal(mp_http_server_open(&config, &server, reason), MP_OK);
	(void)snprintf(base_url, sizeof(base_url), "http://127.0.0.1:%u",
		(unsigned)mp_http_server_port(server));
	return 0;
}

static int close_server(void **state)
{
	mp_http_server_close(server, 1000);
	return 0;
}

/* --- a bad server: does what a script says, step by step, one request each --- */

struct step {
	const char *answer; /* sent as it is; NULL: none */
	bool hang_up;
	bool stop_listening; /* before it hangs up */
	int wait_ms;
};

struct bad_server {
	int listen_fd;
	const struct step *steps;
	size_t steps_count;
	unsigned accepted;
	unsigned read;
	pthread_t thread;
	char url[64];
};

static bool read_request(int fd)
{
	char bytes[4096];
	size_t len = 0;

	while (memmem(bytes, len, "\r\n\r\n", 4) == NULL) {
		ssize_t got = recv(fd, bytes + len, sizeof(bytes) - len, 0);
		if (got <= 0)
			return false;
		len += (size_t)got;
	}
	return true;
}

static void *bad_server_run(void *arg)
{
	struct bad_server *bad = arg;
	int fd = -1;

	for (size_t i = 0; i < bad->steps_count; i++) {
		const struct step *step = &bad->steps[i];
		while (fd < 0 || !read_request(fd)) {
			if (fd >= 0)
				(void)close(fd);
			fd = accept(bad->listen_fd, NULL, NULL);
			if (fd < 0)
				return NULL;
			bad->accepted++;
		}
		bad->read++;
		(void)usleep((useconds_t)step->wait_ms * 1000);
		if (step->answer != NULL)
			(void)send(fd, step->answer, strlen(step->answer), MSG_NOSIGNAL);
		if (step->stop_listening)
			(void)shutdown(bad->listen_fd, SHUT_RDWR);
		if (step->hang_up) {
			(void)close(fd);
			fd = -1;
		}
	}
	if (fd >= 0)
		(void)close(fd);
	return NULL;
}

static int listen_somewhere(int backlog, char url[64])
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	(void)snprintf(url, 64, "http://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
	return fd;
}

static void bad_server_open(struct bad_server *bad, const struct step *steps, size_t count)
{
	*bad = (struct bad_server){.steps = steps, .steps_count = count};
	bad->listen_fd = listen_somewhere(8, bad->url);
	assert_int_equal(mp_thread_start(&bad->thread, "bad", bad_server_run, bad), MP_OK);
}

static void bad_server_close(struct bad_server *bad)
{
	(void)shutdown(
		bad->listen_fd, SHUT_RDWR); /* it may still wait for a call that was not made */
	(void)pthread_join(bad->thread, NULL);
	(void)close(bad->listen_fd);
}

/* --- helpers --- */

static struct mp_http_client *open_client(const char *url, long timeout_ms)
{
	const struct mp_http_client_config config = {
		.base_url = url,
		.timeout_ms = timeout_ms,
		.connect_timeout_ms = 300,
		.answer_bytes_max = 4096,
	};
	struct mp_http_client *client = NULL;

	assert_int_equal(mp_http_client_open(&config, &client), MP_OK);
	return client;
}

static enum mp_rc get(struct mp_http_client *client, const char *path, struct mp_arena *arena,
	struct mp_http_answer *answer)
{
	const struct mp_http_call call = {.method = "GET", .path = path};

	return mp_http_call(client, &call, arena, answer);
}

/* --- tests --- */

static void calls_are_sent_as_given(void **state)
{
	static const struct mp_http_header own = {"X-Own", "mine"};
	static const struct {
		struct mp_http_call call;
		const char *echoed;
	} rows[] = {
		{{.method = "GET", .path = "/echo"}, "(none)|(none)|(none)|(none)|(none)|"},
		{{.method = "GET", .path = "/echo?q=a%20b", .bearer = "t.t"},
			"(none)|Bearer t.t|(none)|(none)|a b|"},
		{{.method = "DELETE", .path = "/echo", .headers = &own, .headers_count = 1},
			"(none)|(none)|(none)|mine|(none)|"},
		{{.method = "POST", .path = "/echo"}, "(none)|(none)|(none)|(none)|(none)|"},
		{{.method = "POST",
			 .path = "/echo",
			 .content_type = "application/json",
			 .body = "{}",
			 .body_len = 2},
			"application/json|(none)|(none)|(none)|(none)|{}"},
		{{.method = "PUT",
			 .path = "/echo",
			 .content_type = "text/plain",
			 .body = "abc",
			 .body_len = 2},
			"text/plain|(none)|(none)|(none)|(none)|ab"},
		{{.method = "PATCH", .path = "/echo", .content_type = "text/plain"},
			"text/plain|(none)|(none)|(none)|(none)|"},
	};
	struct mp_http_client *client = open_client(base_url, 2000);
	size_t failures = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mp_arena *arena = mp_arena_new(100000);
		struct mp_http_answer answer = {0};
		assert_non_null(arena);
		enum mp_rc rc = mp_http_call(client, &rows[i].call, arena, &answer);
		if (rc != MP_OK || answer.status != 200 ||
			strcmp(answer.body, rows[i].echoed) != 0) {
			print_error("%zu: %s %ld %s\n", i, mp_rc_name(rc), answer.status,
				or_none(answer.body));
			failures++;
		}
		mp_arena_free(arena);
	}
	assert_int_equal(failures, 0);
	mp_http_client_close(client);
}

/* libcurl asks before it sends so many bytes, and a server that never says "100" costs a second. */
static void a_long_body_does_not_wait_for_leave(void **state)
{
	static char body[1500000];
	struct mp_http_client *client = open_client(base_url, 20000);
	struct mp_arena *arena = mp_arena_new(100000);
	struct mp_http_answer answer;

	assert_non_null(arena);
	memset(body, 'x', sizeof(body));
	const struct mp_http_call call = {.method = "POST",
		.path = "/expect",
		.content_type = "text/plain",
		.body = body,
		.body_len = sizeof(body)};
	assert_int_equal(mp_http_call(client, &call, arena, &answer), MP_OK);
	assert_string_equal(answer.body, "(none)");
	mp_arena_free(arena);
	mp_http_client_close(client);
}

static void the_trace_is_sent_on(void **state)
{
	struct mp_http_client *client = open_client(base_url, 2000);
	struct mp_arena *arena = mp_arena_new(100000);
	struct mp_http_answer answer;

	assert_non_null(arena);
	mp_trace_begin("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
	assert_int_equal(get(client, "/echo", arena, &answer), MP_OK);
	mp_trace_end();
	assert_non_null(strstr(answer.body, "|00-0af7651916cd43dd8448eb211c80319c-"));
	assert_null(strstr(answer.body, "b7ad6b7169203331"));
	mp_arena_free(arena);
	mp_http_client_close(client);
}

static void any_whole_answer_is_ok(void **state)
{
	struct mp_http_client *client = open_client(base_url, 2000);
	struct mp_arena *arena = mp_arena_new(100000);
	struct mp_http_answer answer;

	assert_non_null(arena);
	assert_int_equal(get(client, "/nothing", arena, &answer), MP_OK);
	assert_int_equal(answer.status, 404);
	assert_string_equal(answer.content_type, "application/problem+json");
	assert_int_equal(answer.retry_after_s, -1);
	assert_int_equal(strlen(answer.body), answer.body_len);
	assert_int_equal(get(client, "/too-many", arena, &answer), MP_OK);
	assert_int_equal(answer.status, 429);
	assert_int_equal(answer.retry_after_s, 17);
	assert_int_equal(get(client, "/elsewhere", arena, &answer), MP_OK);
	assert_int_equal(answer.status, 303); /* not followed */
	assert_string_equal(answer.body, "");
	const struct mp_http_call head = {.method = "HEAD", .path = "/echo"};
	assert_int_equal(mp_http_call(client, &head, arena, &answer), MP_OK);
	assert_int_equal(answer.status, 200);
	assert_int_equal(answer.body_len, 0);
	mp_arena_free(arena);
	mp_http_client_close(client);
}

static void an_answer_over_the_bound_is_too_large(void **state)
{
	struct mp_http_client *client = open_client(base_url, 2000);
	struct mp_arena *arena = mp_arena_new(100000);
	struct mp_arena *small = mp_arena_new(512);
	struct mp_http_answer answer = {.status = -5};

	assert_non_null(arena);
	assert_non_null(small);
	assert_int_equal(get(client, "/large", arena, &answer), MP_TOO_LARGE);
	assert_int_equal(answer.status, -5); /* untouched */
	assert_int_equal(get(client, "/echo", arena, &answer), MP_OK);
	assert_int_equal(get(client, "/nothing", small, &answer), MP_OK);
	mp_arena_free(small);
	mp_arena_free(arena);
	mp_http_client_close(client);
}

static void without_a_connection_nothing_was_sent(void **state)
{
	static const char *const nowhere[] = {
		"http://127.0.0.1:1", "http://no-such-host.invalid", "https://127.0.0.1:1"};
	struct mp_arena *arena = mp_arena_new(100000);
	struct mp_http_answer answer;
	struct mp_http_client *client;
	char full_url[64];
	int clients[8];

	assert_non_null(arena);
	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		client = open_client(nowhere[i], 2000);
		assert_int_equal(get(client, "/", arena, &answer), MP_UNAVAILABLE);
		mp_http_client_close(client);
	}
	/* Nobody accepts and the queue is full: connecting itself takes too long. */
	int full = listen_somewhere(0, full_url);
	client = open_client(full_url, 2000);
	for (int i = 0; i < 8; i++) {
		struct sockaddr_in address;
		socklen_t len = sizeof(address);
		clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		assert_int_equal(getsockname(full, (struct sockaddr *)&address, &len), 0);
		(void)connect(clients[i], (struct sockaddr *)&address, sizeof(address));
	}
	assert_int_equal(get(client, "/", arena, &answer), MP_UNAVAILABLE);
	for (int i = 0; i < 8; i++)
		(void)close(clients[i]);
	(void)close(full);
	mp_http_client_close(client);
	mp_arena_free(arena);
}

static void without_a_whole_answer_the_outcome_is_unknown(void **state)
{
	static const struct step scripts[][1] = {
		{{.hang_up = true}},
		{{.answer = "HTTP/1.1 200 OK\r\nContent-Len", .hang_up = true}},
		{{.answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", .hang_up = true}},
		{{.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
			.hang_up = true}},
		{{.answer = "HTTP/1.1 200 OK\r\n", .hang_up = true}},
		{{.answer = "HTTP/1.1 200 OK\r\nA: b\r\n\r\nof untold length", .hang_up = true}},
		{{.wait_ms = 500}},
		{{.answer = "no HTTP at all, which is long enough to be told apart\r\n\r\n",
			.hang_up = true}},
	};
	size_t failures = 0;

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		struct mp_arena *arena = mp_arena_new(100000);
		struct mp_http_answer answer;
		struct bad_server bad;
		assert_non_null(arena);
		bad_server_open(&bad, scripts[i], 1);
		struct mp_http_client *client = open_client(bad.url, 200);
		enum mp_rc rc = get(client, "/", arena, &answer);
		if (rc != MP_UNKNOWN) {
			print_error("script %zu: %s\n", i, mp_rc_name(rc));
			failures++;
		}
		mp_http_client_close(client);
		bad_server_close(&bad);
		mp_arena_free(arena);
	}
	assert_int_equal(failures, 0);
}

#define GOOD_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* Sent on the kept connection, which then dies; on a new one it cannot even be sent again. */
static void a_request_lost_with_its_kept_connection_is_unknown(void **state)
{
	static const struct step script[] = {
		{.answer = GOOD_ANSWER},
		{.stop_listening = true, .hang_up = true},
	};
	struct mp_arena *arena = mp_arena_new(100000);
	struct mp_http_answer answer;
	struct bad_server bad;

	assert_non_null(arena);
	bad_server_open(&bad, script, 2);
	struct mp_http_client *client = open_client(bad.url, 2000);
	assert_int_equal(get(client, "/", arena, &answer), MP_OK);
	const struct mp_http_call call = {.method = "POST",
		.path = "/pay",
		.content_type = "text/plain",
		.body = "1",
		.body_len = 1};
	assert_int_equal(mp_http_call(client, &call, arena, &answer), MP_UNKNOWN);
	assert_int_equal(get(client, "/", arena, &answer), MP_UNAVAILABLE);
	mp_http_client_close(client);
	bad_server_close(&bad);
	mp_arena_free(arena);
}

static void connections_are_kept(void **state)
{
	static const struct step script[] = {{.answer = GOOD_ANSWER}, {.answer = GOOD_ANSWER},
		{.answer = GOOD_ANSWER}, {.answer = GOOD_ANSWER, .hang_up = true},
		{.answer = GOOD_ANSWER}};
	struct mp_arena *arena = mp_arena_new(100000);
	struct mp_http_answer answer;
	struct bad_server bad;

	assert_non_null(arena);
	bad_server_open(&bad, script, 5);
	struct mp_http_client *client = open_client(bad.url, 2000);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(get(client, "/", arena, &answer), MP_OK);
		(void)usleep(20000); /* so that the hang-up is seen */
	}
	mp_http_client_close(client);
	bad_server_close(&bad);
	assert_int_equal(bad.accepted, 2);
	assert_int_equal(bad.read, 5);
	mp_arena_free(arena);
}

static void what_would_be_two_headers_is_not_sent(void **state)
{
	static const struct mp_http_header split = {"X-Own", "a\r\nX-Other: b"};
	static const struct mp_http_header name = {"X Own", "a"};
	static const struct mp_http_call calls[] = {
		{.method = "GET", .path = "/echo", .headers = &split, .headers_count = 1},
		{.method = "GET", .path = "/echo", .headers = &name, .headers_count = 1},
		{.method = "GET", .path = "/echo HTTP/1.1\r\n"},
		{.method = "GET", .path = "/a b"},
		{.method = "GET\n", .path = "/echo"},
		{.method = "GET", .path = "/echo", .bearer = "a\nb"},
		{.method = "POST", .path = "/echo", .content_type = "a\r\nb"},
	};
	struct mp_http_client *client = open_client(base_url, 2000);
	struct mp_arena *arena = mp_arena_new(100000);
	struct mp_http_answer answer;

	assert_non_null(arena);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		assert_int_equal(mp_http_call(client, &calls[i], arena, &answer), MP_INVALID);
	mp_arena_free(arena);
	mp_http_client_close(client);

	const struct mp_http_client_config wrong = {.base_url = "file:///etc/passwd"};
	client = NULL;
	assert_int_equal(mp_http_client_open(&wrong, &client), MP_INVALID);
	assert_null(client);
}

static void *call_many(void *arg)
{
	struct mp_http_client *client = arg;
	intptr_t good = 0;

	for (int i = 0; i < 50; i++) {
		struct mp_arena *arena = mp_arena_new(100000);
		struct mp_http_answer answer;
		if (arena != NULL && get(client, "/echo?q=x", arena, &answer) == MP_OK &&
			answer.status == 200)
			good++;
		mp_arena_free(arena);
	}
	return (void *)good;
}

static void threads_share_a_client(void **state)
{
	struct mp_http_client *client = open_client(base_url, 5000);
	pthread_t threads[8];
	intptr_t good = 0;

	for (int i = 0; i < 8; i++)
		assert_int_equal(mp_thread_start(&threads[i], "caller", call_many, client), MP_OK);
	for (int i = 0; i < 8; i++) {
		void *result;
		assert_int_equal(pthread_join(threads[i], &result), 0);
		good += (intptr_t)result;
	}
	assert_int_equal(good, 400);
	mp_http_client_close(client);
}

static void urls_are_encoded(void **state)
{
	struct mp_arena *arena = mp_arena_new(1000);

	assert_non_null(arena);
	assert_string_equal(mp_url_encode(arena, "aZ09-._~"), "aZ09-._~");
	assert_string_equal(
		mp_url_encode(arena, "a b/&?=+%\xc3\xa9"), "a%20b%2F%26%3F%3D%2B%25%C3%A9");
	assert_string_equal(mp_url_encode(arena, ""), "");
	mp_arena_free(arena);
}

/* --- service tokens --- */

static void a_token_is_fetched_once_and_again_when_dropped(void **state)
{
	struct mp_service_token *token = NULL;
	char url[96];
	char text[MP_TOKEN_TEXT_MAX];

	(void)snprintf(url, sizeof(url), "%s/token", base_url);
	atomic_store(&tokens_given, 0);
	atomic_store(&token_status, 200);
	assert_int_equal(mp_service_token_open(url, "a&b", "s +", &token), MP_OK);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(mp_service_token_get(token, text, sizeof(text)), MP_OK);
		assert_string_equal(text, "token-1");
	}
	mp_service_token_drop(token); /* too soon: the one refused was an older one */
	assert_int_equal(mp_service_token_get(token, text, sizeof(text)), MP_OK);
	assert_string_equal(text, "token-1");
	(void)usleep(1050000);
	mp_service_token_drop(token);
	mp_service_token_drop(token);
	assert_int_equal(mp_service_token_get(token, text, sizeof(text)), MP_OK);
	assert_string_equal(text, "token-2");
	assert_int_equal(mp_service_token_get(token, text, 4), MP_TOO_LARGE);
	mp_service_token_close(token);
}

struct getting {
	struct mp_service_token *token;
	char text[MP_TOKEN_TEXT_MAX];
	enum mp_rc rc;
};

static void *get_token(void *arg)
{
	struct getting *getting = arg;

	getting->rc = mp_service_token_get(getting->token, getting->text, sizeof(getting->text));
	return NULL;
}

static void an_old_token_serves_while_the_next_is_fetched(void **state)
{
	struct getting first = {.rc = MP_BUG};
	struct getting second = {.rc = MP_BUG};
	pthread_t thread;
	char url[96];

	(void)snprintf(url, sizeof(url), "%s/token", base_url);
	atomic_store(&tokens_given, 0);
	atomic_store(&token_status, 200);
	atomic_store(&token_life_s, 4); /* renewed after 2 */
	assert_int_equal(mp_service_token_open(url, "a&b", "s +", &first.token), MP_OK);
	second.token = first.token;
	(void)get_token(&first);
	assert_int_equal(first.rc, MP_OK);
	(void)usleep(2050000);

	atomic_store(&token_delay_ms, 1000);
	assert_int_equal(pthread_create(&thread, NULL, get_token, &first), 0);
	(void)usleep(200000);
	int64_t began_ms = mp_clock_mono_ms();
	(void)get_token(&second);
	assert_true(mp_clock_mono_ms() - began_ms < 500);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(first.rc, MP_OK);
	assert_int_equal(second.rc, MP_OK);
	assert_string_equal(first.text, "token-2");
	assert_string_equal(second.text, "token-1");
	mp_service_token_close(first.token);
	atomic_store(&token_delay_ms, 0);
	atomic_store(&token_life_s, 900);
}

static void a_token_that_cannot_be_had_says_why(void **state)
{
	struct mp_service_token *token = NULL;
	char url[96];
	char text[MP_TOKEN_TEXT_MAX] = "as it was";

	(void)snprintf(url, sizeof(url), "%s/token", base_url);
	assert_int_equal(mp_service_token_open(url, "a&b", "s +", &token), MP_OK);
	atomic_store(&token_status, 401);
	assert_int_equal(mp_service_token_get(token, text, sizeof(text)), MP_FORBIDDEN);
	atomic_store(&token_status, 200); /* not asked again within a second */
	assert_int_equal(mp_service_token_get(token, text, sizeof(text)), MP_FORBIDDEN);
	assert_string_equal(text, "as it was");
	mp_service_token_close(token);

	assert_int_equal(mp_service_token_open(url, "a&b", "s +", &token), MP_OK);
	atomic_store(&token_status, 503);
	assert_int_equal(mp_service_token_get(token, text, sizeof(text)), MP_UNAVAILABLE);
	mp_service_token_close(token);

	assert_int_equal(
		mp_service_token_open("http://127.0.0.1:1/token", "a", "b", &token), MP_OK);
	assert_int_equal(mp_service_token_get(token, text, sizeof(text)), MP_UNAVAILABLE);
	mp_service_token_close(token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_are_sent_as_given),
		cmocka_unit_test(a_long_body_does_not_wait_for_leave),
		cmocka_unit_test(the_trace_is_sent_on),
		cmocka_unit_test(any_whole_answer_is_ok),
		cmocka_unit_test(an_answer_over_the_bound_is_too_large),
		cmocka_unit_test(without_a_connection_nothing_was_sent),
		cmocka_unit_test(without_a_whole_answer_the_outcome_is_unknown),
		cmocka_unit_test(a_request_lost_with_its_kept_connection_is_unknown),
		cmocka_unit_test(connections_are_kept),
		cmocka_unit_test(what_would_be_two_headers_is_not_sent),
		cmocka_unit_test(threads_share_a_client),
		cmocka_unit_test(urls_are_encoded),
		cmocka_unit_test(a_token_is_fetched_once_and_again_when_dropped),
		cmocka_unit_test(an_old_token_serves_while_the_next_is_fetched),
		cmocka_unit_test(a_token_that_cannot_be_had_says_why),
	};

	return cmocka_run_group_tests(tests, open_server, close_server);
}
