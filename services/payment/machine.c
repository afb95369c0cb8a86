#include "machine.h"

#include <assert.h>

/* --- the table --- */

#define IGNR {VERDICT_IGNORE, PAYMENT_STATES}
#define REFU {VERDICT_REFUSE, PAYMENT_STATES}
#define NOTE {VERDICT_NOTE, PAYMENT_STATES}
#define ENDS {VERDICT_END, PAYMENT_STATES}
#define AWAI {VERDICT_MOVE, PAYMENT_AWAITING_PROVIDER}
#define SETT {VERDICT_MOVE, PAYMENT_SETTLING}
#define FUND {VERDICT_MOVE, PAYMENT_REQUIRES_FUNDING}
#define SUCC {VERDICT_MOVE, PAYMENT_SUCCEEDED}
#define CLOS {VERDICT_MOVE, PAYMENT_CANCELED} /* or as `ending` says */
#define REVW {VERDICT_MOVE, PAYMENT_REVIEW}

/*
 * What a session does once its payment no longer waits for it is only noted, so that the session
 * can be expired, and the money that it brought goes to the wallet. The webhooks of a session may
 * come before the answer to our own request for it. The bill alone decides whether it was paid:
 * bill.settled wins in every state.
 */
/* clang-format off */
static const struct decision table[INPUT_KINDS][PAYMENT_STATES] = {
	/*			     created
	 *			     |     awaiting_provider
	 *			     |     |     settling
	 *			     |     |     |     requires_funding
	 *			     |     |     |     |     closing
	 *			     |     |     |     |     |     succeeded
	 *			     |     |     |     |     |     |     canceled
	 *			     |     |     |     |     |     |     |     expired
	 *			     |     |     |     |     |     |     |     |     failed
	 *			     |     |     |     |     |     |     |     |     |     review */
	[INPUT_SESSION_OPENED]	   = {AWAI, NOTE, NOTE, NOTE, NOTE, NOTE, NOTE, NOTE, NOTE, NOTE},
	[INPUT_SESSION_REFUSED]	   = {ENDS, ENDS, NOTE, ENDS, NOTE, NOTE, NOTE, NOTE, NOTE, NOTE},
	[INPUT_SESSION_LATE]	   = {ENDS, ENDS, NOTE, ENDS, NOTE, NOTE, NOTE, NOTE, NOTE, NOTE},
	[INPUT_SESSION_PROCESSING] = {AWAI, NOTE, NOTE, NOTE, NOTE, NOTE, NOTE, NOTE, NOTE, NOTE},
	[INPUT_SESSION_EXPIRED]	   = {ENDS, ENDS, NOTE, ENDS, NOTE, NOTE, NOTE, NOTE, NOTE, NOTE},
	[INPUT_SESSION_FAILED]	   = {ENDS, ENDS, NOTE, ENDS, NOTE, NOTE, NOTE, NOTE, NOTE, NOTE},
	[INPUT_DECLINED]	   = {NOTE, NOTE, IGNR, NOTE, IGNR, IGNR, IGNR, IGNR, IGNR, IGNR},
	[INPUT_CAPTURED]	   = {SETT, SETT, NOTE, SETT, NOTE, NOTE, NOTE, NOTE, NOTE, NOTE},
	[INPUT_MISMATCH]	   = {REVW, REVW, NOTE, REVW, NOTE, NOTE, NOTE, NOTE, NOTE, NOTE},
	[INPUT_BILL_SETTLED]	   = {SUCC, SUCC, SUCC, SUCC, SUCC, IGNR, SUCC, SUCC, SUCC, SUCC},
	[INPUT_BILL_UNFUNDED]	   = {IGNR, IGNR, FUND, IGNR, IGNR, IGNR, IGNR, IGNR, IGNR, IGNR},
	[INPUT_BILL_VOIDED]	   = {IGNR, IGNR, IGNR, IGNR, CLOS, IGNR, IGNR, IGNR, IGNR, IGNR},
	[INPUT_FUNDING_SETTLED]	   = {NOTE, NOTE, NOTE, NOTE, NOTE, NOTE, NOTE, NOTE, NOTE, NOTE},
	[INPUT_UNANSWERED]	   = {IGNR, IGNR, REVW, IGNR, REVW, IGNR, IGNR, IGNR, IGNR, IGNR},
	[INPUT_RETRY_WALLET]	   = {REFU, REFU, REFU, SETT, REFU, REFU, REFU, REFU, REFU, REFU},
	[INPUT_RETRY_CARD]	   = {REFU, REFU, REFU, NOTE, REFU, REFU, REFU, REFU, REFU, REFU},
	[INPUT_CANCEL]		   = {NOTE, NOTE, REFU, NOTE, REFU, REFU, IGNR, REFU, REFU, REFU},
	[INPUT_CLOSE]		   = {REFU, REFU, REFU, REFU, REFU, REFU, REFU, REFU, REFU, ENDS},
};
/* clang-format on */

struct decision machine_table(enum payment_state state, enum payment_input_kind input)
{
	assert(state < PAYMENT_STATES && input < INPUT_KINDS);

	struct decision decision = table[input][state];
	if (decision.verdict != VERDICT_MOVE)
		decision.next = state;
	return decision;
}

/* --- what the table cannot know: which attempt the input is about --- */

static bool ends_only_its_attempt(enum payment_input_kind kind)
{
	return kind == INPUT_SESSION_OPENED || kind == INPUT_SESSION_REFUSED ||
	       kind == INPUT_SESSION_LATE || kind == INPUT_SESSION_PROCESSING ||
	       kind == INPUT_SESSION_EXPIRED || kind == INPUT_SESSION_FAILED;
}

static bool is_retry(enum payment_input_kind kind)
{
	return kind == INPUT_RETRY_WALLET || kind == INPUT_RETRY_CARD;
}

static bool is_answer(enum payment_input_kind kind)
{
	return kind == INPUT_BILL_UNFUNDED || kind == INPUT_BILL_VOIDED ||
	       kind == INPUT_FUNDING_SETTLED;
}

bool payment_is_unanswered(const struct payment *payment)
{
	return payment->state == PAYMENT_REVIEW && payment->reviewed_from != PAYMENT_CREATED;
}

enum payment_state machine_answered_in(const struct payment *payment)
{
	return payment_is_unanswered(payment) ? payment->reviewed_from : payment->state;
}

struct decision machine_decide(const struct payment *payment, const struct payment_input *input)
{
	enum payment_state state =
		is_answer(input->kind) ? machine_answered_in(payment) : payment->state;
	struct decision decision = machine_table(state, input->kind);
	const struct decision noted = {VERDICT_NOTE, payment->state};
	const struct decision ignored = {VERDICT_IGNORE, payment->state};
	const struct decision refused = {VERDICT_REFUSE, payment->state};

	if (ends_only_its_attempt(input->kind) && input->attempt != payment->session_attempt)
		return noted;
	if ((input->kind == INPUT_BILL_UNFUNDED || input->kind == INPUT_UNANSWERED) &&
		input->attempt != payment->attempt)
		return ignored; /* told again, or overtaken by a later attempt */
	if (input->kind == INPUT_FUNDING_SETTLED && state == PAYMENT_SETTLING &&
		payment_is_top_up(payment))
		return (struct decision){VERDICT_MOVE, PAYMENT_SUCCEEDED};
	if (input->kind == INPUT_BILL_VOIDED && decision.verdict == VERDICT_MOVE)
		decision.next = payment->ending;
	if (decision.verdict != VERDICT_MOVE)
		decision.next = payment->state;
	if (input->kind == INPUT_CANCEL && payment->state == PAYMENT_CLOSING &&
		payment->ending == PAYMENT_CANCELED)
		return ignored;
	if (input->kind == INPUT_CANCEL && payment->cancel_wanted &&
		decision.verdict == VERDICT_NOTE)
		return ignored;
	if (input->kind == INPUT_CLOSE && payment_is_unanswered(payment))
		return refused; /* billing's answer ends it */
	if (is_retry(input->kind) &&
		(payment->cancel_wanted || payment->attempt >= PAYMENT_ATTEMPTS_MAX))
		return refused;
	/* Nobody can take it back, and a second page would be charged as well. */
	if ((is_retry(input->kind) || input->kind == INPUT_CANCEL) &&
		decision.verdict != VERDICT_IGNORE && payment->sessions_processing > 0)
		return refused;
	return decision;
}

/* Money that comes late, in whatever state: told until it is in the wallet, or asked about. */
static enum redrive late_money(const struct payment *payment)
{
	if (payment->captures_unsettled > 0)
		return REDRIVE_CAPTURES;
	return payment->sessions_processing > 0 ? REDRIVE_PROVIDER : REDRIVE_NOTHING;
}

enum redrive machine_redrive(const struct payment *payment)
{
	if (payment_is_unanswered(payment))
		return late_money(payment); /* what billing was told in vain is not told again */
	return machine_redrive_asked(payment);
}

enum redrive machine_redrive_asked(const struct payment *payment)
{
	switch (machine_answered_in(payment)) {
	case PAYMENT_CREATED:
	case PAYMENT_AWAITING_PROVIDER:
	case PAYMENT_REQUIRES_FUNDING:
		return REDRIVE_PROVIDER;
	case PAYMENT_SETTLING:
		return payment->attempt_kind == ATTEMPT_WALLET ? REDRIVE_REQUESTED
							       : REDRIVE_CAPTURES;
	case PAYMENT_CLOSING:
		return REDRIVE_ENDING;
	case PAYMENT_SUCCEEDED:
	case PAYMENT_CANCELED:
	case PAYMENT_EXPIRED:
	case PAYMENT_FAILED:
	case PAYMENT_REVIEW:
	case PAYMENT_STATES:
		break;
	}
	return late_money(payment);
}

bool payment_is_top_up(const struct payment *payment)
{
	return mp_id_is_none(&payment->paid_to);
}

bool payment_has_ended(const struct payment *payment)
{
	return payment->state == PAYMENT_SUCCEEDED || payment->state == PAYMENT_CANCELED ||
	       payment->state == PAYMENT_EXPIRED || payment->state == PAYMENT_FAILED;
}

bool payment_waits_for_payer(const struct payment *payment)
{
	return payment->state == PAYMENT_CREATED || payment->state == PAYMENT_AWAITING_PROVIDER ||
	       payment->state == PAYMENT_REQUIRES_FUNDING;
}

bool payment_session_payable(const struct payment *payment, int64_t attempt)
{
	return attempt != 0 && attempt == payment->session_attempt && !payment->cancel_wanted &&
	       payment_waits_for_payer(payment);
}
