#include "password.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

static_assert(PASSWORD_HASH_SIZE == crypto_pwhash_argon2id_STRBYTES, "libsodium's size");

enum mp_rc password_policy_init(struct password_policy *policy, size_t memory_mib, unsigned passes)
{
	char password[2 * REFRESH_SECRET_BYTES + 1];
	uint8_t bytes[REFRESH_SECRET_BYTES];

	*policy = (struct password_policy){
		.memory_bytes = memory_mib * 1024 * 1024, .passes = passes};
	if (policy->memory_bytes < crypto_pwhash_argon2id_MEMLIMIT_MIN ||
		policy->memory_bytes > crypto_pwhash_argon2id_MEMLIMIT_MAX ||
		passes < crypto_pwhash_argon2id_OPSLIMIT_MIN)
		return MP_INVALID;

	mp_random_bytes(bytes, sizeof(bytes));
	mp_hex(bytes, sizeof(bytes), password);
	enum mp_rc rc = password_hash(policy, password, policy->nobody);
	sodium_memzero(password, sizeof(password));
	return rc;
}

enum mp_rc password_hash(const struct password_policy *policy, const char *password,
	char out_hash[PASSWORD_HASH_SIZE])
{
	char hash[PASSWORD_HASH_SIZE];

	/* Its one failure, with settings that init has checked, is memory. */
	if (crypto_pwhash_argon2id_str(
		    hash, password, strlen(password), policy->passes, policy->memory_bytes) != 0)
		return MP_NOMEM;
	memcpy(out_hash, hash, sizeof(hash));
	return MP_OK;
}

enum mp_rc password_verify(const char hash[PASSWORD_HASH_SIZE], const char *password)
{
	if (strncmp(hash, crypto_pwhash_argon2id_STRPREFIX,
		    strlen(crypto_pwhash_argon2id_STRPREFIX)) != 0 ||
		memchr(hash, '\0', PASSWORD_HASH_SIZE) == NULL)
		return MP_CORRUPT;

	errno = 0;
	if (crypto_pwhash_argon2id_str_verify(hash, password, strlen(password)) == 0)
		return MP_OK;
	/* libsodium says EINVAL for a mismatch, and nothing or ENOMEM when it could not compute. */
	return errno == EINVAL ? MP_UNAUTHENTICATED : MP_NOMEM;
}

bool password_is_outdated(const struct password_policy *policy, const char hash[PASSWORD_HASH_SIZE])
{
	return crypto_pwhash_argon2id_str_needs_rehash(
		       hash, policy->passes, policy->memory_bytes) != 0;
}
