#include "fuzz.h"

#include <string.h>

#include "base/text.h"
#include "stripe_client.h"

/* The provider's answers to each call. The input's first byte is the status. */

#define SESSION "cs_test_1"

static struct stripe stripe;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct stripe_client_config config = {.secret_key = "sk_test_fuzz", .timeout_ms = 20000};
	struct stripe_client *client = NULL;

	fuzz_begin();
	config.api_base = fuzz_peer_open();
	FUZZ_CHECK(stripe_client_open(&config, &client) == MP_OK);
	stripe = stripe_client_calls(client);
	return 0;
}

static void check_session(enum mp_rc rc, const struct stripe_session *session)
{
	if (rc != MP_OK)
		return;
	FUZZ_CHECK(session->id != NULL && session->amount >= -1);
	FUZZ_CHECK(session->status >= STRIPE_OPEN && session->status <= STRIPE_EXPIRED);
	FUZZ_CHECK(session->attempt >= 0);
	FUZZ_CHECK(session->url == NULL || !mp_text_has_control(session->url));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const statuses[] = {
		"200 OK", "400 Bad Request", "402 Payment Required", "404 Not Found"};
	const struct stripe_order order = {
		.key = "key",
		.payment_id = {"0193f5a0-0000-7000-8000-000000000001"},
		.attempt = 1,
		.amount = 100,
		.currency = "USD",
		.name = "fuzz",
		.expires_at_s = 1800000000,
		.success_url = "http://fuzz/",
		.cancel_url = "http://fuzz/",
	};
	struct mp_arena *arena = fuzz_arena();
	struct stripe_session session;
	struct stripe_intent intent;
	char reason[160] = "";

	if (size == 0)
		return 0;
	fuzz_peer_answer(NULL, statuses[data[0] % 4], (const char *)data + 1, size - 1);
	enum mp_rc rc = stripe.create(stripe.ctx, &order, arena, &session, reason);
	check_session(rc, &session);
	FUZZ_CHECK(rc != MP_INVALID || (reason[0] != '\0' && !mp_text_has_control(reason)));
	check_session(stripe.retrieve(stripe.ctx, SESSION, arena, &session), &session);
	check_session(stripe.expire(stripe.ctx, SESSION, arena, &session), &session);
	if (stripe.intent(stripe.ctx, "pi_1", arena, &intent) == MP_OK)
		FUZZ_CHECK(intent.attempt >= 0);
	return 0;
}
