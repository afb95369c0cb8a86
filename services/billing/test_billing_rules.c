#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "billing_rules.h"

#define NOW_MS 1795309323000 /* 2026-11-22T01:02:03Z */

static struct mp_id some_id(int n)
{
	struct mp_id id;

	assert_true(mp_id_parse("01890a5d-ac96-774b-bcce-b302099a8057", &id));
	return mp_id_derive(&id, "test", n);
}

static void every_state_has_one_step_for_every_order(void **state)
{
	/* attempt is the order's; the bill's is 2 */
	static const struct {
		int bill; /* -1: none */
		enum order_kind kind;
		int64_t attempt;
		bool top_up;
		enum bill_step step;
	} rows[] = {
		{-1, ORDER_SETTLE, 1, false, BILL_STEP_SETTLE},
		{-1, ORDER_FUND, 1, false, BILL_STEP_SETTLE},
		{-1, ORDER_FUND, 0, false, BILL_STEP_NONE},
		{-1, ORDER_FUND, 0, true, BILL_STEP_NONE},
		{-1, ORDER_VOID, 0, false, BILL_STEP_VOID},
		{-1, ORDER_VOID, 0, true, BILL_STEP_NONE},
		{BILL_SETTLING, ORDER_SETTLE, 2, false, BILL_STEP_RESUME},
		{BILL_SETTLING, ORDER_SETTLE, 3, false, BILL_STEP_RESUME},
		{BILL_SETTLING, ORDER_FUND, 2, false, BILL_STEP_RESUME},
		{BILL_SETTLING, ORDER_FUND, 0, false, BILL_STEP_NONE},
		{BILL_SETTLING, ORDER_VOID, 2, false, BILL_STEP_RESUME},
		{BILL_UNFUNDED, ORDER_SETTLE, 1, false, BILL_STEP_TELL},
		{BILL_UNFUNDED, ORDER_SETTLE, 2, false, BILL_STEP_TELL},
		{BILL_UNFUNDED, ORDER_SETTLE, 3, false, BILL_STEP_SETTLE},
		{BILL_UNFUNDED, ORDER_FUND, 2, false, BILL_STEP_TELL},
		{BILL_UNFUNDED, ORDER_FUND, 4, false, BILL_STEP_SETTLE},
		{BILL_UNFUNDED, ORDER_FUND, 0, false, BILL_STEP_NONE},
		{BILL_UNFUNDED, ORDER_VOID, 2, false, BILL_STEP_VOID},
		{BILL_SETTLED, ORDER_SETTLE, 3, false, BILL_STEP_TELL},
		{BILL_SETTLED, ORDER_FUND, 3, false, BILL_STEP_TELL},
		{BILL_SETTLED, ORDER_FUND, 0, false, BILL_STEP_NONE},
		{BILL_SETTLED, ORDER_VOID, 2, false, BILL_STEP_TELL},
		{BILL_VOID, ORDER_SETTLE, 3, false, BILL_STEP_TELL},
		{BILL_VOID, ORDER_FUND, 3, false, BILL_STEP_TELL},
		{BILL_VOID, ORDER_FUND, 0, false, BILL_STEP_NONE},
		{BILL_VOID, ORDER_VOID, 2, false, BILL_STEP_TELL},
	};
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bill bill = {.attempt = 2, .version = 1};
		struct billing_order order = {.kind = rows[i].kind, .attempt = rows[i].attempt};

		if (rows[i].bill >= 0)
			bill.state = (enum bill_state)rows[i].bill;
		if (!rows[i].top_up)
			order.paid_to = some_id(1);
		if (bill_decide(rows[i].bill < 0 ? NULL : &bill, &order) != rows[i].step) {
			print_error("row %zu decides another step\n", i);
			failures++;
		}
	}
	assert_int_equal(failures, 0);
}

static void ids_follow_from_what_causes_them(void **state)
{
	struct mp_id payment = some_id(1);
	struct mp_id other = some_id(2);
	struct billing_order order = {.payment_id = payment, .payment_intent = "pi_1"};
	struct mp_id first = settlement_id_of(&payment, 1);
	struct mp_id again = settlement_id_of(&payment, 1);
	struct mp_id second = settlement_id_of(&payment, 2);
	struct mp_id funding = funding_id_of(&order);

	(void)state;
	assert_true(mp_id_equal(&first, &again));
	assert_false(mp_id_equal(&first, &second));
	struct mp_id bill = bill_id_of(&payment);
	struct mp_id other_bill = bill_id_of(&other);
	assert_false(mp_id_equal(&bill, &other_bill));
	assert_false(mp_id_equal(&bill, &first));
	order.attempt = 7; /* F is the PaymentIntent's alone, whatever else the order says */
	order.captured_minor = 1;
	struct mp_id same = funding_id_of(&order);
	assert_true(mp_id_equal(&funding, &same));
	memcpy(order.payment_intent, "pi_2", 5);
	same = funding_id_of(&order);
	assert_false(mp_id_equal(&funding, &same));
	assert_int_equal(mp_id_time_ms(&bill), mp_id_time_ms(&payment));
}

static void invoice_numbers_tell_the_month_and_differ(void **state)
{
	struct bill bill = {.id = some_id(1), .date_ms = NOW_MS};
	char first[BILLING_INVOICE_SIZE], second[BILLING_INVOICE_SIZE];

	(void)state;
	bill_invoice_no(&bill, 0, first);
	assert_int_equal(strlen(first), strlen("INV-202611-00000000"));
	assert_memory_equal(first, "INV-202611-", 11);
	assert_int_equal(strspn(first + 11, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"), 8);
	bill_invoice_no(&bill, 0, second);
	assert_string_equal(first, second);
	bill_invoice_no(&bill, 1, second);
	assert_string_not_equal(first, second);
}

static void an_outcome_ends_the_attempt(void **state)
{
	struct billing_transfer posted = {
		.id = some_id(3), .outcome = TRANSFER_POSTED, .decided_ms = NOW_MS + 2};
	struct billing_transfer short_of = {.id = some_id(4),
		.outcome = TRANSFER_UNFUNDED,
		.shortfall_minor = 13000,
		.decided_ms = NOW_MS + 1};
	struct bill bill = {.state = BILL_SETTLING, .attempt = 1};

	(void)state;
	bill_apply(&bill, &short_of);
	assert_int_equal(bill.changed_ms, NOW_MS + 1);
	assert_int_equal(bill.state, BILL_UNFUNDED);
	assert_int_equal(bill.shortfall_minor, 13000);
	assert_true(mp_id_is_none(&bill.transfer_id));
	bill.state = BILL_SETTLING;
	bill.attempt = 2;
	bill_apply(&bill, &posted);
	assert_int_equal(bill.changed_ms, NOW_MS + 2);
	assert_int_equal(bill.state, BILL_SETTLED);
	assert_int_equal(bill.shortfall_minor, 0);
	assert_true(mp_id_equal(&bill.transfer_id, &posted.id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_has_one_step_for_every_order),
		cmocka_unit_test(ids_follow_from_what_causes_them),
		cmocka_unit_test(invoice_numbers_tell_the_month_and_differ),
		cmocka_unit_test(an_outcome_ends_the_attempt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
