#ifndef MP_PAYMENT_WORK_PARTS_H
#define MP_PAYMENT_WORK_PARTS_H

#include "work.h"

/*
 * What steps are made of (work.c, work_session.c). All of it goes into the work; without memory the
 * work remembers it, and what comes back can still be used.
 */

/* Zeroed; NULL without memory. */
void *work_keep(struct payment_work *work, size_t bytes);
const char *work_keep_text(struct payment_work *work, const char *text); /* NULL for NULL */

/* "130.00 USD" */
const char *work_amount(struct payment_work *work, int64_t minor);

/* Two texts as one, at most as long as a reason may be, cut between characters. */
const char *work_sentence(struct payment_work *work, const char *first, const char *then);

enum audience {
	BOTH_PARTIES,
	PAYER_ONLY,
};

/* A row of the timeline; texts are literals or the arena's. */
void work_say(struct payment_work *work, int64_t at_ms, enum audience audience, const char *service,
	const char *event, const char *detail);

/* Events; each has the id of what it tells. */
void work_tell_requested(struct payment_work *work);
void work_tell_captured(struct payment_work *work, const struct payment_capture *capture);
void work_tell_ending(struct payment_work *work, enum payment_state ending);

/* A worker shall bring the provider's sessions into line. */
void work_want_sessions(struct payment_work *work);

/* It is driven again soon, also where a re-drive that there is has slowed down. */
void work_want_redrive(struct payment_work *work);

/* Money is, or will be, there that a re-drive has to see to: the payment's own may have ended. */
void work_watch_money(struct payment_work *work);

void work_enter(struct payment_work *work, enum payment_state state);
void work_set_session(
	struct payment_work *work, struct payment_attempt *attempt, enum session_state state);

/* No session is the payer's to pay at from now on; one that is still open is expired. */
void work_drop_session(struct payment_work *work);

/* A new attempt by a session for at least minor; false when no session can charge that. */
bool work_start_session(struct payment_work *work, int64_t minor);

/* Ends the payment, by way of closing when it has a bill. */
void work_end(struct payment_work *work, enum payment_state ending, const char *reason);

/* Inputs up to INPUT_MISMATCH (work_session.c). */
enum verdict work_apply_session(struct payment_work *work, const struct payment_input *input);

#endif
