#ifndef MP_PAYMENT_PAYMENT_H
#define MP_PAYMENT_PAYMENT_H

#include <stdatomic.h>

#include "live.h"
#include "metrics/metrics.h"
#include "payment_db.h"
#include "payment_types.h"
#include "stripe_client.h"
#include "stripe_signature.h"
#include "user_client.h"
#include "work.h"

/*
 * What can be done with payments. Every change is one transaction under the payment's version;
 * whatever has to follow it (events, sessions, re-drives) is written with it and done by others.
 *
 * Common results: MP_UNAVAILABLE, MP_UNKNOWN, MP_BUSY, MP_NOMEM (the same call later), MP_CORRUPT.
 * Memory: what comes out lives in the given arena. Threads: any. Time is given, in milliseconds.
 */
struct payment_app {
	struct payment_db db;
	struct stripe stripe;
	struct users users;
	struct stripe_secrets webhook_secrets;
	struct payment_rules rules;
	struct live *live;	/* those who watch; NULL: nobody can */
	const char *public_url; /* where the provider sends people back to */

	/* Requests that wait for the provider, so that a slow one leaves workers for the others. */
	atomic_int provider_waiting;
	int provider_waiting_max;
	int64_t provider_timeout_ms;

	struct mp_metric *transitions[PAYMENT_STATES];
	struct mp_metric *alarms[ALARMS]; /* a person has to look */
	struct mp_metric *events_done;	  /* provider events looked into */
	struct mp_metric *events_foreign; /* about nothing of ours */
	struct mp_metric *webhooks_refused;
	struct mp_metric *redrives;
};

/* Registers the metrics; everything else is the caller's to fill. */
void payment_app_init(struct payment_app *app);

/* Why a request was refused, where a code says too little. */
enum payment_problem {
	PROBLEM_NONE,
	PROBLEM_KEY_REUSED,	 /* MP_CONFLICT: with another body */
	PROBLEM_PAYEE_NOT_FOUND, /* MP_NOT_FOUND */
	PROBLEM_NOT_CHARGEABLE,	 /* MP_INVALID: the provider does not charge this amount */
	PROBLEM_NOT_RETRYABLE,	 /* MP_CONFLICT, as all below: it does not require funding */
	PROBLEM_BEING_CANCELED,	 /* nor may it be retried */
	PROBLEM_TRIED_TOO_OFTEN,
	PROBLEM_NOT_CANCELABLE, /* it has ended */
	PROBLEM_ENDING,
	PROBLEM_IN_REVIEW,
	PROBLEM_SETTLING, /* the money is on its way */
};

/*
 * Creates a payment: order gives paid_by, paid_to, amount, currency, source and description. With a
 * key that came before, the payment it made, as it stands (key->replayed); what is unfinished is
 * taken up again.
 * A page of the provider that cannot be opened now is opened later: the payment says so.
 */
enum mp_rc payment_create(struct payment_app *app, const struct payment *order,
	struct mp_idempotency *key, int64_t now_ms, struct mp_arena *arena,
	struct payment *out_payment, enum payment_problem *reterr_problem) MP_MUST_CHECK;

/* One that the user pays or gets; MP_NOT_FOUND otherwise. */
enum mp_rc payment_read(struct payment_app *app, const struct mp_id *user, const struct mp_id *id,
	struct mp_arena *arena, struct payment *out_payment) MP_MUST_CHECK;

/*
 * The next attempt on a payment that requires funding; payer only (MP_FORBIDDEN). MP_CONFLICT when
 * its state forbids it, MP_INVALID by card when the provider does not charge exactly its amount.
 * With a key that came before: the payment as it stands.
 */
enum mp_rc payment_retry(struct payment_app *app, const struct mp_id *user, const struct mp_id *id,
	enum payment_source source, struct mp_idempotency *key, int64_t now_ms,
	struct mp_arena *arena, struct payment *out_payment,
	enum payment_problem *reterr_problem) MP_MUST_CHECK;

/*
 * Cancels; payer only. The provider's session is ended first: while it cannot be reached,
 * out_payment says cancel_wanted, and it is done later. MP_CONFLICT when the money was faster.
 */
enum mp_rc payment_cancel(struct payment_app *app, const struct mp_id *user, const struct mp_id *id,
	int64_t now_ms, struct mp_arena *arena, struct payment *out_payment,
	enum payment_problem *reterr_problem) MP_MUST_CHECK;

/*
 * Asks the provider about all that brought no money, and tells the last events again, because a
 * person asks for it: also of a payment that is looked into, or has ended. MP_NOT_FOUND.
 * MP_UNAVAILABLE: the provider could not be asked about all; what there is to tell is told.
 * *out_told: false when nothing was new, and there is nothing to tell.
 */
enum mp_rc payment_redrive_asked(struct payment_app *app, const struct mp_id *id, int64_t now_ms,
	struct mp_arena *arena, bool *out_told) MP_MUST_CHECK;

/*
 * Ends, as failed, a payment whose figures the provider has otherwise: a person has refunded its
 * money there. MP_NOT_FOUND; MP_CONFLICT: it is not looked into for that.
 */
enum mp_rc payment_close(struct payment_app *app, const struct mp_id *id, int64_t now_ms,
	struct mp_arena *arena, struct payment *out_payment) MP_MUST_CHECK;

/*
 * An mp_tell_again: the endings that a payer is told of, of payments begun from from_ms on
 * (payment.expired, payment.failed).
 */
enum mp_rc payment_tell_again(void *app, struct mp_arena *arena, const struct mp_id *user_id,
	int64_t from_ms, const char *cursor, size_t *out_told, const char **out_next) MP_MUST_CHECK;

/* --- billing's answers (notices.c) --- */

struct payment_notice {
	struct mp_id payment_id;
	struct payment_input input;
	enum mp_rc rc; /* MP_OK also when done before; MP_NOT_FOUND, MP_CORRUPT: for good */
	bool taken;    /* inside */
};
void payment_take_notices(struct payment_app *app, struct payment_notice *notices, size_t count,
	int64_t now_ms, struct mp_arena *arena);

/* --- the provider (provider.c, webhooks.c) --- */

/* A webhook, its signature checked: kept before it is answered. MP_OK also when it was before. */
enum mp_rc provider_event_keep(struct payment_app *app, struct provider_event *event,
	struct mp_arena *arena) MP_MUST_CHECK;

/*
 * Opens the session that the payment wants, when it wants one. out_payment is the payment as it is
 * then. A failure leaves it to the workers.
 */
enum mp_rc provider_open_session(struct payment_app *app, const struct mp_id *id, int64_t now_ms,
	struct mp_arena *arena, struct payment *out_payment) MP_MUST_CHECK;

/* Brings the provider's sessions into line: opens the wanted one, expires those of no use. */
enum mp_rc provider_align_sessions(struct payment_app *app, const struct mp_id *id, int64_t now_ms,
	struct mp_arena *arena) MP_MUST_CHECK;

/* A place among the requests that may wait for the provider; false: leave it to the workers. */
bool provider_enter(struct payment_app *app);
void provider_leave(struct payment_app *app);

enum provider_truth {
	TRUTH_FOREIGN, /* about nothing of ours */
	TRUTH_OPEN,    /* nothing has happened yet */
	TRUTH_TOLD,    /* the payment was told */
};

/*
 * Tells the payment what a session says, as the provider has just told it. failed: its money will
 * not come after all, which a session does not say by itself.
 */
enum mp_rc provider_apply_session(struct payment_app *app, const struct stripe_session *session,
	bool failed, int64_t now_ms, struct mp_arena *arena,
	enum provider_truth *out_truth) MP_MUST_CHECK;

/* Tells the payment one thing. */
enum mp_rc provider_tell(struct payment_app *app, const struct mp_id *id,
	const struct payment_input *input, int64_t now_ms, struct mp_arena *arena,
	struct payment *out_payment) MP_MUST_CHECK;

/*
 * The provider does not know an id that it told us itself: our key is another account's, or
 * STRIPE_API_BASE is wrong. That is an operator's to mend, and ends nothing: alarms, and returns
 * MP_UNAVAILABLE.
 */
enum mp_rc provider_unknown(struct payment_app *app, const char *object_id) MP_MUST_CHECK;

/* Trouble: again after a pause that grows to a minute. */
struct mp_due_result provider_later(int64_t attempts, int64_t now_ms);

/* Workers' handlers (lib/due, webhooks.c, redrive.c); ctx is the app. */
struct mp_due_result provider_event_due(void *ctx, struct mp_arena *arena, const struct mp_id *id,
	int64_t attempts, int64_t now_ms);
struct mp_due_result provider_sessions_due(void *ctx, struct mp_arena *arena,
	const struct mp_id *id, int64_t attempts, int64_t now_ms);
struct mp_due_result payment_redrive_due(void *ctx, struct mp_arena *arena, const struct mp_id *id,
	int64_t attempts, int64_t now_ms);

/* --- inside the domain: one input to one payment --- */

struct payment_change {
	struct mp_id id;
	struct payment_input input;
	const struct mp_idempotency *key; /* NULL: none */
	int64_t key_expires_at_s;
	int64_t sessions_delay_ms;
	const char *trace; /* of the payer's request, for what follows from it; NULL: none */
};

/* Outside a trace: the work of this thread goes on with the payment's own from here. */
void payment_follow_trace(const struct payment *payment);

/*
 * Loads, applies and commits, again when another writer was faster. MP_NOT_FOUND: no such payment.
 * MP_EXISTS: the key came before. Output: the payment as it is then, and what the input did.
 */
enum mp_rc payment_apply(struct payment_app *app, const struct payment_change *change,
	int64_t now_ms, struct mp_arena *arena, struct payment *out_payment,
	enum verdict *out_verdict) MP_MUST_CHECK;

/* A person has to look: counted, and logged as an error. */
void payment_alarm(
	struct payment_app *app, const struct payment *payment, enum payment_alarm alarm);

/* Commits works and counts what they did. */
enum mp_rc payment_commit(struct payment_app *app, struct payment_work *const *works, size_t count,
	const struct mp_idempotency *key, int64_t key_expires_at_s,
	struct mp_arena *arena) MP_MUST_CHECK;

#endif
