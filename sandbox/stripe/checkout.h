#ifndef MP_SANDBOX_CHECKOUT_H
#define MP_SANDBOX_CHECKOUT_H

#include "cards.h"
#include "due/due.h"
#include "faults.h"
#include "sandbox_db.h"

/*
 * What becomes of a session: open, then complete or expired, once. Each change is one transaction:
 * the session, its PaymentIntent, the events, and the rows that send them. Threads: any.
 */
struct sandbox {
	struct mp_store *store;
	struct mp_due *webhooks;  /* sends events */
	struct mp_due *expiries;  /* ends sessions at their time */
	struct mp_due *transfers; /* bank transfers arrive */
	struct faults *faults;
	struct keys *keys;
	const char *public_url;
	const char *webhook_events; /* types to send, commas between; "*": all; NULL: none */
	int64_t transfer_ms;	    /* how long a bank transfer takes */
};

/* The API request that makes a change. Its answer is kept under its key; NULL: none was sent. */
struct cause {
	const char *request_id;
	const char *key;
	const char *digest;
};

/*
 * All return MP_NOT_FOUND for an unknown session, MP_CONFLICT where its state forbids the call
 * (*out is the session as it stands), or a store error; out is untouched on others. Time is given.
 */

/* order is what order_read gave; *out_answer is the session's JSON, in the arena. */
enum mp_rc checkout_create(struct sandbox *sandbox, const struct cause *cause,
	const struct session *order, struct mp_id id, struct mp_arena *arena, int64_t now_ms,
	const char **out_answer) MP_MUST_CHECK;

/* cause NULL: its time has come. */
enum mp_rc checkout_expire(struct sandbox *sandbox, const struct cause *cause,
	const struct mp_id *id, struct mp_arena *arena, int64_t now_ms, struct session *out,
	const char **out_answer) MP_MUST_CHECK;

/* The bank has judged: charged, or declined and the session is still open. */
enum mp_rc checkout_pay_card(struct sandbox *sandbox, const struct mp_id *id,
	const struct card_verdict *verdict, struct mp_arena *arena, int64_t now_ms,
	struct session *out) MP_MUST_CHECK;

/* A bank transfer was promised: complete, and unpaid until it arrives or fails. */
enum mp_rc checkout_pay_bank(struct sandbox *sandbox, const struct mp_id *id,
	struct mp_arena *arena, int64_t now_ms, struct session *out) MP_MUST_CHECK;
enum mp_rc checkout_transfer(struct sandbox *sandbox, const struct mp_id *id, bool arrived,
	struct mp_arena *arena, int64_t now_ms, struct session *out) MP_MUST_CHECK;

/* True when the session can be paid at that time. Pure. */
bool checkout_is_open(const struct session *session, int64_t now_ms);

/* True when the event's type is one that is sent. Pure. */
bool checkout_is_sent(const struct sandbox *sandbox, const char *event_type);

/* Handlers of the due rows; ctx is the sandbox. */
struct mp_due_result checkout_expiry_due(void *ctx, struct mp_arena *arena, const struct mp_id *id,
	int64_t attempts, int64_t now_ms);
struct mp_due_result checkout_transfer_due(void *ctx, struct mp_arena *arena,
	const struct mp_id *id, int64_t attempts, int64_t now_ms);

#endif
