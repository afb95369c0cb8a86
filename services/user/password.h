#ifndef MP_USER_PASSWORD_H
#define MP_USER_PASSWORD_H

#include "base/rc.h"
#include "user_types.h"

/*
 * Password hashes: argon2id (RFC 9106) by libsodium, with the settings in the hash itself, so that
 * old hashes stay good when the settings change. Each call costs milliseconds of a core and the
 * settings' memory while it runs: call it in the lane (lane.h) only. Threads: any.
 */
struct password_policy {
	size_t memory_bytes;
	unsigned long long passes;
	char nobody
		[PASSWORD_HASH_SIZE]; /* a hash of nobody's password: what unknown names are checked
	                                    against, at the same cost */
};

/* MP_INVALID: libsodium does not take the settings. */
enum mp_rc password_policy_init(
	struct password_policy *policy, size_t memory_mib, unsigned passes) MP_MUST_CHECK;

/* MP_NOMEM. */
enum mp_rc password_hash(const struct password_policy *policy, const char *password,
	char out_hash[PASSWORD_HASH_SIZE]) MP_MUST_CHECK;

/* MP_OK; MP_UNAUTHENTICATED: another password; MP_NOMEM; MP_CORRUPT: not a hash. */
enum mp_rc password_verify(const char hash[PASSWORD_HASH_SIZE], const char *password) MP_MUST_CHECK;

/* True when hash was made with other settings than the policy's. */
bool password_is_outdated(
	const struct password_policy *policy, const char hash[PASSWORD_HASH_SIZE]);

#endif
