#ifndef MP_PAYMENT_MACHINE_H
#define MP_PAYMENT_MACHINE_H

#include <stdbool.h>

#include "payment_types.h"

/*
 * The states of a payment as one table: every state meets every input, nothing is left undefined.
 * Pure: no clock, no store.
 *
 *	created -> awaiting_provider -> settling -> succeeded
 *	created (from the wallet: at once) -> settling -> requires_funding -> settling
 *	created, awaiting_provider, requires_funding -> closing -> canceled | expired | failed
 *	(a top-up has no bill: it ends without closing)
 *	any that waits for the provider -> review (its figures are not ours)
 *	settling, closing -> review (billing does not answer), and on from there when it does
 *	review (figures not ours) -> closing -> failed, as soon as a person has put them right
 */
enum verdict {
	VERDICT_UNDEFINED, /* a hole in the table: none is left (tested) */
	VERDICT_IGNORE,	   /* nothing changes: it came before, or comes too late to matter */
	VERDICT_REFUSE,	   /* the state forbids it: told to whoever asked */
	VERDICT_NOTE,	   /* the state stays, what happened is kept */
	VERDICT_MOVE,	   /* to next */
	VERDICT_END,	   /* the payment ends: by way of closing when it has a bill */
};

struct decision {
	enum verdict verdict;
	enum payment_state next; /* MOVE; for others the state as it is */
};

/* What the input does to the payment as it stands. */
struct decision machine_decide(const struct payment *payment, const struct payment_input *input);

/* The table alone: what the state says to the input when the input is about the current attempt. */
struct decision machine_table(enum payment_state state, enum payment_input_kind input);

/* Where billing's answers find the payment: what is looked into for want of one still takes it. */
enum payment_state machine_answered_in(const struct payment *payment);

/* In review for want of billing's answer; else it is there for the provider's figures. */
bool payment_is_unanswered(const struct payment *payment);

/* What a re-drive of a payment that stands still has to do. */
enum redrive {
	REDRIVE_NOTHING,   /* it has ended, or a person has to look */
	REDRIVE_REQUESTED, /* tell payment.requested again */
	REDRIVE_CAPTURES,  /* tell payment.captured again */
	REDRIVE_ENDING,	   /* tell payment.canceled, expired or failed again */
	REDRIVE_PROVIDER,  /* ask the provider what became of its sessions */
};
enum redrive machine_redrive(const struct payment *payment);

/* The same when a person asks for it: also of a payment that is looked into. */
enum redrive machine_redrive_asked(const struct payment *payment);

/* True when this attempt's session is the one that its payer may pay at. */
bool payment_session_payable(const struct payment *payment, int64_t attempt);

bool payment_is_top_up(const struct payment *payment);
bool payment_has_ended(const struct payment *payment); /* succeeded, canceled, expired, failed */
bool payment_waits_for_payer(const struct payment *payment);

#endif
