#ifndef MP_BILLING_DB_H
#define MP_BILLING_DB_H

#include "billing_types.h"
#include "due/due.h"
#include "outbox/outbox.h"
#include "store/store.h"

/*
 * Billing's table:
 *
 *	BILL#<bill id>       BILL                    the bill
 *	USER#<user id>       BILL#<bill id>          pointer, for client and provider; by date, as
 *	                                             bill ids begin with their payment's time
 *	USER#<user id>       FUNDING#<transfer id>   a captured amount that was credited
 *	INVOICE#<invoice no> INVOICE                 claim: an invoice number belongs to one bill
 *	DUE#bill#..                                  bills that have not ended (lib/due)
 *	OUTBOX#..                                    events (lib/outbox)
 *
 * Errors are the store's, see store/store.h.
 */
struct billing_db {
	struct mp_store *store;
	struct mp_outbox *outbox;
	struct mp_due *due; /* kind "bill" */
	const struct mp_currencies *currencies;
	int64_t redrive_ms; /* how long after a bill's start it is looked at again */
};

/* out_bills[i] is the bill of payment_ids[i]; version 0 when there is none. */
enum mp_rc billing_db_bills(struct billing_db *db, struct mp_arena *arena,
	const struct mp_id *bill_ids, size_t count, struct bill *out_bills) MP_MUST_CHECK;

enum mp_rc billing_db_bill(struct billing_db *db, struct mp_arena *arena, const struct mp_id *id,
	struct bill *out_bill) MP_MUST_CHECK;

/*
 * One transaction of several bills' changes. Each add is all of that change's operations; commit
 * refuses all with MP_EXISTS or MP_STALE when somebody else changed one of them.
 */
#define BILLING_DB_OPS_PER_CHANGE 6 /* the most that one call below adds */

struct billing_change {
	struct billing_db *db;
	struct mp_arena *arena;
	struct mp_txn txn;
	int64_t now_ms;
	size_t invoice_op; /* of the last new bill, to tell a taken number apart */
};

/* How many changes fit into one transaction. */
size_t billing_db_changes_max(const struct billing_db *db);

void billing_db_begin(struct billing_db *db, struct mp_arena *arena, int64_t now_ms,
	struct billing_change *out_change);

/* Writes the bill: new (version 0) with its pointers, claim and due row, or over its version. */
void billing_db_put_bill(struct billing_change *change, const struct bill *bill);

/* Tells the bill's latest outcome: bill.settled, bill.unfunded or bill.voided. */
void billing_db_tell_bill(struct billing_change *change, const struct bill *bill);

/* Lists the funding and tells funding.settled; again is the same. */
void billing_db_put_funding(struct billing_change *change, const struct billing_funding *funding);

/* *reterr_invoice_taken: refused because the last new bill's invoice number is another's. */
enum mp_rc billing_db_commit(
	struct billing_change *change, bool *reterr_invoice_taken) MP_MUST_CHECK;

/* What a user is in a bill. */
enum bill_role {
	BILL_ROLE_ANY,
	BILL_ROLE_CLIENT,
	BILL_ROLE_PROVIDER,
};

/* False: there is no such role. */
bool bill_role_parse(const char *name, enum bill_role *out_role) MP_MUST_CHECK;

/* Which bills a list holds; each may be absent. */
struct billing_filter {
	enum bill_role role;
	int state;	 /* -1: any, or enum bill_state */
	int64_t from_ms; /* 0: open; inclusive */
	int64_t to_ms;	 /* 0: open; exclusive */
};

struct billing_page {
	struct bill *bills; /* in the arena */
	size_t count;
	const char *after; /* where the next page begins; NULL at the end */
};

/* A user's bills, newest first. A page may hold fewer than limit and still have more. */
enum mp_rc billing_db_list(struct billing_db *db, struct mp_arena *arena,
	const struct mp_id *user_id, const struct billing_filter *filter, const char *after,
	size_t limit, struct billing_page *out_page) MP_MUST_CHECK;

/*
 * Gives the visitor a user's settled bills, and fundings, of payments from from_ms to to_ms
 * (exclusive), until it returns an error. What is given is borrowed for the call.
 */
struct billing_visitor {
	enum mp_rc (*bill)(void *ctx, const struct bill *bill);
	enum mp_rc (*funding)(void *ctx, const struct billing_funding *funding);
	void *ctx;
};

enum mp_rc billing_db_visit(struct billing_db *db, const struct mp_id *user_id, int64_t from_ms,
	int64_t to_ms, const struct billing_visitor *visitor) MP_MUST_CHECK;

#endif
