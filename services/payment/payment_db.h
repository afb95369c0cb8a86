#ifndef MP_PAYMENT_PAYMENT_DB_H
#define MP_PAYMENT_PAYMENT_DB_H

#include "due/due.h"
#include "outbox/outbox.h"
#include "payment_types.h"
#include "store/idempotency.h"
#include "store/store.h"

/*
 * Payment's items in the store, and the only file that knows how they look:
 *
 *	PAYMENT#<id>     PAYMENT               the record
 *	                 ATTEMPT#<nnnn>        a session of the provider
 *	                 CAPTURE#<intent>      money that arrived: the claim of its PaymentIntent
 *	                 TIMELINE#<nnnnnn>     what happened, for people
 *	USER#<id>        PAYMENT#<id>          pointer, of payer and payee: role
 *	EVENT#<id>       EVENT                 a webhook of the provider
 *	SIGNED_OUT#<id>  SIGNED_OUT            a person's session that has ended
 *
 * Results are the store's (store/store.h), and MP_CORRUPT for a record that cannot be read.
 * Threads: any. Memory: what is read lives in the given arena.
 */
struct payment_db {
	struct mp_store *store;
	struct mp_outbox *outbox;
	struct mp_due *redrive;	 /* id: the payment's */
	struct mp_due *sessions; /* id: the payment's */
	struct mp_due *events;	 /* id: of the stored provider event */
	const struct mp_currencies *currencies;
};

enum mp_rc payment_db_get(struct payment_db *db, const struct mp_id *id, struct mp_arena *arena,
	struct payment *out_payment) MP_MUST_CHECK;

/* What is wanted with a payment: filled by payment_db_load. */
struct payment_load {
	struct mp_id id;
	int64_t attempt;	    /* 0: none; -1: that of the payer's session, by a second read */
	const char *payment_intent; /* NULL: none */

	bool found;
	struct payment payment;
	struct payment_attempt *attempt_row; /* NULL: there is none */
	struct payment_capture *capture_row;
};

/* All in one read (one more for attempt -1). count is at most MP_BATCH_GET_MAX / 3. */
enum mp_rc payment_db_load(struct payment_db *db, struct payment_load *loads, size_t count,
	struct mp_arena *arena) MP_MUST_CHECK;

/* Every attempt, oldest first, linked by next; every capture. NULL when there is none. */
enum mp_rc payment_db_attempts(struct payment_db *db, const struct mp_id *id,
	struct mp_arena *arena, struct payment_attempt **out_attempts) MP_MUST_CHECK;
enum mp_rc payment_db_captures(struct payment_db *db, const struct mp_id *id,
	struct mp_arena *arena, struct payment_capture **out_captures) MP_MUST_CHECK;

/*
 * Writes the works, each of another payment, in one transaction, with the request's key when there
 * is one (expires_at_s 0: never). Wakes whom it concerns.
 * Errors: MP_STALE, another writer was faster: load again. MP_EXISTS, the key came before, or a
 * row of the work did: find the key, load again.
 */
enum mp_rc payment_db_commit(struct payment_db *db, struct payment_work *const *works, size_t count,
	const struct mp_idempotency *key, int64_t key_expires_at_s,
	struct mp_arena *arena) MP_MUST_CHECK;

/* How many operations the work is at most, and how many one transaction may have. */
size_t payment_db_ops(const struct payment_work *work);
size_t payment_db_ops_max(const struct payment_db *db);

/* What the key made before: MP_NOT_FOUND, MP_OK, MP_CONFLICT (it came with another body). */
enum mp_rc payment_db_find_key(struct payment_db *db, const struct mp_idempotency *key,
	struct mp_arena *arena, struct mp_id *out_payment_id) MP_MUST_CHECK;

enum payment_role {
	PAYMENT_ROLE_ANY,
	PAYMENT_ROLE_PAYER,
	PAYMENT_ROLE_PAYEE,
};

/* A page of a user's payments, newest first. state PAYMENT_STATES: any. */
struct payment_list {
	struct mp_id user;
	enum payment_role role;
	enum payment_state state;
	size_t limit;
	const char *after; /* cursor: NULL at first */

	struct payment *payments;
	size_t count;
	const char *next; /* cursor of the next page; NULL: this was the last */
};
enum mp_rc payment_db_list(
	struct payment_db *db, struct payment_list *list, struct mp_arena *arena) MP_MUST_CHECK;

/* A page of a payment's timeline, oldest first; for the payee without the payer's own rows. */
struct payment_timeline {
	struct mp_id payment_id;
	bool for_payer;
	size_t limit;
	const char *after;

	struct payment_row *rows;
	size_t count;
	const char *next;
};
enum mp_rc payment_db_timeline(struct payment_db *db, struct payment_timeline *timeline,
	struct mp_arena *arena) MP_MUST_CHECK;

/* Rows of a payment's timeline behind after_seq, up to until_seq: a hundred at most. */
struct payment_rows {
	struct mp_id payment_id;
	int64_t after_seq;
	int64_t until_seq;

	struct payment_row *rows;
	size_t count;
};
enum mp_rc payment_db_rows(
	struct payment_db *db, struct payment_rows *rows, struct mp_arena *arena) MP_MUST_CHECK;

/* Records by id, in one read; count is at most MP_BATCH_GET_MAX. out_found[i]: there is one. */
enum mp_rc payment_db_get_many(struct payment_db *db, const struct mp_id *ids, size_t count,
	struct mp_arena *arena, struct payment *out_payments, bool *out_found) MP_MUST_CHECK;

/*
 * Keeps a webhook, and the work of looking into it (unless it is done already). MP_EXISTS: it was
 * kept before.
 */
enum mp_rc payment_db_event_insert(struct payment_db *db, const struct provider_event *event,
	struct mp_arena *arena) MP_MUST_CHECK;
enum mp_rc payment_db_event_get(struct payment_db *db, const struct mp_id *id,
	struct mp_arena *arena, struct provider_event *out_event) MP_MUST_CHECK;
/* Done: it stays for a while to be looked at. */
enum mp_rc payment_db_event_done(struct payment_db *db, const struct provider_event *event,
	struct mp_arena *arena) MP_MUST_CHECK;

/*
 * Sessions of people (not of the provider) have ended: kept until their access tokens have expired.
 * sign_out: as few transactions as hold them; whatever fails, all may be given again; an id may
 * stand twice. signed_out: in one read; count is at most MP_BATCH_GET_MAX, no id stands twice.
 */
struct payment_session_end {
	struct mp_id session_id;
	int64_t tokens_expire_at_ms;
};
enum mp_rc payment_db_sign_out(struct payment_db *db, const struct payment_session_end *ends,
	size_t count, struct mp_arena *arena) MP_MUST_CHECK;
enum mp_rc payment_db_signed_out(struct payment_db *db, const struct mp_id *session_ids,
	size_t count, struct mp_arena *arena, bool *out_signed_out) MP_MUST_CHECK;

#endif
