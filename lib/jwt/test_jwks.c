#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "http_client/http_client.h"
#include "jwt/internal.h"
#include "jwt/jwt.h"

#define HOUR_MS 3600000
#define PATIENCE_MS 10000

/* A user service in small: it serves the public half of one key. */
struct issuer {
	json_t *key;
	_Atomic unsigned fetches;
	_Atomic unsigned status;
	_Atomic unsigned failures_told;
	_Atomic unsigned successes_told;
};

static enum mp_rc get_jwks(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct issuer *issuer = ctx;
	json_t *public = NULL;

	atomic_fetch_add(&issuer->fetches, 1);
	enum mp_rc rc = mp_jwk_public(issuer->key, &public);
	if (rc != MP_OK)
		return rc;
	return mp_response_json(
		res, atomic_load(&issuer->status), json_pack("{s:[o]}", "keys", public));
}

static const struct mp_route routes[] = {
	{"GET", "/jwks.json", MP_AUTH_NONE, NULL, MP_KEY_NONE, MP_ROUTE_INLINE, 0, get_jwks},
};

static enum mp_rc no_tokens(
	void *ctx, enum mp_auth want, const char *token, size_t token_len, struct mp_principal *out)
{
	return MP_UNAUTHENTICATED;
}

static struct mp_http_server *serve(struct issuer *issuer, uint16_t port)
{
	struct mp_http_server *server = NULL;
	char listen[32];
	char reason[256] = "";

	assert_int_equal(mp_text_format(listen, sizeof(listen), "127.0.0.1:%u", port), MP_OK);
	const struct mp_http_server_config config = {
		.listen = listen,
		.routes = routes,
		.routes_count = 1,
		.ctx = issuer,
		.verifier = {.verify = no_tokens},
		.network_threads = 1,
		.workers = 1,
	};
	if (mp_http_server_open(&config, &server, reason) != MP_OK)
		fail_msg("%s", reason);
	return server;
}

static void count_reports(void *ctx, const char *event, enum mp_rc rc, const char *detail)
{
	struct issuer *issuer = ctx;

	atomic_fetch_add(rc == MP_OK ? &issuer->successes_told : &issuer->failures_told, 1);
}

static struct mp_jwks *follow(struct issuer *issuer, uint16_t port)
{
	const struct mp_sink sink = {.report = count_reports, .ctx = issuer};
	struct mp_jwks *jwks = NULL;
	char url[64];

	assert_int_equal(
		mp_text_format(url, sizeof(url), "http://127.0.0.1:%u/jwks.json", port), MP_OK);
	assert_int_equal(mp_jwks_open_paced(url, HOUR_MS, 50, &sink, &jwks), MP_OK);
	return jwks;
}

static enum mp_rc verify(struct mp_jwks *jwks, const char *token)
{
	struct mp_verifier verifier = mp_jwks_verifier(jwks);
	struct mp_principal principal;

	return verifier.verify(verifier.ctx, MP_AUTH_USER, token, strlen(token), &principal);
}

/* Asks until the answer is wanted, or patience ends; then the last answer. */
static enum mp_rc verify_until(struct mp_jwks *jwks, const char *token, enum mp_rc wanted)
{
	const struct timespec pause = {.tv_nsec = 5000000};
	const int64_t end_ms = mp_clock_mono_ms() + PATIENCE_MS;
	enum mp_rc rc = verify(jwks, token);

	while (rc != wanted && mp_clock_mono_ms() < end_ms) {
		(void)nanosleep(&pause, NULL);
		rc = verify(jwks, token);
	}
	return rc;
}

static void sign_with(const json_t *key, char out_token[MP_JWT_TEXT_MAX])
{
	const int64_t now_s = mp_clock_ms() / 1000;
	const struct mp_jwt_claims claims = {
		.typ = MP_JWT_TYP_USER,
		.aud = MP_JWT_AUD_USER,
		.subject = "u",
		.session = "s",
		.issued_at_s = now_s,
		.expires_at_s = now_s + 900,
	};

	assert_int_equal(mp_jwt_sign(key, &claims, out_token), MP_OK);
}

static void keys_are_fetched_as_soon_as_they_are_served(void **state)
{
	struct issuer issuer = {.status = 503};
	char token[MP_JWT_TEXT_MAX];

	assert_int_equal(mp_jwk_generate(&issuer.key), MP_OK);
	sign_with(issuer.key, token);
	struct mp_http_server *server = serve(&issuer, 0);
	struct mp_jwks *jwks = follow(&issuer, mp_http_server_port(server));

	while (atomic_load(&issuer.failures_told) == 0)
		assert_int_equal(verify(jwks, token), MP_UNAVAILABLE);
	atomic_store(&issuer.status, 200);
	assert_int_equal(verify_until(jwks, token, MP_OK), MP_OK);
	assert_int_equal(atomic_load(&issuer.failures_told), 1); /* once, however often it failed */

	mp_jwks_close(jwks);
	assert_int_equal(atomic_load(&issuer.successes_told), 1);
	mp_http_server_close(server, 100);
	json_decref(issuer.key);
}

static void an_unknown_kid_fetches_again_but_not_always(void **state)
{
	struct issuer issuer = {.status = 200};
	char token[MP_JWT_TEXT_MAX];
	char stranger[MP_JWT_TEXT_MAX];

	assert_int_equal(mp_jwk_generate(&issuer.key), MP_OK);
	sign_with(issuer.key, token);
	struct mp_http_server *server = serve(&issuer, 0);
	struct mp_jwks *jwks = follow(&issuer, mp_http_server_port(server));
	assert_int_equal(verify_until(jwks, token, MP_OK), MP_OK);

	/* A key of nobody's: refused, and asked for at most once in the pace given (50 ms). */
	json_t *nobody = NULL;
	assert_int_equal(mp_jwk_generate(&nobody), MP_OK);
	sign_with(nobody, stranger);
	const int64_t start_ms = mp_clock_mono_ms();
	unsigned before = atomic_load(&issuer.fetches);
	for (int i = 0; i < 2000; i++)
		assert_int_equal(verify(jwks, stranger), MP_UNAUTHENTICATED);
	unsigned fetched = atomic_load(&issuer.fetches) - before;
	assert_true(fetched <= (unsigned)((mp_clock_mono_ms() - start_ms) / 50 + 1));

	/* The same key, once it is served: soon known, though the next fetch is an hour away. */
	json_t *old = issuer.key;
	const uint16_t port = mp_http_server_port(server);
	mp_http_server_close(server, 100);
	issuer.key = nobody;
	server = serve(&issuer, port);
	assert_int_equal(verify_until(jwks, stranger, MP_OK), MP_OK);
	assert_int_equal(verify(jwks, token), MP_UNAUTHENTICATED);

	mp_jwks_close(jwks);
	mp_http_server_close(server, 100);
	json_decref(issuer.key);
	json_decref(old);
}

static void a_url_that_is_none_is_refused(void **state)
{
	static const char *const urls[] = {
		"", "http://", "127.0.0.1:80/x", "http://host", "http:///x"};
	struct mp_jwks *jwks = NULL;

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		assert_int_equal(mp_jwks_open(urls[i], 60, NULL, &jwks), MP_INVALID);
	assert_null(jwks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_fetched_as_soon_as_they_are_served),
		cmocka_unit_test(an_unknown_kid_fetches_again_but_not_always),
		cmocka_unit_test(a_url_that_is_none_is_refused),
	};

	assert_int_equal(mp_crypto_init(), MP_OK);
	assert_int_equal(mp_http_client_global_init(), MP_OK);
	mp_json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
