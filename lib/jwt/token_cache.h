#ifndef MP_JWT_TOKEN_CACHE_H
#define MP_JWT_TOKEN_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crypto.h"
#include "http_server/http_server.h"

/*
 * Tokens whose signature was already verified, by SHA-256 of their text, so that a person's second
 * request does not cost a signature check (100 us). Bounded: an entry gives way to newer ones.
 * Threads: any.
 */
struct mp_token_cache;

struct mp_token_entry {
	uint8_t hash[MP_SHA256_BYTES];
	enum mp_auth kind;    /* MP_AUTH_USER or MP_AUTH_SERVICE: never answered for the other */
	int64_t expires_at_s; /* from then on it is not answered */
	struct mp_principal principal;
};

/* NULL without memory. About 1 MiB, touched as it fills. */
struct mp_token_cache *mp_token_cache_new(void);
void mp_token_cache_free(struct mp_token_cache *cache);

bool mp_token_cache_find(struct mp_token_cache *cache, const uint8_t hash[MP_SHA256_BYTES],
	enum mp_auth kind, int64_t now_s, struct mp_principal *out);
void mp_token_cache_add(struct mp_token_cache *cache, const struct mp_token_entry *entry);
void mp_token_cache_flush(struct mp_token_cache *cache);

#endif
