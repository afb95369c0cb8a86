#include "payment.h"

#include <inttypes.h>
#include <string.h>

#include "log/log.h"

/* A session that a webhook called done, and that still reads open, is read again so often. */
#define OPEN_READS_MAX 10
#define EXPIRY_GRACE_MS 5000 /* after a session's end, before the provider is asked about it */

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

enum truth {
	TRUTH_FOREIGN, /* about nothing of ours */
	TRUTH_OPEN,    /* nothing has happened yet */
	TRUTH_TOLD,    /* an input to the payment */
};

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
static enum truth input_from_session(struct payment_app *app, const struct payment_load *load,
	const struct stripe_session *session, bool failed, struct payment_input *out)
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

/* Applies a session as the provider has just told it. */
static enum mp_rc apply_session(struct payment_app *app, const struct stripe_session *session,
	bool failed, int64_t now_ms, struct mp_arena *arena, enum truth *out_truth)
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
	change.input.at_ms = now_ms;
	*out_truth = input_from_session(app, &load, session, failed, &change.input);
	if (*out_truth != TRUTH_TOLD)
		return MP_OK;
	return payment_apply(app, &change, now_ms, arena, &payment, &verdict);
}

/* --- sessions --- */

static enum mp_rc tell_attempt(struct payment_app *app, const struct mp_id *id,
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

	if (attempt->expires_at_s - now_ms / 1000 < app->rules.session_opening_s) {
		input.kind = INPUT_SESSION_LATE;
		return tell_attempt(app, &payment->id, &input, now_ms, arena, out_payment);
	}
	enum mp_rc rc = make_order(app, payment, attempt, arena, &order);
	if (rc == MP_OK)
		rc = app->stripe.create(app->stripe.ctx, &order, arena, &session, reason);
	if (rc == MP_INVALID) {
		input.kind = INPUT_SESSION_REFUSED;
		input.text = reason;
		return tell_attempt(app, &payment->id, &input, now_ms, arena, out_payment);
	}
	if (rc != MP_OK)
		return rc;
	if (session.url == NULL)
		return MP_CORRUPT;
	input.kind = INPUT_SESSION_OPENED;
	input.session_id = session.id;
	input.url = session.url;
	return tell_attempt(app, &payment->id, &input, now_ms, arena, out_payment);
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
	enum truth truth;

	if (attempt->state == SESSION_WANTED) /* its page was never shown to anybody */
		return tell_attempt(app, &payment->id, &expired, now_ms, arena, &ignored);

	enum mp_rc rc = app->stripe.expire(app->stripe.ctx, attempt->session_id, arena, &session);
	if (rc == MP_CONFLICT)
		rc = app->stripe.retrieve(app->stripe.ctx, attempt->session_id, arena, &session);
	if (rc == MP_NOT_FOUND) /* the provider forgot it: nobody can pay there */
		return tell_attempt(app, &payment->id, &expired, now_ms, arena, &ignored);
	if (rc != MP_OK)
		return rc;
	rc = apply_session(app, &session, false, now_ms, arena, &truth);
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
	for (const struct payment_attempt *a = attempts; a != NULL; a = a->next) {
		bool payable = payment_session_payable(&payment, a->number);
		rc = MP_OK;
		if (payable && a->state == SESSION_WANTED)
			rc = open_attempt(app, &payment, a, now_ms, arena, &after);
		else if (!payable && (a->state == SESSION_WANTED || a->state == SESSION_OPEN))
			rc = expire_attempt(app, &payment, a, now_ms, arena);
		if (first_rc == MP_OK)
			first_rc = rc;
	}
	return first_rc;
}

struct mp_due_result provider_sessions_due(
	void *ctx, struct mp_arena *arena, const struct mp_id *id, int64_t attempts, int64_t now_ms)
{
	struct payment_app *app = ctx;

	enum mp_rc rc = provider_align_sessions(app, id, now_ms, arena);
	if (rc == MP_OK || rc == MP_NOT_FOUND)
		return (struct mp_due_result){.done = true};
	mp_log(MP_LOG_WARN, "sessions_not_aligned", MP_TEXT("payment", id->text), MP_RC(rc),
		MP_INT("attempts", attempts));
	return (struct mp_due_result){.again_at_ms = now_ms + mp_due_backoff_ms(attempts)};
}

/* --- webhooks --- */

static bool is_about_sessions(const char *type)
{
	static const char *const types[] = {"checkout.session.completed",
		"checkout.session.async_payment_succeeded", "checkout.session.async_payment_failed",
		"checkout.session.expired"};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(type, types[i]) == 0)
			return true;
	}
	return false;
}

enum mp_rc provider_event_keep(
	struct payment_app *app, struct provider_event *event, struct mp_arena *arena)
{
	event->done = event->session_id == NULL || !is_about_sessions(event->type);
	enum mp_rc rc = payment_db_event_insert(&app->db, event, arena);
	return rc == MP_EXISTS ? MP_OK : rc;
}

/* The provider's word at the webhook is only a hint: the session is read again. */
static enum mp_rc look_into(struct payment_app *app, const struct provider_event *event,
	int64_t now_ms, struct mp_arena *arena, enum truth *out_truth)
{
	bool failed = strcmp(event->type, "checkout.session.async_payment_failed") == 0;
	struct stripe_session session;

	*out_truth = TRUTH_FOREIGN;
	enum mp_rc rc = app->stripe.retrieve(app->stripe.ctx, event->session_id, arena, &session);
	if (rc == MP_NOT_FOUND)
		return MP_OK;
	if (rc != MP_OK)
		return rc;
	return apply_session(app, &session, failed, now_ms, arena, out_truth);
}

static struct mp_due_result finish_event(struct payment_app *app,
	const struct provider_event *event, enum truth truth, int64_t attempts, int64_t now_ms,
	struct mp_arena *arena)
{
	enum mp_rc rc = payment_db_event_done(&app->db, event, arena);
	if (rc != MP_OK && rc != MP_STALE)
		return (struct mp_due_result){.again_at_ms = now_ms + mp_due_backoff_ms(attempts)};

	mp_metric_add(truth == TRUTH_FOREIGN ? app->events_foreign : app->events_done, 1);
	if (truth != TRUTH_TOLD)
		mp_log(MP_LOG_WARN,
			truth == TRUTH_FOREIGN ? "provider_event_foreign" : "provider_event_early",
			MP_TEXT("provider_event", event->provider_id), MP_TEXT("type", event->type),
			MP_TEXT("session", event->session_id));
	return (struct mp_due_result){.done = true};
}

struct mp_due_result provider_event_due(
	void *ctx, struct mp_arena *arena, const struct mp_id *id, int64_t attempts, int64_t now_ms)
{
	const struct mp_due_result again = {.again_at_ms = now_ms + mp_due_backoff_ms(attempts)};
	struct payment_app *app = ctx;
	struct provider_event event;
	enum truth truth = TRUTH_FOREIGN;

	enum mp_rc rc = payment_db_event_get(&app->db, id, arena, &event);
	if (rc == MP_NOT_FOUND || (rc == MP_OK && event.done))
		return (struct mp_due_result){.done = true};
	if (rc == MP_OK)
		rc = look_into(app, &event, now_ms, arena, &truth);
	if (rc != MP_OK) {
		mp_log(MP_LOG_WARN, "provider_event_later", MP_TEXT("id", id->text), MP_RC(rc),
			MP_INT("attempts", attempts));
		return again;
	}
	/* The re-drive goes on asking, so that giving up here loses nothing. */
	if (truth == TRUTH_OPEN && attempts < OPEN_READS_MAX)
		return again;
	return finish_event(app, &event, truth, attempts, now_ms, arena);
}

/* --- what stands still --- */

/* The webhook may never come: the provider is asked what became of the session. */
static enum mp_rc ask_about_session(
	struct payment_app *app, const struct mp_id *id, int64_t now_ms, struct mp_arena *arena)
{
	struct payment_load load = {.id = *id, .attempt = -1};
	struct stripe_session session;
	struct payment ignored;
	enum truth truth;
	bool failed = false;

	enum mp_rc rc = payment_db_load(&app->db, &load, 1, arena);
	const struct payment_attempt *attempt = load.attempt_row;
	if (rc != MP_OK || attempt == NULL)
		return rc;
	if (attempt->state == SESSION_WANTED)
		return provider_open_session(app, id, now_ms, arena, &ignored);
	if (attempt->session_id == NULL)
		return MP_OK;
	if (load.payment.cancel_wanted)
		return provider_align_sessions(app, id, now_ms, arena);
	rc = app->stripe.retrieve(app->stripe.ctx, attempt->session_id, arena, &session);
	if (rc == MP_OK && session.status == STRIPE_COMPLETE && !session.paid &&
		session.payment_intent != NULL)
		rc = app->stripe.intent_failed(
			app->stripe.ctx, session.payment_intent, arena, &failed);
	if (rc == MP_NOT_FOUND) {
		const struct payment_input gone = {
			.kind = INPUT_SESSION_EXPIRED, .at_ms = now_ms, .attempt = attempt->number};
		return tell_attempt(app, id, &gone, now_ms, arena, &ignored);
	}
	return rc == MP_OK ? apply_session(app, &session, failed, now_ms, arena, &truth) : rc;
}

/* The last events again, with their ids as they were: whoever missed them acts, others do not. */
static enum mp_rc tell_again(struct payment_app *app, const struct payment *payment, int64_t now_ms,
	struct mp_arena *arena)
{
	struct payment_work work;
	struct payment_work *const works[] = {&work};

	work_begin(&work, arena, &app->rules, now_ms, payment);
	enum mp_rc rc = payment_db_captures(&app->db, &payment->id, arena, &work.captures);
	if (rc != MP_OK)
		return rc;
	work_redrive(&work);
	return work_is_empty(&work) ? MP_OK : payment_commit(app, works, 1, NULL, 0, arena);
}

/* Slower and slower, but soon after the end of the session that it waits for. */
static int64_t next_redrive_ms(struct payment_app *app, const struct payment *payment,
	bool asked_provider, int64_t attempts, int64_t now_ms)
{
	int64_t least = asked_provider ? 2 * app->rules.redrive_ms : app->rules.redrive_ms;
	int64_t pause = mp_due_backoff_ms(attempts);
	int64_t expiry_ms = payment->checkout_expires_at_s * 1000 + EXPIRY_GRACE_MS;

	if (payment->checkout_expires_at_s != 0 && expiry_ms > now_ms && pause > expiry_ms - now_ms)
		pause = expiry_ms - now_ms;
	return now_ms + (pause < least ? least : pause);
}

struct mp_due_result payment_redrive_due(
	void *ctx, struct mp_arena *arena, const struct mp_id *id, int64_t attempts, int64_t now_ms)
{
	struct payment_app *app = ctx;
	struct payment payment;

	enum mp_rc rc = payment_db_get(&app->db, id, arena, &payment);
	if (rc == MP_NOT_FOUND)
		return (struct mp_due_result){.done = true};
	if (rc != MP_OK) {
		mp_log(MP_LOG_WARN, "redrive_later", MP_TEXT("payment", id->text), MP_RC(rc));
		return (struct mp_due_result){.again_at_ms = now_ms + mp_due_backoff_ms(attempts)};
	}
	enum redrive redrive = machine_redrive(&payment);
	if (redrive == REDRIVE_NOTHING)
		return (struct mp_due_result){.done = true};

	mp_metric_add(app->redrives, 1);
	if (redrive == REDRIVE_PROVIDER)
		rc = ask_about_session(app, id, now_ms, arena);
	if (rc == MP_OK && (redrive != REDRIVE_PROVIDER || payment.captures_unsettled > 0))
		rc = tell_again(app, &payment, now_ms, arena);
	if (rc != MP_OK)
		mp_log(MP_LOG_WARN, "redrive_failed", MP_TEXT("payment", id->text), MP_RC(rc));
	return (struct mp_due_result){.again_at_ms = next_redrive_ms(app, &payment,
					      redrive == REDRIVE_PROVIDER, attempts, now_ms)};
}
