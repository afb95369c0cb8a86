#include "payment.h"

#include "base/trace.h"
#include "log/log.h"

/* Payments that stand still. */

#define REDRIVE_MS_MAX (5 * 60 * 1000)
#define TELL_PAGE 50
#define EXPIRY_GRACE_MS 5000 /* after a session's end, before the provider is asked about it */

/* A session that the payer is done with does not say whether its money may still come. */
static enum mp_rc ask_about_intent(struct payment_app *app, const struct stripe_session *session,
	struct mp_arena *arena, bool *out_failed)
{
	struct stripe_intent intent;

	if (session->status != STRIPE_COMPLETE || session->paid || session->payment_intent == NULL)
		return MP_OK;
	enum mp_rc rc =
		app->stripe.intent(app->stripe.ctx, session->payment_intent, arena, &intent);
	if (rc == MP_OK)
		*out_failed = intent.failed;
	return rc;
}

/* The webhook may never come: the provider is asked what became of the session. */
static enum mp_rc ask_about_session(struct payment_app *app, const struct payment_attempt *attempt,
	int64_t now_ms, struct mp_arena *arena)
{
	struct stripe_session session;
	enum provider_truth truth;
	bool failed = false;

	enum mp_rc rc = app->stripe.retrieve(app->stripe.ctx, attempt->session_id, arena, &session);
	if (rc == MP_OK)
		rc = ask_about_intent(app, &session, arena, &failed);
	if (rc == MP_NOT_FOUND)
		return provider_unknown(app, attempt->session_id);
	return rc == MP_OK ? provider_apply_session(app, &session, failed, now_ms, arena, &truth)
			   : rc;
}

/* Where money may come from: the page that is open to the payer, and every one that was paid at. */
static bool may_bring_money(const struct payment *payment, const struct payment_attempt *attempt)
{
	return attempt->state == SESSION_PROCESSING ||
	       (attempt->state == SESSION_OPEN &&
		       payment_session_payable(payment, attempt->number));
}

/* all: also about sessions that have ended without money as far as we know. */
static enum mp_rc ask_provider(struct payment_app *app, const struct payment *payment, bool all,
	int64_t now_ms, struct mp_arena *arena)
{
	struct payment_attempt *attempts = NULL;
	enum mp_rc first_rc = MP_OK;

	if (payment_waits_for_payer(payment)) /* its page may be wanted, or of no use */
		first_rc = provider_align_sessions(app, &payment->id, now_ms, arena);
	enum mp_rc rc = payment_db_attempts(&app->db, &payment->id, arena, &attempts);
	if (rc != MP_OK)
		return rc;
	for (const struct payment_attempt *a = attempts; a != NULL; a = a->next) {
		bool asked = all ? a->state != SESSION_PAID : may_bring_money(payment, a);

		rc = MP_OK;
		if (asked && a->session_id != NULL)
			rc = ask_about_session(app, a, now_ms, arena);
		if (first_rc == MP_OK)
			first_rc = rc;
	}
	return first_rc;
}

/* The last events again, with their ids as they were: whoever missed them acts, others do not. */
static enum mp_rc tell_again(struct payment_app *app, const struct payment *payment, bool asked,
	int64_t now_ms, struct mp_arena *arena, bool *out_told)
{
	struct payment_work work;
	struct payment_work *const works[] = {&work};

	work_begin(&work, arena, &app->rules, now_ms, payment);
	enum mp_rc rc = payment_db_captures(&app->db, &payment->id, arena, &work.captures);
	if (rc != MP_OK)
		return rc;
	work_redrive(&work, asked);
	*out_told = !work_is_empty(&work);
	return work_is_empty(&work) ? MP_OK : payment_commit(app, works, 1, NULL, 0, arena);
}

/* Slower and slower, but soon after the end of the session that it waits for. */
static int64_t next_redrive_ms(struct payment_app *app, const struct payment *payment,
	bool asks_provider, int64_t attempts, int64_t now_ms)
{
	int64_t pause = asks_provider ? 2 * app->rules.redrive_ms : app->rules.redrive_ms;
	int64_t backoff = mp_due_backoff_ms(attempts);
	int64_t longest = backoff < REDRIVE_MS_MAX ? backoff : REDRIVE_MS_MAX;
	int64_t expiry_ms = payment->checkout_expires_at_s * 1000 + EXPIRY_GRACE_MS;

	if (payment->checkout_expires_at_s != 0 && expiry_ms > now_ms &&
		longest > expiry_ms - now_ms)
		longest = expiry_ms - now_ms;
	while (pause * 2 <= longest) /* so that shorter pauses meet with longer ones */
		pause *= 2;
	return work_redrive_point(payment, pause, now_ms);
}

enum mp_rc payment_redrive_asked(struct payment_app *app, const struct mp_id *id, int64_t now_ms,
	struct mp_arena *arena, bool *out_told)
{
	struct payment before;
	struct payment payment;
	bool told = false;

	enum mp_rc rc = payment_db_get(&app->db, id, arena, &before);
	if (rc != MP_OK)
		return rc;
	enum mp_rc asked_rc = ask_provider(app, &before, true, now_ms, arena);
	rc = payment_db_get(&app->db, id, arena, &payment);
	if (rc == MP_OK)
		rc = tell_again(app, &payment, true, now_ms, arena, &told);
	if (rc == MP_OK && asked_rc != MP_OK) {
		mp_log(MP_LOG_WARN, "redrive_failed", MP_TEXT("payment", id->text),
			MP_RC(asked_rc));
		return MP_UNAVAILABLE; /* whatever the provider's trouble is */
	}
	if (rc == MP_OK)
		*out_told = told || payment.version != before.version;
	return rc;
}

static enum mp_rc tell_ending(
	struct payment_app *app, const struct payment *payment, struct mp_arena *arena)
{
	struct payment_work work;
	struct payment_work *const works[] = {&work};

	work_begin(&work, arena, &app->rules, payment->state_at_ms, payment);
	work_tell_ended(&work);
	return payment_commit(app, works, 1, NULL, 0, arena);
}

enum mp_rc payment_tell_again(void *ctx, struct mp_arena *arena, const struct mp_id *user_id,
	int64_t from_ms, const char *cursor, size_t *out_told, const char **out_next)
{
	struct payment_app *app = ctx;
	struct payment_list list = {
		.user = *user_id,
		.role = PAYMENT_ROLE_PAYER,
		.state = PAYMENT_STATES,
		.limit = TELL_PAGE,
		.after = cursor,
	};
	bool older = false;
	size_t told = 0;

	enum mp_rc rc = payment_db_list(&app->db, &list, arena);
	for (size_t i = 0; rc == MP_OK && i < list.count && !older; i++) {
		const struct payment *payment = &list.payments[i];

		older = mp_id_time_ms(&payment->id) < from_ms; /* newest first */
		if (older ||
			(payment->state != PAYMENT_EXPIRED && payment->state != PAYMENT_FAILED))
			continue;
		rc = tell_ending(app, payment, arena);
		told++;
	}
	if (rc != MP_OK)
		return rc;
	*out_told = told;
	*out_next = older ? NULL : list.next;
	return MP_OK;
}

/* --- without end? --- */

/*
 * Billing was told again and again: it has given the order up (a dead letter), or has been away for
 * long. Telling it for ever would only add dead letters. The time counts along, since a re-drive
 * that is at work already has seen other states before.
 */
static bool is_in_vain(
	const struct payment_app *app, int64_t since_ms, int64_t attempts, int64_t now_ms)
{
	int64_t least_ms = app->rules.redrives_max * app->rules.redrive_ms;

	return attempts >= app->rules.redrives_max && now_ms - since_ms >= least_ms;
}

static bool waits_for_billing(const struct payment *payment)
{
	return payment->state == PAYMENT_SETTLING || payment->state == PAYMENT_CLOSING;
}

/* When the last money came since the state was entered that is not in the wallet; 0: none came. */
static enum mp_rc find_late_money(struct payment_app *app, const struct payment *payment,
	struct mp_arena *arena, int64_t *out_at_ms)
{
	struct payment_capture *captures = NULL;
	enum mp_rc rc = MP_OK;

	*out_at_ms = 0;
	if (payment->captures_unsettled > 0 && !waits_for_billing(payment))
		rc = payment_db_captures(&app->db, &payment->id, arena, &captures);
	for (const struct payment_capture *c = captures; c != NULL; c = c->next) {
		if (!c->settled && c->captured_at_ms >= payment->state_at_ms &&
			c->captured_at_ms > *out_at_ms)
			*out_at_ms = c->captured_at_ms;
	}
	return rc;
}

/* A person has to look. The order itself is not lost: what billing gave up can be replayed. */
static struct mp_due_result give_to_person(struct payment_app *app, const struct payment *payment,
	int64_t attempts, int64_t now_ms, struct mp_arena *arena)
{
	const struct payment_input input = {
		.kind = INPUT_UNANSWERED, .at_ms = now_ms, .attempt = payment->attempt};
	struct payment now;

	if (!waits_for_billing(payment)) {
		payment_alarm(app, payment, ALARM_NOT_CREDITED);
		return (struct mp_due_result){.done = true};
	}
	enum mp_rc rc = provider_tell(app, &payment->id, &input, now_ms, arena, &now);
	if (rc != MP_OK || now.state != PAYMENT_REVIEW)
		return provider_later(attempts, now_ms); /* or it moved on meanwhile */
	return (struct mp_due_result){.done = true};
}

/* The provider's trouble keeps nobody from telling billing, and the other way round. */
static struct mp_due_result drive(struct payment_app *app, const struct payment *payment,
	enum redrive redrive, int64_t attempts, int64_t now_ms, struct mp_arena *arena)
{
	bool asks = redrive == REDRIVE_PROVIDER || payment->sessions_processing > 0;
	bool tells = redrive != REDRIVE_PROVIDER || payment->captures_unsettled > 0;
	struct mp_due_result result = {
		.again_at_ms = next_redrive_ms(app, payment, asks, attempts, now_ms)};
	enum mp_rc rc = MP_OK;
	int64_t late_ms;
	bool told;

	enum mp_rc told_rc = find_late_money(app, payment, arena, &late_ms);
	int64_t since_ms = late_ms != 0 ? late_ms : payment->state_at_ms;
	/* In review since billing did not answer: what it was told before is not told again. */
	if (told_rc != MP_OK || (late_ms == 0 && payment_is_unanswered(payment)))
		tells = false;
	if (told_rc == MP_OK && !asks && !tells)
		return (struct mp_due_result){.done = true};
	if (asks)
		rc = ask_provider(app, payment, false, now_ms, arena);
	if (tells && redrive != REDRIVE_PROVIDER && is_in_vain(app, since_ms, attempts, now_ms)) {
		struct mp_due_result given = give_to_person(app, payment, attempts, now_ms, arena);
		if (!asks || !given.done)
			result = given;
	} else if (tells) {
		told_rc = tell_again(app, payment, false, now_ms, arena, &told);
	}
	if (rc != MP_OK || told_rc != MP_OK)
		mp_log(MP_LOG_WARN, "redrive_failed", MP_TEXT("payment", payment->id.text),
			MP_RC(rc != MP_OK ? rc : told_rc));
	return result;
}

/* Raised once it is not enough: with the process, or before it could, the alarm may be gone. */
static void alarm_again(struct payment_app *app, const struct payment *payment)
{
	payment_alarm(
		app, payment, payment_is_unanswered(payment) ? ALARM_UNANSWERED : ALARM_MISMATCH);
}

struct mp_due_result payment_redrive_due(
	void *ctx, struct mp_arena *arena, const struct mp_id *id, int64_t attempts, int64_t now_ms)
{
	struct payment_app *app = ctx;
	struct payment payment;

	mp_trace_end(); /* the payment's own, as soon as it is known */
	enum mp_rc rc = payment_db_get(&app->db, id, arena, &payment);
	if (rc == MP_NOT_FOUND)
		return (struct mp_due_result){.done = true};
	if (rc != MP_OK) {
		mp_log(MP_LOG_WARN, "redrive_later", MP_TEXT("payment", id->text), MP_RC(rc));
		return provider_later(attempts, now_ms);
	}
	payment_follow_trace(&payment);
	struct mp_due_result result = {.done = true};
	enum redrive redrive = machine_redrive(&payment);
	if (redrive != REDRIVE_NOTHING) {
		mp_metric_add(app->redrives, 1);
		result = drive(app, &payment, redrive, attempts, now_ms, arena);
	}
	if (payment.state == PAYMENT_REVIEW) {
		alarm_again(app, &payment);
		if (result.done)
			result = (struct mp_due_result){.again_at_ms = next_redrive_ms(app,
								&payment, false, attempts, now_ms)};
	}
	return result;
}
