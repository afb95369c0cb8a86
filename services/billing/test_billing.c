#include "base/testing_alloc.h"
#include "base/testing_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "billing.h"
#include "billing_rules.h"
#include "store/fault.h"
#include "store/testing.h"

#define NOW_MS 1795309323000
#define DECIDED_MS (NOW_MS + 5000) /* by the wallet */
#define WALLETS_MAX 64
#define RECORDS_MAX 4096

/*
 * A wallet in memory that keeps the wallet service's promises (each id has one outcome), and can
 * lose an answer before or after its effect.
 */
struct wallet {
	struct {
		struct mp_id user;
		int64_t minor;
	} balances[WALLETS_MAX];
	size_t balances_count;
	struct billing_transfer records[RECORDS_MAX];
	size_t records_count;
	int calls;
	int lose_before; /* calls to come */
	int lose_after;
	bool refuse_all;     /* for another reason than lack of funds */
	int64_t wrong_minor; /* a call with a transfer of this amount is wrong; 0: none is */
};

static int64_t *balance_of(struct wallet *wallet, const struct mp_id *user)
{
	for (size_t i = 0; i < wallet->balances_count; i++) {
		if (mp_id_equal(&wallet->balances[i].user, user))
			return &wallet->balances[i].minor;
	}
	assert_true(wallet->balances_count < WALLETS_MAX);
	wallet->balances[wallet->balances_count].user = *user;
	return &wallet->balances[wallet->balances_count++].minor;
}

static void decide(struct wallet *wallet, struct billing_transfer *transfer)
{
	int64_t *to = balance_of(wallet, &transfer->to);

	transfer->decided_ms = DECIDED_MS;
	if (wallet->refuse_all) {
		transfer->outcome = TRANSFER_REFUSED;
		return;
	}
	if (!transfer->funding) {
		int64_t *from = balance_of(wallet, &transfer->from);

		if (*from < transfer->amount.minor) {
			transfer->outcome = TRANSFER_UNFUNDED;
			transfer->shortfall_minor = transfer->amount.minor - *from;
			return;
		}
		*from -= transfer->amount.minor;
	}
	*to += transfer->amount.minor;
	transfer->outcome = TRANSFER_POSTED;
}

static const struct billing_transfer *record_of(
	const struct wallet *wallet, const struct billing_transfer *transfer)
{
	for (size_t i = 0; i < wallet->records_count; i++) {
		const struct billing_transfer *record = &wallet->records[i];

		if (mp_id_equal(&record->id, &transfer->id)) {
			assert_int_equal(record->amount.minor, transfer->amount.minor);
			assert_true(mp_id_equal(&record->bill_id, &transfer->bill_id));
			return record;
		}
	}
	return NULL;
}

static enum mp_rc wallet_transfer(
	void *ctx, struct mp_arena *arena, struct billing_transfer *transfers, size_t count)
{
	struct wallet *wallet = ctx;

	(void)arena;
	wallet->calls++;
	if (wallet->lose_before > 0 && wallet->lose_before-- > 0)
		return MP_UNAVAILABLE;
	for (size_t i = 0; i < count; i++) {
		if (wallet->wrong_minor != 0 && transfers[i].amount.minor == wallet->wrong_minor)
			return MP_INVALID;
	}
	for (size_t i = 0; i < count; i++) {
		const struct billing_transfer *record = record_of(wallet, &transfers[i]);

		if (record == NULL) {
			assert_true(wallet->records_count < RECORDS_MAX);
			decide(wallet, &transfers[i]);
			wallet->records[wallet->records_count++] = transfers[i];
		} else {
			transfers[i].outcome = record->outcome;
			transfers[i].shortfall_minor = record->shortfall_minor;
			transfers[i].decided_ms = record->decided_ms;
		}
	}
	if (wallet->lose_after > 0 && wallet->lose_after-- > 0)
		return MP_UNKNOWN;
	return MP_OK;
}

struct fixture {
	struct mp_test_folder folder;
	struct mp_currencies currencies;
	struct billing_app app;
	struct wallet wallet;
	struct mp_arena *arena;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char reterr[256];

	assert_non_null(f);
	mp_test_folder_make(&f->folder);
	assert_int_equal(mp_currencies_parse("USD:2:2:0.50", &f->currencies, reterr), MP_OK);
	struct billing_db *db = &f->app.db;
	db->store = mp_fault_store_new(mp_test_store_open(f->folder.path));
	assert_non_null(db->store);
	db->currencies = &f->currencies;
	db->redrive_ms = 1000;
	const struct mp_outbox_config outbox = {
		.store = db->store, .source = "/test", .amqp_url = "amqp://127.0.0.1:1/"};
	const struct mp_due_config due = {.store = db->store,
		.kind = "bill",
		.threads = 1,
		.handler = billing_redrive,
		.ctx = &f->app};
	assert_int_equal(mp_outbox_open(&outbox, &db->outbox), MP_OK);
	assert_int_equal(mp_due_open(&due, &db->due), MP_OK);
	f->app.transfer = wallet_transfer;
	f->app.wallet = &f->wallet;
	f->arena = mp_arena_new(256 << 20);
	assert_non_null(f->arena);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	mp_due_close(f->app.db.due);
	mp_outbox_close(f->app.db.outbox);
	mp_store_close(f->app.db.store);
	mp_arena_free(f->arena);
	mp_test_folder_remove(&f->folder);
	free(f);
	return 0;
}

/* --- the orders of a test --- */

static struct billing_order pay(struct mp_id client, struct mp_id provider, int64_t minor)
{
	return (struct billing_order){.kind = ORDER_SETTLE,
		.attempt = 1,
		.payment_id = mp_id_new(NOW_MS),
		.paid_by = client,
		.paid_to = provider,
		.amount = {.minor = minor, .currency = "USD"},
		.created_ms = NOW_MS};
}

static struct billing_order captured(
	struct billing_order order, int64_t attempt, int64_t minor, const char *payment_intent)
{
	order.kind = ORDER_FUND;
	order.attempt = attempt;
	order.captured_minor = minor;
	order.captured_ms = NOW_MS + 1000;
	(void)snprintf(order.payment_intent, sizeof(order.payment_intent), "%s", payment_intent);
	return order;
}

static enum mp_rc carry_out(struct fixture *f, const struct billing_order *order)
{
	enum mp_rc rc;

	billing_carry_out(&f->app, f->arena, order, 1, NOW_MS, &rc);
	return rc;
}

static struct bill bill_of(struct fixture *f, const struct billing_order *order)
{
	struct mp_id id = bill_id_of(&order->payment_id);
	struct bill bill;

	assert_int_equal(billing_db_bill(&f->app.db, f->arena, &id, &bill), MP_OK);
	return bill;
}

/* How many rows of a type wait in the outbox, and the time of one of them. */
static int told_when(struct fixture *f, const char *type, int64_t *out_time_ms)
{
	int count = 0;

	for (int partition = 0; partition < MP_OUTBOX_PARTITIONS; partition++) {
		struct mp_page page;
		struct mp_query query = {
			.pk = mp_arena_printf(f->arena, "OUTBOX#%02d", partition), .limit = 1000};

		assert_int_equal(mp_store_query(f->app.db.store, &query, f->arena, &page), MP_OK);
		for (size_t i = 0; i < page.count; i++) {
			const struct mp_map *attrs = &page.items[i]->attrs;
			if (strcmp(mp_map_get(attrs, "type")->as.text, type) != 0)
				continue;
			*out_time_ms = mp_map_get(attrs, "time")->as.number;
			count++;
		}
	}
	return count;
}

static int told(struct fixture *f, const char *type)
{
	int64_t unused_ms;

	return told_when(f, type, &unused_ms);
}

/* --- tests --- */

static void a_funded_wallet_settles_at_once(void **state)
{
	struct fixture *f = *state;
	struct mp_id ada = mp_id_new(NOW_MS), bob = mp_id_new(NOW_MS);
	struct billing_order order = pay(ada, bob, 3000);
	int64_t settled_ms = 0;

	*balance_of(&f->wallet, &ada) = 10000;
	assert_int_equal(carry_out(f, &order), MP_OK);
	struct bill bill = bill_of(f, &order);
	assert_int_equal(bill.state, BILL_SETTLED);
	assert_int_equal(*balance_of(&f->wallet, &ada), 7000);
	assert_int_equal(*balance_of(&f->wallet, &bob), 3000);
	assert_int_equal(told_when(f, "bill.settled", &settled_ms), 1);
	assert_int_equal(settled_ms, DECIDED_MS);      /* not before the money moved */
	assert_int_equal(carry_out(f, &order), MP_OK); /* the same event again */
	assert_int_equal(*balance_of(&f->wallet, &bob), 3000);
	assert_int_equal(told(f, "bill.settled"), 1); /* one id: one row */
}

static void an_empty_wallet_waits_for_funds_then_settles(void **state)
{
	struct fixture *f = *state;
	struct mp_id ada = mp_id_new(NOW_MS), bob = mp_id_new(NOW_MS);
	struct billing_order order = pay(ada, bob, 20000);
	struct billing_order funds = captured(order, 2, 13000, "pi_1");
	int64_t settled_ms = 0;

	*balance_of(&f->wallet, &ada) = 7000;
	assert_int_equal(carry_out(f, &order), MP_OK);
	assert_int_equal(bill_of(f, &order).state, BILL_UNFUNDED);
	assert_int_equal(bill_of(f, &order).shortfall_minor, 13000);
	assert_int_equal(told_when(f, "bill.unfunded", &settled_ms), 1);
	assert_int_equal(settled_ms, DECIDED_MS);
	assert_int_equal(carry_out(f, &funds), MP_OK);
	assert_int_equal(bill_of(f, &order).state, BILL_SETTLED);
	assert_int_equal(*balance_of(&f->wallet, &ada), 0);
	assert_int_equal(*balance_of(&f->wallet, &bob), 20000);
	assert_int_equal(told_when(f, "funding.settled", &settled_ms), 1);
	assert_int_equal(settled_ms, DECIDED_MS); /* not the capture's */
	assert_int_equal(carry_out(f, &funds), MP_OK);
	assert_int_equal(told_when(f, "funding.settled", &settled_ms), 1);
	assert_int_equal(settled_ms, DECIDED_MS);
	assert_int_equal(*balance_of(&f->wallet, &ada), 0);
}

static void a_capture_funds_the_wallet_whatever_the_bill_says(void **state)
{
	struct fixture *f = *state;
	struct mp_id ada = mp_id_new(NOW_MS), bob = mp_id_new(NOW_MS);
	struct billing_order order = pay(ada, bob, 5000);
	struct billing_order ended = order;
	struct billing_order late = captured(order, 2, 5000, "pi_late");
	struct billing_order top_up = captured(pay(ada, (struct mp_id){0}, 900), 0, 900, "pi_top");

	ended.kind = ORDER_VOID;
	assert_int_equal(carry_out(f, &order), MP_OK);
	assert_int_equal(carry_out(f, &ended), MP_OK);
	assert_int_equal(bill_of(f, &order).state, BILL_VOID);
	assert_int_equal(told(f, "bill.voided"), 1);
	assert_int_equal(carry_out(f, &late), MP_OK);
	assert_int_equal(bill_of(f, &order).state, BILL_VOID);
	assert_int_equal(*balance_of(&f->wallet, &ada), 5000);
	assert_int_equal(*balance_of(&f->wallet, &bob), 0);
	assert_int_equal(carry_out(f, &top_up), MP_OK);
	assert_int_equal(*balance_of(&f->wallet, &ada), 5900);
	assert_int_equal(told(f, "funding.settled"), 2);
}

static void many_orders_share_one_call_and_keep_their_order(void **state)
{
	struct fixture *f = *state;
	struct mp_id ada = mp_id_new(NOW_MS), bob = mp_id_new(NOW_MS);
	struct billing_order orders[50];
	enum mp_rc rcs[50];

	*balance_of(&f->wallet, &ada) = 4800;
	for (int i = 0; i < 49; i++)
		orders[i] = pay(ada, bob, 100);
	orders[49] = captured(orders[48], 2, 100, "pi_49"); /* the last is short of 1.00 */
	billing_carry_out(&f->app, f->arena, orders, 50, NOW_MS, rcs);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(rcs[i], MP_OK);
		assert_int_equal(bill_of(f, &orders[i]).state, BILL_SETTLED);
	}
	assert_int_equal(f->wallet.calls, 2); /* two orders of one payment: two rounds */
	assert_int_equal(*balance_of(&f->wallet, &bob), 4900);
	assert_int_equal(told(f, "bill.unfunded"), 1);
}

static void lost_answers_and_failing_stores_settle_once(void **state)
{
	struct fixture *f = *state;
	struct mp_id ada = mp_id_new(NOW_MS), bob = mp_id_new(NOW_MS);
	int64_t paid = 0;

	*balance_of(&f->wallet, &ada) = 1000000;
	for (int fault = 0; fault < 6; fault++) {
		struct billing_order order = pay(ada, bob, 100);

		f->wallet.lose_before = fault == 0;
		f->wallet.lose_after = fault == 1;
		/* the first or second commit, before or after its effect */
		if (fault >= 2)
			mp_fault_store_arm(f->app.db.store, fault < 4 ? 1 : 2, fault % 2 == 1);
		assert_true(mp_rc_is_transient(carry_out(f, &order)));
		assert_int_equal(carry_out(f, &order), MP_OK);
		assert_int_equal(bill_of(f, &order).state, BILL_SETTLED);
		paid += 100;
		assert_int_equal(*balance_of(&f->wallet, &bob), paid);
	}
	assert_int_equal(told(f, "bill.settled"), 6);
}

/* Allocations fail from the nth on; then the order comes again, as from the broker. */
static void without_memory_an_order_is_carried_out_once_all_the_same(void **state)
{
	struct fixture *f = *state;
	struct mp_id ada = mp_id_new(NOW_MS), bob = mp_id_new(NOW_MS);
	enum mp_rc rc = MP_NOMEM;
	int64_t orders = 0;

	*balance_of(&f->wallet, &ada) = 1000000;
	for (; rc != MP_OK; orders++) {
		struct billing_order order = pay(ada, bob, 100);
		struct mp_arena *arena = mp_arena_new(16 << 20);

		assert_non_null(arena);
		mp_alloc_fail_after(orders);
		billing_carry_out(&f->app, arena, &order, 1, NOW_MS, &rc);
		mp_alloc_fail_never();
		mp_arena_free(arena);
		assert_true(rc == MP_OK || mp_rc_is_transient(rc));
		assert_int_equal(carry_out(f, &order), MP_OK);
		assert_int_equal(bill_of(f, &order).state, BILL_SETTLED);
		assert_int_equal(*balance_of(&f->wallet, &bob), 100 * (orders + 1));
	}
	assert_true(orders > 3);
	assert_int_equal(told(f, "bill.settled"), orders);
}

static void a_bill_that_stands_still_is_finished_by_its_due_row(void **state)
{
	struct fixture *f = *state;
	struct mp_id ada = mp_id_new(NOW_MS), bob = mp_id_new(NOW_MS);
	struct billing_order order = pay(ada, bob, 100);
	struct mp_id bill_id = bill_id_of(&order.payment_id);

	*balance_of(&f->wallet, &ada) = 100;
	f->wallet.lose_after = 1;
	assert_true(mp_rc_is_transient(carry_out(f, &order)));
	assert_int_equal(bill_of(f, &order).state, BILL_SETTLING);
	struct mp_due_result result = billing_redrive(&f->app, f->arena, &bill_id, 0, NOW_MS);
	assert_false(result.done);
	assert_int_equal(bill_of(f, &order).state, BILL_SETTLED);
	assert_true(billing_redrive(&f->app, f->arena, &bill_id, 1, NOW_MS).done);
}

static size_t tell_again(struct fixture *f, const struct mp_id *user, int64_t from_ms)
{
	const char *cursor = NULL;
	size_t count = 0;

	do {
		size_t told = 0;

		assert_int_equal(billing_tell_again(
					 &f->app, f->arena, user, from_ms, cursor, &told, &cursor),
			MP_OK);
		count += told;
	} while (cursor != NULL);
	return count;
}

static void outcomes_are_told_again_to_whom_they_were_lost(void **state)
{
	enum {
		PAID = 60
	}; /* more than a page */
	struct fixture *f = *state;
	struct mp_id ada = mp_id_new(NOW_MS), bob = mp_id_new(NOW_MS);
	struct billing_order ended = pay(ada, bob, 7);

	*balance_of(&f->wallet, &ada) = 100 * PAID;
	for (int i = 0; i <= PAID; i++) { /* the last lacks money */
		struct billing_order order = pay(ada, bob, 100);
		assert_int_equal(carry_out(f, &order), MP_OK);
	}
	ended.kind = ORDER_VOID;
	assert_int_equal(carry_out(f, &ended), MP_OK);
	mp_test_erase(f->app.db.store, f->arena, "OUTBOX#");

	assert_int_equal(tell_again(f, &bob, 0), 0); /* told with their clients' */
	assert_int_equal(tell_again(f, &ada, NOW_MS + 1000), 0);
	assert_int_equal(told(f, "bill.settled"), 0);
	assert_int_equal(tell_again(f, &ada, NOW_MS), PAID + 1);
	assert_int_equal(tell_again(f, &ada, INT64_MIN), PAID + 1); /* under the same ids */
	assert_int_equal(told(f, "bill.settled"), PAID);
	assert_int_equal(told(f, "bill.unfunded"), 1);
	assert_int_equal(told(f, "bill.voided"), 0);
}

static void a_transfer_refused_for_another_reason_is_not_repeated(void **state)
{
	struct fixture *f = *state;
	struct mp_id ada = mp_id_new(NOW_MS), bob = mp_id_new(NOW_MS);
	struct billing_order orders[] = {pay(ada, bob, 100)};

	f->wallet.refuse_all = true;
	assert_int_equal(carry_out(f, &orders[0]), MP_CONFLICT);
	assert_int_equal(bill_of(f, &orders[0]).state, BILL_SETTLING);
}

static void a_wrong_order_does_not_hold_up_the_others(void **state)
{
	struct fixture *f = *state;
	struct mp_id ada = mp_id_new(NOW_MS), bob = mp_id_new(NOW_MS);
	struct billing_order orders[] = {
		pay(ada, bob, 100), pay(ada, bob, 666), pay(ada, bob, 200)};
	enum mp_rc rcs[3];

	*balance_of(&f->wallet, &ada) = 1000;
	f->wallet.wrong_minor = 666;
	billing_carry_out(&f->app, f->arena, orders, 3, NOW_MS, rcs);
	assert_int_equal(rcs[0], MP_OK);
	assert_int_equal(rcs[1], MP_INVALID);
	assert_int_equal(rcs[2], MP_OK);
	assert_int_equal(bill_of(f, &orders[0]).state, BILL_SETTLED);
	assert_int_equal(bill_of(f, &orders[1]).state, BILL_SETTLING);
	assert_int_equal(bill_of(f, &orders[2]).state, BILL_SETTLED);
	assert_int_equal(*balance_of(&f->wallet, &bob), 300);
}

static void bills_are_their_parties_and_listed_newest_first(void **state)
{
	struct fixture *f = *state;
	struct mp_id ada = mp_id_new(NOW_MS), bob = mp_id_new(NOW_MS), eve = mp_id_new(NOW_MS);
	const struct billing_filter all = {.state = -1};
	const struct billing_filter as_client = {.state = -1, .role = BILL_ROLE_CLIENT};
	const struct billing_filter unfunded = {.state = BILL_UNFUNDED};
	const struct billing_filter later = {.state = -1, .from_ms = NOW_MS + 3};
	struct billing_page page = {0};
	size_t seen = 0;

	for (int i = 0; i < 7; i++) {
		struct billing_order order = pay(ada, bob, 100);

		order.payment_id = mp_id_new(NOW_MS + i);
		*balance_of(&f->wallet, &ada) = i % 2 == 0 ? 100 : 0;
		assert_int_equal(carry_out(f, &order), MP_OK);
	}
	do {
		assert_int_equal(
			billing_list(&f->app, f->arena, &bob, &all, page.after, 3, &page), MP_OK);
		for (size_t i = 0; i < page.count; i++, seen++)
			assert_int_equal(mp_id_time_ms(&page.bills[i].id), NOW_MS + 6 - (int)seen);
	} while (page.after != NULL);
	assert_int_equal(seen, 7);
	assert_int_equal(billing_list(&f->app, f->arena, &bob, &as_client, NULL, 10, &page), MP_OK);
	assert_int_equal(page.count, 0);
	assert_int_equal(billing_list(&f->app, f->arena, &ada, &unfunded, NULL, 10, &page), MP_OK);
	assert_int_equal(page.count, 3);
	assert_int_equal(billing_list(&f->app, f->arena, &ada, &later, NULL, 10, &page), MP_OK);
	assert_int_equal(page.count, 4);
	struct bill bill;
	assert_int_equal(
		billing_get(&f->app, f->arena, &eve, &page.bills[0].id, &bill), MP_NOT_FOUND);
	assert_int_equal(billing_get(&f->app, f->arena, &bob, &page.bills[0].id, &bill), MP_OK);
}

static void a_report_of_too_many_rows_is_refused(void **state)
{
	struct mp_arena *arena = mp_arena_new(REPORT_ARENA_BYTES);
	struct mp_id ada = mp_id_new(NOW_MS);
	struct billing_report report;
	struct bill bill = {.id = mp_id_new(NOW_MS),
		.user_id = ada,
		.state = BILL_SETTLED,
		.date_ms = NOW_MS,
		.amount = {.minor = 1, .currency = "USD"}};

	(void)state;
	assert_non_null(arena);
	billing_report_begin(&report, arena, &ada);
	for (int64_t i = 0; i < REPORT_ROWS_MAX; i++) {
		bill.provider_id = mp_id_new(NOW_MS + i);
		assert_int_equal(billing_report_add_bill(&report, &bill), MP_OK);
	}
	assert_int_equal(billing_report_add_bill(&report, &bill), MP_OK); /* a known one */
	bill.provider_id = mp_id_new(NOW_MS + REPORT_ROWS_MAX);
	assert_int_equal(billing_report_add_bill(&report, &bill), MP_TOO_LARGE);
	mp_arena_free(arena);
}

static void a_report_is_the_sum_of_bills_and_fundings(void **state)
{
	struct fixture *f = *state;
	struct mp_id ada = mp_id_new(NOW_MS), bob = mp_id_new(NOW_MS), cleo = mp_id_new(NOW_MS);
	int64_t next_month_ms = NOW_MS + 10 * INT64_C(86400000);
	struct billing_report report;

	for (int i = 0; i < 1200; i++) { /* more than a page; every 2nd in the next month */
		struct billing_order order = pay(ada, i % 3 == 0 ? cleo : bob, 7);

		order.payment_id = mp_id_new(i % 2 == 0 ? NOW_MS : next_month_ms);
		if (i % 4 == 0)
			order = captured(order, 1, 1000, order.payment_id.text);
		assert_int_equal(carry_out(f, &order), MP_OK);
	}
	assert_int_equal(billing_summary(&f->app, &ada, 202611, 202612, f->arena, &report), MP_OK);
	assert_int_equal(report.totals.count, 1);
	assert_int_equal(report.totals.rows[0].sums.paid_minor, 1200 * 7);
	assert_int_equal(report.totals.rows[0].sums.funded_minor, 300 * 1000);
	assert_int_equal(report.months.count, 2);
	assert_int_equal(report.months.rows[0].month, 202611);
	assert_int_equal(report.months.rows[0].sums.paid_minor, 600 * 7);
	assert_int_equal(report.months.rows[0].sums.funded_minor, 300 * 1000);
	assert_int_equal(report.months.rows[1].sums.funded_minor, 0);
	assert_int_equal(report.counterparties.count, 2);
	assert_int_equal(report.detail.count, 5); /* two a month, and the fundings of one */
	assert_int_equal(billing_summary(&f->app, &cleo, 202612, 202612, f->arena, &report), MP_OK);
	assert_int_equal(report.totals.rows[0].sums.received_minor, 200 * 7);
	assert_int_equal(billing_summary(&f->app, &cleo, 202610, 202610, f->arena, &report), MP_OK);
	assert_int_equal(report.totals.count, 0);
}

static void months_are_counted_across_years(void **state)
{
	(void)state;
	assert_int_equal(billing_report_months(202611, 202611), 1);
	assert_int_equal(billing_report_months(202512, 202612), 13);
	assert_int_equal(billing_report_months(202612, 202611), 0);
	assert_int_equal(billing_report_month_add(202611, 2), 202701);
	assert_int_equal(billing_report_month_add(202601, -12), 202501);
	assert_int_equal(billing_report_month_start_ms(197001), 0);
	assert_int_equal(billing_report_month_start_ms(202611), INT64_C(1793491200000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_funded_wallet_settles_at_once),
		T(an_empty_wallet_waits_for_funds_then_settles),
		T(a_capture_funds_the_wallet_whatever_the_bill_says),
		T(many_orders_share_one_call_and_keep_their_order),
		T(without_memory_an_order_is_carried_out_once_all_the_same),
		T(lost_answers_and_failing_stores_settle_once),
		T(a_bill_that_stands_still_is_finished_by_its_due_row),
		T(outcomes_are_told_again_to_whom_they_were_lost),
		T(a_transfer_refused_for_another_reason_is_not_repeated),
		T(a_wrong_order_does_not_hold_up_the_others),
		T(a_report_of_too_many_rows_is_refused),
		T(a_report_is_the_sum_of_bills_and_fundings),
		T(months_are_counted_across_years),
		T(bills_are_their_parties_and_listed_newest_first),
#undef T
	};

	return mp_crypto_init() == MP_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
