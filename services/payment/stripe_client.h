#ifndef MP_PAYMENT_STRIPE_CLIENT_H
#define MP_PAYMENT_STRIPE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/id.h"
#include "base/rc.h"

/*
 * Checkout Sessions of Stripe (API version pinned in stripe_client.c). The calls are a table, so
 * that the domain's tests can lose answers; in the service it is always the real client.
 */
#define STRIPE_SESSION_TTL_S_MIN 1800  /* Stripe refuses a session with less time left */
#define STRIPE_SESSION_TTL_S_MAX 86400 /* or with more */

struct stripe_order {
	const char *key; /* begins the Idempotency-Key: one order however often it is sent */
	struct mp_id payment_id;
	int64_t attempt;
	int64_t amount;	      /* in the provider's smallest units */
	const char *currency; /* ISO 4217, upper case */
	const char *name;     /* what the page shows as the thing paid for */
	int64_t expires_at_s;
	const char *success_url;
	const char *cancel_url;
};

enum stripe_status {
	STRIPE_OPEN,
	STRIPE_COMPLETE,
	STRIPE_EXPIRED,
};

struct stripe_session {
	const char *id;
	const char *url;	    /* NULL when it is not open */
	const char *payment_intent; /* NULL before there is one */
	enum stripe_status status;
	bool paid; /* payment_status "paid": the money has arrived */
	bool livemode;
	int64_t amount;		 /* amount_total, in the provider's smallest units; -1: none */
	char currency[4];	 /* upper case; "" : none */
	struct mp_id payment_id; /* client_reference_id; none: not one of ours */
	int64_t attempt;	 /* metadata; 0: none */
};

/* A PaymentIntent, as far as we look at it. */
struct stripe_intent {
	struct mp_id payment_id; /* metadata; none: not one of ours */
	int64_t attempt;	 /* 0: none */
	bool failed;		 /* declined or canceled: by itself it brings no money any more */
	const char *decline;	 /* the last refusal, for people; NULL: none */

	const char *id;
	bool captured; /* its money has arrived */
	int64_t created_s;
	int64_t amount_received; /* in the provider's smallest units */
	char currency[4];	 /* upper case; "": none */
};

/*
 * PaymentIntents by the time of their making, or of their capture; newest first. A PaymentIntent
 * and its charge keep the time of their making only, and a direct debit is captured days later:
 * when, tells its event alone, which Stripe keeps for 30 days.
 */
struct stripe_intents {
	bool by_capture;
	int64_t from_s;	   /* inclusive */
	int64_t to_s;	   /* exclusive */
	const char *after; /* next of the page before; NULL at first */

	struct stripe_intent *items; /* STRIPE_PAGE_MAX at most */
	size_t count;
	const char *next; /* NULL: this was the last page */
};
#define STRIPE_PAGE_MAX 100

/*
 * All block until the answer or the timeout. Results:
 *	MP_INVALID      refused for good; the reason in reterr_reason (size 160, for people)
 *	MP_NOT_FOUND    no such session or PaymentIntent
 *	MP_CONFLICT     expire: the session is not open any more
 *	MP_FORBIDDEN    our key is not accepted: an operator has to act; later the same call
 *	MP_TOO_MANY, MP_UNAVAILABLE, MP_UNKNOWN, MP_NOMEM   the same call later
 *	MP_CORRUPT      an answer that is not what Stripe documents; the same call later
 */
struct stripe {
	enum mp_rc (*create)(void *ctx, const struct stripe_order *order, struct mp_arena *arena,
		struct stripe_session *out_session, char reterr_reason[160]);
	enum mp_rc (*retrieve)(void *ctx, const char *session_id, struct mp_arena *arena,
		struct stripe_session *out_session);
	enum mp_rc (*expire)(void *ctx, const char *session_id, struct mp_arena *arena,
		struct stripe_session *out_session);
	enum mp_rc (*intent)(void *ctx, const char *payment_intent, struct mp_arena *arena,
		struct stripe_intent *out_intent);
	void *ctx;
	bool livemode; /* what every session must say */
	enum mp_rc (*intents)(void *ctx, struct mp_arena *arena, struct stripe_intents *inout);
};

struct stripe_client;

struct stripe_client_config {
	const char *api_base;	/* "https://api.stripe.com" */
	const char *secret_key; /* sk_test_, rk_test_: test mode; sk_live_, rk_live_: live */
	long timeout_ms;
};

/* MP_INVALID: a key of neither mode, or with characters that no key has. */
enum mp_rc stripe_client_open(
	const struct stripe_client_config *config, struct stripe_client **out_client) MP_MUST_CHECK;
void stripe_client_close(struct stripe_client *client);
struct stripe stripe_client_calls(struct stripe_client *client);

/* An id as Stripe makes them: letters, digits, underscores, 1..255. What else comes is not used. */
bool stripe_is_id(const char *text);

/*
 * A session as Stripe writes it. Exposed for tests and fuzzing. MP_CORRUPT otherwise.
 * Memory: texts are the arena's.
 */
enum mp_rc stripe_session_parse(const char *body, size_t body_len, struct mp_arena *arena,
	struct stripe_session *out_session) MP_MUST_CHECK;

#endif
