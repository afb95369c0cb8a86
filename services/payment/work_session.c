#include <string.h>

#include "work_parts.h"

/* The provider tells things late and more than once: what is known already changes nothing. */
static bool is_old_news(const struct payment_attempt *attempt, enum payment_input_kind kind)
{
	switch (attempt->state) {
	case SESSION_WANTED:
		return false;
	case SESSION_OPEN:
		return kind == INPUT_SESSION_OPENED || kind == INPUT_SESSION_REFUSED ||
		       kind == INPUT_SESSION_LATE;
	case SESSION_PROCESSING:
		return kind != INPUT_SESSION_FAILED && kind != INPUT_SESSION_EXPIRED &&
		       kind != INPUT_DECLINED && kind != INPUT_CAPTURED && kind != INPUT_MISMATCH;
	case SESSION_PAID:
		return kind != INPUT_CAPTURED; /* which its PaymentIntent tells apart */
	case SESSION_EXPIRED:
	case SESSION_FAILED:
	case SESSION_STATES:
		break;
	}
	return kind != INPUT_CAPTURED && kind != INPUT_MISMATCH;
}

static void session_opened(struct payment_work *work, struct payment_attempt *attempt,
	const struct payment_input *input, struct decision decision)
{
	struct payment *p = &work->payment;

	work_set_session(work, attempt, SESSION_OPEN);
	attempt->session_id = work_keep_text(work, input->session_id);
	if (!payment_session_payable(p, attempt->number)) {
		work_want_sessions(work); /* the payment went on without it: it is expired */
		return;
	}
	if (decision.verdict == VERDICT_MOVE)
		work_enter(work, decision.next);
	p->checkout_url = work_keep_text(work, input->url);
	work_say(work, input->at_ms, PAYER_ONLY, "provider", "session.opened",
		work_sentence(work, "The provider's page is open for ",
			work_amount(work, attempt->amount_minor)));
}

static void session_processing(struct payment_work *work, struct payment_attempt *attempt,
	const struct payment_input *input, struct decision decision)
{
	struct payment *p = &work->payment;

	work_set_session(work, attempt, SESSION_PROCESSING);
	if (attempt->session_id == NULL)
		attempt->session_id = work_keep_text(work, input->session_id);
	work_watch_money(work);
	if (attempt->number != p->session_attempt || !payment_waits_for_payer(p))
		return;
	if (decision.verdict == VERDICT_MOVE)
		work_enter(work, decision.next);
	p->checkout_url = NULL;	  /* nothing more to do there */
	p->cancel_wanted = false; /* it came too late: the provider cannot take it back */
	work_say(work, input->at_ms, PAYER_ONLY, "provider", "session.processing",
		"The provider waits for the money");
}

static void session_ended(struct payment_work *work, struct payment_attempt *attempt,
	const struct payment_input *input, struct decision decision)
{
	bool expired = input->kind == INPUT_SESSION_EXPIRED || input->kind == INPUT_SESSION_LATE;
	enum payment_state ending = expired ? PAYMENT_EXPIRED : PAYMENT_FAILED;
	const char *reason = "The time to pay has ended";

	work_set_session(work, attempt, expired ? SESSION_EXPIRED : SESSION_FAILED);
	if (decision.verdict != VERDICT_END)
		return;
	if (work->payment.cancel_wanted) {
		ending = PAYMENT_CANCELED;
		reason = "Canceled by its payer";
	} else if (input->kind == INPUT_SESSION_LATE) {
		reason = "The payment provider could not be reached in time";
	} else if (input->kind == INPUT_SESSION_FAILED) {
		reason = "The payment was declined";
	} else if (input->kind == INPUT_SESSION_REFUSED) {
		reason = work_sentence(work, "The payment provider refused: ", input->text);
	}
	work->payment.session_attempt = 0; /* this one is over, no worker has to end it */
	work_end(work, ending, reason);
}

/* Each PaymentIntent once. What it settles is decided here, however often it is told. */
static enum verdict session_captured(struct payment_work *work, struct payment_attempt *attempt,
	const struct payment_input *input, struct decision decision)
{
	struct payment *p = &work->payment;
	bool settles = decision.verdict == VERDICT_MOVE;

	if (work_find_capture(work, input->payment_intent) != NULL)
		return VERDICT_IGNORE;
	struct payment_capture *capture = work_keep(work, sizeof(*capture));
	if (capture == NULL)
		return decision.verdict; /* remembered: nothing will be written */

	work_set_session(work, attempt, SESSION_PAID);
	if (settles) {
		if (p->session_attempt == attempt->number)
			p->session_attempt = 0; /* paid: no worker has to end it */
		work_drop_session(work);
		p->attempt_kind = ATTEMPT_SESSION;
		work_enter(work, decision.next);
	} else {
		work_watch_money(work);
	}
	*capture = (struct payment_capture){
		.payment_intent = work_keep_text(work, input->payment_intent),
		.amount_minor = attempt->amount_minor,
		.attempt = settles && !payment_is_top_up(p) ? p->attempt : 0,
		.captured_at_ms = input->at_ms,
		.changed = true,
	};
	work_add_capture(work, capture);
	p->captures_unsettled++;
	work_say(work, input->at_ms, PAYER_ONLY, "provider", "payment.captured",
		work_sentence(work, work_amount(work, attempt->amount_minor),
			settles ? " has arrived" : " has arrived, for the wallet only"));
	if (work->rc == MP_OK)
		work_tell_captured(work, capture);
	return decision.verdict;
}

static void session_mismatch(struct payment_work *work, struct payment_attempt *attempt,
	const struct payment_input *input, struct decision decision)
{
	struct payment *p = &work->payment;

	work_set_session(work, attempt, SESSION_PAID);
	work->alarm = ALARM_MISMATCH;
	if (decision.verdict == VERDICT_MOVE) {
		if (p->session_attempt == attempt->number)
			p->session_attempt = 0;
		work_drop_session(work);
		p->reason = "The provider's figures differ from ours: we are looking into it";
		p->reviewed_from = PAYMENT_CREATED;
		work_enter(work, decision.next);
	}
	work_say(work, input->at_ms, PAYER_ONLY, "payment", "payment.review",
		work_sentence(work, "The provider's figures differ from ours: ", input->text));
}

/* The payer may try another card on the same page: only told, once for each of the events. */
static enum verdict session_declined(struct payment_work *work, struct payment_attempt *attempt,
	const struct payment_input *input, struct decision decision)
{
	if (decision.verdict != VERDICT_NOTE ||
		work->payment.timeline_count >= PAYMENT_ROWS_FOR_DECLINES)
		return VERDICT_IGNORE;
	if (attempt->decline_event != NULL && strcmp(attempt->decline_event, input->event_id) == 0)
		return VERDICT_IGNORE;
	attempt->decline_event = work_keep_text(work, input->event_id);
	attempt->changed = true;
	work_say(work, input->at_ms, PAYER_ONLY, "provider", "payment.declined",
		work_sentence(work, "Declined: ", input->text));
	return VERDICT_NOTE;
}

enum verdict work_apply_session(struct payment_work *work, const struct payment_input *input)
{
	struct payment_attempt *attempt = work_find_attempt(work, input->attempt);
	struct decision decision = machine_decide(&work->payment, input);

	if (attempt != NULL && attempt->state == SESSION_PAID && input->kind == INPUT_MISMATCH)
		work->alarm =
			ALARM_MISMATCH; /* the one before may have been lost with the process */
	if (attempt == NULL || is_old_news(attempt, input->kind))
		return VERDICT_IGNORE;
	if (input->kind == INPUT_CAPTURED)
		return session_captured(work, attempt, input, decision);
	if (input->kind == INPUT_DECLINED)
		return session_declined(work, attempt, input, decision);
	if (input->kind == INPUT_MISMATCH)
		session_mismatch(work, attempt, input, decision);
	else if (input->kind == INPUT_SESSION_OPENED)
		session_opened(work, attempt, input, decision);
	else if (input->kind == INPUT_SESSION_PROCESSING)
		session_processing(work, attempt, input, decision);
	else
		session_ended(work, attempt, input, decision);
	return decision.verdict;
}
