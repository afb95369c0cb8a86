#ifndef MP_FUZZ_PAYMENT_H
#define MP_FUZZ_PAYMENT_H

#include "fuzz.h"
#include "payment.h"

/* The payment service on an empty store; the provider cannot be reached, everybody exists. */

#define FUZZ_WEBHOOK_SECRET "whsec_fuzz"

static enum mp_rc no_create(void *ctx, const struct stripe_order *order, struct mp_arena *arena,
	struct stripe_session *out_session, char reterr_reason[160])
{
	return MP_UNAVAILABLE;
}

static enum mp_rc no_session(void *ctx, const char *session_id, struct mp_arena *arena,
	struct stripe_session *out_session)
{
	return MP_UNAVAILABLE;
}

static enum mp_rc no_intent(void *ctx, const char *payment_intent, struct mp_arena *arena,
	struct stripe_intent *out_intent)
{
	return MP_UNAVAILABLE;
}

static enum mp_rc everybody(void *ctx, const struct mp_id *user_id, struct mp_arena *arena)
{
	return MP_OK;
}

static inline void fuzz_payment_open(struct payment_app *app)
{
	struct mp_store *store = fuzz_store();

	app->db.store = store;
	app->db.outbox = fuzz_outbox(store);
	app->db.redrive = fuzz_due(store, "payment");
	app->db.sessions = fuzz_due(store, "session");
	app->db.events = fuzz_due(store, "event");
	app->db.currencies = fuzz_currencies;
	app->stripe = (struct stripe){.create = no_create,
		.retrieve = no_session,
		.expire = no_session,
		.intent = no_intent};
	app->users = (struct users){.exists = everybody};
	app->rules = (struct payment_rules){.session_ttl_s = 3600,
		.session_opening_s = STRIPE_SESSION_TTL_S_MIN + 8,
		.redrive_ms = 30000};
	app->public_url = "http://fuzz";
	app->provider_waiting_max = 4;
	app->provider_timeout_ms = 8000;
	FUZZ_CHECK(stripe_secrets_parse(FUZZ_WEBHOOK_SECRET, &app->webhook_secrets) == MP_OK);
	payment_app_init(app);
}

#endif
