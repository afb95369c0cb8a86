#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "jwt/internal.h"

#define SIGNATURE_BYTES 64 /* r and s of P-256 */

/* The three parts of a token, still encoded; they point into it. */
struct token_parts {
	const char *header;
	size_t header_len;
	const char *payload;
	size_t payload_len;
	const char *signature;
	size_t signature_len;
};

static bool split(const char *token, size_t len, struct token_parts *out)
{
	const char *end = token + len;
	const char *first = memchr(token, '.', len);

	/* libjose's JSON could not hold other bytes, which would look like a lack of memory. */
	if (first == NULL || !mp_text_is_utf8(token, len))
		return false;
	const char *second = memchr(first + 1, '.', (size_t)(end - first - 1));
	if (second == NULL || memchr(second + 1, '.', (size_t)(end - second - 1)) != NULL)
		return false;

	out->header = token;
	out->header_len = (size_t)(first - token);
	out->payload = first + 1;
	out->payload_len = (size_t)(second - first - 1);
	out->signature = second + 1;
	out->signature_len = (size_t)(end - second - 1);
	return out->header_len > 0 && out->payload_len > 0 && out->signature_len > 0;
}

/* base64url text of a JSON object of at most bytes_max. MP_UNAUTHENTICATED, MP_NOMEM. */
static enum mp_rc decode_object(const char *text, size_t len, size_t bytes_max, json_t **out_object)
{
	uint8_t bytes[MP_JWT_TEXT_MAX];
	size_t bytes_len = 0;
	char reason[160];
	json_t *object = NULL;

	assert(bytes_max <= sizeof(bytes));
	if (mp_base64url_decode(text, len, bytes, bytes_max, &bytes_len) != MP_OK)
		return MP_UNAUTHENTICATED;
	enum mp_rc rc = mp_json_parse((const char *)bytes, bytes_len, &object, reason);
	if (rc == MP_NOMEM)
		return rc;
	if (rc != MP_OK)
		return MP_UNAUTHENTICATED;
	if (!json_is_object(object)) {
		json_decref(object);
		return MP_UNAUTHENTICATED;
	}
	*out_object = object;
	return MP_OK;
}

static bool member_is(const json_t *object, const char *name, const char *wanted)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL && strcmp(text, wanted) == 0;
}

/*
 * libjose believes the header where it should not (an unknown crit passes, a key without alg takes
 * any): so all that a header may say is decided here, before libjose sees the token.
 */
static enum mp_rc check_header(
	const struct token_parts *parts, const char *typ, char out_kid[MP_JWT_KID_MAX + 1])
{
	json_t *header = NULL;

	enum mp_rc rc =
		decode_object(parts->header, parts->header_len, MP_JWT_HEADER_BYTES_MAX, &header);
	if (rc != MP_OK)
		return rc;
	const char *kid = json_string_value(json_object_get(header, "kid"));
	/* Our signer writes these three and nothing else: crit, jwk, jku and the like end here. */
	if (json_object_size(header) != 3 || !member_is(header, "alg", "ES256") ||
		!member_is(header, "typ", typ) || kid == NULL ||
		mp_text_copy(out_kid, MP_JWT_KID_MAX + 1, kid) != MP_OK)
		rc = MP_UNAUTHENTICATED;
	json_decref(header);
	return rc;
}

static enum mp_rc check_signature(const struct token_parts *parts, const json_t *public_jwk)
{
	enum mp_rc rc = MP_NOMEM;
	uint8_t signature[SIGNATURE_BYTES];
	size_t signature_len = 0;

	/* Strictly decoded here: one signature has one text, one token one hash in the cache. */
	if (mp_base64url_decode(parts->signature, parts->signature_len, signature,
		    sizeof(signature), &signature_len) != MP_OK ||
		signature_len != sizeof(signature))
		return MP_UNAUTHENTICATED;

	jose_cfg_t *cfg = mp_jose_quiet();
	json_t *jws = json_pack("{s:s%, s:s%, s:s%}", "protected", parts->header, parts->header_len,
		"payload", parts->payload, parts->payload_len, "signature", parts->signature,
		parts->signature_len);

	if (cfg == NULL || jws == NULL)
		goto out;
	rc = jose_jws_ver(cfg, jws, NULL, public_jwk, false) ? MP_OK : MP_UNAUTHENTICATED;
out:
	json_decref(jws);
	jose_cfg_decref(cfg);
	return rc;
}

/* A text claim that must be there and fit. */
static bool copy_claim(const json_t *claims, const char *name, char *out, size_t out_size)
{
	const char *text = json_string_value(json_object_get(claims, name));

	return text != NULL && !mp_text_has_control(text) &&
	       mp_text_copy(out, out_size, text) == MP_OK;
}

static bool is_in_time(const json_t *claims, int64_t now_s, int64_t *out_expires_at_s)
{
	const json_t *issued = json_object_get(claims, "iat");
	const json_t *expires = json_object_get(claims, "exp");
	const json_t *not_before = json_object_get(claims, "nbf");

	if (!json_is_integer(issued) || !json_is_integer(expires))
		return false;
	if (json_integer_value(issued) > now_s + MP_JWT_SKEW_S)
		return false;
	if (not_before != NULL && (!json_is_integer(not_before) ||
					  json_integer_value(not_before) > now_s + MP_JWT_SKEW_S))
		return false;
	/* This way round no claim, however large, can overflow. */
	if (json_integer_value(expires) <= now_s - MP_JWT_SKEW_S)
		return false;
	*out_expires_at_s = json_integer_value(expires);
	return true;
}

static bool read_principal(const json_t *claims, enum mp_auth want, struct mp_principal *out)
{
	if (!copy_claim(claims, "sub", out->subject, sizeof(out->subject)) ||
		out->subject[0] == '\0')
		return false;
	if (want == MP_AUTH_USER)
		return copy_claim(claims, "sid", out->session, sizeof(out->session));
	return copy_claim(claims, "scope", out->scopes, sizeof(out->scopes));
}

static int64_t expiry_with_skew(int64_t expires_at_s)
{
	return expires_at_s < INT64_MAX - MP_JWT_SKEW_S ? expires_at_s + MP_JWT_SKEW_S : INT64_MAX;
}

static enum mp_rc check_claims(const struct token_parts *parts, enum mp_auth want, int64_t now_s,
	struct mp_token_entry *entry)
{
	const char *aud = want == MP_AUTH_USER ? MP_JWT_AUD_USER : MP_JWT_AUD_SERVICE;
	json_t *claims = NULL;

	enum mp_rc rc = decode_object(parts->payload, parts->payload_len, MP_JWT_TEXT_MAX, &claims);
	if (rc != MP_OK)
		return rc;
	if (!member_is(claims, "iss", MP_JWT_ISSUER) || !member_is(claims, "aud", aud) ||
		!is_in_time(claims, now_s, &entry->expires_at_s) ||
		!read_principal(claims, want, &entry->principal))
		rc = MP_UNAUTHENTICATED;
	else
		entry->principal.expires_at_s = expiry_with_skew(entry->expires_at_s);
	json_decref(claims);
	return rc;
}

/* Everything about a token that is not in the cache. */
static enum mp_rc verify_anew(struct mp_jwt_keys *keys, enum mp_auth want, const char *token,
	size_t token_len, int64_t now_s, struct mp_token_entry *entry)
{
	const char *typ = want == MP_AUTH_USER ? MP_JWT_TYP_USER : MP_JWT_TYP_SERVICE;
	struct token_parts parts;
	char kid[MP_JWT_KID_MAX + 1];
	const json_t *public_jwk = NULL;

	if (!split(token, token_len, &parts))
		return MP_UNAUTHENTICATED;
	enum mp_rc rc = check_header(&parts, typ, kid);
	if (rc != MP_OK)
		return rc;
	rc = mp_jwt_keys_hold(keys, kid, &public_jwk);
	if (rc != MP_OK)
		return rc;
	rc = check_signature(&parts, public_jwk);
	if (rc == MP_OK)
		rc = check_claims(&parts, want, now_s, entry);
	if (rc == MP_OK)
		mp_token_cache_add(keys->cache, entry);
	mp_jwt_keys_release(keys);
	return rc;
}

enum mp_rc mp_jwt_verify(struct mp_jwt_keys *keys, enum mp_auth want, const char *token,
	size_t token_len, int64_t now_s, struct mp_principal *out)
{
	struct mp_token_entry entry = {.kind = want};

	assert(want == MP_AUTH_USER || want == MP_AUTH_SERVICE);
	if (token_len >= MP_JWT_TEXT_MAX)
		return MP_UNAUTHENTICATED;

	mp_sha256(token, token_len, entry.hash);
	if (mp_token_cache_find(
		    keys->cache, entry.hash, want, now_s - MP_JWT_SKEW_S, &entry.principal)) {
		*out = entry.principal;
		return MP_OK;
	}
	enum mp_rc rc = verify_anew(keys, want, token, token_len, now_s, &entry);
	if (rc == MP_OK)
		*out = entry.principal;
	return rc;
}

static enum mp_rc verify_with_keys(
	void *ctx, enum mp_auth want, const char *token, size_t token_len, struct mp_principal *out)
{
	enum mp_rc rc = mp_jwt_verify(ctx, want, token, token_len, mp_clock_ms() / 1000, out);

	/* Whoever sets the keys has them all: there is no newer one to wait for. */
	return rc == MP_NOT_FOUND ? MP_UNAUTHENTICATED : rc;
}

struct mp_verifier mp_jwt_keys_verifier(struct mp_jwt_keys *keys)
{
	return (struct mp_verifier){.verify = verify_with_keys, .ctx = keys};
}
