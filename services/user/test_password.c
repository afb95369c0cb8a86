#include "base/testing.h"

#include <string.h>

#include "password.h"

static void a_hash_knows_its_password_and_no_other(void **state)
{
	struct password_policy policy;
	char hash[PASSWORD_HASH_SIZE];
	char twin[PASSWORD_HASH_SIZE];

	assert_int_equal(password_policy_init(&policy, 1, 1), MP_OK);
	assert_int_equal(password_hash(&policy, "correct horse", hash), MP_OK);
	assert_int_equal(password_hash(&policy, "correct horse", twin), MP_OK);
	assert_string_not_equal(hash, twin); /* salted */
	assert_int_equal(strncmp(hash, "$argon2id$v=19$m=1024,t=1,p=1$", 30), 0);
	assert_int_equal(password_verify(hash, "correct horse"), MP_OK);
	assert_int_equal(password_verify(hash, "correct horse "), MP_UNAUTHENTICATED);
	assert_int_equal(password_verify(hash, ""), MP_UNAUTHENTICATED);
	assert_int_equal(password_verify(policy.nobody, "correct horse"), MP_UNAUTHENTICATED);
	assert_int_equal(strlen(policy.nobody), strlen(hash));
	assert_false(password_is_outdated(&policy, policy.nobody)); /* it costs the same */
}

static void what_is_no_hash_of_ours_is_corrupt(void **state)
{
	static const char *const texts[] = {
		"", "plain", "$argon2i$v=19$m=1024,t=1,p=1$AA$AA", "$2b$10$abcdefghijklmnopqrstuv"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char hash[PASSWORD_HASH_SIZE] = "";

		memcpy(hash, texts[i], strlen(texts[i]));
		assert_int_equal(password_verify(hash, "x"), MP_CORRUPT);
	}
}

static void other_settings_make_a_hash_outdated_not_wrong(void **state)
{
	struct password_policy old;
	struct password_policy memory;
	struct password_policy passes;
	char hash[PASSWORD_HASH_SIZE];

	assert_int_equal(password_policy_init(&old, 1, 1), MP_OK);
	assert_int_equal(password_policy_init(&memory, 2, 1), MP_OK);
	assert_int_equal(password_policy_init(&passes, 1, 2), MP_OK);
	assert_int_equal(password_hash(&old, "correct horse", hash), MP_OK);
	assert_false(password_is_outdated(&old, hash));
	assert_true(password_is_outdated(&memory, hash));
	assert_true(password_is_outdated(&passes, hash));
	assert_int_equal(password_verify(hash, "correct horse"), MP_OK);
}

static void settings_that_cannot_be_are_refused(void **state)
{
	struct password_policy policy;

	assert_int_equal(password_policy_init(&policy, 0, 1), MP_INVALID);
	assert_int_equal(password_policy_init(&policy, 1, 0), MP_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hash_knows_its_password_and_no_other),
		cmocka_unit_test(what_is_no_hash_of_ours_is_corrupt),
		cmocka_unit_test(other_settings_make_a_hash_outdated_not_wrong),
		cmocka_unit_test(settings_that_cannot_be_are_refused),
	};

	assert_int_equal(mp_crypto_init(), MP_OK);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
