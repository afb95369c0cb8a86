#ifndef MP_USER_TOKENS_H
#define MP_USER_TOKENS_H

#include "jwt/jwt.h"
#include "store/store.h"
#include "user_types.h"

/*
 * Access tokens, and the keys that sign them: kept in the store, made at the very first start (with
 * several replicas: by one of them), read again every minute, so that each replica signs with what
 * is active and publishes all that may still be met. Threads: any.
 *
 * A rotation: the active key retires, the next one signs, a new one is next. It refuses no valid
 * token: whatever signs was published long enough for every verifier to have it (KEY_NEXT_MS), and
 * what retires stays published until its last token is over.
 */
#define KEY_NEXT_MS (3 * 60000) /* another replica, and a verifier, read the keys every minute */

struct tokens;

/*
 * Reads or makes the keys. rotate_after_ms: how long a key signs; 0: until tokens_rotate. Errors of
 * the store; MP_CORRUPT: no active key; MP_NOMEM.
 */
enum mp_rc tokens_open(struct mp_store *store, const struct mp_sink *sink, int64_t rotate_after_ms,
	int64_t now_ms, struct tokens **out_tokens) MP_MUST_CHECK;

/* Starts reading the keys every minute, and rotating them when it is time. MP_UNAVAILABLE. */
enum mp_rc tokens_start(struct tokens *tokens) MP_MUST_CHECK;
void tokens_close(struct tokens *tokens);

/* Reads the keys again, now. On failure those of before stay. */
enum mp_rc tokens_reload(struct tokens *tokens, int64_t now_ms) MP_MUST_CHECK;

/*
 * Rotates the keys, now. MP_CONFLICT: the next key is not published long enough yet, in
 * *reterr_wait_s it is; MP_STALE: another replica did so at the same moment.
 */
enum mp_rc tokens_rotate(
	struct tokens *tokens, int64_t now_ms, int64_t *reterr_wait_s) MP_MUST_CHECK;

/* Rotates them if the schedule says so; MP_OK also when not, or when another replica did. */
enum mp_rc tokens_rotate_if_due(struct tokens *tokens, int64_t now_ms) MP_MUST_CHECK;

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
