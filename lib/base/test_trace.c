#include <pthread.h>
#include <string.h>

#include "base/crypto.h"
#include "base/testing.h"
#include "base/trace.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

static void a_trace_is_taken_over_with_a_new_parent(void **state)
{
	char next[MP_TRACEPARENT_SIZE];
	char other[MP_TRACEPARENT_SIZE];

	mp_trace_begin("00-" TRACE "-" PARENT "-01");
	assert_string_equal(mp_trace_id(), TRACE);
	mp_trace_next(next);
	mp_trace_next(other);
	assert_int_equal(strlen(next), 55);
	assert_memory_equal(next, "00-" TRACE "-", 36);
	assert_memory_not_equal(next + 36, PARENT, 16);
	assert_memory_not_equal(next + 36, other + 36, 16);
	assert_string_equal(next + 52, "-01");

	mp_trace_begin("00-" TRACE "-" PARENT "-00");
	mp_trace_next(next);
	assert_string_equal(next + 52, "-00");
	mp_trace_begin("00-" TRACE "-" PARENT "-ff");
	mp_trace_next(next);
	assert_string_equal(next + 52, "-01"); /* of the flags only what version 00 knows */
	mp_trace_end();
}

static void what_is_not_well_formed_starts_a_new_trace(void **state)
{
	static const char *const refused[] = {
		NULL,
		"",
		"00",
		"00-" TRACE "-" PARENT,
		"00-" TRACE "-" PARENT "-0",
		"00-" TRACE "-" PARENT "-01-",
		"00-" TRACE "-" PARENT "-01-more",
		"00-" TRACE "-" PARENT "-0g",
		"01-" TRACE "-" PARENT "-01x",
		"ff-" TRACE "-" PARENT "-01",
		"0x-" TRACE "-" PARENT "-01",
		"00_" TRACE "-" PARENT "-01",
		"00-" TRACE "_" PARENT "-01",
		"00-" TRACE "-" PARENT "_01",
		"00-00000000000000000000000000000000-" PARENT "-01",
		"00-" TRACE "-0000000000000000-01",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01",
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		mp_trace_begin(refused[i]);
		wrong += mp_wrong(strlen(mp_trace_id()) == 32 && strcmp(mp_trace_id(), TRACE) != 0,
			"%s was taken", refused[i] ? refused[i] : "NULL");
		mp_trace_end();
	}
	assert_int_equal(wrong, 0);
}

static void a_later_version_is_read_as_far_as_known(void **state)
{
	mp_trace_begin("01-" TRACE "-" PARENT "-01-more");
	assert_string_equal(mp_trace_id(), TRACE);
	mp_trace_end();
}

static void outside_a_trace_there_is_none(void **state)
{
	char next[MP_TRACEPARENT_SIZE] = "something";

	mp_trace_begin(NULL);
	mp_trace_end();
	assert_string_equal(mp_trace_id(), "");
	mp_trace_next(next);
	assert_string_equal(next, "");
}

static void *other_thread(void *arg)
{
	*(bool *)arg = mp_trace_id()[0] == '\0';
	mp_trace_begin(NULL);
	return NULL;
}

static void each_thread_has_its_own(void **state)
{
	pthread_t thread;
	bool other_had_none = false;

	mp_trace_begin("00-" TRACE "-" PARENT "-01");
	assert_int_equal(pthread_create(&thread, NULL, other_thread, &other_had_none), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(other_had_none);
	assert_string_equal(mp_trace_id(), TRACE);
	mp_trace_end();
}

static int init(void **state)
{
	return mp_crypto_init() == MP_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_trace_is_taken_over_with_a_new_parent),
		cmocka_unit_test(what_is_not_well_formed_starts_a_new_trace),
		cmocka_unit_test(a_later_version_is_read_as_far_as_known),
		cmocka_unit_test(outside_a_trace_there_is_none),
		cmocka_unit_test(each_thread_has_its_own),
	};
	return cmocka_run_group_tests_name("trace", tests, init, NULL);
}
