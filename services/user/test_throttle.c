#include "testing.h"

#include "throttle.h"

#define MINUTE_MS 60000

static const struct throttle_policy policy = {
	.name = {.burst = 3, .refill_ms = 6000},
	.network = {.burst = 5, .refill_ms = 1000},
};

/* --- the rule --- */

static void a_bucket_is_emptied_and_refills(void **state)
{
	const struct throttle_rate rate = {.burst = 3, .refill_ms = 6000};
	static const struct {
		int64_t at_ms;
		bool taken;
		int64_t wait_ms;
	} rows[] = {
		{1000, true, 0},
		{1000, true, 0},
		{1000, true, 0},
		{1000, false, 6000},
		{6999, false, 1}, /* a refused one costs nothing */
		{7000, true, 0},
		{7000, false, 6000},
		{900000, true, 0},
		{900000, true, 0},
		{900000, true, 0},
		{900001, false, 5999},
		{899000, false, 7000}, /* another replica's clock */
		{1000, true, 0},       /* one that had been far ahead */
		{1000, true, 0},
		{1000, true, 0},
		{1000, false, 6000},
	};
	int64_t full_at_ms = 0;
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t wait_ms = 0;
		bool taken = throttle_take(&rate, rows[i].at_ms, &full_at_ms, &wait_ms);

		wrong += mp_wrong(taken == rows[i].taken && wait_ms == rows[i].wait_ms,
			"row %zu: %d, wait %lld", i, taken, (long long)wait_ms);
	}
	assert_int_equal(wrong, 0);
}

static void a_network_is_an_address_or_half_of_one(void **state)
{
	static const char *const rows[][2] = {
		{"192.0.2.7", "192.0.2.7"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
		{"2001:db8:1:2::", "2001:db8:1:2::"},
		{"::ffff:192.0.2.7", "192.0.2.7"},
		{"", ""},
		{"what is this", "what is this"},
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char network[64];

		throttle_network(rows[i][0], network);
		wrong += mp_wrong(strcmp(network, rows[i][1]) == 0, "%s: %s", rows[i][0], network);
	}
	assert_int_equal(wrong, 0);
}

/* --- over a store --- */

/* One try that ends so; its wait in seconds, or 0. */
static int64_t guess_at(struct fixture *f, enum throttle_kind kind, const char *name,
	const char *address, int64_t at_ms, enum mp_rc outcome)
{
	struct throttle_try try;
	int64_t wait_s = 0;

	throttle_try_init(&try, kind, name, address);
	enum mp_rc rc =
		throttle_begin(f->store, &policy, f->arena, &try, f->now_ms + at_ms, &wait_s);
	if (rc == MP_TOO_MANY)
		return wait_s;
	assert_int_equal(rc, MP_OK);
	throttle_end(f->store, &policy, f->arena, &try, f->now_ms + at_ms, outcome);
	return 0;
}

static int64_t guess(
	struct fixture *f, const char *name, const char *address, int64_t at_ms, enum mp_rc outcome)
{
	return guess_at(f, THROTTLE_NAME, name, address, at_ms, outcome);
}

static int64_t wrong_guesses(struct fixture *f, const char *name, const char *address, int count)
{
	int64_t wait_s = 0;

	for (int i = 0; i < count; i++)
		wait_s = guess(f, name, address, 0, MP_UNAUTHENTICATED);
	return wait_s;
}

static void right_passwords_are_never_slowed_down(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 20; i++)
		assert_int_equal(guess(f, "ada", "192.0.2.1", 0, MP_OK), 0);
	for (int i = 0; i < 20; i++) /* trouble is not the person's */
		assert_int_equal(guess(f, "bob", "192.0.2.1", 0, MP_UNAVAILABLE), 0);
}

static void guesses_at_a_name_are_slowed_down_wherever_they_come_from(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(guess(f, "ada", "192.0.2.1", 0, MP_UNAUTHENTICATED), 0);
	assert_int_equal(guess(f, "ADA", "192.0.2.2", 0, MP_UNAUTHENTICATED), 0);
	assert_int_equal(guess(f, "ada", "192.0.2.3", 0, MP_UNAUTHENTICATED), 0);
	assert_int_equal(guess(f, "ada", "192.0.2.4", 0, MP_UNAUTHENTICATED), 6);
	assert_int_equal(guess(f, "bob", "192.0.2.4", 0, MP_UNAUTHENTICATED), 0);
	assert_int_equal(guess(f, "ada", "192.0.2.5", 6000, MP_OK), 0);
}

static void guesses_from_a_network_are_slowed_down_whomever_they_are_at(void **state)
{
	struct fixture *f = *state;
	char name[32];
	char address[64];

	for (int i = 0; i < 5; i++) {
		assert_int_equal(mp_text_format(name, sizeof(name), "user%d", i), MP_OK);
		assert_int_equal(
			mp_text_format(address, sizeof(address), "2001:db8::%d", i), MP_OK);
		assert_int_equal(guess(f, name, address, 0, MP_UNAUTHENTICATED), 0);
	}
	assert_int_equal(guess(f, "user6", "2001:db8::6", 0, MP_UNAUTHENTICATED), 1);
	assert_int_equal(guess(f, "user6", "2001:db8:0:1::6", 0, MP_UNAUTHENTICATED), 0);
}

static void a_person_at_home_is_not_locked_out_by_others(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(guess(f, "ada", "192.0.2.1", 0, MP_OK), 0); /* from now on: known */
	assert_true(wrong_guesses(f, "ada", "203.0.113.9", 50) > 0);
	assert_int_equal(guess(f, "ada", "192.0.2.1", 0, MP_OK), 0);

	/* Neither by who sits in the same network: the wait is one refill. */
	assert_true(wrong_guesses(f, "ada", "192.0.2.1", 50) <= 6);
	assert_int_equal(guess(f, "ada", "192.0.2.1", 6000, MP_OK), 0);
	assert_true(wrong_guesses(f, "eve", "192.0.2.1", 50) > 0);
	assert_int_equal(guess(f, "ada", "192.0.2.1", MINUTE_MS, MP_OK), 0);
}

/* Anyone can log on under the text of a person's id; only the person changes that password. */
static void guesses_at_a_name_that_is_an_id_take_nothing_from_the_ids_bucket(void **state)
{
	static const char id[] = "01a20628-57e9-75de-9284-f2e89100d63d";
	struct fixture *f = *state;

	assert_true(wrong_guesses(f, id, "203.0.113.9", 4) > 0);
	for (int i = 0; i < policy.name.burst; i++)
		assert_int_equal(
			guess_at(f, THROTTLE_ID, id, "192.0.2.1", 0, MP_UNAUTHENTICATED), 0);
	assert_true(guess_at(f, THROTTLE_ID, id, "192.0.2.1", 0, MP_OK) > 0);
}

static void what_was_taken_is_stored(void **state)
{
	struct fixture *f = *state;
	struct throttle_try try;
	int64_t wait_s = 0;

	/* Of many tries at once no more begin than the bucket has, whatever comes of them. */
	for (int i = 0; i < 3; i++) {
		throttle_try_init(&try, THROTTLE_NAME, "ada", "192.0.2.1");
		assert_int_equal(
			throttle_begin(f->store, &policy, f->arena, &try, f->now_ms, &wait_s),
			MP_OK);
	}
	throttle_try_init(&try, THROTTLE_NAME, "ada", "192.0.2.1");
	assert_int_equal(
		throttle_begin(f->store, &policy, f->arena, &try, f->now_ms, &wait_s), MP_TOO_MANY);
	assert_int_equal(wait_s, 6);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bucket_is_emptied_and_refills),
		cmocka_unit_test(a_network_is_an_address_or_half_of_one),
		TEST(right_passwords_are_never_slowed_down),
		TEST(guesses_at_a_name_are_slowed_down_wherever_they_come_from),
		TEST(guesses_from_a_network_are_slowed_down_whomever_they_are_at),
		TEST(a_person_at_home_is_not_locked_out_by_others),
		TEST(guesses_at_a_name_that_is_an_id_take_nothing_from_the_ids_bucket),
		TEST(what_was_taken_is_stored),
	};

	mp_json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
