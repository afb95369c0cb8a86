#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "store/pending.h"

static void an_empty_table_knows_nothing(void **state)
{
	struct mp_pending pending = {.slots = NULL};
	int64_t version = 7;

	assert_false(mp_pending_get(&pending, "a", 1, &version));
	assert_int_equal(mp_pending_reset(&pending, 0, 0), MP_OK);
	assert_false(mp_pending_get(&pending, "a", 1, &version));
	assert_int_equal(version, 7);
	mp_pending_done(&pending);
}

static void the_last_version_of_a_key_counts(void **state)
{
	struct mp_pending pending = {.slots = NULL};
	int64_t version = 7;

	assert_int_equal(mp_pending_reset(&pending, 3, 7), MP_OK);
	mp_pending_set(&pending, "a\0b", 3, 1);
	mp_pending_set(&pending, "a\0b", 3, 2);
	mp_pending_set(&pending, "a", 1, 0);
	assert_true(mp_pending_get(&pending, "a\0b", 3, &version));
	assert_int_equal(version, 2);
	assert_true(mp_pending_get(&pending, "a", 1, &version));
	assert_int_equal(version, 0);
	assert_false(mp_pending_get(&pending, "a\0c", 3, &version));
	mp_pending_done(&pending);
}

static void it_holds_as_many_keys_as_it_was_made_for(void **state)
{
	enum {
		MANY = 5000
	};
	static char keys[MANY][16];
	struct mp_pending pending = {.slots = NULL};
	int64_t version;

	for (int i = 0; i < MANY; i++)
		(void)snprintf(keys[i], sizeof(keys[i]), "%d", i);
	for (size_t keys_max = 1; keys_max <= MANY; keys_max = keys_max * 2 + 3) {
		assert_int_equal(mp_pending_reset(&pending, keys_max, sizeof(keys)), MP_OK);
		assert_false(mp_pending_get(&pending, keys[0], strlen(keys[0]), &version));
		for (size_t i = 0; i < keys_max; i++)
			mp_pending_set(&pending, keys[i], strlen(keys[i]), (int64_t)i + 1);
		for (size_t i = 0; i < keys_max; i++) {
			assert_true(mp_pending_get(&pending, keys[i], strlen(keys[i]), &version));
			assert_int_equal(version, i + 1);
		}
	}
	mp_pending_done(&pending);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_table_knows_nothing),
		cmocka_unit_test(the_last_version_of_a_key_counts),
		cmocka_unit_test(it_holds_as_many_keys_as_it_was_made_for),
	};

	return cmocka_run_group_tests_name("pending", tests, NULL, NULL);
}
