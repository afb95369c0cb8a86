#ifndef MP_USER_TOKENS_H
#define MP_USER_TOKENS_H

#include "jwt/jwt.h"
#include "store/store.h"
#include "user_types.h"

/*
 * Access tokens, and the keys that sign them: kept in the store, made at the very first start (with
 * several replicas: by one of them), read again every minute, so that each replica signs with what
 * is active and publishes all that may still be met. Threads: any.
 */
#define ACCESS_TOKEN_LIFE_S 900

struct tokens;

/* Reads or makes the keys. Errors of the store; MP_CORRUPT: no active key; MP_NOMEM. */
enum mp_rc tokens_open(struct mp_store *store, const struct mp_sink *sink, int64_t now_ms,
	struct tokens **out_tokens) MP_MUST_CHECK;

/* Starts reading the keys again every minute. MP_UNAVAILABLE: no thread. */
enum mp_rc tokens_start(struct tokens *tokens) MP_MUST_CHECK;
void tokens_close(struct tokens *tokens);

/* Reads the keys again, now. On failure those of before stay. */
enum mp_rc tokens_reload(struct tokens *tokens, int64_t now_ms) MP_MUST_CHECK;

/* A user's token of ACCESS_TOKEN_LIFE_S. MP_NOMEM. */
enum mp_rc tokens_sign_user(struct tokens *tokens, const struct mp_id *user_id,
	const struct mp_id *session_id, int64_t now_ms,
	char out_token[MP_JWT_TEXT_MAX]) MP_MUST_CHECK;

/* A service's. scopes: separated by spaces. */
enum mp_rc tokens_sign_service(struct tokens *tokens, const char *client_id, const char *scopes,
	int64_t now_ms, char out_token[MP_JWT_TEXT_MAX]) MP_MUST_CHECK;

/* The JWK Set (RFC 7517) of public keys; the caller owns it. MP_NOMEM. */
enum mp_rc tokens_jwks(struct tokens *tokens, json_t **out_jwks) MP_MUST_CHECK;

struct mp_verifier tokens_verifier(struct tokens *tokens);

#endif
