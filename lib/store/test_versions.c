#include "base/testing.h"

#include <stdio.h>
#include <string.h>

#include "store/versions.h"

static struct mp_versions *versions;

static int open_versions(void **state)
{
	versions = mp_versions_new();
	return versions == NULL ? -1 : 0;
}

static int close_versions(void **state)
{
	mp_versions_free(versions);
	return 0;
}

static int64_t version_of(const char *key)
{
	int64_t version = -1;

	return mp_versions_get(versions, key, strlen(key), &version) ? version : -1;
}

static void set(const char *key, int64_t version)
{
	mp_versions_set(versions, key, strlen(key), version);
}

static void what_was_set_last_is_known_until_it_is_forgotten(void **state)
{
	assert_int_equal(version_of("a"), -1);
	set("a", 2);
	set("a", 3);
	assert_int_equal(version_of("a"), 3);
	assert_int_equal(version_of("aa"), -1);
	mp_versions_forget(versions, "aa", 2);
	assert_int_equal(version_of("a"), 3);
	mp_versions_forget(versions, "a", 1);
	assert_int_equal(version_of("a"), -1);
	set("a", 4);
	mp_versions_clear(versions);
	assert_int_equal(version_of("a"), -1);
}

/* More keys than there are places: each is known as it was set last, or not at all. */
static void no_key_has_another_ones_version(void **state)
{
	char key[24];
	int known = 0;
	int wrong = 0;

	for (int i = 0; i < 20000; i++) {
		(void)snprintf(key, sizeof(key), "ACCOUNT#%d", i);
		set(key, i + 1);
	}
	for (int i = 0; i < 20000; i++) {
		(void)snprintf(key, sizeof(key), "ACCOUNT#%d", i);
		int64_t version = version_of(key);
		known += version != -1;
		wrong += version != -1 && version != i + 1;
	}
	assert_int_equal(wrong, 0);
	assert_in_range(known, 1000, 4096);
}

static void a_key_that_is_too_long_is_not_known(void **state)
{
	char key[2000];

	memset(key, 'k', sizeof(key));
	for (size_t len = 100; len < sizeof(key); len++) {
		int64_t version = -1;
		mp_versions_set(versions, key, len, 5);
		assert_true(!mp_versions_get(versions, key, len, &version) || len <= 108);
		mp_versions_forget(versions, key, len);
	}
}

int main(void)
{
#define VERSIONS_TEST(test) cmocka_unit_test_setup_teardown(test, open_versions, close_versions)
	const struct CMUnitTest tests[] = {
		VERSIONS_TEST(what_was_set_last_is_known_until_it_is_forgotten),
		VERSIONS_TEST(no_key_has_another_ones_version),
		VERSIONS_TEST(a_key_that_is_too_long_is_not_known),
	};

	return cmocka_run_group_tests_name("versions", tests, NULL, NULL);
}
