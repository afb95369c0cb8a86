#ifndef MP_JWT_JWT_H
#define MP_JWT_JWT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "http_server/http_server.h"

/*
 * Access tokens (RFC 7519, RFC 9068 style): ES256 by libjose, behind a header check of our own:
 * exactly alg ES256, a known kid and our typ, and nothing else (so no crit, no jwk, no jku). Two
 * kinds, never taken for one another:
 *	users     typ "at+jwt",  aud "moneypal",          sub user id, sid session id
 *	services  typ "svc+jwt", aud "moneypal:services", sub client id, scope
 */
#define MP_JWT_ISSUER "moneypal"
#define MP_JWT_TYP_USER "at+jwt"
#define MP_JWT_AUD_USER "moneypal"
#define MP_JWT_TYP_SERVICE "svc+jwt"
#define MP_JWT_AUD_SERVICE "moneypal:services"
#define MP_JWT_TEXT_MAX 2048
#define MP_JWT_SKEW_S 30 /* clocks may differ by so much */

struct mp_jwt_claims {
	const char *typ;
	const char *aud;
	const char *subject;
	const char *session; /* NULL for services */
	const char *scopes;  /* NULL for users */
	int64_t issued_at_s;
	int64_t expires_at_s;
};

/*
 * A new private ES256 JWK with alg, and its thumbprint (RFC 7638) as kid; the caller owns it. Never
 * logged. MP_NOMEM.
 */
enum mp_rc mp_jwk_generate(json_t **out_jwk) MP_MUST_CHECK;

/*
 * The public half alone: kty, crv, x, y, kid, alg, use; the caller owns it. MP_INVALID for anything
 * but an EC P-256 key with a kid, that is for ES256. MP_NOMEM.
 */
enum mp_rc mp_jwk_public(const json_t *jwk, json_t **out_public) MP_MUST_CHECK;

/*
 * Signs claims with a key of mp_jwk_generate. MP_INVALID: not such a key, or a claim that has no
 * room in a principal; MP_TOO_LARGE; MP_NOMEM. Threads: any, one key too.
 */
enum mp_rc mp_jwt_sign(const json_t *private_jwk, const struct mp_jwt_claims *claims,
	char out_token[MP_JWT_TEXT_MAX]) MP_MUST_CHECK;

#define MP_JWT_KEYS_MAX 16

/*
 * A set of public keys, and a bounded cache of tokens already verified with them (by hash, until
 * they expire; flushed when a kid leaves the set). Threads: any.
 */
struct mp_jwt_keys;

enum mp_rc mp_jwt_keys_new(struct mp_jwt_keys **out_keys) MP_MUST_CHECK;
void mp_jwt_keys_free(struct mp_jwt_keys *keys);

/*
 * Takes over a JWK Set (RFC 7517): its EC P-256 keys with a kid, for ES256; others are ignored, and
 * those over MP_JWT_KEYS_MAX. MP_INVALID when none is left, MP_NOMEM: the keys stay as they were.
 */
enum mp_rc mp_jwt_keys_set(struct mp_jwt_keys *keys, const json_t *jwks) MP_MUST_CHECK;

/*
 * *out is who the token names. want is MP_AUTH_USER or MP_AUTH_SERVICE. MP_UNAUTHENTICATED for
 * anything that is not right in every way at now_s; MP_UNAVAILABLE when no keys are set yet;
 * MP_NOT_FOUND when the kid is not known (perhaps newer than our keys); MP_NOMEM.
 */
enum mp_rc mp_jwt_verify(struct mp_jwt_keys *keys, enum mp_auth want, const char *token,
	size_t token_len, int64_t now_s, struct mp_principal *out) MP_MUST_CHECK;

/*
 * Keeps keys as the JWKS at url is: a thread fetches it at start (until it succeeds), every
 * interval_s, and soon after an unknown kid was seen (at most once in 5 s). Its verifier is what
 * every service but user gives to its HTTP server. A failure is told to sink once until it works
 * again. url: "http://host:port/path". MP_INVALID (url), MP_NOMEM, MP_UNAVAILABLE (no thread).
 */
struct mp_jwks;
enum mp_rc mp_jwks_open(const char *url, int interval_s, const struct mp_sink *sink,
	struct mp_jwks **out_jwks) MP_MUST_CHECK;
void mp_jwks_close(struct mp_jwks *jwks);
struct mp_verifier mp_jwks_verifier(struct mp_jwks *jwks);

/* A verifier over keys that the caller sets itself (the user service). */
struct mp_verifier mp_jwt_keys_verifier(struct mp_jwt_keys *keys);

#endif
