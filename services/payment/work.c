#include "work.h"

#include <assert.h>
#include <string.h>

#include "work_parts.h"

/* --- begin, create --- */

void work_begin(struct payment_work *work, struct mp_arena *arena,
	const struct payment_rules *rules, int64_t now_ms, const struct payment *payment)
{
	*work = (struct payment_work){
		.arena = arena,
		.rules = rules,
		.now_ms = now_ms,
		.from = payment->version == 0 ? PAYMENT_STATES : payment->state,
		.payment = *payment,
	};
}

void work_add_attempt(struct payment_work *work, struct payment_attempt *attempt)
{
	if (attempt == NULL)
		return;
	attempt->next = work->attempts;
	work->attempts = attempt;
}

void work_add_capture(struct payment_work *work, struct payment_capture *capture)
{
	if (capture == NULL)
		return;
	capture->next = work->captures;
	work->captures = capture;
}

struct payment_attempt *work_find_attempt(struct payment_work *work, int64_t number)
{
	struct payment_attempt *attempt = work->attempts;
	while (attempt != NULL && attempt->number != number)
		attempt = attempt->next;
	return attempt;
}

struct payment_capture *work_find_capture(struct payment_work *work, const char *payment_intent)
{
	struct payment_capture *capture = work->captures;
	while (capture != NULL && strcmp(capture->payment_intent, payment_intent) != 0)
		capture = capture->next;
	return capture;
}

void work_create(struct payment_work *work, struct mp_arena *arena,
	const struct payment_rules *rules, int64_t now_ms, const struct payment *payment)
{
	work_begin(work, arena, rules, now_ms, payment);
	struct payment *p = &work->payment;

	assert(p->version == 0 && p->amount_minor > 0 && p->currency != NULL);
	p->created_at_ms = now_ms;
	if (payment_is_top_up(p))
		p->source = PAYMENT_FROM_CARD;
	work_want_redrive(work);

	const char *what = payment_is_top_up(p)		      ? "Top-up of "
			   : p->source == PAYMENT_FROM_WALLET ? "From the wallet: "
							      : "By card: ";
	work_say(work, now_ms, BOTH_PARTIES, "payment", "payment.requested",
		work_sentence(work, what, work_amount(work, p->amount_minor)));

	if (p->source == PAYMENT_FROM_WALLET) {
		p->attempt = 1;
		p->attempt_kind = ATTEMPT_WALLET;
		work_enter(work, PAYMENT_SETTLING);
		work_tell_requested(work);
		return;
	}
	work_enter(work, PAYMENT_CREATED);
	/* What cannot be charged was refused before; if a setting changed in between, it fails. */
	if (!work_start_session(work, p->amount_minor))
		work->rc = MP_INVALID;
}

/* --- billing's answers --- */

static void bill_settled(struct payment_work *work, const struct payment_input *input)
{
	work_drop_session(work);
	work->payment.reason = NULL;
	work_enter(work, PAYMENT_SUCCEEDED);
	work_say(work, input->at_ms, BOTH_PARTIES, "billing", "bill.settled",
		work_sentence(work, "Paid: bill ", input->text));
}

static void bill_unfunded(struct payment_work *work, const struct payment_input *input)
{
	work->payment.reason = NULL;
	work_enter(work, PAYMENT_REQUIRES_FUNDING);
	work_say(work, input->at_ms, PAYER_ONLY, "billing", "bill.unfunded",
		work_sentence(work, "The wallet was too empty, missing: ",
			work_amount(work, input->shortfall_minor)));
	if (!work_start_session(work, input->shortfall_minor))
		work_end(work, PAYMENT_FAILED,
			work->payment.attempt >= PAYMENT_ATTEMPTS_MAX
				? "It was tried too often"
				: "The missing amount cannot be charged");
}

static void bill_voided(
	struct payment_work *work, const struct payment_input *input, enum payment_state ending)
{
	work_enter(work, ending);
	work_say(work, input->at_ms, BOTH_PARTIES, "billing", "bill.voided",
		work_sentence(work, "Not to be paid any more: bill ", input->text));
}

static enum verdict funding_settled(
	struct payment_work *work, const struct payment_input *input, struct decision decision)
{
	struct payment *p = &work->payment;
	struct payment_capture *capture = work_find_capture(work, input->payment_intent);

	if (capture == NULL || capture->settled)
		return VERDICT_IGNORE;
	capture->settled = true;
	capture->changed = true;
	if (p->captures_unsettled > 0)
		p->captures_unsettled--;
	if (decision.verdict == VERDICT_MOVE) {
		p->reason = NULL;
		work_enter(work, decision.next);
	}
	work_say(work, input->at_ms, PAYER_ONLY, "wallet", "funding.settled",
		work_sentence(work, work_amount(work, capture->amount_minor),
			" was credited to the wallet"));
	return decision.verdict;
}

/* A reason that is there says how it was closing: that stays what will be told of it. */
static void unanswered(struct payment_work *work, const struct payment_input *input)
{
	struct payment *p = &work->payment;

	p->reviewed_from = p->state;
	if (p->state == PAYMENT_SETTLING)
		p->reason = "It takes longer than it should: we are looking into it";
	work_enter(work, PAYMENT_REVIEW);
	work->alarm = ALARM_UNANSWERED;
	work_say(work, input->at_ms, BOTH_PARTIES, "payment", "payment.review",
		"It takes longer than it should: we are looking into it");
}

static enum verdict apply_answer(struct payment_work *work, const struct payment_input *input)
{
	struct decision decision = machine_decide(&work->payment, input);

	if (input->kind == INPUT_FUNDING_SETTLED)
		return funding_settled(work, input, decision);
	if (decision.verdict != VERDICT_MOVE)
		return decision.verdict;
	if (input->kind == INPUT_BILL_SETTLED)
		bill_settled(work, input);
	else if (input->kind == INPUT_BILL_UNFUNDED)
		bill_unfunded(work, input);
	else if (input->kind == INPUT_UNANSWERED)
		unanswered(work, input);
	else
		bill_voided(work, input, decision.next);
	return decision.verdict;
}

/* --- wishes of the payer, or of an operator --- */

static void retry_from_wallet(struct payment_work *work, const struct payment_input *input)
{
	struct payment *p = &work->payment;

	work_drop_session(work);
	p->attempt++;
	p->attempt_kind = ATTEMPT_WALLET;
	p->source = PAYMENT_FROM_WALLET;
	work_enter(work, PAYMENT_SETTLING);
	work_tell_requested(work);
	work_say(work, input->at_ms, PAYER_ONLY, "payment", "payment.retried",
		"Again from the wallet");
}

static enum verdict retry_by_card(struct payment_work *work, const struct payment_input *input)
{
	struct payment *p = &work->payment;

	if (!work_start_session(work, p->amount_minor))
		return VERDICT_REFUSE;
	p->source = PAYMENT_FROM_CARD;
	work_say(work, input->at_ms, PAYER_ONLY, "payment", "payment.retried",
		work_sentence(work, "By card: ", work_amount(work, p->checkout_minor)));
	return VERDICT_NOTE;
}

/*
 * The wish is kept first and the session ended then, so that the provider's word that it has
 * expired means "canceled" however late it comes.
 */
static enum verdict cancel(struct payment_work *work)
{
	struct payment *p = &work->payment;
	struct payment_attempt *attempt = work_find_attempt(work, p->session_attempt);

	if (attempt == NULL || attempt->state != SESSION_OPEN) {
		/* The page was never shown to anybody, nobody can pay there. */
		if (attempt != NULL && attempt->state == SESSION_WANTED)
			work_set_session(work, attempt, SESSION_EXPIRED);
		work_end(work, PAYMENT_CANCELED, "Canceled by its payer");
		return VERDICT_END;
	}
	p->cancel_wanted = true;
	p->checkout_url = NULL;
	work->changed = true;
	work_want_sessions(work);
	return VERDICT_NOTE;
}

static enum verdict apply_wish(struct payment_work *work, const struct payment_input *input)
{
	struct decision decision = machine_decide(&work->payment, input);

	if (decision.verdict == VERDICT_IGNORE || decision.verdict == VERDICT_REFUSE)
		return decision.verdict;
	if (input->kind == INPUT_CANCEL)
		return cancel(work);
	if (input->kind == INPUT_CLOSE) {
		work_end(work, PAYMENT_FAILED,
			"The provider's figures differed from ours, and what was charged is "
			"refunded");
		return decision.verdict;
	}
	if (input->kind == INPUT_RETRY_CARD)
		return retry_by_card(work, input);
	retry_from_wallet(work, input);
	return decision.verdict;
}

enum verdict work_apply(struct payment_work *work, const struct payment_input *input)
{
	switch (input->kind) {
	case INPUT_SESSION_OPENED:
	case INPUT_SESSION_REFUSED:
	case INPUT_SESSION_LATE:
	case INPUT_SESSION_PROCESSING:
	case INPUT_SESSION_EXPIRED:
	case INPUT_SESSION_FAILED:
	case INPUT_DECLINED:
	case INPUT_CAPTURED:
	case INPUT_MISMATCH:
		return work_apply_session(work, input);
	case INPUT_BILL_SETTLED:
	case INPUT_BILL_UNFUNDED:
	case INPUT_BILL_VOIDED:
	case INPUT_FUNDING_SETTLED:
	case INPUT_UNANSWERED:
		return apply_answer(work, input);
	case INPUT_RETRY_WALLET:
	case INPUT_RETRY_CARD:
	case INPUT_CANCEL:
	case INPUT_CLOSE:
		return apply_wish(work, input);
	case INPUT_KINDS:
		break;
	}
	assert(!"an input that nobody knows");
	return VERDICT_IGNORE;
}

/* --- standing still --- */

int64_t work_redrive_point(const struct payment *payment, int64_t pause_ms, int64_t now_ms)
{
	int64_t age_ms = now_ms - payment->created_at_ms;

	return payment->created_at_ms + ((age_ms + pause_ms / 2) / pause_ms + 1) * pause_ms;
}

void work_redrive(struct payment_work *work, bool asked)
{
	const struct payment *p = &work->payment;
	enum payment_state state = asked ? machine_answered_in(p) : p->state;

	switch (asked ? machine_redrive_asked(p) : machine_redrive(p)) {
	case REDRIVE_REQUESTED:
		work_tell_requested(work);
		break;
	case REDRIVE_ENDING:
		work_tell_ending(work, p->ending);
		break;
	case REDRIVE_CAPTURES:
	case REDRIVE_PROVIDER: /* asking it is the caller's */
	case REDRIVE_NOTHING:
		break;
	}
	/* Money is told until it is in the wallet; what it settles, until the bill has answered. */
	for (const struct payment_capture *c = work->captures; c != NULL; c = c->next) {
		bool settles = state == PAYMENT_SETTLING && c->attempt == p->attempt;
		if (!c->settled || settles)
			work_tell_captured(work, c);
	}
}

void work_tell_ended(struct payment_work *work)
{
	work_tell_ending(work, work->payment.state);
}

bool work_is_empty(const struct payment_work *work)
{
	return !work->changed && work->events == NULL && work->sessions_due_ms == 0 &&
	       work->redrive_due_ms == 0;
}
