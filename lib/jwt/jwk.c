#include "jwt/jwt.h"

#include <jose/jose.h>
#include <string.h>

#include "base/crypto.h"
#include "jwt/internal.h"

#define COORDINATE_BYTES 32 /* of a point on P-256 */

jose_cfg_t *mp_jose_quiet(void)
{
	jose_cfg_t *cfg = jose_cfg();

	if (cfg != NULL)
		jose_cfg_set_err_func(cfg, mp_jose_ignore, NULL);
	return cfg;
}

void mp_jose_ignore(
	void *misc, const char *file, int line, uint64_t err, const char *fmt, va_list ap)
{
}

enum mp_rc mp_jwk_generate(json_t **out_jwk)
{
	enum mp_rc rc = MP_NOMEM;
	jose_cfg_t *cfg = mp_jose_quiet();
	json_t *jwk = json_pack("{s:s}", "alg", "ES256");
	json_t *kid = NULL;

	if (cfg == NULL || jwk == NULL || !jose_jwk_gen(cfg, jwk))
		goto out;
	kid = jose_jwk_thp(cfg, jwk, "S256");
	if (kid == NULL || json_object_set(jwk, "kid", kid) != 0)
		goto out;

	*out_jwk = jwk;
	jwk = NULL;
	rc = MP_OK;
out:
	json_decref(kid);
	json_decref(jwk);
	jose_cfg_decref(cfg);
	return rc;
}

static bool is_coordinate(const char *text)
{
	uint8_t bytes[COORDINATE_BYTES];
	size_t len = 0;

	return text != NULL &&
	       mp_base64url_decode(text, strlen(text), bytes, sizeof(bytes), &len) == MP_OK &&
	       len == sizeof(bytes);
}

/* Absent is fine: RFC 7517 makes alg and use optional. */
static bool is_absent_or(const json_t *object, const char *name, const char *wanted)
{
	const json_t *value = json_object_get(object, name);

	return value == NULL ||
	       (json_is_string(value) && strcmp(json_string_value(value), wanted) == 0);
}

static bool is_text(const json_t *object, const char *name, const char *wanted)
{
	return json_object_get(object, name) != NULL && is_absent_or(object, name, wanted);
}

enum mp_rc mp_jwk_public(const json_t *jwk, json_t **out_public)
{
	const char *kid = json_string_value(json_object_get(jwk, "kid"));
	const char *x = json_string_value(json_object_get(jwk, "x"));
	const char *y = json_string_value(json_object_get(jwk, "y"));

	if (!is_text(jwk, "kty", "EC") || !is_text(jwk, "crv", "P-256") ||
		!is_absent_or(jwk, "alg", "ES256") || !is_absent_or(jwk, "use", "sig"))
		return MP_INVALID;
	if (kid == NULL || kid[0] == '\0' || strlen(kid) > MP_JWT_KID_MAX)
		return MP_INVALID;
	if (!is_coordinate(x) || !is_coordinate(y))
		return MP_INVALID;

	json_t *public = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "kty", "EC", "crv",
		"P-256", "x", x, "y", y, "kid", kid, "alg", "ES256", "use", "sig");
	if (public == NULL)
		return MP_NOMEM;
	*out_public = public;
	return MP_OK;
}
