#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "jwt/internal.h"

static json_t *claims_to_json(const struct mp_jwt_claims *claims)
{
	json_t *json = json_pack("{s:s, s:s, s:s, s:I, s:I}", "iss", MP_JWT_ISSUER, "aud",
		claims->aud, "sub", claims->subject, "iat", (json_int_t)claims->issued_at_s, "exp",
		(json_int_t)claims->expires_at_s);

	if (json == NULL)
		return NULL;
	if ((claims->session != NULL &&
		    json_object_set_new(json, "sid", json_string(claims->session)) != 0) ||
		(claims->scopes != NULL &&
			json_object_set_new(json, "scope", json_string(claims->scopes)) != 0)) {
		json_decref(json);
		return NULL;
	}
	return json;
}

/* {"payload": "<base64url of the claims>"} for libjose. MP_TOO_LARGE when no token has room. */
static enum mp_rc payload_to_jws(const json_t *claims, json_t **out_jws)
{
	char text[MP_JWT_TEXT_MAX];
	char encoded[4 * (sizeof(text) + 2) / 3 + 1];
	size_t len = json_dumpb(claims, text, sizeof(text), JSON_COMPACT);

	if (len == 0)
		return MP_NOMEM;
	if (len > sizeof(text))
		return MP_TOO_LARGE;
	mp_base64url(text, len, encoded, sizeof(encoded));
	json_t *jws = json_pack("{s:s}", "payload", encoded);
	if (jws == NULL)
		return MP_NOMEM;
	*out_jws = jws;
	return MP_OK;
}

static bool has_room(const char *text, size_t room)
{
	return text == NULL || (text[0] != '\0' && strlen(text) < room);
}

static bool is_signable(const struct mp_jwt_claims *claims)
{
	static const struct mp_principal room;

	return claims->typ != NULL && claims->aud != NULL && claims->subject != NULL &&
	       has_room(claims->subject, sizeof(room.subject)) &&
	       has_room(claims->session, sizeof(room.session)) &&
	       (claims->scopes == NULL || strlen(claims->scopes) < sizeof(room.scopes));
}

enum mp_rc mp_jwt_sign(const json_t *private_jwk, const struct mp_jwt_claims *claims,
	char out_token[MP_JWT_TEXT_MAX])
{
	enum mp_rc rc = MP_NOMEM;
	const char *kid = json_string_value(json_object_get(private_jwk, "kid"));
	char token[MP_JWT_TEXT_MAX];
	json_t *header = NULL;
	json_t *payload = NULL;
	json_t *jws = NULL;

	if (kid == NULL || json_object_get(private_jwk, "d") == NULL || !is_signable(claims))
		return MP_INVALID;

	jose_cfg_t *cfg = mp_jose_quiet();
	header = json_pack(
		"{s:{s:s, s:s, s:s}}", "protected", "alg", "ES256", "kid", kid, "typ", claims->typ);
	payload = claims_to_json(claims);
	if (cfg == NULL || header == NULL || payload == NULL)
		goto out;
	rc = payload_to_jws(payload, &jws);
	if (rc != MP_OK)
		goto out;
	if (!jose_jws_sig(cfg, jws, header, private_jwk)) {
		rc = MP_INVALID; /* libjose does not tell a bad key from a lack of memory */
		goto out;
	}
	rc = mp_text_format(token, sizeof(token), "%s.%s.%s",
		json_string_value(json_object_get(jws, "protected")),
		json_string_value(json_object_get(jws, "payload")),
		json_string_value(json_object_get(jws, "signature")));
	if (rc == MP_OK)
		memcpy(out_token, token, sizeof(token));
out:
	json_decref(jws);
	json_decref(payload);
	json_decref(header);
	jose_cfg_decref(cfg);
	return rc;
}
