#include "password.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/text.h"

static_assert(PASSWORD_HASH_SIZE == crypto_pwhash_argon2id_STRBYTES, "libsodium's size");

#define SALT_BYTES crypto_pwhash_argon2id_SALTBYTES
#define HASH_BYTES 32
#define BASE64_SIZE(bytes)                                                                         \
	sodium_base64_ENCODED_LEN(bytes, sodium_base64_VARIANT_ORIGINAL_NO_PADDING)

static void random_base64(char *out, size_t out_size, size_t bytes_count)
{
	uint8_t bytes[HASH_BYTES];

	assert(bytes_count <= sizeof(bytes));
	mp_random_bytes(bytes, bytes_count);
	sodium_bin2base64(
		out, out_size, bytes, bytes_count, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}

enum mp_rc password_policy_init(struct password_policy *policy, size_t memory_mib, unsigned passes)
{
	char salt[BASE64_SIZE(SALT_BYTES)];
	char hash[BASE64_SIZE(HASH_BYTES)];

	*policy = (struct password_policy){
		.memory_bytes = memory_mib * 1024 * 1024, .passes = passes};
	if (policy->memory_bytes < crypto_pwhash_argon2id_MEMLIMIT_MIN ||
		policy->memory_bytes > crypto_pwhash_argon2id_MEMLIMIT_MAX ||
		passes < crypto_pwhash_argon2id_OPSLIMIT_MIN)
		return MP_INVALID;

	/* What no password is known to hash to need not be hashed: a start is quicker without. */
	random_base64(salt, sizeof(salt), SALT_BYTES);
	random_base64(hash, sizeof(hash), HASH_BYTES);
	return mp_text_format(policy->nobody, sizeof(policy->nobody),
		"$argon2id$v=19$m=%zu,t=%u,p=1$%s$%s", memory_mib * 1024, passes, salt, hash);
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
