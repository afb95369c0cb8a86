#include "http_server/http_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "http_server/test_raw.h"
#include "log/log.h"

/* Who calls: tokens, the cookie routes' origin, idempotency keys, addresses. */

static struct mp_http_server *server;
static uint16_t port;

static enum mp_rc say_text(struct mp_response *res, const char *text)
{
	return mp_response_body(res, 200, "text/plain", text, strlen(text));
}

static enum mp_rc say_subject(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return say_text(res, mp_request_principal(req)->subject);
}

static enum mp_rc say_cookie(struct mp_request *req, struct mp_response *res, void *ctx)
{
	const char *cookie = mp_request_cookie(req, "refresh");

	return say_text(res, cookie == NULL ? "(none)" : cookie);
}

static enum mp_rc say_address(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return say_text(res, mp_request_address(req));
}

static enum mp_rc say_digest(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct mp_idempotency key;

	mp_request_idempotency(req, &key);
	return say_text(res, mp_arena_printf(mp_request_arena(req), "%s|%s|%s", key.caller,
				     key.key == NULL ? "(none)" : key.key, key.digest));
}

static enum mp_rc do_not_know(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return MP_UNKNOWN;
}

static const struct mp_route routes[] = {
	{.method = "GET", .path = "/user", .handler = say_subject, .auth = MP_AUTH_USER},
	{.method = "GET",
		.path = "/service",
		.handler = say_subject,
		.auth = MP_AUTH_SERVICE,
		.scope = "wallet:transfer"},
	{.method = "GET",
		.path = "/services",
		.handler = say_subject,
		.auth = MP_AUTH_SERVICE,
		.scope = "wallet:audit|wallet:transfer"},
	{.method = "POST", .path = "/cookie", .handler = say_cookie, .auth = MP_AUTH_COOKIE},
	{.method = "GET", .path = "/address", .handler = say_address},
	{.method = "POST",
		.path = "/key/{id}",
		.handler = say_digest,
		.auth = MP_AUTH_USER,
		.key = MP_KEY_REQUIRED},
	{.method = "PATCH",
		.path = "/key/{id}",
		.handler = say_digest,
		.auth = MP_AUTH_USER,
		.key = MP_KEY_ACCEPTED},
	{.method = "POST",
		.path = "/unknown/with-key",
		.handler = do_not_know,
		.auth = MP_AUTH_USER,
		.key = MP_KEY_ACCEPTED},
	{.method = "POST",
		.path = "/unknown/without",
		.handler = do_not_know,
		.auth = MP_AUTH_USER},
};

/* --- a verifier: the token says what comes of it --- */

static enum mp_rc verify(
	void *ctx, enum mp_auth want, const char *token, size_t token_len, struct mp_principal *out)
{
	char text[64] = "";

	if (token_len >= sizeof(text))
		return MP_UNAUTHENTICATED;
	memcpy(text, token, token_len);
	if (strcmp(text, "down") == 0)
		return MP_UNAVAILABLE;
	if (strcmp(text, "unknown-kid") == 0)
		return MP_NOT_FOUND;
	if (want == MP_AUTH_USER && strcmp(text, "ada") == 0) {
		(void)snprintf(out->subject, sizeof(out->subject), "ada");
		return MP_OK;
	}
	if (want == MP_AUTH_SERVICE && strncmp(text, "svc", 3) == 0) {
		(void)snprintf(out->subject, sizeof(out->subject), "billing");
		(void)snprintf(out->scopes, sizeof(out->scopes), "%s",
			strcmp(text, "svc") == 0 ? "user:read wallet:transfer"
						 : "wallet:transfers wallet");
		return MP_OK;
	}
	return MP_UNAUTHENTICATED;
}

static int open_server(void **state)
{
	char reason[256];
	const struct mp_http_server_config config = {
		.listen = "127.0.0.1:0",
		.routes = routes,
		.routes_count = sizeof(routes) / sizeof(routes[0]),
		.verifier = {.verify = verify},
		.origin = "https://pay.example",
		.workers = 2,
	};

	assert_int_equal(mp_crypto_init(), MP_OK);
	mp_json_init();
	mp_log_init("test", "error");
	assert_int_equal(mp_http_server_open(&config, &server, reason), MP_OK);
	port = mp_http_server_port(server);
	return 0;
}

static int close_server(void **state)
{
	mp_http_server_close(server, 1000);
	return 0;
}

#define CHECK_ROWS(rows) raw_check_rows(port, (rows), sizeof(rows) / sizeof((rows)[0]))

static void tokens_are_demanded(void **state)
{
	static const struct raw_row rows[] = {
		{"GET", "/user", "Authorization: Bearer ada\r\n", "", 200, "ada"},
		{"GET", "/user", "authorization: bearer ada\r\n", "", 200, "ada"},
		{"GET", "/user", "", "", 401, "/problems/unauthenticated"},
		{"GET", "/user", "Authorization: Bearer\r\n", "", 401, "/problems/unauth"},
		{"GET", "/user", "Authorization: Bearer \r\n", "", 401, "/problems/unauth"},
		{"GET", "/user", "Authorization: Bearer  ada\r\n", "", 401, "/problems/unauth"},
		{"GET", "/user", "Authorization: Bearer ada ada\r\n", "", 401, "/problems/unau"},
		{"GET", "/user", "Authorization: Bearer a,da\r\n", "", 401, "/problems/unauth"},
		{"GET", "/user", "Authorization: Basic YWRhOmFkYQ==\r\n", "", 401, "/problems/"},
		{"GET", "/user", "Authorization: Bearer svc\r\n", "", 401, "/problems/unauth"},
		{"GET", "/user", "Authorization: Bearer unknown-kid\r\n", "", 401, "/problems/un"},
		{"GET", "/user", "Authorization: Bearer down\r\n", "", 503, "/problems/unavail"},
		{"GET", "/service", "Authorization: Bearer svc\r\n", "", 200, "billing"},
		{"GET", "/service", "Authorization: Bearer svc2\r\n", "", 403,
			"The token lacks the scope wallet:transfer, which"},
		{"GET", "/services", "Authorization: Bearer svc\r\n", "", 200, "billing"},
		{"GET", "/services", "Authorization: Bearer svc2\r\n", "", 403,
			"lacks the scope wallet:audit or wallet:transfer, which"},
		{"GET", "/service", "Authorization: Bearer ada\r\n", "", 401, "/problems/unauth"},
	};
	static struct raw_answer answer;

	CHECK_ROWS(rows);
	(void)raw_call(port, "GET", "/user", "", "", &answer);
	assert_string_equal(raw_header(&answer, "WWW-Authenticate"), "Bearer");
	(void)raw_call(port, "GET", "/user", "Authorization: Bearer x\r\n", "", &answer);
	assert_string_equal(
		raw_header(&answer, "WWW-Authenticate"), "Bearer error=\"invalid_token\"");
}

static void cookie_routes_demand_our_origin(void **state)
{
#define OURS "Origin: https://pay.example\r\n"
#define WITH "X-Requested-With: web\r\n"
	static const struct raw_row rows[] = {
		{"POST", "/cookie", OURS WITH "Cookie: a=b; refresh=xyz; c=d\r\n", "", 200, "xyz"},
		{"POST", "/cookie", OURS WITH "Cookie: refreshx=xyz\r\n", "", 200, "(none)"},
		{"POST", "/cookie", OURS WITH, "", 200, "(none)"},
		{"POST", "/cookie", OURS, "", 403, "/problems/forbidden"},
		{"POST", "/cookie", WITH, "", 403, "/problems/forbidden"},
		{"POST", "/cookie", WITH "Origin: https://evil.example\r\n", "", 403, "/problems"},
		{"POST", "/cookie", WITH "Origin: null\r\n", "", 403, "/problems/forbidden"},
	};

	CHECK_ROWS(rows);
}

static void idempotency_keys_are_demanded_and_bound_to_the_request(void **state)
{
#define ADA "Authorization: Bearer ada\r\n"
	static const struct raw_row rows[] = {
		{"POST", "/key/1", ADA "Idempotency-Key: k-1\r\n", "", 200, "ada|k-1|"},
		{"PATCH", "/key/1", ADA "Idempotency-Key: k-1\r\n", "", 200, "ada|k-1|"},
		{"PATCH", "/key/1", ADA, "", 200, "ada|(none)|"},
		{"POST", "/key/1", ADA, "", 400, "/problems/idempotency_key_required"},
		{"POST", "/key/1", ADA "Idempotency-Key:\r\n", "", 400, "key_malformed"},
		{"POST", "/key/1", ADA "Idempotency-Key: a b\r\n", "", 200, "ada|a b|"},
		{"POST", "/key/1", ADA "Idempotency-Key: \xc3\xa9\r\n", "", 400, "key_malformed"},
		{"PATCH", "/key/1", ADA "Idempotency-Key: \x01\r\n", "", 400, "key_malformed"},
		{"POST", "/key/1", "Idempotency-Key: k-1\r\n", "", 401, "unauthenticated"},
	};
	static struct raw_answer first;
	static struct raw_answer other;
	char key[400] = "Authorization: Bearer ada\r\nIdempotency-Key: ";

	CHECK_ROWS(rows);
	size_t at = strlen(key);
	memset(key + at, 'k', 256);
	memcpy(key + at + 255, "\r\n", 3);
	assert_int_equal(raw_call(port, "POST", "/key/1", key, "", &first), 200);
	memcpy(key + at + 255, "k\r\n", 4);
	assert_int_equal(raw_call(port, "POST", "/key/1", key, "", &first), 400);

#define KEYED ADA "Idempotency-Key: k\r\n"
	(void)raw_call(port, "POST", "/key/1", KEYED, "{}", &first);
	(void)raw_call(port, "POST", "/key/1", KEYED, "{}", &other);
	assert_string_equal(first.body, other.body);
	assert_int_equal(strlen(first.body), strlen("ada|k|") + 64);
	(void)raw_call(port, "POST", "/key/1", KEYED, "{ }", &other);
	assert_string_not_equal(first.body, other.body);
	(void)raw_call(port, "POST", "/key/2", KEYED, "{}", &other);
	assert_string_not_equal(first.body, other.body);
	(void)raw_call(port, "PATCH", "/key/1", KEYED, "{}", &other);
	assert_string_not_equal(first.body, other.body);
}

static void a_key_is_spoken_of_where_there_is_one(void **state)
{
	static const struct raw_row rows[] = {
		{"POST", "/unknown/with-key", ADA, "", 503, "with the same Idempotency-Key."},
		{"POST", "/unknown/without", ADA, "", 503, "see whether it was before you repeat"},
	};

	CHECK_ROWS(rows);
}

static void addresses_come_from_the_gateway_only(void **state)
{
	static const struct raw_row rows[] = {
		{"GET", "/address", "", "", 200, "127.0.0.1"},
		{"GET", "/address", "X-Forwarded-For: 203.0.113.9\r\n", "", 200, "203.0.113.9"},
		{"GET", "/address", "X-Forwarded-For: 1.1.1.1, 203.0.113.9 \r\n", "", 200,
			"203.0.113.9"},
		{"GET", "/address", "X-Forwarded-For: 2001:db8::1\r\n", "", 200, "2001:db8::1"},
		{"GET", "/address", "X-Forwarded-For: 1.1.1.1, nonsense\r\n", "", 200, "127.0.0.1"},
		{"GET", "/address", "X-Forwarded-For: \r\n", "", 200, "127.0.0.1"},
	};

	CHECK_ROWS(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_are_demanded),
		cmocka_unit_test(cookie_routes_demand_our_origin),
		cmocka_unit_test(idempotency_keys_are_demanded_and_bound_to_the_request),
		cmocka_unit_test(a_key_is_spoken_of_where_there_is_one),
		cmocka_unit_test(addresses_come_from_the_gateway_only),
	};

	return cmocka_run_group_tests(tests, open_server, close_server);
}
