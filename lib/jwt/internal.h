#ifndef MP_JWT_INTERNAL_H
#define MP_JWT_INTERNAL_H

#include <jansson.h>
#include <jose/jose.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>

#include "jwt/jwt.h"
#include "jwt/token_cache.h"

/* What the files of lib/jwt share. */

#define MP_JWT_KID_MAX 64
#define MP_JWT_HEADER_BYTES_MAX 256

struct mp_jwt_key {
	char kid[MP_JWT_KID_MAX + 1];
	json_t *public_jwk;
};

struct mp_jwt_keys {
	/*
	 * Held for reading while a token is verified and remembered, so that no token of a key that
	 * leaves can slip into the cache behind its flush. Writers go first: who sends many wrong
	 * tokens does not keep the keys from changing.
	 */
	pthread_rwlock_t lock; /* guards keys and count */
	struct mp_jwt_key keys[MP_JWT_KEYS_MAX];
	size_t count;
	struct mp_token_cache *cache;
};

/*
 * The key of kid, and the set held as it is until mp_jwt_keys_release. MP_UNAVAILABLE without any
 * keys, MP_NOT_FOUND: nothing is held.
 */
enum mp_rc mp_jwt_keys_hold(
	struct mp_jwt_keys *keys, const char *kid, const json_t **out_jwk) MP_MUST_CHECK;
void mp_jwt_keys_release(struct mp_jwt_keys *keys);

/* mp_jwks_open with its times given: for tests. */
enum mp_rc mp_jwks_open_paced(const char *url, int64_t interval_ms, int64_t wanted_ms,
	const struct mp_sink *sink, struct mp_jwks **out_jwks) MP_MUST_CHECK;

/*
 * libjose writes its errors to stderr unless told otherwise. A configuration is for one call: its
 * reference count is not atomic. NULL without memory.
 */
jose_cfg_t *mp_jose_quiet(void);
void mp_jose_ignore(
	void *misc, const char *file, int line, uint64_t err, const char *fmt, va_list ap);

#endif
