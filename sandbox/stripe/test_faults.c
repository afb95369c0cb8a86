#include "base/testing.h"

#include "base/clock.h"
#include "faults.h"
#include "keys.h"

static const struct fault expire_fails = {.kind = FAULT_REQUEST,
	.count = 2,
	.path = "/v1/checkout/sessions/*/expire",
	.method = "POST",
	.status = 500};

static void a_fault_strikes_as_often_as_asked(void **state)
{
	struct faults *faults = faults_new();
	struct fault out;

	assert_non_null(faults);
	assert_int_equal(faults_add(faults, &expire_fails), MP_OK);
	assert_false(faults_take_request(faults, "GET", "/v1/checkout/sessions/a/expire", &out));
	assert_false(faults_take_request(faults, "POST", "/v1/checkout/sessions/a", &out));
	assert_false(faults_take_request(faults, "POST", "/v1/checkout/sessions/a/b/expire", &out));
	assert_false(faults_take_webhook(faults, "checkout.session.expired", &out));
	for (int i = 0; i < 2; i++) {
		assert_true(faults_take_request(
			faults, "POST", "/v1/checkout/sessions/a/expire", &out));
		assert_int_equal(out.status, 500);
	}
	assert_false(faults_take_request(faults, "POST", "/v1/checkout/sessions/a/expire", &out));
	faults_free(faults);
}

static void the_oldest_that_fits_strikes_first(void **state)
{
	const struct fault typed = {.kind = FAULT_WEBHOOK, .count = 1, .type = "b"};
	const struct fault any = {.kind = FAULT_WEBHOOK, .count = 1, .webhook = WEBHOOK_HOLD};
	struct faults *faults = faults_new();
	struct fault list[FAULTS_MAX];
	struct fault out;

	assert_non_null(faults);
	assert_int_equal(faults_add(faults, &typed), MP_OK);
	assert_int_equal(faults_add(faults, &any), MP_OK);
	assert_int_equal(faults_list(faults, list), 2);
	assert_true(faults_take_webhook(faults, "a", &out));
	assert_int_equal(out.webhook, WEBHOOK_HOLD);
	assert_true(faults_take_webhook(faults, "b", &out));
	assert_int_equal(out.webhook, WEBHOOK_DROP);
	assert_int_equal(faults_list(faults, list), 0);
	faults_free(faults);
}

static void a_lie_is_about_the_session_of_its_path_or_about_any(void **state)
{
	const struct fault one = {
		.kind = FAULT_SESSION, .count = 1, .path = "/v1/checkout/sessions/a"};
	const struct fault any = {
		.kind = FAULT_SESSION, .count = 1, .session = SESSION_CURRENCY_MISMATCH};
	struct faults *faults = faults_new();
	struct fault out;

	assert_non_null(faults);
	assert_int_equal(faults_add(faults, &one), MP_OK);
	assert_false(faults_take_request(faults, "GET", "/v1/checkout/sessions/a", &out));
	assert_false(faults_take_session(faults, "/v1/checkout/sessions/b", &out));
	assert_int_equal(faults_add(faults, &any), MP_OK);
	assert_true(faults_take_session(faults, "/v1/checkout/sessions/b", &out));
	assert_int_equal(out.session, SESSION_CURRENCY_MISMATCH);
	assert_true(faults_take_session(faults, "/v1/checkout/sessions/a", &out));
	assert_int_equal(out.session, SESSION_AMOUNT_MISMATCH);
	assert_false(faults_take_session(faults, "/v1/checkout/sessions/a", &out));
	faults_free(faults);
}

static void there_are_not_more_than_fit(void **state)
{
	struct mp_id held[FAULTS_KEPT_MAX];
	struct mp_id id = mp_id_new(1800000000000);
	struct faults *faults = faults_new();

	assert_non_null(faults);
	for (int i = 0; i < FAULTS_MAX; i++)
		assert_int_equal(faults_add(faults, &expire_fails), MP_OK);
	assert_int_equal(faults_add(faults, &expire_fails), MP_TOO_MANY);
	for (int i = 0; i < FAULTS_KEPT_MAX; i++)
		assert_int_equal(faults_hold(faults, &id), MP_OK);
	assert_int_equal(faults_hold(faults, &id), MP_TOO_MANY);
	assert_int_equal(faults_clear(faults, held), FAULTS_KEPT_MAX);
	assert_int_equal(faults_clear(faults, held), 0);
	assert_int_equal(faults_add(faults, &expire_fails), MP_OK);
	faults_free(faults);
}

static void one_event_is_put_aside_at_a_time(void **state)
{
	struct mp_id first = mp_id_new(1800000000000);
	struct mp_id second = mp_id_new(1800000000001);
	struct faults *faults = faults_new();
	struct mp_id out;

	assert_non_null(faults);
	assert_true(faults_put_aside(faults, &first));
	assert_false(faults_put_aside(faults, &second));
	assert_true(faults_take_aside(faults, &second, &out));
	assert_true(mp_id_equal(&out, &first));
	assert_false(faults_take_aside(faults, &second, &out));
	faults_free(faults);
}

/* It would keep later ones from being put aside. */
static void what_its_own_row_has_sent_is_aside_no_more(void **state)
{
	struct mp_id first = mp_id_new(1800000000000);
	struct mp_id second = mp_id_new(1800000000001);
	struct mp_id held[FAULTS_KEPT_MAX];
	struct faults *faults = faults_new();
	struct mp_id out;

	assert_non_null(faults);
	assert_true(faults_put_aside(faults, &first));
	assert_false(faults_take_aside(faults, &first, &out));
	assert_true(faults_put_aside(faults, &second));
	assert_int_equal(faults_clear(faults, held), 0);
	assert_true(faults_put_aside(faults, &first));
	faults_free(faults);
}

static void a_wait_is_as_long_as_asked(void **state)
{
	struct faults *faults = faults_new();
	int64_t began_ms = mp_clock_mono_ms();

	assert_non_null(faults);
	faults_wait(faults, 0);
	faults_wait(faults, 30);
	assert_true(mp_clock_mono_ms() - began_ms >= 30);
	faults_free(faults);
}

static void a_key_is_used_by_one_at_a_time(void **state)
{
	struct keys *keys = keys_new();
	struct key_use first;
	struct key_use second;
	struct key_use other;

	assert_non_null(keys);
	assert_true(keys_enter(keys, "a", &first));
	assert_false(keys_enter(keys, "a", &second));
	assert_true(keys_enter(keys, "b", &other));
	keys_leave(keys, &first);
	assert_true(keys_enter(keys, "a", &second));
	keys_leave(keys, &other);
	keys_leave(keys, &second);
	keys_free(keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fault_strikes_as_often_as_asked),
		cmocka_unit_test(the_oldest_that_fits_strikes_first),
		cmocka_unit_test(a_lie_is_about_the_session_of_its_path_or_about_any),
		cmocka_unit_test(there_are_not_more_than_fit),
		cmocka_unit_test(one_event_is_put_aside_at_a_time),
		cmocka_unit_test(what_its_own_row_has_sent_is_aside_no_more),
		cmocka_unit_test(a_wait_is_as_long_as_asked),
		cmocka_unit_test(a_key_is_used_by_one_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
