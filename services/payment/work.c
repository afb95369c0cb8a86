#include "work.h"

#include <assert.h>
#include <string.h>

#include "base/text.h"

/* --- building blocks --- */

static void *keep(struct payment_work *work, size_t bytes)
{
	void *memory = mp_arena_alloc(work->arena, bytes);
	if (memory == NULL)
		work->rc = MP_NOMEM;
	return memory;
}

static const char *keep_text(struct payment_work *work, const char *text)
{
	const char *copy = mp_arena_strdup(work->arena, text);
	if (copy == NULL && text != NULL)
		work->rc = MP_NOMEM;
	return copy;
}

/* "130.00 USD" */
static const char *amount_text(struct payment_work *work, int64_t minor)
{
	char digits[MP_AMOUNT_TEXT_SIZE];
	mp_money_format(minor, work->payment.currency, digits);

	const char *text =
		mp_arena_printf(work->arena, "%s %s", digits, work->payment.currency->code);
	if (text == NULL)
		work->rc = MP_NOMEM;
	return text == NULL ? "" : text;
}

/* Two texts as one sentence, at most what a reason may have, cut between characters. */
static const char *sentence(struct payment_work *work, const char *first, const char *then)
{
	char *text = mp_arena_printf(work->arena, "%s%s", first, then == NULL ? "" : then);
	if (text == NULL) {
		work->rc = MP_NOMEM;
		return "";
	}
	size_t len = strlen(text);
	if (len > PAYMENT_REASON_BYTES_MAX) {
		len = PAYMENT_REASON_BYTES_MAX;
		while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80)
			len--;
		text[len] = '\0';
	}
	return text;
}

enum audience {
	BOTH_PARTIES,
	PAYER_ONLY
};

static void add_row(struct payment_work *work, int64_t at_ms, enum audience audience,
	const char *service, const char *event, const char *detail)
{
	/* detail is a literal or already the arena's */
	struct payment_row *row = keep(work, sizeof(*row));
	if (row == NULL)
		return;

	*row = (struct payment_row){
		.seq = ++work->payment.timeline_count,
		.at_ms = at_ms,
		.service = service,
		.event = event,
		.detail = detail,
		.payer_only = audience == PAYER_ONLY,
	};
	struct payment_row **last = &work->rows;
	while (*last != NULL)
		last = &(*last)->next;
	*last = row;
	work->changed = true;
}

static void add_event(struct payment_work *work, enum payment_event_type type,
	const struct mp_id *id, int64_t at_ms, int64_t attempt,
	const struct payment_capture *capture)
{
	struct payment_event *event = keep(work, sizeof(*event));
	if (event == NULL)
		return;

	*event = (struct payment_event){.type = type,
		.id = *id,
		.at_ms = at_ms,
		.attempt = attempt,
		.capture = capture,
		.next = work->events};
	work->events = event;
}

static void tell_requested(struct payment_work *work)
{
	const struct payment *p = &work->payment;
	struct mp_id id =
		mp_id_derive(&p->id, payment_event_name(EVENT_PAYMENT_REQUESTED), p->attempt);
	add_event(work, EVENT_PAYMENT_REQUESTED, &id, p->state_at_ms, p->attempt, NULL);
}

static void tell_captured(struct payment_work *work, const struct payment_capture *capture)
{
	struct mp_id id = mp_id_derive_text(mp_id_time_ms(&work->payment.id),
		payment_event_name(EVENT_PAYMENT_CAPTURED), capture->payment_intent);
	add_event(work, EVENT_PAYMENT_CAPTURED, &id, capture->captured_at_ms, capture->attempt,
		capture);
}

static void tell_ending(struct payment_work *work, enum payment_state ending)
{
	enum payment_event_type type = ending == PAYMENT_CANCELED  ? EVENT_PAYMENT_CANCELED
				       : ending == PAYMENT_EXPIRED ? EVENT_PAYMENT_EXPIRED
								   : EVENT_PAYMENT_FAILED;
	const struct payment *p = &work->payment;
	struct mp_id id = mp_id_derive(&p->id, payment_event_name(type), p->attempt);
	add_event(work, type, &id, p->state_at_ms, p->attempt, NULL);
}

static void want_sessions(struct payment_work *work)
{
	work->sessions_due_ms = work->now_ms + work->sessions_delay_ms;
}

static void enter(struct payment_work *work, enum payment_state state)
{
	work->payment.state = state;
	work->payment.state_at_ms = work->now_ms;
	work->changed = true;
	/* The re-drive that there is may have slowed down while it waited for the payer. */
	if (state == PAYMENT_SETTLING || state == PAYMENT_CLOSING)
		work->redrive_due_ms = work->now_ms + work->rules->redrive_ms;
}

/* No session is the payer's to pay at from now on; one that is still open is expired. */
static void drop_session(struct payment_work *work)
{
	struct payment *p = &work->payment;

	if (p->session_attempt != 0)
		want_sessions(work);
	p->session_attempt = 0;
	p->cancel_wanted = false;
	p->checkout_url = NULL;
	p->checkout_minor = 0;
	p->checkout_expires_at_s = 0;
	work->changed = true;
}

static void end_payment(struct payment_work *work, enum payment_state ending, const char *reason)
{
	struct payment *p = &work->payment;

	drop_session(work);
	p->reason = reason;
	if (payment_is_top_up(p)) {
		enter(work, ending); /* no bill: nobody has to answer */
	} else {
		p->ending = ending;
		enter(work, PAYMENT_CLOSING);
	}
	tell_ending(work, ending);
	add_row(work, work->now_ms, BOTH_PARTIES, "payment",
		ending == PAYMENT_CANCELED  ? "payment.canceled"
		: ending == PAYMENT_EXPIRED ? "payment.expired"
					    : "payment.failed",
		reason);
}

/* A new attempt by a session for at least minor; false when no session can charge that. */
static bool start_session(struct payment_work *work, int64_t minor)
{
	struct payment *p = &work->payment;
	int64_t charge = 0;

	if (p->attempt >= PAYMENT_ATTEMPTS_MAX ||
		mp_money_chargeable(minor, p->currency, &charge) != MP_OK)
		return false;
	struct payment_attempt *attempt = keep(work, sizeof(*attempt));
	if (attempt == NULL)
		return true; /* remembered: nothing will be written */

	drop_session(work);
	p->attempt++;
	p->attempt_kind = ATTEMPT_SESSION;
	p->session_attempt = p->attempt;
	p->checkout_minor = charge;
	p->checkout_expires_at_s = work->now_ms / 1000 + work->rules->session_ttl_s;
	*attempt = (struct payment_attempt){
		.number = p->attempt,
		.amount_minor = charge,
		.expires_at_s = p->checkout_expires_at_s,
		.state = SESSION_WANTED,
		.changed = true,
	};
	work_add_attempt(work, attempt);
	want_sessions(work);
	return true;
}

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
	work->redrive_due_ms = now_ms + rules->redrive_ms;

	const char *what = payment_is_top_up(p)		      ? "Top-up of "
			   : p->source == PAYMENT_FROM_WALLET ? "From the wallet: "
							      : "By card: ";
	add_row(work, now_ms, BOTH_PARTIES, "payment", "payment.requested",
		sentence(work, what, amount_text(work, p->amount_minor)));

	if (p->source == PAYMENT_FROM_WALLET) {
		p->attempt = 1;
		p->attempt_kind = ATTEMPT_WALLET;
		enter(work, PAYMENT_SETTLING);
		tell_requested(work);
		return;
	}
	enter(work, PAYMENT_CREATED);
	/* What cannot be charged was refused before; if a setting changed in between, it fails. */
	if (!start_session(work, p->amount_minor))
		work->rc = MP_INVALID;
}

/* --- sessions --- */

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
		       kind != INPUT_CAPTURED && kind != INPUT_MISMATCH;
	case SESSION_PAID:
		return kind != INPUT_CAPTURED; /* which its PaymentIntent tells apart */
	case SESSION_EXPIRED:
	case SESSION_FAILED:
	case SESSION_STATES:
		break;
	}
	return kind != INPUT_CAPTURED && kind != INPUT_MISMATCH;
}

static void set_session_state(
	struct payment_work *work, struct payment_attempt *attempt, enum session_state state)
{
	attempt->state = state;
	attempt->changed = true;
	work->changed = true;
}

static void session_opened(struct payment_work *work, struct payment_attempt *attempt,
	const struct payment_input *input, struct decision decision)
{
	struct payment *p = &work->payment;

	set_session_state(work, attempt, SESSION_OPEN);
	attempt->session_id = keep_text(work, input->session_id);
	if (!payment_session_payable(p, attempt->number)) {
		want_sessions(work); /* the payment went on without it: it is expired */
		return;
	}
	if (decision.verdict == VERDICT_MOVE)
		enter(work, decision.next);
	p->checkout_url = keep_text(work, input->url);
	add_row(work, input->at_ms, PAYER_ONLY, "provider", "session.opened",
		sentence(work, "The provider's page is open for ",
			amount_text(work, attempt->amount_minor)));
}

static void session_processing(struct payment_work *work, struct payment_attempt *attempt,
	const struct payment_input *input, struct decision decision)
{
	struct payment *p = &work->payment;

	set_session_state(work, attempt, SESSION_PROCESSING);
	if (attempt->session_id == NULL)
		attempt->session_id = keep_text(work, input->session_id);
	if (attempt->number != p->session_attempt || !payment_waits_for_payer(p))
		return;
	if (decision.verdict == VERDICT_MOVE)
		enter(work, decision.next);
	p->checkout_url = NULL;	  /* nothing more to do there */
	p->cancel_wanted = false; /* it came too late: the provider cannot take it back */
	add_row(work, input->at_ms, PAYER_ONLY, "provider", "session.processing",
		"The provider waits for the money");
}

static void session_ended(struct payment_work *work, struct payment_attempt *attempt,
	const struct payment_input *input, struct decision decision)
{
	bool expired = input->kind == INPUT_SESSION_EXPIRED || input->kind == INPUT_SESSION_LATE;
	enum payment_state ending = expired ? PAYMENT_EXPIRED : PAYMENT_FAILED;
	const char *reason = "The time to pay has ended";

	set_session_state(work, attempt, expired ? SESSION_EXPIRED : SESSION_FAILED);
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
		reason = sentence(work, "The payment provider refused: ", input->text);
	}
	work->payment.session_attempt = 0; /* this one is over, no worker has to end it */
	end_payment(work, ending, reason);
}

/* Each PaymentIntent once. What it settles is decided here, however often it is told. */
static enum verdict session_captured(struct payment_work *work, struct payment_attempt *attempt,
	const struct payment_input *input, struct decision decision)
{
	struct payment *p = &work->payment;
	bool settles = decision.verdict == VERDICT_MOVE;

	if (work_find_capture(work, input->payment_intent) != NULL)
		return VERDICT_IGNORE;
	struct payment_capture *capture = keep(work, sizeof(*capture));
	if (capture == NULL)
		return decision.verdict; /* remembered: nothing will be written */

	set_session_state(work, attempt, SESSION_PAID);
	if (settles) {
		if (p->session_attempt == attempt->number)
			p->session_attempt = 0; /* paid: no worker has to end it */
		drop_session(work);
		p->attempt_kind = ATTEMPT_SESSION;
		enter(work, decision.next);
	} else if (payment_has_ended(p) || p->state == PAYMENT_REVIEW) {
		/* its re-drive may have ended with it */
		work->redrive_due_ms = work->now_ms + work->rules->redrive_ms;
	}
	*capture = (struct payment_capture){
		.payment_intent = keep_text(work, input->payment_intent),
		.amount_minor = attempt->amount_minor,
		.attempt = settles && !payment_is_top_up(p) ? p->attempt : 0,
		.captured_at_ms = input->at_ms,
		.changed = true,
	};
	work_add_capture(work, capture);
	p->captures_unsettled++;
	add_row(work, input->at_ms, PAYER_ONLY, "provider", "payment.captured",
		sentence(work, amount_text(work, attempt->amount_minor),
			settles ? " has arrived" : " has arrived, for the wallet only"));
	if (work->rc == MP_OK)
		tell_captured(work, capture);
	return decision.verdict;
}

static void session_mismatch(struct payment_work *work, struct payment_attempt *attempt,
	const struct payment_input *input, struct decision decision)
{
	struct payment *p = &work->payment;

	set_session_state(work, attempt, SESSION_PAID);
	work->alarm = true;
	if (decision.verdict == VERDICT_MOVE) {
		if (p->session_attempt == attempt->number)
			p->session_attempt = 0;
		drop_session(work);
		p->reason = "The provider's figures differ from ours: we are looking into it";
		enter(work, decision.next);
	}
	add_row(work, input->at_ms, PAYER_ONLY, "payment", "payment.review",
		sentence(work, "The provider's figures differ from ours: ", input->text));
}

static enum verdict apply_session(struct payment_work *work, const struct payment_input *input)
{
	struct payment_attempt *attempt = work_find_attempt(work, input->attempt);
	struct decision decision = machine_decide(&work->payment, input);

	if (attempt == NULL || is_old_news(attempt, input->kind))
		return VERDICT_IGNORE;
	if (input->kind == INPUT_CAPTURED)
		return session_captured(work, attempt, input, decision);
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

/* --- billing's answers --- */

static void bill_settled(struct payment_work *work, const struct payment_input *input)
{
	drop_session(work);
	work->payment.reason = NULL;
	enter(work, PAYMENT_SUCCEEDED);
	add_row(work, input->at_ms, BOTH_PARTIES, "billing", "bill.settled",
		sentence(work, "Paid: bill ", input->text));
}

static void bill_unfunded(struct payment_work *work, const struct payment_input *input)
{
	enter(work, PAYMENT_REQUIRES_FUNDING);
	add_row(work, input->at_ms, PAYER_ONLY, "billing", "bill.unfunded",
		sentence(work, "The wallet was too empty, missing: ",
			amount_text(work, input->shortfall_minor)));
	if (!start_session(work, input->shortfall_minor))
		end_payment(work, PAYMENT_FAILED, "The missing amount cannot be charged");
}

static void bill_voided(
	struct payment_work *work, const struct payment_input *input, enum payment_state ending)
{
	enter(work, ending);
	add_row(work, input->at_ms, BOTH_PARTIES, "billing", "bill.voided",
		sentence(work, "Not to be paid any more: bill ", input->text));
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
	if (decision.verdict == VERDICT_MOVE)
		enter(work, decision.next);
	add_row(work, input->at_ms, PAYER_ONLY, "wallet", "funding.settled",
		sentence(work, amount_text(work, capture->amount_minor),
			" was credited to the wallet"));
	return decision.verdict;
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
	else
		bill_voided(work, input, decision.next);
	return decision.verdict;
}

/* --- the payer's wishes --- */

static void retry_from_wallet(struct payment_work *work, const struct payment_input *input)
{
	struct payment *p = &work->payment;

	drop_session(work);
	p->attempt++;
	p->attempt_kind = ATTEMPT_WALLET;
	p->source = PAYMENT_FROM_WALLET;
	enter(work, PAYMENT_SETTLING);
	tell_requested(work);
	add_row(work, input->at_ms, PAYER_ONLY, "payment", "payment.retried",
		"Again from the wallet");
}

static enum verdict retry_by_card(struct payment_work *work, const struct payment_input *input)
{
	struct payment *p = &work->payment;

	if (!start_session(work, p->amount_minor))
		return VERDICT_REFUSE;
	p->source = PAYMENT_FROM_CARD;
	add_row(work, input->at_ms, PAYER_ONLY, "payment", "payment.retried",
		sentence(work, "By card: ", amount_text(work, p->checkout_minor)));
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

	if (attempt != NULL && attempt->state == SESSION_PROCESSING)
		return VERDICT_REFUSE;
	if (attempt == NULL || attempt->state != SESSION_OPEN) {
		/* The page was never shown to anybody, nobody can pay there. */
		if (attempt != NULL && attempt->state == SESSION_WANTED)
			set_session_state(work, attempt, SESSION_EXPIRED);
		end_payment(work, PAYMENT_CANCELED, "Canceled by its payer");
		return VERDICT_END;
	}
	p->cancel_wanted = true;
	p->checkout_url = NULL;
	work->changed = true;
	want_sessions(work);
	return VERDICT_NOTE;
}

static enum verdict apply_wish(struct payment_work *work, const struct payment_input *input)
{
	struct decision decision = machine_decide(&work->payment, input);

	if (decision.verdict == VERDICT_IGNORE || decision.verdict == VERDICT_REFUSE)
		return decision.verdict;
	if (input->kind == INPUT_CANCEL)
		return cancel(work);
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
	case INPUT_CAPTURED:
	case INPUT_MISMATCH:
		return apply_session(work, input);
	case INPUT_BILL_SETTLED:
	case INPUT_BILL_UNFUNDED:
	case INPUT_BILL_VOIDED:
	case INPUT_FUNDING_SETTLED:
		return apply_answer(work, input);
	case INPUT_RETRY_WALLET:
	case INPUT_RETRY_CARD:
	case INPUT_CANCEL:
		return apply_wish(work, input);
	case INPUT_KINDS:
		break;
	}
	assert(!"an input that nobody knows");
	return VERDICT_IGNORE;
}

/* --- standing still --- */

void work_redrive(struct payment_work *work)
{
	const struct payment *p = &work->payment;

	switch (machine_redrive(p)) {
	case REDRIVE_REQUESTED:
		tell_requested(work);
		break;
	case REDRIVE_ENDING:
		tell_ending(work, p->ending);
		break;
	case REDRIVE_CAPTURES:
	case REDRIVE_PROVIDER: /* asking it is the caller's */
	case REDRIVE_NOTHING:
		break;
	}
	/* Money is told until it is in the wallet; what it settles, until the bill has answered. */
	for (const struct payment_capture *c = work->captures; c != NULL; c = c->next) {
		bool settles = p->state == PAYMENT_SETTLING && c->attempt == p->attempt;
		if (!c->settled || settles)
			tell_captured(work, c);
	}
}

bool work_is_empty(const struct payment_work *work)
{
	return !work->changed && work->events == NULL && work->sessions_due_ms == 0 &&
	       work->redrive_due_ms == 0;
}
