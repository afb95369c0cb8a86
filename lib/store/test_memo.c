#include "base/testing.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "store/memo.h"

static struct mp_memo *memo;

static int open_memo(void **state)
{
	memo = mp_memo_new();
	return memo == NULL ? -1 : 0;
}

static int close_memo(void **state)
{
	mp_memo_free(memo);
	return 0;
}

static int64_t value_of(const char *key)
{
	int64_t value = -1;
	size_t len = 0;
	const void *bytes = mp_memo_get(memo, key, strlen(key), &len);

	if (bytes != NULL) {
		assert_int_equal(len, sizeof(value));
		memcpy(&value, bytes, sizeof(value));
	}
	return value;
}

static void set(const char *key, int64_t value)
{
	mp_memo_set(memo, key, strlen(key), &value, sizeof(value));
}

static void what_was_set_last_is_known_until_it_is_forgotten(void **state)
{
	size_t len = 1;

	assert_int_equal(value_of("a"), -1);
	set("a", 2);
	set("a", 3);
	assert_int_equal(value_of("a"), 3);
	assert_int_equal(value_of("aa"), -1);
	mp_memo_forget(memo, "aa", 2);
	assert_int_equal(value_of("a"), 3);
	mp_memo_forget(memo, "a", 1);
	assert_int_equal(value_of("a"), -1);
	mp_memo_set(memo, "a", 1, "", 0);
	assert_non_null(mp_memo_get(memo, "a", 1, &len));
	assert_int_equal(len, 0);
	set("a", 4);
	mp_memo_clear(memo);
	assert_int_equal(value_of("a"), -1);
}

/* More keys than there are places: each is known as it was set last, or not at all. */
static void no_key_has_another_ones_value(void **state)
{
	char key[24];
	int known = 0;
	int wrong = 0;

	for (int i = 0; i < 200000; i++) {
		(void)snprintf(key, sizeof(key), "ACCOUNT#%d", i);
		set(key, i + 1);
	}
	for (int i = 0; i < 200000; i++) {
		(void)snprintf(key, sizeof(key), "ACCOUNT#%d", i);
		int64_t value = value_of(key);
		known += value != -1;
		wrong += value != -1 && value != i + 1;
	}
	assert_int_equal(wrong, 0);
	assert_in_range(known, 32768, 65536);
}

/* Also what was known of it before: it is not so any more. */
static void what_is_too_long_is_not_known(void **state)
{
	char bytes[MP_MEMO_BYTES_MAX + 1];
	size_t len;

	memset(bytes, 'k', sizeof(bytes));
	for (size_t key_len = 1; key_len < sizeof(bytes); key_len++) {
		size_t fits = MP_MEMO_BYTES_MAX - key_len;
		mp_memo_set(memo, bytes, key_len, bytes, fits);
		assert_memory_equal(mp_memo_get(memo, bytes, key_len, &len), bytes, fits);
		assert_int_equal(len, fits);
		mp_memo_set(memo, bytes, key_len, bytes, fits + 1);
		assert_null(mp_memo_get(memo, bytes, key_len, &len));
	}
	mp_memo_set(memo, bytes, sizeof(bytes), bytes, 0);
	assert_null(mp_memo_get(memo, bytes, sizeof(bytes), &len));
}

int main(void)
{
#define MEMO_TEST(test) cmocka_unit_test_setup_teardown(test, open_memo, close_memo)
	const struct CMUnitTest tests[] = {
		MEMO_TEST(what_was_set_last_is_known_until_it_is_forgotten),
		MEMO_TEST(no_key_has_another_ones_value),
		MEMO_TEST(what_is_too_long_is_not_known),
	};

	return cmocka_run_group_tests_name("memo", tests, NULL, NULL);
}
