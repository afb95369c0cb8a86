#include "testing_mpctl.h"

#include "ids.h"

/* Captures and credits of a few days, as the services would tell them. */

#define PAYMENT "019a1b2c-3d4e-7f01-8234-56789abcdef0"
#define CAPTURES "/v1/operations/captures"
#define FUNDINGS "/v1/operations/fundings?limit=100&"
#define NOTHING "{\"items\":[],\"next_cursor\":null}"

#define RUN(...) testing_run(mpctl_reconcile, (const char *const[]){__VA_ARGS__, NULL})

static void days_that_contradict_each_other_are_refused(void **state)
{
	static const struct testing_answer answers[] = {
		{PEER_PAYMENT, CAPTURES "?", NOTHING}, {PEER_WALLET, FUNDINGS, NOTHING}, {0}};

	(void)state;
	testing_answers = answers;
	assert_int_equal(RUN("2026-11-01", "2026-11-02"), MPCTL_WRONG_USE);
	assert_int_equal(RUN("2026-11-01", "--from", "2026-11-02"), MPCTL_WRONG_USE);
	assert_int_equal(RUN("--to", "2026-11-02", "2026-11-01"), MPCTL_WRONG_USE);
	assert_int_equal(RUN("--from", "2026-11-01", "--from", "2026-11-02"), MPCTL_WRONG_USE);
	assert_int_equal(RUN("--to", "2026-11-02"), MPCTL_WRONG_USE);
	assert_non_null(strstr(testing_said, "--to needs --from"));
	assert_int_equal(RUN("--grace", "-1"), MPCTL_WRONG_USE);
	assert_int_equal(RUN("2026-11-01", "--grace", "5"), MPCTL_DONE);
	assert_int_equal(testing_count(testing_printed, "\n2026-11-0"), 1);
	assert_int_equal(RUN("--from", "2026-11-01", "--to", "2026-11-03"), MPCTL_DONE);
	assert_int_equal(testing_count(testing_printed, "\n2026-11-0"), 3);
}

/* Captured on the first, credited on the second, with another amount. */
static void another_amount_on_another_day_is_told_once(void **state)
{
	char credit[512], transfer[128];
	struct mp_id payment;

	(void)state;
	assert_true(mp_id_parse(PAYMENT, &payment));
	const struct mp_id funding = mpctl_funding_id(&payment, "pi_1");
	const char *capture =
		"{\"payment_intent\":\"pi_1\",\"amount\":\"10.00\",\"currency\":\"USD\","
		"\"created_at\":\"2026-11-01T23:00:00.000Z\",\"payment_id\":\"" PAYMENT "\"}";
	char captures[512];
	(void)snprintf(captures, sizeof(captures), "{\"items\":[%s]}", capture);
	(void)snprintf(transfer, sizeof(transfer), "/v1/transfers/%s", funding.text);
	(void)snprintf(credit, sizeof(credit),
		"{\"items\":[{\"transfer_id\":\"%s\",\"amount\":\"9.00\",\"currency\":\"USD\","
		"\"payment_id\":\"" PAYMENT "\"}]}",
		funding.text);
	const struct testing_answer answers[] = {
		{PEER_PAYMENT, CAPTURES "?from=2026-11-01", captures},
		{PEER_PAYMENT, CAPTURES "/pi_1", capture},
		{PEER_PAYMENT, CAPTURES "?", NOTHING},
		{PEER_PAYMENT, "/v1/operations/payments/" PAYMENT,
			"{\"captures\":[{\"payment_intent\":\"pi_1\"}]}"},
		{PEER_WALLET, transfer,
			"{\"outcome\":\"posted\",\"currency\":\"USD\",\"legs\":[{\"amount\":\"9."
			"00\"}]}"},
		{PEER_WALLET, FUNDINGS "from=2026-11-02", credit},
		{PEER_WALLET, FUNDINGS, NOTHING},
		{0},
	};
	testing_answers = answers;
	assert_int_equal(RUN("--from", "2026-11-01", "--to", "2026-11-02"), MPCTL_NO);
	assert_int_equal(testing_count(testing_printed, "other amount"), 1);
	assert_non_null(strstr(testing_printed, "2026-11-01  other amount"));
	/* A day alone tells it, whichever of the two it is. */
	assert_int_equal(RUN("2026-11-01"), MPCTL_NO);
	assert_int_equal(testing_count(testing_printed, "other amount"), 1);
	assert_int_equal(RUN("2026-11-02"), MPCTL_NO);
	assert_int_equal(testing_count(testing_printed, "other amount"), 1);
}

/* One capture of each amount, all of a currency, or each of its own. */
static const char *captures_of(const char *amount, size_t count, bool own_currencies)
{
	static char json[16384];
	size_t len = (size_t)snprintf(json, sizeof(json), "{\"items\":[");

	for (size_t i = 0; i < count; i++) {
		int other = own_currencies ? (int)i : 0;

		len += (size_t)snprintf(json + len, sizeof(json) - len,
			"%s{\"payment_intent\":\"pi_%zu\",\"amount\":\"%s\",\"currency\":\"U%c%"
			"c\"}",
			i > 0 ? "," : "", i, amount, 'A' + other / 26, 'A' + other % 26);
	}
	(void)snprintf(json + len, sizeof(json) - len, "]}");
	return json;
}

static void what_cannot_be_added_up_is_said(void **state)
{
	static const struct {
		const char *amount;
		size_t count;
		bool own_currencies;
		const char *says;
	} rows[] = {
		{"12,50", 1, false, "\"12,50 UAA\", told of 2026-11-01, is no amount."},
		{"92233720368547758.07", 2, false,
			"The sum of UAA of 2026-11-01 is more than can be counted."},
		{"1.00", 65, true, "2026-11-01 has more than 64 currencies"},
	};
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct testing_answer answers[] = {
			{PEER_PAYMENT, CAPTURES "?",
				captures_of(rows[i].amount, rows[i].count, rows[i].own_currencies)},
			{PEER_WALLET, FUNDINGS, NOTHING},
			{0},
		};
		testing_answers = answers;
		enum mpctl_exit result = RUN("2026-11-01");
		wrong += mp_wrong(result == MPCTL_TROUBLE &&
					  strstr(testing_said, rows[i].says) != NULL &&
					  strstr(testing_said, "memory") == NULL,
			"row %zu: %d, %s", i, (int)result, testing_said);
	}
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(days_that_contradict_each_other_are_refused),
		cmocka_unit_test(another_amount_on_another_day_is_told_once),
		cmocka_unit_test(what_cannot_be_added_up_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
