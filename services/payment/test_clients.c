#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/testing.h"
#include "base/text.h"
#include "http_client/http_client.h"
#include "http_server/http_server.h"
#include "log/log.h"
#include "stripe_client.h"
#include "user_client.h"

/* The clients over real HTTP, against a server that answers what the test wants. */

#define ID "01932f00-0000-7000-8000-000000000001"
#define SESSION                                                                                    \
	"{\"id\":\"cs_test_1\",\"object\":\"checkout.session\",\"status\":\"open\","               \
	"\"payment_status\":\"unpaid\",\"livemode\":false,\"amount_total\":13000,"                 \
	"\"currency\":\"usd\",\"client_reference_id\":\"" ID "\","                                 \
	"\"metadata\":{\"payment_id\":\"" ID "\",\"attempt\":\"2\"},"                              \
	"\"url\":\"https://pay/1\",\"payment_intent\":null}"
#define STRIPE_ERROR(text)                                                                         \
	"{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"code_1\",\"message\":\"" text   \
	"\"}}"

#define OTHER_ORDER                                                                                \
	"{\"error\":{\"type\":\"idempotency_error\",\"message\":\"Try using a key other than "     \
	"that.\"}}"

/* What the server says next, and what it was asked; one call at a time. */
static struct {
	unsigned status;
	const char *body;
	char asked_path[128];
	char asked_body[4096];
	char asked_auth[128];
	char asked_key[128];
	char asked_version[64];
	int kept_failures; /* how many answers are 500, as kept under their keys */
	int other_orders;  /* how many keys are known for another order */
	atomic_int calls;
	unsigned token_status;
	unsigned first_status; /* for the next call alone; 0: status */
} server_says;

static struct mp_http_server *server;
static struct mp_arena *arena;
static char base_url[64];

static void keep(char *out, size_t size, const char *text)
{
	enum mp_rc rc = mp_text_copy(out, size, text);
	assert_int_equal(rc, MP_OK);
}

static enum mp_rc answer(struct mp_request *req, struct mp_response *res, void *ctx)
{
	size_t len = 0;
	const char *body = mp_request_body(req, &len);
	const char *says_body = server_says.body;
	unsigned status =
		server_says.first_status != 0 ? server_says.first_status : server_says.status;

	(void)ctx;
	atomic_fetch_add(&server_says.calls, 1);
	server_says.first_status = 0;
	const char *id = mp_request_param(req, "id");
	if (server_says.kept_failures > 0) {
		server_says.kept_failures--;
		status = 500;
		if (mp_response_header(res, "Idempotent-Replayed", "true") != MP_OK)
			return MP_NOMEM;
	} else if (server_says.other_orders > 0) {
		server_says.other_orders--;
		status = 400;
		says_body = OTHER_ORDER;
	}
	keep(server_says.asked_path, sizeof(server_says.asked_path), id);
	keep(server_says.asked_body, sizeof(server_says.asked_body), len > 0 ? body : "");
	keep(server_says.asked_auth, sizeof(server_says.asked_auth),
		mp_request_header(req, "Authorization"));
	keep(server_says.asked_key, sizeof(server_says.asked_key),
		mp_request_header(req, "Idempotency-Key"));
	keep(server_says.asked_version, sizeof(server_says.asked_version),
		mp_request_header(req, "Stripe-Version"));
	return mp_response_body(res, status, "application/json", says_body, strlen(says_body));
}

static enum mp_rc give_token(struct mp_request *req, struct mp_response *res, void *ctx)
{
	static const char token[] = "{\"access_token\":\"t\",\"token_type\":\"Bearer\","
				    "\"expires_in\":900,\"scope\":\"user:read\"}";

	(void)req;
	(void)ctx;
	return mp_response_body(
		res, server_says.token_status, "application/json", token, sizeof(token) - 1);
}

static enum mp_rc ready(void *ctx, char reterr[160])
{
	(void)ctx;
	(void)reterr;
	return MP_OK;
}

static const struct mp_route routes[] = {
	{"POST", "/v1/checkout/sessions", MP_AUTH_NONE, NULL, MP_KEY_NONE, 0, 0, answer},
	{"GET", "/v1/checkout/sessions/{id}", MP_AUTH_NONE, NULL, MP_KEY_NONE, 0, 0, answer},
	{"POST", "/v1/checkout/sessions/{id}/expire", MP_AUTH_NONE, NULL, MP_KEY_NONE, 0, 0,
		answer},
	{"GET", "/v1/payment_intents/{id}", MP_AUTH_NONE, NULL, MP_KEY_NONE, 0, 0, answer},
	{"GET", "/v1/users/{id}", MP_AUTH_NONE, NULL, MP_KEY_NONE, 0, 0, answer},
	{"POST", "/oauth/token", MP_AUTH_NONE, NULL, MP_KEY_NONE, 0, 0, give_token},
};

static void says(unsigned status, const char *body)
{
	server_says.status = status;
	server_says.body = body;
	server_says.first_status = 0;
	server_says.kept_failures = 0;
	server_says.other_orders = 0;
	server_says.token_status = 200;
	atomic_store(&server_says.calls, 0);
}

static struct stripe_client *open_stripe(const char *url)
{
	const struct stripe_client_config config = {
		.api_base = url, .secret_key = "sk_test_abc", .timeout_ms = 2000};
	struct stripe_client *client = NULL;

	assert_int_equal(stripe_client_open(&config, &client), MP_OK);
	return client;
}

static const struct stripe_order order = {
	.key = ID "-2",
	.payment_id = {ID},
	.attempt = 2,
	.amount = 13000,
	.currency = "USD",
	.name = "Wallet top-up",
	.expires_at_s = 1763890000,
	.success_url = "https://m.test/payments/1?checkout=done",
	.cancel_url = "https://m.test/payments/1?checkout=canceled",
};

/* --- stripe --- */

static void an_order_is_sent_as_stripe_wants_it(void **state)
{
	struct stripe_client *client = open_stripe(base_url);
	struct stripe stripe = stripe_client_calls(client);
	struct stripe_session session;
	char reason[160] = "";

	(void)state;
	says(200, SESSION);
	assert_int_equal(stripe.create(stripe.ctx, &order, arena, &session, reason), MP_OK);
	assert_string_equal(session.url, "https://pay/1");
	assert_string_equal(session.payment_id.text, ID);
	assert_string_equal(server_says.asked_auth, "Bearer sk_test_abc");
	assert_string_equal(server_says.asked_key, ID "-2");
	assert_true(server_says.asked_version[0] != '\0');
	assert_string_equal(server_says.asked_body,
		"mode=payment&client_reference_id=" ID "&metadata%5Bpayment_id%5D=" ID
		"&metadata%5Battempt%5D=2&payment_intent_data%5Bmetadata%5D%5Bpayment_id%5D=" ID
		"&payment_intent_data%5Bmetadata%5D%5Battempt%5D=2"
		"&line_items%5B0%5D%5Bquantity%5D=1"
		"&line_items%5B0%5D%5Bprice_data%5D%5Bcurrency%5D=usd"
		"&line_items%5B0%5D%5Bprice_data%5D%5Bunit_amount%5D=13000"
		"&line_items%5B0%5D%5Bprice_data%5D%5Bproduct_data%5D%5Bname%5D=Wallet%20top-up"
		"&automatic_tax%5Benabled%5D=false&allow_promotion_codes=false"
		"&adaptive_pricing%5Benabled%5D=false"
		"&success_url=https%3A%2F%2Fm.test%2Fpayments%2F1%3Fcheckout%3Ddone"
		"&cancel_url=https%3A%2F%2Fm.test%2Fpayments%2F1%3Fcheckout%3Dcanceled"
		"&expires_at=1763890000");
	assert_false(stripe.livemode);
	stripe_client_close(client);
}

/* What an answer means to each call; '-' is not looked at. */
static const struct {
	unsigned status;
	const char *body;
	enum mp_rc create;
	enum mp_rc retrieve;
	enum mp_rc expire;
	enum mp_rc intent;
} answers[] = {
	{200, SESSION, MP_OK, MP_OK, MP_OK, MP_OK},
	{200, "{}", MP_CORRUPT, MP_CORRUPT, MP_CORRUPT, MP_CORRUPT},
	{200, "<html>", MP_CORRUPT, MP_CORRUPT, MP_CORRUPT, MP_CORRUPT},
	{400, STRIPE_ERROR("No."), MP_INVALID, MP_CORRUPT, MP_CONFLICT, MP_CORRUPT},
	{402, STRIPE_ERROR("No."), MP_INVALID, MP_CORRUPT, MP_CONFLICT, MP_CORRUPT},
	{401, STRIPE_ERROR("Key."), MP_FORBIDDEN, MP_FORBIDDEN, MP_FORBIDDEN, MP_FORBIDDEN},
	{403, STRIPE_ERROR("Key."), MP_FORBIDDEN, MP_FORBIDDEN, MP_FORBIDDEN, MP_FORBIDDEN},
	{404, STRIPE_ERROR("No such."), MP_UNAVAILABLE, MP_NOT_FOUND, MP_NOT_FOUND, MP_NOT_FOUND},
	{409, STRIPE_ERROR("Key in use."), MP_UNAVAILABLE, MP_UNAVAILABLE, MP_UNAVAILABLE,
		MP_UNAVAILABLE},
	{429, STRIPE_ERROR("Slowly."), MP_TOO_MANY, MP_TOO_MANY, MP_TOO_MANY, MP_TOO_MANY},
	{500, STRIPE_ERROR("Oh."), MP_UNKNOWN, MP_UNKNOWN, MP_UNKNOWN, MP_UNKNOWN},
	{503, "", MP_UNKNOWN, MP_UNKNOWN, MP_UNKNOWN, MP_UNKNOWN},
	{302, "", MP_UNKNOWN, MP_UNKNOWN, MP_UNKNOWN, MP_UNKNOWN},
};

static int wrong_call(const char *call, unsigned status, enum mp_rc seen, enum mp_rc expected)
{
	return mp_wrong(seen == expected, "%s, %u: %s, not %s", call, status, mp_rc_name(seen),
		mp_rc_name(expected));
}

static void every_answer_has_one_meaning(void **state)
{
	struct stripe_client *client = open_stripe(base_url);
	struct stripe stripe = stripe_client_calls(client);
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct stripe_session s;
		struct stripe_intent intent;
		char reason[160] = "";
		unsigned status = answers[i].status;
		says(status, answers[i].body);
		wrong += wrong_call("create", status,
			stripe.create(stripe.ctx, &order, arena, &s, reason), answers[i].create);
		wrong += wrong_call("retrieve", status,
			stripe.retrieve(stripe.ctx, "cs_1", arena, &s), answers[i].retrieve);
		wrong += wrong_call("expire", status, stripe.expire(stripe.ctx, "cs_1", arena, &s),
			answers[i].expire);
		wrong += wrong_call("intent", status,
			stripe.intent(stripe.ctx, "pi_1", arena, &intent), answers[i].intent);
	}
	assert_int_equal(wrong, 0);
	stripe_client_close(client);
}

#define OTHERWISE "it does not take this payment"
static void a_refusal_says_why_in_words_for_people(void **state)
{
	static const struct {
		const char *body;
		const char *reason;
	} rows[] = {
		{"{\"error\":{\"code\":\"amount_too_small\"}}", "the amount is too small"},
		{"{\"error\":{\"code\":\"amount_too_large\",\"message\":null}}",
			"the amount is too large"},
		{STRIPE_ERROR("Invalid URL: an explicit scheme must be provided."), OTHERWISE},
		{STRIPE_ERROR("two\\nlines"), OTHERWISE},
		{"{\"error\":{}}", OTHERWISE},
		{"{\"error\":\"x\"}", OTHERWISE},
		{"[]", OTHERWISE},
		{"not json", OTHERWISE},
	};
	struct stripe_client *client = open_stripe(base_url);
	struct stripe stripe = stripe_client_calls(client);
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct stripe_session s;
		char reason[160] = "";
		says(400, rows[i].body);
		enum mp_rc rc = stripe.create(stripe.ctx, &order, arena, &s, reason);
		wrong += mp_wrong(rc == MP_INVALID && strcmp(reason, rows[i].reason) == 0, "%s: %s",
			rows[i].body, reason);
	}
	assert_int_equal(wrong, 0);
	stripe_client_close(client);
}

static void a_failure_that_stripe_keeps_is_left_by_another_key(void **state)
{
	struct stripe_client *client = open_stripe(base_url);
	struct stripe stripe = stripe_client_calls(client);
	struct stripe_session session;
	char reason[160] = "";

	(void)state;
	says(200, SESSION);
	server_says.kept_failures = 2;
	assert_int_equal(stripe.create(stripe.ctx, &order, arena, &session, reason), MP_OK);
	assert_int_equal(atomic_load(&server_says.calls), 3);
	assert_string_equal(server_says.asked_key, ID "-2-3");

	server_says.kept_failures = 1000;
	assert_int_equal(stripe.create(stripe.ctx, &order, arena, &session, reason), MP_UNKNOWN);
	assert_int_equal(atomic_load(&server_says.calls), 3 + 16);

	says(500, "{}"); /* which may have made a session: asked for again under its key */
	assert_int_equal(stripe.create(stripe.ctx, &order, arena, &session, reason), MP_UNKNOWN);
	assert_int_equal(atomic_load(&server_says.calls), 1);
	assert_string_equal(server_says.asked_key, ID "-2");
	stripe_client_close(client);
}

static void a_key_that_is_known_for_another_order_is_left(void **state)
{
	struct stripe_client *client = open_stripe(base_url);
	struct stripe stripe = stripe_client_calls(client);
	struct stripe_session session;
	char reason[160] = "";

	(void)state;
	says(200, SESSION);
	server_says.kept_failures = 1;
	server_says.other_orders = 2;
	assert_int_equal(stripe.create(stripe.ctx, &order, arena, &session, reason), MP_OK);
	assert_string_equal(server_says.asked_key, ID "-2-4");
	server_says.other_orders = 1000;
	assert_int_equal(stripe.create(stripe.ctx, &order, arena, &session, reason), MP_UNKNOWN);
	assert_string_equal(reason, ""); /* nobody refused it */
	stripe_client_close(client);
}

static void a_payment_intent_says_whether_money_may_come(void **state)
{
	struct stripe_client *client = open_stripe(base_url);
	struct stripe stripe = stripe_client_calls(client);
	struct stripe_intent intent;

	(void)state;
	says(200, "{\"status\":\"requires_payment_method\",\"last_payment_error\":{\"message\":"
		  "\"Your card was declined.\"},\"metadata\":{\"payment_id\":\"" ID
		  "\",\"attempt\":\"2\"}}");
	assert_int_equal(stripe.intent(stripe.ctx, "pi_1", arena, &intent), MP_OK);
	assert_true(intent.failed && intent.attempt == 2);
	assert_string_equal(intent.payment_id.text, ID);
	assert_string_equal(intent.decline, "Your card was declined.");
	says(200, "{\"status\":\"processing\",\"last_payment_error\":null,\"metadata\":{}}");
	assert_int_equal(stripe.intent(stripe.ctx, "pi_1", arena, &intent), MP_OK);
	assert_false(intent.failed);
	assert_null(intent.decline);
	assert_true(mp_id_is_none(&intent.payment_id));
	stripe_client_close(client);
}

static void ids_that_are_none_are_not_asked_for(void **state)
{
	struct stripe_client *client = open_stripe(base_url);
	struct stripe stripe = stripe_client_calls(client);
	struct stripe_session s;
	struct stripe_intent intent;

	(void)state;
	says(200, SESSION);
	assert_int_equal(stripe.retrieve(stripe.ctx, "../users", arena, &s), MP_NOT_FOUND);
	assert_int_equal(stripe.expire(stripe.ctx, "cs 1", arena, &s), MP_NOT_FOUND);
	assert_int_equal(stripe.intent(stripe.ctx, "", arena, &intent), MP_NOT_FOUND);
	assert_int_equal(atomic_load(&server_says.calls), 0);
	stripe_client_close(client);
}

static void nobody_there_is_unavailable_and_a_key_that_is_none_is_refused(void **state)
{
	static const char *const keys[] = {
		"pk_test", "sk_test", "sk_test_a\r", "sk_test_a ", "sk_live_a b"};
	struct stripe_client *client = open_stripe("http://127.0.0.1:1");
	struct stripe stripe = stripe_client_calls(client);
	struct stripe_session s;
	char reason[160];

	(void)state;
	assert_int_equal(stripe.create(stripe.ctx, &order, arena, &s, reason), MP_UNAVAILABLE);
	stripe_client_close(client);
	client = NULL;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct stripe_client_config config = {
			.api_base = base_url, .secret_key = keys[i]};
		assert_int_equal(stripe_client_open(&config, &client), MP_INVALID);
		assert_null(client);
	}
}

/* --- users --- */

static struct user_client *open_users(const char *url)
{
	static char token_url[80];
	const struct user_client_config config = {
		.user_url = url,
		.token_url = token_url,
		.client_id = "payment",
		.client_secret = "secret",
	};
	struct user_client *client = NULL;

	assert_int_equal(
		mp_text_format(token_url, sizeof(token_url), "%s/oauth/token", url), MP_OK);
	assert_int_equal(user_client_open(&config, &client), MP_OK);
	return client;
}

static void users_are_looked_up_once(void **state)
{
	const struct mp_id id = {ID};
	struct user_client *client = open_users(base_url);
	struct users users = user_client_calls(client);

	(void)state;
	says(404, "{}");
	assert_int_equal(users.exists(users.ctx, &id, arena), MP_NOT_FOUND);
	assert_int_equal(users.exists(users.ctx, &id, arena), MP_NOT_FOUND); /* may come later */
	assert_int_equal(atomic_load(&server_says.calls), 2);
	says(200, "{}");
	assert_int_equal(users.exists(users.ctx, &id, arena), MP_OK);
	assert_string_equal(server_says.asked_path, ID);
	assert_string_equal(server_says.asked_auth, "Bearer t");
	says(500, "{}");
	assert_int_equal(users.exists(users.ctx, &id, arena), MP_OK); /* users are never removed */
	assert_int_equal(atomic_load(&server_says.calls), 0);
	user_client_close(client);
}

static void trouble_with_users_is_unavailable(void **state)
{
	static const unsigned statuses[] = {400, 403, 429, 500, 503};
	const struct mp_id id = {ID};
	struct user_client *client = open_users(base_url);
	struct users users = user_client_calls(client);
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		says(statuses[i], "{}");
		wrong += mp_wrong(
			users.exists(users.ctx, &id, arena) == MP_UNAVAILABLE, "%u", statuses[i]);
	}
	assert_int_equal(wrong, 0);

	/* A token that is not good any more: asked again. */
	says(200, "{}");
	server_says.first_status = 401;
	assert_int_equal(users.exists(users.ctx, &id, arena), MP_OK);
	assert_int_equal(atomic_load(&server_says.calls), 2);
	user_client_close(client);

	client = open_users("http://127.0.0.1:1");
	users = user_client_calls(client);
	assert_int_equal(users.exists(users.ctx, &id, arena), MP_UNAVAILABLE);
	user_client_close(client);
}

static int setup(void **state)
{
	const struct mp_http_server_config config = {
		.listen = "127.0.0.1:0",
		.routes = routes,
		.routes_count = sizeof(routes) / sizeof(routes[0]),
		.network_threads = 1,
		.workers = 2,
		.ready = ready,
	};
	char error[256];

	(void)state;
	mp_log_init("test", "error");
	arena = mp_arena_new(16u << 20);
	if (arena == NULL || mp_crypto_init() != MP_OK || mp_http_client_global_init() != MP_OK)
		return -1;
	mp_json_init();
	if (mp_http_server_open(&config, &server, error) != MP_OK)
		return -1;
	return mp_text_format(base_url, sizeof(base_url), "http://127.0.0.1:%u",
		       (unsigned)mp_http_server_port(server)) == MP_OK
		       ? 0
		       : -1;
}

static int teardown(void **state)
{
	(void)state;
	mp_http_server_close(server, 100);
	mp_arena_free(arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_order_is_sent_as_stripe_wants_it),
		cmocka_unit_test(every_answer_has_one_meaning),
		cmocka_unit_test(a_refusal_says_why_in_words_for_people),
		cmocka_unit_test(a_failure_that_stripe_keeps_is_left_by_another_key),
		cmocka_unit_test(a_key_that_is_known_for_another_order_is_left),
		cmocka_unit_test(a_payment_intent_says_whether_money_may_come),
		cmocka_unit_test(ids_that_are_none_are_not_asked_for),
		cmocka_unit_test(nobody_there_is_unavailable_and_a_key_that_is_none_is_refused),
		cmocka_unit_test(users_are_looked_up_once),
		cmocka_unit_test(trouble_with_users_is_unavailable),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
