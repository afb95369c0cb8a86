#include "payment.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/trace.h"
#include "log/log.h"

/* An outage may last: what waits for its end is done soon after it. */
#define LATER_MS_MAX 60000

bool provider_enter(struct payment_app *app)
{
	int waiting = atomic_fetch_add(&app->provider_waiting, 1);
	if (waiting < app->provider_waiting_max)
		return true;
	provider_leave(app);
	return false;
}

void provider_leave(struct payment_app *app)
{
	atomic_fetch_sub(&app->provider_waiting, 1);
}

/* --- what a session says --- */

static const char *mismatch(struct payment_app *app, const struct payment *payment,
	const struct payment_attempt *attempt, const struct stripe_session *session)
{
	int64_t expected = 0;

	if (mp_money_to_provider(attempt->amount_minor, payment->currency, &expected) != MP_OK ||
		session->amount != expected)
		return "amount";
	if (strcmp(session->currency, payment->currency->code) != 0)
		return "currency";
	if (session->livemode != app->stripe.livemode)
		return "livemode";
	return NULL;
}

/* failed: a webhook or the PaymentIntent says that money will not come after all. */
static enum provider_truth input_from_session(struct payment_app *app,
	const struct payment_load *load, const struct stripe_session *session, bool failed,
	struct payment_input *out)
{
	out->attempt = session->attempt;
	out->session_id = session->id;
	if (session->status == STRIPE_OPEN)
		return TRUTH_OPEN;
	if (session->status == STRIPE_EXPIRED) {
		out->kind = INPUT_SESSION_EXPIRED;
		return TRUTH_TOLD;
	}
	out->text = mismatch(app, &load->payment, load->attempt_row, session);
	if (out->text == NULL && session->paid && session->payment_intent == NULL)
		out->text = "payment_intent";
	if (out->text != NULL)
		out->kind = INPUT_MISMATCH;
	else if (session->paid)
		out->kind = INPUT_CAPTURED;
	else
		out->kind = failed ? INPUT_SESSION_FAILED : INPUT_SESSION_PROCESSING;
	if (out->kind == INPUT_CAPTURED)
		out->payment_intent = session->payment_intent;
	return TRUTH_TOLD;
}

/*
 * Of two sessions of one attempt (a failure that the provider kept may have made the first) nobody
 * was shown the other: that it ends says nothing about ours. Money that came by it counts.
 */
static bool is_of_no_use(
	const struct payment_attempt *attempt, const struct stripe_session *session)
{
	return session->status == STRIPE_EXPIRED && attempt->session_id != NULL &&
	       strcmp(attempt->session_id, session->id) != 0;
}

enum mp_rc provider_apply_session(struct payment_app *app, const struct stripe_session *session,
	bool failed, int64_t now_ms, struct mp_arena *arena, enum provider_truth *out_truth)
{
	struct payment_load load = {.id = session->payment_id, .attempt = session->attempt};
	struct payment_change change = {.id = session->payment_id};
	struct payment payment;
	enum verdict verdict;

	*out_truth = TRUTH_FOREIGN;
	if (mp_id_is_none(&session->payment_id) || session->attempt < 1 ||
		session->attempt > PAYMENT_ATTEMPTS_MAX)
		return MP_OK;
	enum mp_rc rc = payment_db_load(&app->db, &load, 1, arena);
	if (rc != MP_OK || !load.found || load.attempt_row == NULL)
		return rc;
	if (is_of_no_use(load.attempt_row, session)) {
		*out_truth = TRUTH_TOLD;
		return MP_OK;
	}
	change.input.at_ms = now_ms;
	*out_truth = input_from_session(app, &load, session, failed, &change.input);
	if (*out_truth != TRUTH_TOLD)
		return MP_OK;
	return payment_apply(app, &change, now_ms, arena, &payment, &verdict);
}

/* --- sessions --- */

enum mp_rc provider_unknown(struct payment_app *app, const char *object_id)
{
	mp_metric_add(app->alarms[ALARM_PROVIDER], 1);
	mp_log(MP_LOG_ERROR, "provider_id_unknown", MP_TEXT("object", object_id));
	return MP_UNAVAILABLE;
}

enum mp_rc provider_tell(struct payment_app *app, const struct mp_id *id,
	const struct payment_input *input, int64_t now_ms, struct mp_arena *arena,
	struct payment *out_payment)
{
	const struct payment_change change = {.id = *id, .input = *input};
	enum verdict verdict;

	return payment_apply(app, &change, now_ms, arena, out_payment, &verdict);
}

/* The same order however often it is made: all of it comes from the record. */
static enum mp_rc make_order(struct payment_app *app, const struct payment *payment,
	const struct payment_attempt *attempt, struct mp_arena *arena, struct stripe_order *out)
{
	const char *url = app->public_url;
	const char *id = payment->id.text;
	struct stripe_order order = {
		.key = mp_arena_printf(arena, "%s-%" PRId64, id, attempt->number),
		.payment_id = payment->id,
		.attempt = attempt->number,
		.currency = payment->currency->code,
		.name = payment_is_top_up(payment) ? "Wallet top-up" : "Payment",
		.expires_at_s = attempt->expires_at_s,
		.success_url = mp_arena_printf(arena, "%s/payments/%s?checkout=done", url, id),
		.cancel_url = mp_arena_printf(arena, "%s/payments/%s?checkout=canceled", url, id),
	};

	if (order.key == NULL || order.success_url == NULL || order.cancel_url == NULL)
		return MP_NOMEM;
	if (mp_money_to_provider(attempt->amount_minor, payment->currency, &order.amount) != MP_OK)
		return MP_INVALID;
	*out = order;
	return MP_OK;
}

static enum mp_rc open_attempt(struct payment_app *app, const struct payment *payment,
	const struct payment_attempt *attempt, int64_t now_ms, struct mp_arena *arena,
	struct payment *out_payment)
{
	struct payment_input input = {.at_ms = now_ms, .attempt = attempt->number};
	struct stripe_session session;
	struct stripe_order order;
	char reason[160] = "its amount cannot be charged";
	int64_t begun_ms = mp_clock_mono_ms();

	if (attempt->expires_at_s - now_ms / 1000 < app->rules.session_opening_s) {
		input.kind = INPUT_SESSION_LATE;
		return provider_tell(app, &payment->id, &input, now_ms, arena, out_payment);
	}
	enum mp_rc rc = make_order(app, payment, attempt, arena, &order);
	if (rc == MP_OK)
		rc = app->stripe.create(app->stripe.ctx, &order, arena, &session, reason);
	input.at_ms += mp_clock_mono_ms() - begun_ms; /* the provider takes its time */
	if (rc == MP_INVALID) {
		input.kind = INPUT_SESSION_REFUSED;
		input.text = reason;
		return provider_tell(app, &payment->id, &input, now_ms, arena, out_payment);
	}
	if (rc != MP_OK)
		return rc;
	if (session.url == NULL)
		return MP_CORRUPT;
	input.kind = INPUT_SESSION_OPENED;
	input.session_id = session.id;
	input.url = session.url;
	return provider_tell(app, &payment->id, &input, now_ms, arena, out_payment);
}

enum mp_rc provider_open_session(struct payment_app *app, const struct mp_id *id, int64_t now_ms,
	struct mp_arena *arena, struct payment *out_payment)
{
	struct payment_load load = {.id = *id, .attempt = -1};

	enum mp_rc rc = payment_db_load(&app->db, &load, 1, arena);
	if (rc != MP_OK)
		return rc;
	if (!load.found)
		return MP_NOT_FOUND;
	const struct payment_attempt *attempt = load.attempt_row;
	if (attempt == NULL || attempt->state != SESSION_WANTED ||
		!payment_session_payable(&load.payment, attempt->number)) {
		*out_payment = load.payment;
		return MP_OK;
	}
	return open_attempt(app, &load.payment, attempt, now_ms, arena, out_payment);
}

/* Ends a session that nobody should pay any more; one that was paid meanwhile still counts. */
static enum mp_rc expire_attempt(struct payment_app *app, const struct payment *payment,
	const struct payment_attempt *attempt, int64_t now_ms, struct mp_arena *arena)
{
	const struct payment_input expired = {
		.kind = INPUT_SESSION_EXPIRED, .at_ms = now_ms, .attempt = attempt->number};
	struct stripe_session session;
	struct payment ignored;
	enum provider_truth truth;

	if (attempt->state == SESSION_WANTED) /* its page was never shown to anybody */
		return provider_tell(app, &payment->id, &expired, now_ms, arena, &ignored);

	enum mp_rc rc = app->stripe.expire(app->stripe.ctx, attempt->session_id, arena, &session);
	if (rc == MP_CONFLICT)
		rc = app->stripe.retrieve(app->stripe.ctx, attempt->session_id, arena, &session);
	if (rc == MP_NOT_FOUND)
		return provider_unknown(app, attempt->session_id);
	if (rc != MP_OK)
		return rc;
	rc = provider_apply_session(app, &session, false, now_ms, arena, &truth);
	return rc == MP_OK && truth != TRUTH_TOLD ? MP_UNAVAILABLE : rc;
}

enum mp_rc provider_align_sessions(
	struct payment_app *app, const struct mp_id *id, int64_t now_ms, struct mp_arena *arena)
{
	struct payment_attempt *attempts = NULL;
	struct payment payment;
	struct payment after;
	enum mp_rc first_rc = MP_OK;

	enum mp_rc rc = payment_db_get(&app->db, id, arena, &payment);
	if (rc == MP_OK)
		rc = payment_db_attempts(&app->db, id, arena, &attempts);
	if (rc != MP_OK)
		return rc;
	payment_follow_trace(&payment);
	for (const struct payment_attempt *a = attempts; a != NULL; a = a->next) {
		bool payable = payment_session_payable(&payment, a->number);
		rc = MP_OK;
		if (a->number > payment.attempt)
			continue; /* begun since the record was read: not to be judged by it */
		if (payable && a->state == SESSION_WANTED)
			rc = open_attempt(app, &payment, a, now_ms, arena, &after);
		else if (!payable && (a->state == SESSION_WANTED || a->state == SESSION_OPEN))
			rc = expire_attempt(app, &payment, a, now_ms, arena);
		if (first_rc == MP_OK)
			first_rc = rc;
	}
	return first_rc;
}

struct mp_due_result provider_later(int64_t attempts, int64_t now_ms)
{
	int64_t pause = mp_due_backoff_ms(attempts);

	return (struct mp_due_result){
		.again_at_ms = now_ms + (pause < LATER_MS_MAX ? pause : LATER_MS_MAX)};
}

struct mp_due_result provider_sessions_due(
	void *ctx, struct mp_arena *arena, const struct mp_id *id, int64_t attempts, int64_t now_ms)
{
	struct payment_app *app = ctx;

	mp_trace_end(); /* the payment's own, as soon as it is known */
	enum mp_rc rc = provider_align_sessions(app, id, now_ms, arena);
	if (rc == MP_OK || rc == MP_NOT_FOUND)
		return (struct mp_due_result){.done = true};
	mp_log(MP_LOG_WARN, "sessions_not_aligned", MP_TEXT("payment", id->text), MP_RC(rc),
		MP_INT("attempts", attempts));
	return provider_later(attempts, now_ms);
}
