#include <string.h>

#include "base/rc.h"
#include "base/testing.h"

static void every_code_has_a_name_of_its_own(void **state)
{
	int wrong = 0;

	for (int a = MP_OK; a <= MP_PENDING; a++) {
		wrong += mp_wrong(strcmp(mp_rc_name((enum mp_rc)a), "undefined") != 0, "%d", a);
		for (int b = MP_OK; b < a; b++)
			wrong += mp_wrong(
				strcmp(mp_rc_name((enum mp_rc)a), mp_rc_name((enum mp_rc)b)) != 0,
				"%d and %d share a name", a, b);
	}
	assert_int_equal(wrong, 0);
	assert_string_equal(mp_rc_name((enum mp_rc)(MP_PENDING + 1)), "undefined");
	assert_string_equal(mp_rc_name(MP_STALE), "stale");
}

static void transient_is_what_may_succeed_later(void **state)
{
	static const enum mp_rc transient[] = {
		MP_UNAVAILABLE, MP_UNKNOWN, MP_BUSY, MP_NOMEM, MP_TOO_MANY};
	int count = 0;

	for (int rc = MP_OK; rc <= MP_PENDING; rc++)
		count += mp_rc_is_transient((enum mp_rc)rc);
	assert_int_equal(count, sizeof(transient) / sizeof(transient[0]));
	for (size_t i = 0; i < sizeof(transient) / sizeof(transient[0]); i++)
		assert_true(mp_rc_is_transient(transient[i]));
}

static void remember(void *ctx, const char *event, enum mp_rc rc, const char *detail)
{
	assert_string_equal(event, "relay_stopped");
	assert_int_equal(rc, MP_UNAVAILABLE);
	assert_string_equal(detail, "broker");
	(*(int *)ctx)++;
}

static void a_sink_hears_and_an_empty_one_drops(void **state)
{
	int heard = 0;
	struct mp_sink sink = {.report = remember, .ctx = &heard};
	struct mp_sink empty = {0};

	mp_sink_report(&sink, "relay_stopped", MP_UNAVAILABLE, "broker");
	mp_sink_report(&empty, "relay_stopped", MP_UNAVAILABLE, "broker");
	mp_sink_report(NULL, "relay_stopped", MP_UNAVAILABLE, "broker");
	assert_int_equal(heard, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_a_name_of_its_own),
		cmocka_unit_test(transient_is_what_may_succeed_later),
		cmocka_unit_test(a_sink_hears_and_an_empty_one_drops),
	};
	return cmocka_run_group_tests_name("rc", tests, NULL, NULL);
}
