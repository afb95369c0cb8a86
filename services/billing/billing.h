#ifndef MP_BILLING_BILLING_H
#define MP_BILLING_BILLING_H

#include <stdatomic.h>

#include "billing_db.h"
#include "billing_report.h"
#include "billing_types.h"

/*
 * Billing decides and orders every movement of money: F (the provider's money into the client's
 * wallet) and S(n) (the client's to the provider's). Threads: any, over one app.
 */
struct billing_app {
	struct billing_db db;
	/* The wallet: wallet_client_transfer; a seam for tests that lose its answers. */
	enum mp_rc (*transfer)(void *wallet, struct mp_arena *arena,
		struct billing_transfer *transfers, size_t count);
	void *wallet;
	struct mp_sink sink;
	atomic_uint reports; /* being made: REPORTS_MAX */
};

/*
 * Carries out orders, each to its end: when rcs[i] is MP_OK, what order i asks for has happened,
 * its outcome is recorded and its events are in the outbox. Many orders share transactions and one
 * call to the wallet. Repeating an order is harmless.
 *
 * rcs[i]    transient (see mp_rc_is_transient), MP_STALE or MP_EXISTS: ask again. All others are
 *           for good, and of this order alone. MP_CONFLICT: the wallet refuses a transfer for
 *           another reason than lack of funds. MP_INVALID: it calls the transfer wrong.
 *           MP_CORRUPT: the bill's record cannot be read, or its currency is allowed no longer.
 */
void billing_carry_out(struct billing_app *app, struct mp_arena *arena,
	const struct billing_order *orders, size_t count, int64_t now_ms, enum mp_rc *rcs);

/* Looks again at a bill that has not ended: finishes it, or tells its outcome again. */
struct mp_due_result billing_redrive(void *app, struct mp_arena *arena, const struct mp_id *bill_id,
	int64_t attempts, int64_t now_ms);

/*
 * An mp_tell_again: the outcomes of the bills of payments that the user began from from_ms on.
 * MP_CORRUPT: one is of a currency that is allowed no longer.
 */
enum mp_rc billing_tell_again(void *app, struct mp_arena *arena, const struct mp_id *user_id,
	int64_t from_ms, const char *cursor, size_t *out_told, const char **out_next) MP_MUST_CHECK;

/* A bill as its client or provider may see it; MP_NOT_FOUND for all others. */
enum mp_rc billing_get(struct billing_app *app, struct mp_arena *arena, const struct mp_id *user_id,
	const struct mp_id *bill_id, struct bill *out_bill) MP_MUST_CHECK;

/* A payment's bill, for operators. MP_NOT_FOUND. */
enum mp_rc billing_bill_of(struct billing_app *app, struct mp_arena *arena,
	const struct mp_id *payment_id, struct bill *out_bill) MP_MUST_CHECK;

enum mp_rc billing_list(struct billing_app *app, struct mp_arena *arena,
	const struct mp_id *user_id, const struct billing_filter *filter, const char *after,
	size_t limit, struct billing_page *out_page) MP_MUST_CHECK;

/*
 * The user's report of the months from..to, yyyymm, both included, at most REPORT_MONTHS_MAX (the
 * caller checks). MP_TOO_LARGE: over REPORT_ROWS_MAX groups; the caller may ask for fewer months.
 */
enum mp_rc billing_summary(struct billing_app *app, const struct mp_id *user_id, int from, int to,
	struct mp_arena *arena, struct billing_report *out_report) MP_MUST_CHECK;

#endif
