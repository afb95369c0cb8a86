#include "http_server/http_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "http_server/test_raw.h"
#include "log/log.h"

/* What a client meets: routing, encodings, bodies, pages, problems. */

static struct mp_http_server *server;
static uint16_t port;

/* --- handlers --- */

static enum mp_rc say_text(struct mp_response *res, const char *text)
{
	return mp_response_body(res, 200, "text/plain", text, strlen(text));
}

static enum mp_rc say_fixed(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return say_text(res, "fixed");
}

static enum mp_rc say_id(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return say_text(res, mp_request_param(req, "id"));
}

static enum mp_rc say_both(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return say_text(res, mp_arena_printf(mp_request_arena(req), "%s of %s",
				     mp_request_param(req, "leg"), mp_request_param(req, "id")));
}

static enum mp_rc say_query(struct mp_request *req, struct mp_response *res, void *ctx)
{
	const char *q = mp_request_query(req, "q");

	return say_text(res, q == NULL ? "(none)" : q);
}

static enum mp_rc say_request(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct mp_arena *arena = mp_request_arena(req);
	const char *value;
	const char *name;
	char *text = mp_arena_printf(arena, "%s %s", mp_request_method(req), mp_request_path(req));

	for (size_t i = 0; (name = mp_request_query_at(req, i, &value)) != NULL; i++)
		text = mp_arena_printf(arena, "%s|%s=%s", text, name, value);
	return say_text(res, text);
}

static enum mp_rc say_nothing(struct mp_request *req, struct mp_response *res, void *ctx)
{
	mp_response_hang_up(res);
	return MP_OK;
}

static enum mp_rc say_body(struct mp_request *req, struct mp_response *res, void *ctx)
{
	size_t len;
	const char *body = mp_request_body(req, &len);

	return mp_response_body(res, 200, "text/plain", body, len);
}

static enum mp_rc say_json(struct mp_request *req, struct mp_response *res, void *ctx)
{
	json_t *json;
	enum mp_rc rc = mp_request_json(req, &json);

	if (rc != MP_OK)
		return rc;
	return mp_response_json(res, 201, json_incref(json));
}

static enum mp_rc say_fields(struct mp_request *req, struct mp_response *res, void *ctx)
{
	const struct mp_field_errors *errors = mp_request_field_errors(req);

	errors->add(errors->ctx, "amount", "is \"absent\"");
	errors->add(errors->ctx, "legs[2].to", "is not an id");
	return MP_INVALID;
}

static enum mp_rc say_page(struct mp_request *req, struct mp_response *res, void *ctx)
{
	size_t limit;
	const char *after;
	enum mp_rc rc = mp_request_page(req, &limit, &after);

	if (rc != MP_OK)
		return rc;
	json_t *items = json_array();
	(void)json_array_append_new(items, json_integer((json_int_t)limit));
	(void)json_array_append_new(items, json_string(after == NULL ? "(first)" : after));
	return mp_response_list(res, items, after == NULL ? "PAYMENT#0190-\xc3\xa9" : NULL);
}

static enum mp_rc say_header(struct mp_request *req, struct mp_response *res, void *ctx)
{
	enum mp_rc rc = mp_response_header(res, "Cache-Control", "max-age=60");

	if (rc == MP_OK)
		rc = mp_response_header(res, "X-Two", "a\r\nSet-Cookie: b");
	return rc == MP_OK ? mp_response_empty(res, 204) : rc;
}

static enum mp_rc say_empty(struct mp_request *req, struct mp_response *res, void *ctx)
{
	enum mp_rc rc = mp_response_header(res, "Cache-Control", "max-age=60");

	return rc == MP_OK ? mp_response_empty(res, 204) : rc;
}

static enum mp_rc say_code(struct mp_request *req, struct mp_response *res, void *ctx)
{
	int64_t code = mp_request_param(req, "code")[0] - 'a';

	return (enum mp_rc)code;
}

static enum mp_rc say_own_problem(struct mp_request *req, struct mp_response *res, void *ctx)
{
	char name[] = "insufficient_funds";

	mp_request_problem(req, name, "The wallet lacks 3.00.");
	name[0] = 'X'; /* it was copied */
	return MP_CONFLICT;
}

static const struct mp_route routes[] = {
	{.method = "GET", .path = "/v1/things", .handler = say_fixed},
	{.method = "POST", .path = "/v1/things", .handler = say_body, .flags = MP_ROUTE_INLINE},
	{.method = "GET", .path = "/v1/things/{id}", .handler = say_id},
	{.method = "GET", .path = "/v1/things/me", .handler = say_fixed, .flags = MP_ROUTE_INLINE},
	{.method = "GET", .path = "/v1/things/{id}/legs/{leg}", .handler = say_both},
	{.method = "GET", .path = "/query", .handler = say_query, .flags = MP_ROUTE_INLINE},
	{.method = "GET", .path = "/request/{id}", .handler = say_request},
	{.method = "GET", .path = "/hang-up", .handler = say_nothing},
	{.method = "POST", .path = "/small", .handler = say_body, .body_bytes_max = 8},
	{.method = "POST", .path = "/json", .handler = say_json},
	{.method = "POST", .path = "/fields", .handler = say_fields},
	{.method = "GET", .path = "/page", .handler = say_page},
	{.method = "GET", .path = "/header", .handler = say_header},
	{.method = "GET", .path = "/empty", .handler = say_empty},
	{.method = "GET", .path = "/code/{code}", .handler = say_code},
	{.method = "POST", .path = "/code/{code}", .handler = say_code},
	{.method = "GET", .path = "/own", .handler = say_own_problem},
};

static int open_server(void **state)
{
	char reason[256];
	const struct mp_http_server_config config = {
		.listen = "127.0.0.1:0",
		.routes = routes,
		.routes_count = sizeof(routes) / sizeof(routes[0]),
		.workers = 2,
	};

	assert_int_equal(mp_crypto_init(), MP_OK);
	mp_json_init();
	mp_log_init("test", "error");
	assert_int_equal(mp_http_server_open(&config, &server, reason), MP_OK);
	port = mp_http_server_port(server);
	assert_int_not_equal(port, 0);
	return 0;
}

static int close_server(void **state)
{
	mp_http_server_close(server, 1000);
	return 0;
}

#define CHECK_ROWS(rows) raw_check_rows(port, (rows), sizeof(rows) / sizeof((rows)[0]))

static void routes_are_found_by_method_and_path(void **state)
{
	static const struct raw_row rows[] = {
		{"GET", "/v1/things", "", "", 200, "fixed"},
		{"GET", "/v1/things?x=1", "", "", 200, "fixed"},
		{"POST", "/v1/things", "", "hello", 200, "hello"},
		{"GET", "/v1/things/7", "", "", 200, "7"},
		{"GET", "/v1/things/me", "", "", 200, "fixed"},
		{"GET", "/v1/things/7/legs/2", "", "", 200, "2 of 7"},
		{"GET", "/v1/things/", "", "", 404, "/problems/not_found"},
		{"GET", "/v1//things", "", "", 404, "/problems/not_found"},
		{"GET", "//v1/things", "", "", 404, "/problems/not_found"},
		{"GET", "/v1/things/7/legs", "", "", 404, "/problems/not_found"},
		{"GET", "/V1/things", "", "", 404, "/problems/not_found"},
		{"GET", "/", "", "", 404, "/problems/not_found"},
		{"GET", "/a/b/c/d/e/f/g/h/i/j/k/l", "", "", 404, "/problems/not_found"},
		{"GET", "/v1/things/.", "", "", 200, "."},
		{"DELETE", "/v1/things", "", "", 405, "/problems/method_not_allowed"},
		{"OPTIONS", "/v1/things", "", "", 405, "/problems/method_not_allowed"},
		{"TRACE", "/v1/things/me", "", "", 405, "/problems/method_not_allowed"},
		{"BREW", "/v1/things/me", "", "", 405, "/problems/method_not_allowed"},
		{"get", "/v1/things/me", "", "", 405, "/problems/method_not_allowed"},
		{"GET", "v1/things", "", "", 400, "/problems/malformed_path"},
		{"OPTIONS", "*", "", "", 400, "/problems/malformed_path"},
		{"GET", "http://elsewhere/v1/things", "", "", 400, "/problems/malformed_path"},
	};

	CHECK_ROWS(rows);
}

static void a_405_names_the_methods_that_are_there(void **state)
{
	static struct raw_answer answer;

	assert_int_equal(raw_call(port, "PUT", "/v1/things", "", "x", &answer), 405);
	assert_string_equal(raw_header(&answer, "Allow"), "GET, HEAD, POST");
}

static void paths_are_decoded_once_and_strictly(void **state)
{
	static const struct raw_row rows[] = {
		{"GET", "/v1/things/a%20b", "", "", 200, "a b"},
		{"GET", "/v1/%74hings/me", "", "", 200, "fixed"},
		{"GET", "/v1/things/%2541", "", "", 200, "%41"},
		{"GET", "/v1/things/a+b", "", "", 200, "a+b"},
		{"GET", "/v1/things/%c3%a9", "", "", 200, "\xc3\xa9"},
		{"GET", "/v1/things/%2e%2E", "", "", 200, ".."},
		{"GET", "/v1/things%2Fme", "", "", 400, "/problems/malformed_path"},
		{"GET", "/v1/things/a%2fb", "", "", 400, "/problems/malformed_path"},
		{"GET", "/v1/things/a%5Cb", "", "", 400, "/problems/malformed_path"},
		{"GET", "/v1/things/a\\b", "", "", 400, "/problems/malformed_path"},
		{"GET", "/v1/things/me%00", "", "", 400, "/problems/malformed_path"},
		{"GET", "/v1/things/%0a", "", "", 400, "/problems/malformed_path"},
		{"GET", "/v1/things/%", "", "", 400, "/problems/malformed_path"},
		{"GET", "/v1/things/%4", "", "", 400, "/problems/malformed_path"},
		{"GET", "/v1/things/%4g", "", "", 400, "/problems/malformed_path"},
		{"GET", "/v1/things/%ff", "", "", 400, "/problems/malformed_path"},
		{"GET", "/v1/things/%c0%af", "", "", 400, "/problems/malformed_path"},
	};

	CHECK_ROWS(rows);
}

static void queries_are_decoded(void **state)
{
	static const struct raw_row rows[] = {
		{"GET", "/query", "", "", 200, "(none)"},
		{"GET", "/query?q", "", "", 200, ""},
		{"GET", "/query?q=", "", "", 200, ""},
		{"GET", "/query?p=1&q=a+b%2B%26&r", "", "", 200, "a b+&"},
		{"GET", "/query?%71=x", "", "", 200, "x"},
		{"GET", "/query?q=1&q=2", "", "", 200, "1"},
		{"GET", "/query?q=%2F", "", "", 200, "/"},
		{"GET", "/query?q=%00", "", "", 400, "/problems/malformed_query"},
		{"GET", "/query?q=%f", "", "", 400, "a broken %-escape or a control character"},
		{"GET", "/query?%ff", "", "", 400, "/problems/malformed_query"},
		{"GET", "/query?a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a", "", "", 400,
			"The query has more than 16 fields: send fewer."},
	};

	CHECK_ROWS(rows);
}

static void a_request_is_told_as_it_came(void **state)
{
	static const struct raw_row rows[] = {
		{"GET", "/request/a%20b", "", "", 200, "GET /request/a%20b"},
		{"GET", "/request/1?b%5Bc%5D=1&a=x+y&a=2&d", "", "", 200, "|b[c]=1|a=x y|a=2|d="},
	};

	CHECK_ROWS(rows);
}

static void who_hangs_up_answers_nothing(void **state)
{
	static struct raw_answer answer;
	struct raw raw;

	raw_open(&raw, port);
	raw_send(&raw, "GET /hang-up HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_false(raw_read(&raw, &answer));
	assert_int_equal(raw.len, 0);
	raw_close(&raw);
}

static void head_is_get_without_the_body(void **state)
{
	static struct raw_answer answer;
	struct raw raw;

	raw_open(&raw, port);
	raw_send(&raw, "HEAD /v1/things HTTP/1.1\r\nHost: x\r\n\r\n"
		       "GET /v1/things/2 HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(raw_read_head(&raw, &answer));
	assert_int_equal(answer.status, 200);
	assert_string_equal(raw_header(&answer, "Content-Length"), "5");
	assert_true(raw_read(&raw, &answer)); /* nothing stands in between */
	assert_string_equal(answer.body, "2");
	raw_close(&raw);
}

static void requests_on_one_connection_are_answered_in_order(void **state)
{
	static struct raw_answer answer;
	struct raw raw;
	char text[16];

	raw_open(&raw, port);
	for (int i = 0; i < 3; i++)
		raw_send(&raw, "GET /v1/things/1 HTTP/1.1\r\nHost: x\r\n\r\n"
			       "POST /v1/things HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n2"
			       "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
			       "POST /small HTTP/1.1\r\nHost: x\r\n"
			       "Transfer-Encoding: chunked\r\n\r\n1\r\n4\r\n0\r\n\r\n");
	for (int i = 0; i < 12; i++) {
		assert_true(raw_read(&raw, &answer));
		(void)snprintf(text, sizeof(text), "%d", i % 4 + 1);
		if (i % 4 == 2)
			assert_int_equal(answer.status, 404);
		else
			assert_string_equal(answer.body, text);
	}
	raw_close(&raw);
}

static void bodies_over_the_limit_are_refused_and_the_connection_lives_on(void **state)
{
	static struct raw_answer answer;
	struct raw raw;

	raw_open(&raw, port);
	raw_send(&raw, "POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n12345678");
	assert_true(raw_read(&raw, &answer));
	assert_string_equal(answer.body, "12345678");
	raw_send(&raw, "POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n123456789");
	assert_true(raw_read(&raw, &answer));
	assert_int_equal(answer.status, 413);
	assert_non_null(strstr(answer.body, "/problems/too_large"));
	assert_non_null(strstr(answer.body, "The body is larger than 8 bytes, the most"));
	raw_send(&raw, "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "6\r\n123456\r\n6\r\n123456\r\n0\r\n\r\n");
	assert_true(raw_read(&raw, &answer));
	assert_int_equal(answer.status, 413);
	raw_send(&raw, "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "3\r\n123\r\n3\r\n456\r\n0\r\n\r\n");
	assert_true(raw_read(&raw, &answer));
	assert_string_equal(answer.body, "123456");
	raw_close(&raw);
}

static void a_body_that_waits_for_leave_or_is_huge_is_refused_at_once(void **state)
{
	static struct raw_answer answer;
	struct raw raw;

	raw_open(&raw, port);
	raw_send(&raw, "POST /small HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
		       "Content-Length: 9\r\n\r\n");
	assert_true(raw_read(&raw, &answer));
	assert_int_equal(answer.status, 413);
	raw_close(&raw);

	raw_open(&raw, port);
	raw_send(&raw, "POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n");
	assert_true(raw_read(&raw, &answer));
	assert_int_equal(answer.status, 413);
	raw_close(&raw);

	raw_open(&raw, port);
	raw_send(&raw, "POST /small HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
		       "Content-Length: 3\r\n\r\n");
	assert_true(raw_read_head(&raw, &answer));
	assert_int_equal(answer.status, 100);
	raw_send(&raw, "abc");
	assert_true(raw_read(&raw, &answer));
	assert_string_equal(answer.body, "abc");
	raw_close(&raw);
}

static void a_request_whose_end_is_in_doubt_is_refused_and_hung_up_on(void **state)
{
	static const char *const requests[] = {
		"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"Transfer-Encoding: gzip\r\n\r\nabc",
		"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"Content-Length: -1\r\n\r\n",
		"Content-Length: 3x\r\n\r\nabc",
		"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
		"Host: y\r\nContent-Length: 0\r\n\r\n",
	};
	static struct raw_answer answer;
	size_t failures = 0;
	size_t ours = 0;

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct raw raw;
		raw_open(&raw, port);
		raw_send(&raw, "POST /v1/things HTTP/1.1\r\nHost: x\r\n");
		raw_send(&raw, requests[i]);
		bool refused = raw_read(&raw, &answer) && answer.status == 400;
		/* Those that libmicrohttpd lets through are ours to refuse. */
		ours += refused && strstr(answer.body, "\"/problems/malformed_request\"") != NULL;
		if (!refused || raw_read(&raw, &answer)) {
			print_error("not refused: %s\n", requests[i]);
			failures++;
		}
		raw_close(&raw);
	}
	assert_int_equal(failures, 0);
	assert_int_equal(ours, 5);
}

static void too_many_header_bytes_are_refused(void **state)
{
	static const size_t sizes[] = {8100, 8200, 40000};
	static const int statuses[] = {200, 431, 431};
	static struct raw_answer answer;
	static char padding[40001];
	struct raw raw;

	for (size_t i = 0; i < 3; i++) {
		memset(padding, 'a', sizes[i]);
		padding[sizes[i]] = '\0';
		raw_open(&raw, port);
		raw_send(&raw, "GET /v1/things HTTP/1.1\r\nHost: x\r\nX-Long: ");
		raw_send(&raw, padding);
		raw_send(&raw, "\r\n\r\n");
		assert_true(raw_read(&raw, &answer));
		assert_int_equal(answer.status, statuses[i]);
		raw_close(&raw);
	}
}

static void json_is_demanded_and_parsed(void **state)
{
#define JSON "Content-Type: application/json\r\n"
	static const struct raw_row rows[] = {
		{"POST", "/json", JSON, "{\"a\":[1, 2]}", 201, "{\"a\":[1,2]}"},
		{"POST", "/json", "Content-Type: Application/JSON ; charset=UTF-8\r\n", "{}", 201,
			"{}"},
		{"POST", "/json", "Content-Type: application/json;charset=\"utf-8\"\r\n", "{}", 201,
			"{}"},
		{"POST", "/json", "", "{}", 415, "/problems/unsupported_media_type"},
		{"POST", "/json", "Content-Type: text/json\r\n", "{}", 415, "/problems/unsupp"},
		{"POST", "/json", "Content-Type: application/jsonx\r\n", "{}", 415, "/problems/"},
		{"POST", "/json", "Content-Type: application/json; charset=latin1\r\n", "{}", 415,
			"/problems/unsupported_media_type"},
		{"POST", "/json", JSON, "", 400, "/problems/malformed_json"},
		{"POST", "/json", JSON, "{", 400, "/problems/malformed_json"},
		{"POST", "/json", JSON, "{} x", 400, "/problems/malformed_json"},
		{"POST", "/json", JSON, "{\"a\":1,\"a\":2}", 400, "/problems/malformed_json"},
		{"POST", "/json", JSON, "[1]", 422, "must be a JSON object"},
		{"POST", "/json", JSON "Accept: text/html\r\n", "{}", 201, "{}"},
	};

	CHECK_ROWS(rows);
}

static void every_wrong_field_is_named_at_once(void **state)
{
	static struct raw_answer answer;

	assert_int_equal(raw_call(port, "POST", "/fields", "", "", &answer), 422);
	assert_string_equal(answer.body,
		"{\"type\":\"/problems/invalid\",\"title\":\"Invalid\",\"status\":422,"
		"\"detail\":\"Some fields are wrong.\",\"errors\":["
		"{\"field\":\"amount\",\"message\":\"is \\\"absent\\\"\"},"
		"{\"field\":\"legs[2].to\",\"message\":\"is not an id\"}]}");
	assert_string_equal(raw_header(&answer, "Content-Type"), "application/problem+json");
}

static void pages_have_limits_and_cursors_that_cannot_be_made_up(void **state)
{
	static const struct raw_row rows[] = {
		{"GET", "/page", "", "", 200, "[20,\"(first)\"]"},
		{"GET", "/page?limit=100", "", "", 200, "[100,"},
		{"GET", "/page?limit=0", "", "", 422, "\"limit\""},
		{"GET", "/page?limit=101", "", "", 422, "\"limit\""},
		{"GET", "/page?limit=ten&cursor=x", "", "", 422, "\"cursor\""},
		{"GET", "/page?cursor=", "", "", 422, "\"cursor\""},
		{"GET", "/page?cursor=AAAA", "", "", 422, "\"cursor\""},
		{"GET", "/page?cursor=AAAAAAAAUEFZTUVOVCMw", "", "", 422, "\"cursor\""},
		{"GET", "/page?cursor=!!!", "", "", 422, "\"cursor\""},
	};
	static struct raw_answer answer;
	char path[256];
	char long_cursor[1200] = "/page?cursor=";

	CHECK_ROWS(rows);
	memset(long_cursor + strlen(long_cursor), 'A', 1000);
	assert_int_equal(raw_call(port, "GET", long_cursor, "", "", &answer), 422);

	assert_int_equal(raw_call(port, "GET", "/page", "", "", &answer), 200);
	json_t *json = json_loads(answer.body, 0, NULL);
	const char *cursor = json_string_value(json_object_get(json, "next_cursor"));
	assert_non_null(cursor);
	(void)snprintf(path, sizeof(path), "/page?limit=7&cursor=%s", cursor);
	json_decref(json);
	assert_int_equal(raw_call(port, "GET", path, "", "", &answer), 200);
	assert_string_equal(
		answer.body, "{\"items\":[7,\"PAYMENT#0190-\xc3\xa9\"],\"next_cursor\":null}");
}

static void every_code_has_a_status_and_a_problem(void **state)
{
	static const struct {
		enum mp_rc rc;
		int status;
		const char *name;
		bool retry;
	} codes[] = {
		{MP_OK, 500, "internal", false}, /* a handler that answered nothing */
		{MP_INVALID, 422, "invalid", false},
		{MP_UNAUTHENTICATED, 401, "unauthenticated", false},
		{MP_FORBIDDEN, 403, "forbidden", false}, {MP_NOT_FOUND, 404, "not_found", false},
		{MP_CONFLICT, 409, "conflict", false}, {MP_TOO_LARGE, 413, "too_large", false},
		{MP_TOO_MANY, 429, "too_many_requests", true}, {MP_EXISTS, 409, "conflict", false},
		{MP_STALE, 503, "busy", true}, {MP_UNAVAILABLE, 503, "unavailable", true},
		{MP_UNKNOWN, 503, "unknown_outcome", true}, {MP_BUSY, 503, "busy", true},
		{MP_NOMEM, 503, "busy", true}, {MP_CORRUPT, 500, "internal", false},
		{MP_BUG, 500, "internal", false},
		{MP_PENDING, 500, "internal", false}, /* without having detached */
	};
	static struct raw_answer answer;
	size_t failures = 0;

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		char path[32];
		char type[64];
		(void)snprintf(path, sizeof(path), "/code/%c", 'a' + (int)codes[i].rc);
		(void)snprintf(type, sizeof(type), "\"/problems/%s\"", codes[i].name);
		int status = raw_call(port, "GET", path, "", "", &answer);
		bool retry = raw_header(&answer, "Retry-After") != NULL;
		if (status != codes[i].status || strstr(answer.body, type) == NULL ||
			retry != codes[i].retry) {
			print_error("%s: %d %s\n", mp_rc_name(codes[i].rc), status, answer.body);
			failures++;
		}
	}
	assert_int_equal(failures, 0);

	assert_int_equal(raw_call(port, "GET", "/own", "", "", &answer), 409);
	assert_string_equal(answer.body,
		"{\"type\":\"/problems/insufficient_funds\",\"title\":\"Insufficient funds\","
		"\"status\":409,\"detail\":\"The wallet lacks 3.00.\"}");
}

/* It may have run out behind the effect: only who reads has certainly done nothing. */
static void without_memory_nobody_is_told_that_nothing_was_done(void **state)
{
	static struct raw_answer answer;
	char path[32];

	(void)snprintf(path, sizeof(path), "/code/%c", 'a' + (int)MP_NOMEM);
	assert_int_equal(raw_call(port, "POST", path, "", "", &answer), 503);
	assert_non_null(strstr(answer.body, "\"/problems/unknown_outcome\""));
	assert_int_equal(raw_call(port, "GET", path, "", "", &answer), 503);
	assert_non_null(strstr(answer.body, "\"/problems/busy\""));
}

static void every_answer_has_its_headers(void **state)
{
	static struct raw_answer answer;

	(void)raw_call(port, "GET", "/v1/things", "", "", &answer);
	assert_string_equal(raw_header(&answer, "Content-Type"), "text/plain");
	assert_string_equal(raw_header(&answer, "X-Content-Type-Options"), "nosniff");
	assert_string_equal(raw_header(&answer, "Cache-Control"), "no-store");
	assert_non_null(raw_header(&answer, "Date"));

	assert_int_equal(raw_call(port, "GET", "/empty", "", "", &answer), 204);
	assert_string_equal(raw_header(&answer, "Cache-Control"), "max-age=60");
	assert_string_equal(raw_header(&answer, "X-Content-Type-Options"), "nosniff");

	/* a line break in a value would be another field */
	assert_int_equal(raw_call(port, "GET", "/header", "", "", &answer), 500);
	assert_null(raw_header(&answer, "Set-Cookie"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(routes_are_found_by_method_and_path),
		cmocka_unit_test(a_405_names_the_methods_that_are_there),
		cmocka_unit_test(paths_are_decoded_once_and_strictly),
		cmocka_unit_test(queries_are_decoded),
		cmocka_unit_test(a_request_is_told_as_it_came),
		cmocka_unit_test(who_hangs_up_answers_nothing),
		cmocka_unit_test(head_is_get_without_the_body),
		cmocka_unit_test(requests_on_one_connection_are_answered_in_order),
		cmocka_unit_test(bodies_over_the_limit_are_refused_and_the_connection_lives_on),
		cmocka_unit_test(a_body_that_waits_for_leave_or_is_huge_is_refused_at_once),
		cmocka_unit_test(a_request_whose_end_is_in_doubt_is_refused_and_hung_up_on),
		cmocka_unit_test(too_many_header_bytes_are_refused),
		cmocka_unit_test(json_is_demanded_and_parsed),
		cmocka_unit_test(every_wrong_field_is_named_at_once),
		cmocka_unit_test(pages_have_limits_and_cursors_that_cannot_be_made_up),
		cmocka_unit_test(every_code_has_a_status_and_a_problem),
		cmocka_unit_test(without_memory_nobody_is_told_that_nothing_was_done),
		cmocka_unit_test(every_answer_has_its_headers),
	};

	return cmocka_run_group_tests(tests, open_server, close_server);
}
