#include "work_parts.h"

#include <string.h>

void *work_keep(struct payment_work *work, size_t bytes)
{
	void *memory = mp_arena_alloc(work->arena, bytes);
	if (memory == NULL)
		work->rc = MP_NOMEM;
	return memory;
}

const char *work_keep_text(struct payment_work *work, const char *text)
{
	const char *copy = mp_arena_strdup(work->arena, text);
	if (copy == NULL && text != NULL)
		work->rc = MP_NOMEM;
	return copy;
}

const char *work_amount(struct payment_work *work, int64_t minor)
{
	char digits[MP_AMOUNT_TEXT_SIZE];
	mp_money_format(minor, work->payment.currency, digits);

	const char *text =
		mp_arena_printf(work->arena, "%s %s", digits, work->payment.currency->code);
	if (text == NULL)
		work->rc = MP_NOMEM;
	return text == NULL ? "" : text;
}

const char *work_sentence(struct payment_work *work, const char *first, const char *then)
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

void work_say(struct payment_work *work, int64_t at_ms, enum audience audience, const char *service,
	const char *event, const char *detail)
{
	struct payment_row *row = work_keep(work, sizeof(*row));
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
	struct payment_event *event = work_keep(work, sizeof(*event));
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

void work_tell_requested(struct payment_work *work)
{
	const struct payment *p = &work->payment;
	struct mp_id id =
		mp_id_derive(&p->id, payment_event_name(EVENT_PAYMENT_REQUESTED), p->attempt);
	add_event(work, EVENT_PAYMENT_REQUESTED, &id, p->state_at_ms, p->attempt, NULL);
}

void work_tell_captured(struct payment_work *work, const struct payment_capture *capture)
{
	struct mp_id id = mp_id_derive_text(mp_id_time_ms(&work->payment.id),
		payment_event_name(EVENT_PAYMENT_CAPTURED), capture->payment_intent);
	add_event(work, EVENT_PAYMENT_CAPTURED, &id, capture->captured_at_ms, capture->attempt,
		capture);
}

void work_tell_ending(struct payment_work *work, enum payment_state ending)
{
	enum payment_event_type type = ending == PAYMENT_CANCELED  ? EVENT_PAYMENT_CANCELED
				       : ending == PAYMENT_EXPIRED ? EVENT_PAYMENT_EXPIRED
								   : EVENT_PAYMENT_FAILED;
	const struct payment *p = &work->payment;
	struct mp_id id = mp_id_derive(&p->id, payment_event_name(type), p->attempt);
	add_event(work, type, &id, p->state_at_ms, p->attempt, NULL);
}

void work_want_sessions(struct payment_work *work)
{
	work->sessions_due_ms = work->now_ms + work->sessions_delay_ms;
}

void work_want_redrive(struct payment_work *work)
{
	work->redrive_due_ms =
		work_redrive_point(&work->payment, work->rules->redrive_ms, work->now_ms);
}

void work_enter(struct payment_work *work, enum payment_state state)
{
	bool was_reviewed = work->payment.state == PAYMENT_REVIEW;

	work->payment.state = state;
	work->payment.state_at_ms = work->now_ms;
	work->changed = true;
	/* The re-drive that there is may have slowed down while it waited for somebody. */
	if (state == PAYMENT_SETTLING || state == PAYMENT_CLOSING || state == PAYMENT_REVIEW ||
		was_reviewed)
		work_want_redrive(work);
}

void work_watch_money(struct payment_work *work)
{
	if (payment_has_ended(&work->payment) || work->payment.state == PAYMENT_REVIEW)
		work_want_redrive(work);
}

void work_set_session(
	struct payment_work *work, struct payment_attempt *attempt, enum session_state state)
{
	struct payment *p = &work->payment;

	if (attempt->state == SESSION_PROCESSING && p->sessions_processing > 0)
		p->sessions_processing--;
	if (state == SESSION_PROCESSING)
		p->sessions_processing++;
	attempt->state = state;
	attempt->changed = true;
	work->changed = true;
}

void work_drop_session(struct payment_work *work)
{
	struct payment *p = &work->payment;

	if (p->session_attempt != 0)
		work_want_sessions(work);
	p->session_attempt = 0;
	p->cancel_wanted = false;
	p->checkout_url = NULL;
	p->checkout_minor = 0;
	p->checkout_expires_at_s = 0;
	work->changed = true;
}

void work_end(struct payment_work *work, enum payment_state ending, const char *reason)
{
	struct payment *p = &work->payment;

	work_drop_session(work);
	p->reason = reason;
	if (payment_is_top_up(p)) {
		work_enter(work, ending); /* no bill: nobody has to answer */
	} else {
		p->ending = ending;
		work_enter(work, PAYMENT_CLOSING);
	}
	work_tell_ending(work, ending);
	work_say(work, work->now_ms, BOTH_PARTIES, "payment",
		ending == PAYMENT_CANCELED  ? "payment.canceled"
		: ending == PAYMENT_EXPIRED ? "payment.expired"
					    : "payment.failed",
		reason);
}

bool work_start_session(struct payment_work *work, int64_t minor)
{
	struct payment *p = &work->payment;
	int64_t charge = 0;

	if (p->attempt >= PAYMENT_ATTEMPTS_MAX ||
		mp_money_chargeable(minor, p->currency, &charge) != MP_OK)
		return false;
	struct payment_attempt *attempt = work_keep(work, sizeof(*attempt));
	if (attempt == NULL)
		return true; /* remembered: nothing will be written */

	work_drop_session(work);
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
	work_want_sessions(work);
	return true;
}
