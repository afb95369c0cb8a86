#include "payment.h"

#include <assert.h>

#include "base/trace.h"
#include "log/log.h"

#define STALE_TRIES_MAX 8
#define RETRY_KEY_KEPT_S (24 * 3600)

void payment_app_init(struct payment_app *app)
{
	static const char *const labels[PAYMENT_STATES] = {"state=\"created\"",
		"state=\"awaiting_provider\"", "state=\"settling\"", "state=\"requires_funding\"",
		"state=\"closing\"", "state=\"succeeded\"", "state=\"canceled\"",
		"state=\"expired\"", "state=\"failed\"", "state=\"review\""};
	static const char *const causes[ALARMS] = {[ALARM_MISMATCH] = "cause=\"mismatch\"",
		[ALARM_UNANSWERED] = "cause=\"unanswered\"",
		[ALARM_NOT_CREDITED] = "cause=\"not_credited\"",
		[ALARM_PROVIDER] = "cause=\"provider\""};

	for (size_t i = 0; i < PAYMENT_STATES; i++)
		app->transitions[i] = mp_counter(
			"moneypal_payments_total", labels[i], "Payments that came into a state");
	for (size_t i = ALARM_NONE + 1; i < ALARMS; i++)
		app->alarms[i] = mp_counter("moneypal_payment_alarms_total", causes[i],
			"Payments that a person has to look at, by cause");
	app->events_done = mp_counter("moneypal_provider_events_total", "outcome=\"done\"",
		"Webhooks of the provider looked into");
	app->events_foreign = mp_counter("moneypal_provider_events_total", "outcome=\"foreign\"",
		"Webhooks of the provider looked into");
	app->webhooks_refused = mp_counter("moneypal_webhooks_refused_total", NULL,
		"Webhooks with a wrong signature, body or mode");
	app->redrives = mp_counter("moneypal_payment_redrives_total", NULL,
		"Payments that stood still and were driven again");
}

/* --- one change --- */

void payment_alarm(struct payment_app *app, const struct payment *payment, enum payment_alarm alarm)
{
	static const char *const causes[ALARMS] = {
		"", "mismatch", "unanswered", "not_credited", "provider"};

	mp_metric_add(app->alarms[alarm], 1);
	mp_log(MP_LOG_ERROR, "payment_alarm", MP_TEXT("payment", payment->id.text),
		MP_TEXT("state", payment_state_name(payment->state)),
		MP_TEXT("cause", causes[alarm]));
}

static void count_work(struct payment_app *app, const struct payment_work *work)
{
	const struct payment *p = &work->payment;

	if (work->from == p->state)
		return;
	mp_metric_add(app->transitions[p->state], 1);
	mp_log(MP_LOG_DEBUG, "payment_state", MP_TEXT("payment", p->id.text),
		MP_TEXT("state", payment_state_name(p->state)), MP_INT("attempt", p->attempt));
}

enum mp_rc payment_commit(struct payment_app *app, struct payment_work *const *works, size_t count,
	const struct mp_idempotency *key, int64_t key_expires_at_s, struct mp_arena *arena)
{
	enum mp_rc rc = payment_db_commit(&app->db, works, count, key, key_expires_at_s, arena);
	for (size_t i = 0; i < count; i++) {
		bool perhaps_written = rc == MP_OK || rc == MP_UNKNOWN;
		if (perhaps_written && works[i]->alarm != ALARM_NONE)
			payment_alarm(app, &works[i]->payment, works[i]->alarm);
		if (rc != MP_OK)
			continue;
		count_work(app, works[i]);
		live_changed(app->live, &works[i]->payment.id);
	}
	return rc;
}

void payment_follow_trace(const struct payment *payment)
{
	if (payment->trace != NULL && mp_trace_id()[0] == '\0')
		mp_trace_begin(payment->trace);
}

/* What workers do for the payment later belongs to the request that made it. */
static const char *this_trace(struct mp_arena *arena)
{
	char trace[MP_TRACEPARENT_SIZE];

	mp_trace_next(trace);
	return trace[0] != '\0' ? mp_arena_strdup(arena, trace) : NULL;
}

/* The rows that the input needs beside the record. */
static void want_rows(const struct payment_input *input, struct payment_load *load)
{
	load->payment_intent = input->payment_intent;
	if (input->kind <= INPUT_MISMATCH)
		load->attempt = input->attempt;
	else if (input->kind == INPUT_CANCEL)
		load->attempt = -1;
}

enum mp_rc payment_apply(struct payment_app *app, const struct payment_change *change,
	int64_t now_ms, struct mp_arena *arena, struct payment *out_payment,
	enum verdict *out_verdict)
{
	for (int i = 0; i < STALE_TRIES_MAX; i++) {
		struct payment_load load = {.id = change->id};
		struct payment_work work;
		struct payment_work *const works[] = {&work};

		want_rows(&change->input, &load);
		enum mp_rc rc = payment_db_load(&app->db, &load, 1, arena);
		if (rc != MP_OK)
			return rc;
		if (!load.found)
			return MP_NOT_FOUND;
		payment_follow_trace(&load.payment);
		if (change->trace != NULL)
			load.payment.trace = change->trace;
		work_begin(&work, arena, &app->rules, now_ms, &load.payment);
		work.sessions_delay_ms = change->sessions_delay_ms;
		work_add_attempt(&work, load.attempt_row);
		work_add_capture(&work, load.capture_row);
		enum verdict verdict = work_apply(&work, &change->input);
		if (!work_is_empty(&work))
			rc = payment_commit(
				app, works, 1, change->key, change->key_expires_at_s, arena);
		else if (work.alarm != ALARM_NONE)
			payment_alarm(app, &work.payment, work.alarm);
		if (rc == MP_EXISTS && change->key != NULL)
			return rc;
		if (rc == MP_STALE || rc == MP_EXISTS)
			continue; /* another writer was faster: look again */
		if (rc == MP_OK) {
			*out_payment = work.payment;
			*out_verdict = verdict;
		}
		return rc;
	}
	return MP_BUSY;
}

/* --- create --- */

/* Nobody is charged more than was asked for. */
static bool is_chargeable(const struct payment *p)
{
	int64_t charge = 0;

	return mp_money_chargeable(p->amount_minor, p->currency, &charge) == MP_OK &&
	       charge == p->amount_minor;
}

static enum mp_rc check_order(struct payment_app *app, const struct payment *order,
	struct mp_arena *arena, enum payment_problem *reterr_problem)
{
	bool by_card = payment_is_top_up(order) || order->source == PAYMENT_FROM_CARD;

	if (by_card && !is_chargeable(order)) {
		*reterr_problem = PROBLEM_NOT_CHARGEABLE;
		return MP_INVALID;
	}
	if (payment_is_top_up(order))
		return MP_OK;
	enum mp_rc rc = app->users.exists(app->users.ctx, &order->paid_to, arena);
	if (rc == MP_NOT_FOUND)
		*reterr_problem = PROBLEM_PAYEE_NOT_FOUND;
	return rc;
}

/* The page is opened at once where that is possible; otherwise a worker does it. */
static void try_open_session(struct payment_app *app, int64_t now_ms, struct mp_arena *arena,
	struct payment *inout_payment)
{
	struct payment *p = inout_payment;

	if (!payment_session_payable(p, p->session_attempt) || p->checkout_url != NULL)
		return;
	if (!provider_enter(app))
		return;
	struct payment opened;
	enum mp_rc rc = provider_open_session(app, &p->id, now_ms, arena, &opened);
	provider_leave(app);
	if (rc == MP_OK)
		*inout_payment = opened;
	else
		mp_log(MP_LOG_WARN, "session_not_opened", MP_TEXT("payment", p->id.text),
			MP_RC(rc));
}

/* MP_NOT_FOUND: the key is new, or there is none. */
static enum mp_rc answer_key(struct payment_app *app, struct mp_idempotency *key, int64_t now_ms,
	struct mp_arena *arena, struct payment *out_payment, enum payment_problem *reterr_problem)
{
	struct mp_id id;
	struct payment payment;

	enum mp_rc rc = payment_db_find_key(&app->db, key, arena, &id);
	if (rc == MP_CONFLICT)
		*reterr_problem = PROBLEM_KEY_REUSED;
	if (rc != MP_OK)
		return rc;
	rc = payment_db_get(&app->db, &id, arena, &payment);
	if (rc != MP_OK)
		return rc == MP_NOT_FOUND ? MP_CORRUPT : rc; /* written in one transaction */
	try_open_session(app, now_ms, arena, &payment);
	key->replayed = true;
	*out_payment = payment;
	return MP_OK;
}

enum mp_rc payment_create(struct payment_app *app, const struct payment *order,
	struct mp_idempotency *key, int64_t now_ms, struct mp_arena *arena,
	struct payment *out_payment, enum payment_problem *reterr_problem)
{
	struct payment payment = *order;
	struct payment_work work;
	struct payment_work *const works[] = {&work};

	enum mp_rc rc = answer_key(app, key, now_ms, arena, out_payment, reterr_problem);
	if (rc != MP_NOT_FOUND)
		return rc;
	rc = check_order(app, order, arena, reterr_problem);
	if (rc != MP_OK)
		return rc;

	payment.id = mp_id_new(now_ms);
	payment.trace = this_trace(arena);
	work_create(&work, arena, &app->rules, now_ms, &payment);
	if (work.sessions_due_ms != 0) /* this request opens it: workers only when it could not */
		work.sessions_due_ms += app->provider_timeout_ms;
	rc = payment_commit(app, works, 1, key, 0, arena);
	if (rc == MP_EXISTS) /* a twin of this request was faster: its payment is the answer */
		return answer_key(app, key, now_ms, arena, out_payment, reterr_problem);
	if (rc != MP_OK)
		return rc;
	payment = work.payment;
	try_open_session(app, now_ms, arena, &payment);
	*out_payment = payment;
	return MP_OK;
}

/* --- read --- */

enum mp_rc payment_read(struct payment_app *app, const struct mp_id *user, const struct mp_id *id,
	struct mp_arena *arena, struct payment *out_payment)
{
	struct payment payment;

	enum mp_rc rc = payment_db_get(&app->db, id, arena, &payment);
	if (rc != MP_OK)
		return rc;
	if (!mp_id_equal(&payment.paid_by, user) && !mp_id_equal(&payment.paid_to, user))
		return MP_NOT_FOUND; /* that it exists is not a stranger's to know */
	*out_payment = payment;
	return MP_OK;
}

static enum mp_rc read_as_payer(struct payment_app *app, const struct mp_id *user,
	const struct mp_id *id, struct mp_arena *arena, struct payment *out_payment)
{
	enum mp_rc rc = payment_read(app, user, id, arena, out_payment);
	if (rc == MP_OK && !mp_id_equal(&out_payment->paid_by, user))
		return MP_FORBIDDEN;
	return rc;
}

/* --- retry, cancel --- */

static enum payment_problem why_not_retryable(const struct payment *payment)
{
	if (payment->state != PAYMENT_REQUIRES_FUNDING)
		return PROBLEM_NOT_RETRYABLE;
	if (payment->cancel_wanted)
		return PROBLEM_BEING_CANCELED;
	return payment->sessions_processing > 0 ? PROBLEM_SETTLING : PROBLEM_TRIED_TOO_OFTEN;
}

enum mp_rc payment_retry(struct payment_app *app, const struct mp_id *user, const struct mp_id *id,
	enum payment_source source, struct mp_idempotency *key, int64_t now_ms,
	struct mp_arena *arena, struct payment *out_payment, enum payment_problem *reterr_problem)
{
	const struct payment_change change = {
		.id = *id,
		.input = {.kind = source == PAYMENT_FROM_WALLET ? INPUT_RETRY_WALLET
								: INPUT_RETRY_CARD,
			.at_ms = now_ms},
		.key = key,
		.key_expires_at_s = now_ms / 1000 + RETRY_KEY_KEPT_S,
		.sessions_delay_ms = app->provider_timeout_ms,
		.trace = this_trace(arena),
	};
	enum verdict verdict = VERDICT_IGNORE;
	struct payment payment;

	enum mp_rc rc = read_as_payer(app, user, id, arena, &payment);
	if (rc != MP_OK)
		return rc;
	rc = answer_key(app, key, now_ms, arena, out_payment, reterr_problem);
	if (rc != MP_NOT_FOUND)
		return rc;
	if (source == PAYMENT_FROM_CARD && payment.state == PAYMENT_REQUIRES_FUNDING &&
		!is_chargeable(&payment)) {
		*reterr_problem = PROBLEM_NOT_CHARGEABLE;
		*out_payment = payment;
		return MP_INVALID;
	}
	rc = payment_apply(app, &change, now_ms, arena, &payment, &verdict);
	if (rc == MP_EXISTS)
		return answer_key(app, key, now_ms, arena, out_payment, reterr_problem);
	if (rc != MP_OK)
		return rc;
	if (verdict == VERDICT_REFUSE) {
		/* Perhaps since a twin of this request has done it by now. */
		rc = answer_key(app, key, now_ms, arena, out_payment, reterr_problem);
		if (rc != MP_NOT_FOUND)
			return rc;
		*reterr_problem = why_not_retryable(&payment);
		return MP_CONFLICT;
	}
	try_open_session(app, now_ms, arena, &payment);
	*out_payment = payment;
	return MP_OK;
}

/* What the payer is told once the provider has been asked, or could not be. */
static enum mp_rc judge_cancel(
	const struct payment *payment, bool refused, enum payment_problem *reterr_problem)
{
	bool closing = payment->state == PAYMENT_CLOSING && payment->ending == PAYMENT_CANCELED;

	if (payment->state == PAYMENT_CANCELED || closing || (payment->cancel_wanted && !refused))
		return MP_OK;
	*reterr_problem = payment_has_ended(payment)	      ? PROBLEM_NOT_CANCELABLE
			  : payment->state == PAYMENT_CLOSING ? PROBLEM_ENDING
			  : payment->state == PAYMENT_REVIEW  ? PROBLEM_IN_REVIEW
							      : PROBLEM_SETTLING;
	return MP_CONFLICT;
}

enum mp_rc payment_cancel(struct payment_app *app, const struct mp_id *user, const struct mp_id *id,
	int64_t now_ms, struct mp_arena *arena, struct payment *out_payment,
	enum payment_problem *reterr_problem)
{
	const struct payment_change change = {
		.id = *id,
		.input = {.kind = INPUT_CANCEL, .at_ms = now_ms},
		.sessions_delay_ms = app->provider_timeout_ms,
	};
	enum verdict verdict = VERDICT_IGNORE;
	struct payment payment;

	enum mp_rc rc = read_as_payer(app, user, id, arena, &payment);
	if (rc == MP_OK)
		rc = payment_apply(app, &change, now_ms, arena, &payment, &verdict);
	if (rc != MP_OK)
		return rc;
	if (payment.cancel_wanted && provider_enter(app)) {
		rc = provider_align_sessions(app, id, now_ms, arena);
		provider_leave(app);
		if (rc != MP_OK)
			mp_log(MP_LOG_WARN, "session_not_expired", MP_TEXT("payment", id->text),
				MP_RC(rc));
		rc = payment_db_get(&app->db, id, arena, &payment);
		if (rc != MP_OK)
			return rc;
	}
	rc = judge_cancel(&payment, verdict == VERDICT_REFUSE, reterr_problem);
	if (rc == MP_OK)
		*out_payment = payment;
	return rc;
}

enum mp_rc payment_close(struct payment_app *app, const struct mp_id *id, int64_t now_ms,
	struct mp_arena *arena, struct payment *out_payment)
{
	const struct payment_change change = {
		.id = *id, .input = {.kind = INPUT_CLOSE, .at_ms = now_ms}};
	enum verdict verdict = VERDICT_IGNORE;

	enum mp_rc rc = payment_apply(app, &change, now_ms, arena, out_payment, &verdict);
	return rc == MP_OK && verdict == VERDICT_REFUSE ? MP_CONFLICT : rc;
}
