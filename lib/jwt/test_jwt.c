#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jose/jose.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/testing_alloc.h"
#include "base/text.h"
#include "jwt/jwt.h"

#define NOW_S 1800000000
#define USER "0193f5a0-0000-7000-8000-000000000001"
#define SESSION "0193f5a0-0000-7000-8000-0000000000aa"

/* One signing key that the verifier knows, one that it does not, and one on another curve. */
struct fixture {
	json_t *key;
	json_t *stranger;
	json_t *p384;
	json_t *public;
	struct mp_jwt_keys *keys;
	const char *kid;
};

static json_t *jwks_of(const json_t *a, const json_t *b)
{
	json_t *list = json_array();

	for (size_t i = 0; i < 2; i++) {
		const json_t *jwk = i == 0 ? a : b;
		json_t *public = NULL;

		if (jwk == NULL)
			continue;
		assert_int_equal(mp_jwk_public(jwk, &public), MP_OK);
		assert_int_equal(json_array_append_new(list, public), 0);
	}
	return json_pack("{s:o}", "keys", list);
}

static void set_keys(struct mp_jwt_keys *keys, const json_t *a, const json_t *b)
{
	json_t *jwks = jwks_of(a, b);

	assert_int_equal(mp_jwt_keys_set(keys, jwks), MP_OK);
	json_decref(jwks);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(mp_jwk_generate(&f->key), MP_OK);
	assert_int_equal(mp_jwk_generate(&f->stranger), MP_OK);
	assert_int_equal(mp_jwk_public(f->key, &f->public), MP_OK);
	f->p384 = json_pack("{s:s}", "alg", "ES384");
	assert_true(jose_jwk_gen(NULL, f->p384));
	f->kid = json_string_value(json_object_get(f->key, "kid"));
	assert_int_equal(mp_jwt_keys_new(&f->keys), MP_OK);
	set_keys(f->keys, f->key, NULL);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	mp_jwt_keys_free(f->keys);
	json_decref(f->public);
	json_decref(f->p384);
	json_decref(f->stranger);
	json_decref(f->key);
	free(f);
	return 0;
}

static const struct mp_jwt_claims user_claims = {
	.typ = MP_JWT_TYP_USER,
	.aud = MP_JWT_AUD_USER,
	.subject = USER,
	.session = SESSION,
	.issued_at_s = NOW_S,
	.expires_at_s = NOW_S + 900,
};

static const struct mp_jwt_claims service_claims = {
	.typ = MP_JWT_TYP_SERVICE,
	.aud = MP_JWT_AUD_SERVICE,
	.subject = "billing",
	.scopes = "wallet:transfer user:read",
	.issued_at_s = NOW_S,
	.expires_at_s = NOW_S + 900,
};

static enum mp_rc verify_at(struct fixture *f, enum mp_auth want, const char *token, int64_t now_s)
{
	struct mp_principal principal;

	return mp_jwt_verify(f->keys, want, token, strlen(token), now_s, &principal);
}

static void a_signed_token_tells_who_calls(void **state)
{
	struct fixture *f = *state;
	struct mp_principal principal;
	char token[MP_JWT_TEXT_MAX];

	for (int round = 0; round < 2; round++) { /* the second is answered from the cache */
		memset(&principal, 0xff, sizeof(principal));
		assert_int_equal(mp_jwt_sign(f->key, &user_claims, token), MP_OK);
		for (int again = 0; again < 2; again++) {
			assert_int_equal(mp_jwt_verify(f->keys, MP_AUTH_USER, token, strlen(token),
						 NOW_S + 1, &principal),
				MP_OK);
			assert_string_equal(principal.subject, USER);
			assert_string_equal(principal.session, SESSION);
			assert_string_equal(principal.scopes, "");
			/* Not before the last moment at which it is taken. */
			assert_int_equal(principal.expires_at_s, NOW_S + 900 + MP_JWT_SKEW_S);
		}
		assert_int_equal(mp_jwt_sign(f->key, &service_claims, token), MP_OK);
		assert_int_equal(mp_jwt_verify(f->keys, MP_AUTH_SERVICE, token, strlen(token),
					 NOW_S + 1, &principal),
			MP_OK);
		assert_string_equal(principal.subject, "billing");
		assert_string_equal(principal.session, "");
		assert_string_equal(principal.scopes, "wallet:transfer user:read");
	}
}

static void encode_text(const char *text, char *out, size_t out_size)
{
	mp_base64url(text, strlen(text), out, out_size);
}

enum signer {
	SIGNED,		  /* by the known key */
	SIGNED_STRANGER,  /* by a key that nobody knows */
	SIGNED_P384,	  /* ES384 over the same bytes */
	SIGNED_HS256,	  /* with the public key's text as an HMAC's secret */
	SIGNED_EMPTY,	  /* "header.payload." */
	SIGNED_NOT,	  /* "header.payload" */
	SIGNED_ZEROES,	  /* r = s = 0 (CVE-2022-21449) */
	SIGNED_TRUNCATED, /* the last byte is missing */
	SIGNED_EXTENDED,  /* a zero byte more */
	SIGNED_TWICE,	  /* four parts */
};

/* Signs input ("header.payload") with ES256, whatever the header says. */
static void sign_raw(const json_t *key, const char *alg, const char *header, const char *payload,
	char *out, size_t out_size)
{
	json_t *jwk = json_deep_copy(key);
	json_t *jws = json_pack("{s:s}", "payload", payload);
	json_t *sig = json_pack("{s:s, s:{s:s}}", "protected", header, "header", "alg", alg);

	/* The header's own alg may be a lie; libjose then takes the key's. */
	if (!jose_jws_sig(NULL, jws, sig, jwk))
		fail_msg("libjose does not sign this header");
	assert_int_equal(
		mp_text_copy(out, out_size, json_string_value(json_object_get(jws, "signature"))),
		MP_OK);
	json_decref(sig);
	json_decref(jws);
	json_decref(jwk);
}

static void sign_hs256(
	struct fixture *f, const char *header, const char *payload, char *out, size_t out_size)
{
	uint8_t mac[MP_SHA256_BYTES];
	char input[MP_JWT_TEXT_MAX];
	char *secret = json_dumps(f->public, JSON_COMPACT);

	assert_int_equal(mp_text_format(input, sizeof(input), "%s.%s", header, payload), MP_OK);
	mp_hmac_sha256(secret, strlen(secret), input, strlen(input), mac);
	mp_base64url(mac, sizeof(mac), out, out_size);
	free(secret);
}

/* Changes the length of an ES256 signature by delta bytes. */
static void resize_signature(char *text, size_t text_size, int delta)
{
	uint8_t bytes[66] = {0};
	size_t len = 0;

	assert_int_equal(
		mp_base64url_decode(text, strlen(text), bytes, sizeof(bytes), &len), MP_OK);
	assert_int_equal(len, 64);
	mp_base64url(bytes, (size_t)((int)len + delta), text, text_size);
}

static void craft(struct fixture *f, enum signer signer, const char *header_json,
	const char *claims_json, char out[MP_JWT_TEXT_MAX])
{
	static const uint8_t zeroes[64];
	char header[1024];
	char payload[MP_JWT_TEXT_MAX];
	char signature[256] = "";

	encode_text(header_json, header, sizeof(header));
	encode_text(claims_json, payload, sizeof(payload));
	switch (signer) {
	case SIGNED:
	case SIGNED_TWICE:
	case SIGNED_TRUNCATED:
	case SIGNED_EXTENDED:
		sign_raw(f->key, "ES256", header, payload, signature, sizeof(signature));
		break;
	case SIGNED_STRANGER:
		sign_raw(f->stranger, "ES256", header, payload, signature, sizeof(signature));
		break;
	case SIGNED_P384:
		sign_raw(f->p384, "ES384", header, payload, signature, sizeof(signature));
		break;
	case SIGNED_HS256:
		sign_hs256(f, header, payload, signature, sizeof(signature));
		break;
	case SIGNED_ZEROES:
		mp_base64url(zeroes, sizeof(zeroes), signature, sizeof(signature));
		break;
	case SIGNED_EMPTY:
	case SIGNED_NOT:
		break;
	}
	if (signer == SIGNED_TRUNCATED || signer == SIGNED_EXTENDED)
		resize_signature(signature, sizeof(signature), signer == SIGNED_TRUNCATED ? -1 : 1);
	assert_int_equal(mp_text_format(out, MP_JWT_TEXT_MAX, "%s.%s%s%s%s", header, payload,
				 signer == SIGNED_NOT ? "" : ".", signature,
				 signer == SIGNED_TWICE ? ".e30" : ""),
		MP_OK);
}

#define KID "%KID%" /* becomes the known key's kid */
#define HEADER_USER "{\"alg\":\"ES256\",\"kid\":\"" KID "\",\"typ\":\"at+jwt\"}"
#define CLAIMS_HEAD "{\"iss\":\"moneypal\",\"aud\":\"moneypal\",\"sub\":\"u\",\"sid\":\"s\","
#define CLAIMS_USER CLAIMS_HEAD "\"iat\":1800000000,\"exp\":1800000900}"

struct case_row {
	const char *name;
	enum signer signer;
	const char *header;
	const char *claims;
	enum mp_rc expected;
};

static const struct case_row user_cases[] = {
	{"good", SIGNED, HEADER_USER, CLAIMS_USER, MP_OK},
	{"good with nbf", SIGNED, HEADER_USER,
		CLAIMS_HEAD "\"iat\":1800000000,\"nbf\":1800000000,\"exp\":1800000900}", MP_OK},

	{"forged by another key", SIGNED_STRANGER, HEADER_USER, CLAIMS_USER, MP_UNAUTHENTICATED},
	{"signed on another curve", SIGNED_P384,
		"{\"alg\":\"ES384\",\"kid\":\"" KID "\",\"typ\":\"at+jwt\"}", CLAIMS_USER,
		MP_UNAUTHENTICATED},
	{"no signature", SIGNED_NOT, HEADER_USER, CLAIMS_USER, MP_UNAUTHENTICATED},
	{"empty signature", SIGNED_EMPTY, HEADER_USER, CLAIMS_USER, MP_UNAUTHENTICATED},
	{"signature of zeroes", SIGNED_ZEROES, HEADER_USER, CLAIMS_USER, MP_UNAUTHENTICATED},
	{"truncated signature", SIGNED_TRUNCATED, HEADER_USER, CLAIMS_USER, MP_UNAUTHENTICATED},
	{"extended signature", SIGNED_EXTENDED, HEADER_USER, CLAIMS_USER, MP_UNAUTHENTICATED},
	{"a fourth part", SIGNED_TWICE, HEADER_USER, CLAIMS_USER, MP_UNAUTHENTICATED},

	{"alg none, empty signature", SIGNED_EMPTY,
		"{\"alg\":\"none\",\"kid\":\"" KID "\",\"typ\":\"at+jwt\"}", CLAIMS_USER,
		MP_UNAUTHENTICATED},
	{"alg None", SIGNED_EMPTY, "{\"alg\":\"None\",\"kid\":\"" KID "\",\"typ\":\"at+jwt\"}",
		CLAIMS_USER, MP_UNAUTHENTICATED},
	{"HS256 with the public key", SIGNED_HS256,
		"{\"alg\":\"HS256\",\"kid\":\"" KID "\",\"typ\":\"at+jwt\"}", CLAIMS_USER,
		MP_UNAUTHENTICATED},
	{"HS256 that says ES256", SIGNED_HS256, HEADER_USER, CLAIMS_USER, MP_UNAUTHENTICATED},
	{"no alg", SIGNED, "{\"kid\":\"" KID "\",\"typ\":\"at+jwt\"}", CLAIMS_USER,
		MP_UNAUTHENTICATED},
	{"alg is a list", SIGNED_EMPTY,
		"{\"alg\":[\"ES256\"],\"kid\":\"" KID "\",\"typ\":\"at+jwt\"}", CLAIMS_USER,
		MP_UNAUTHENTICATED},

	{"unknown kid", SIGNED, "{\"alg\":\"ES256\",\"kid\":\"nobody\",\"typ\":\"at+jwt\"}",
		CLAIMS_USER, MP_NOT_FOUND},
	{"no kid", SIGNED, "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", CLAIMS_USER,
		MP_UNAUTHENTICATED},
	{"kid is a number", SIGNED, "{\"alg\":\"ES256\",\"kid\":1,\"typ\":\"at+jwt\"}", CLAIMS_USER,
		MP_UNAUTHENTICATED},
	{"endless kid", SIGNED,
		"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"0123456789012345678901234567890123"
		"456789012345678901234567890123456789\"}",
		CLAIMS_USER, MP_UNAUTHENTICATED},

	{"crit", SIGNED,
		"{\"alg\":\"ES256\",\"kid\":\"" KID "\",\"typ\":\"at+jwt\",\"crit\":[\"exp\"]}",
		CLAIMS_USER, MP_UNAUTHENTICATED},
	{"unknown crit", SIGNED,
		"{\"alg\":\"ES256\",\"kid\":\"" KID
		"\",\"typ\":\"at+jwt\",\"crit\":[\"x\"],\"x\":1}",
		CLAIMS_USER, MP_UNAUTHENTICATED},
	{"a key of its own", SIGNED,
		"{\"alg\":\"ES256\",\"kid\":\"" KID "\",\"typ\":\"at+jwt\",\"jwk\":{}}",
		CLAIMS_USER, MP_UNAUTHENTICATED},
	{"keys from elsewhere", SIGNED,
		"{\"alg\":\"ES256\",\"kid\":\"" KID
		"\",\"typ\":\"at+jwt\",\"jku\":\"http://127.0.0.1/\"}",
		CLAIMS_USER, MP_UNAUTHENTICATED},
	{"a header twice", SIGNED_EMPTY,
		"{\"alg\":\"ES256\",\"alg\":\"none\",\"kid\":\"" KID "\",\"typ\":\"at+jwt\"}",
		CLAIMS_USER, MP_UNAUTHENTICATED},
	{"header is no object", SIGNED_EMPTY, "[1]", CLAIMS_USER, MP_UNAUTHENTICATED},
	{"header is no JSON", SIGNED_EMPTY, "{\"alg\":", CLAIMS_USER, MP_UNAUTHENTICATED},

	{"typ JWT", SIGNED, "{\"alg\":\"ES256\",\"kid\":\"" KID "\",\"typ\":\"JWT\"}", CLAIMS_USER,
		MP_UNAUTHENTICATED},
	{"typ in capitals", SIGNED, "{\"alg\":\"ES256\",\"kid\":\"" KID "\",\"typ\":\"AT+JWT\"}",
		CLAIMS_USER, MP_UNAUTHENTICATED},
	{"no typ", SIGNED, "{\"alg\":\"ES256\",\"kid\":\"" KID "\"}", CLAIMS_USER,
		MP_UNAUTHENTICATED},
	{"typ of a service", SIGNED, "{\"alg\":\"ES256\",\"kid\":\"" KID "\",\"typ\":\"svc+jwt\"}",
		CLAIMS_USER, MP_UNAUTHENTICATED},

	{"aud of services", SIGNED, HEADER_USER,
		"{\"iss\":\"moneypal\",\"aud\":\"moneypal:services\",\"sub\":\"u\",\"sid\":\"s\","
		"\"iat\":1800000000,\"exp\":1800000900}",
		MP_UNAUTHENTICATED},
	{"a list of aud", SIGNED, HEADER_USER,
		"{\"iss\":\"moneypal\",\"aud\":[\"moneypal\"],\"sub\":\"u\",\"sid\":\"s\","
		"\"iat\":1800000000,\"exp\":1800000900}",
		MP_UNAUTHENTICATED},
	{"no aud", SIGNED, HEADER_USER,
		"{\"iss\":\"moneypal\",\"sub\":\"u\",\"sid\":\"s\",\"iat\":1800000000,"
		"\"exp\":1800000900}",
		MP_UNAUTHENTICATED},
	{"another issuer", SIGNED, HEADER_USER,
		"{\"iss\":\"other\",\"aud\":\"moneypal\",\"sub\":\"u\",\"sid\":\"s\","
		"\"iat\":1800000000,\"exp\":1800000900}",
		MP_UNAUTHENTICATED},

	{"expired within the skew", SIGNED, HEADER_USER,
		CLAIMS_HEAD "\"iat\":1799999000,\"exp\":1799999971}", MP_OK},
	{"expired", SIGNED, HEADER_USER, CLAIMS_HEAD "\"iat\":1799999000,\"exp\":1799999970}",
		MP_UNAUTHENTICATED},
	{"no exp", SIGNED, HEADER_USER, CLAIMS_HEAD "\"iat\":1800000000}", MP_UNAUTHENTICATED},
	{"exp is a text", SIGNED, HEADER_USER,
		CLAIMS_HEAD "\"iat\":1800000000,\"exp\":\"1800000900\"}", MP_UNAUTHENTICATED},
	{"exp with a fraction", SIGNED, HEADER_USER,
		CLAIMS_HEAD "\"iat\":1800000000,\"exp\":1800000900.5}", MP_UNAUTHENTICATED},
	{"exp beyond 64 bits", SIGNED, HEADER_USER,
		CLAIMS_HEAD "\"iat\":1800000000,\"exp\":18446744073709551616}", MP_UNAUTHENTICATED},
	{"issued within the skew", SIGNED, HEADER_USER,
		CLAIMS_HEAD "\"iat\":1800000030,\"exp\":1800000900}", MP_OK},
	{"issued in the future", SIGNED, HEADER_USER,
		CLAIMS_HEAD "\"iat\":1800000031,\"exp\":1800000900}", MP_UNAUTHENTICATED},
	{"no iat", SIGNED, HEADER_USER, CLAIMS_HEAD "\"exp\":1800000900}", MP_UNAUTHENTICATED},
	{"not yet valid", SIGNED, HEADER_USER,
		CLAIMS_HEAD "\"iat\":1800000000,\"nbf\":1800000031,\"exp\":1800000900}",
		MP_UNAUTHENTICATED},
	{"nbf is a text", SIGNED, HEADER_USER,
		CLAIMS_HEAD "\"iat\":1800000000,\"nbf\":\"0\",\"exp\":1800000900}",
		MP_UNAUTHENTICATED},

	{"no sub", SIGNED, HEADER_USER,
		"{\"iss\":\"moneypal\",\"aud\":\"moneypal\",\"sid\":\"s\",\"iat\":1800000000,"
		"\"exp\":1800000900}",
		MP_UNAUTHENTICATED},
	{"empty sub", SIGNED, HEADER_USER,
		"{\"iss\":\"moneypal\",\"aud\":\"moneypal\",\"sub\":\"\",\"sid\":\"s\","
		"\"iat\":1800000000,\"exp\":1800000900}",
		MP_UNAUTHENTICATED},
	{"endless sub", SIGNED, HEADER_USER,
		"{\"iss\":\"moneypal\",\"aud\":\"moneypal\",\"sub\":\"0123456789012345678901234567"
		"890123456789012345678901234567890123456789\",\"sid\":\"s\",\"iat\":1800000000,"
		"\"exp\":1800000900}",
		MP_UNAUTHENTICATED},
	{"no session", SIGNED, HEADER_USER,
		"{\"iss\":\"moneypal\",\"aud\":\"moneypal\",\"sub\":\"u\",\"iat\":1800000000,"
		"\"exp\":1800000900}",
		MP_UNAUTHENTICATED},
	{"a claim twice", SIGNED, HEADER_USER,
		CLAIMS_HEAD "\"sub\":\"v\",\"iat\":1800000000,\"exp\":1800000900}",
		MP_UNAUTHENTICATED},
	{"claims are no object", SIGNED, HEADER_USER, "[]", MP_UNAUTHENTICATED},
	{"claims are no JSON", SIGNED, HEADER_USER, "{", MP_UNAUTHENTICATED},
};

/* text with KID replaced. */
static void with_kid(const char *text, const char *kid, char *out, size_t out_size)
{
	const char *mark = strstr(text, KID);

	if (mark == NULL)
		assert_int_equal(mp_text_copy(out, out_size, text), MP_OK);
	else
		assert_int_equal(mp_text_format(out, out_size, "%.*s%s%s", (int)(mark - text), text,
					 kid, mark + strlen(KID)),
			MP_OK);
}

static void every_wrong_token_is_refused(void **state)
{
	struct fixture *f = *state;
	int wrong = 0;

	for (size_t i = 0; i < sizeof(user_cases) / sizeof(user_cases[0]); i++) {
		const struct case_row *row = &user_cases[i];
		char header[512];
		char token[MP_JWT_TEXT_MAX];

		with_kid(row->header, f->kid, header, sizeof(header));
		craft(f, row->signer, header, row->claims, token);
		for (int again = 0; again < 2; again++) { /* a refusal is not cached either */
			enum mp_rc rc = verify_at(f, MP_AUTH_USER, token, NOW_S);

			if (rc != row->expected) {
				print_error("%s: %s, not %s\n", row->name, mp_rc_name(rc),
					mp_rc_name(row->expected));
				wrong++;
			}
		}
	}
	assert_int_equal(wrong, 0);
}

static void what_is_no_token_is_refused(void **state)
{
	static const char *const texts[] = {"", ".", "..", "...", "a", "a.b", "a.b.c",
		"e30.e30.e30", "e30..", "..e30", " . . ", "e30.e30.e30.e30.e30", "\x01.\xff.\xfe",
		"====.====.===="};
	struct fixture *f = *state;
	char *huge = malloc(1 << 20);
	int wrong = 0;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (verify_at(f, MP_AUTH_USER, texts[i], NOW_S) != MP_UNAUTHENTICATED) {
			print_error("taken: \"%s\"\n", texts[i]);
			wrong++;
		}
	}
	assert_non_null(huge);
	memset(huge, 'A', (1 << 20) - 1);
	huge[(1 << 20) - 1] = '\0';
	huge[40] = huge[2000] = '.';
	wrong += verify_at(f, MP_AUTH_USER, huge, NOW_S) != MP_UNAUTHENTICATED;
	huge[MP_JWT_TEXT_MAX - 1] = '\0'; /* just short enough to be looked at */
	wrong += verify_at(f, MP_AUTH_USER, huge, NOW_S) != MP_UNAUTHENTICATED;
	free(huge);
	assert_int_equal(wrong, 0);
}

static void a_changed_byte_anywhere_is_refused(void **state)
{
	struct fixture *f = *state;
	char token[MP_JWT_TEXT_MAX];
	int taken = 0;

	assert_int_equal(mp_jwt_sign(f->key, &user_claims, token), MP_OK);
	assert_int_equal(verify_at(f, MP_AUTH_USER, token, NOW_S), MP_OK);
	size_t len = strlen(token);
	for (size_t i = 0; i < len; i++) {
		char kept = token[i];

		token[i] = kept == 'A' ? 'Q' : 'A';
		taken += verify_at(f, MP_AUTH_USER, token, NOW_S) == MP_OK;
		token[i] = kept;
		char cut = token[len - i - 1];
		token[len - i - 1] = '\0';
		taken += verify_at(f, MP_AUTH_USER, token, NOW_S) == MP_OK;
		token[len - i - 1] = cut;
	}
	assert_int_equal(taken, 0);
	assert_int_equal(verify_at(f, MP_AUTH_USER, token, NOW_S), MP_OK);
}

static void a_token_of_one_kind_is_none_of_the_other(void **state)
{
	struct fixture *f = *state;
	char user[MP_JWT_TEXT_MAX];
	char service[MP_JWT_TEXT_MAX];

	assert_int_equal(mp_jwt_sign(f->key, &user_claims, user), MP_OK);
	assert_int_equal(mp_jwt_sign(f->key, &service_claims, service), MP_OK);
	for (int again = 0; again < 2; again++) { /* both also when they are in the cache */
		assert_int_equal(verify_at(f, MP_AUTH_USER, user, NOW_S), MP_OK);
		assert_int_equal(verify_at(f, MP_AUTH_SERVICE, user, NOW_S), MP_UNAUTHENTICATED);
		assert_int_equal(verify_at(f, MP_AUTH_SERVICE, service, NOW_S), MP_OK);
		assert_int_equal(verify_at(f, MP_AUTH_USER, service, NOW_S), MP_UNAUTHENTICATED);
	}
}

static void a_cached_token_still_expires(void **state)
{
	struct fixture *f = *state;
	char token[MP_JWT_TEXT_MAX];
	const int64_t last_s = NOW_S + 900 + MP_JWT_SKEW_S - 1;

	assert_int_equal(mp_jwt_sign(f->key, &user_claims, token), MP_OK);
	assert_int_equal(verify_at(f, MP_AUTH_USER, token, NOW_S), MP_OK);
	assert_int_equal(verify_at(f, MP_AUTH_USER, token, last_s), MP_OK);
	assert_int_equal(verify_at(f, MP_AUTH_USER, token, last_s + 1), MP_UNAUTHENTICATED);
}

static void a_key_that_leaves_takes_its_tokens_along(void **state)
{
	struct fixture *f = *state;
	char old[MP_JWT_TEXT_MAX];
	char fresh[MP_JWT_TEXT_MAX];

	assert_int_equal(mp_jwt_sign(f->key, &user_claims, old), MP_OK);
	assert_int_equal(mp_jwt_sign(f->stranger, &user_claims, fresh), MP_OK);
	assert_int_equal(verify_at(f, MP_AUTH_USER, old, NOW_S), MP_OK);
	assert_int_equal(verify_at(f, MP_AUTH_USER, fresh, NOW_S), MP_NOT_FOUND);

	set_keys(f->keys, f->stranger, f->key);
	assert_int_equal(verify_at(f, MP_AUTH_USER, old, NOW_S), MP_OK);
	assert_int_equal(verify_at(f, MP_AUTH_USER, fresh, NOW_S), MP_OK);

	set_keys(f->keys, f->stranger, NULL);
	assert_int_equal(verify_at(f, MP_AUTH_USER, old, NOW_S), MP_NOT_FOUND);
	assert_int_equal(verify_at(f, MP_AUTH_USER, fresh, NOW_S), MP_OK);
}

static void without_keys_nothing_is_decided(void **state)
{
	struct fixture *f = *state;
	struct mp_jwt_keys *keys = NULL;
	struct mp_principal principal;
	char token[MP_JWT_TEXT_MAX];

	assert_int_equal(mp_jwt_sign(f->key, &user_claims, token), MP_OK);
	assert_int_equal(mp_jwt_keys_new(&keys), MP_OK);
	assert_int_equal(mp_jwt_verify(keys, MP_AUTH_USER, token, strlen(token), NOW_S, &principal),
		MP_UNAVAILABLE);
	mp_jwt_keys_free(keys);
}

#define SHORT_POINT                                                                                \
	"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"x\":\"AA\",\"y\":\"AA\"}]}"

static void only_p256_keys_for_es256_are_taken(void **state)
{
	static const char *const useless[] = {
		"{}",
		"{\"keys\":{}}",
		"{\"keys\":[]}",
		"{\"keys\":[null,1,\"x\",{}]}",
		"{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"c2VjcmV0\",\"alg\":\"HS256\"}]}",
		SHORT_POINT,
	};
	struct fixture *f = *state;
	struct mp_jwt_keys *keys = NULL;
	struct mp_principal principal;
	char token[MP_JWT_TEXT_MAX];
	json_t *out = NULL;

	assert_int_equal(mp_jwt_keys_new(&keys), MP_OK);
	set_keys(keys, f->key, NULL);
	for (size_t i = 0; i < sizeof(useless) / sizeof(useless[0]); i++) {
		json_t *jwks = json_loads(useless[i], 0, NULL);

		assert_non_null(jwks);
		assert_int_equal(mp_jwt_keys_set(keys, jwks), MP_INVALID);
		json_decref(jwks);
	}
	assert_int_equal(mp_jwk_public(f->p384, &out), MP_INVALID);

	/* What was set before still serves. */
	assert_int_equal(mp_jwt_sign(f->key, &user_claims, token), MP_OK);
	assert_int_equal(
		mp_jwt_verify(keys, MP_AUTH_USER, token, strlen(token), NOW_S, &principal), MP_OK);
	mp_jwt_keys_free(keys);
}

static void a_public_key_has_nothing_private_and_cannot_sign(void **state)
{
	struct fixture *f = *state;
	char token[MP_JWT_TEXT_MAX] = "as it was";

	assert_null(json_object_get(f->public, "d"));
	assert_non_null(json_object_get(f->public, "kid"));
	assert_int_equal(mp_jwt_sign(f->public, &user_claims, token), MP_INVALID);
	assert_string_equal(token, "as it was");
}

static void claims_without_room_are_not_signed(void **state)
{
	struct fixture *f = *state;
	struct mp_jwt_claims claims = user_claims;
	char token[MP_JWT_TEXT_MAX];

	claims.subject = "01234567890123456789012345678901234567890123456789012345678901234";
	assert_int_equal(mp_jwt_sign(f->key, &claims, token), MP_INVALID);
	claims = user_claims;
	claims.subject = "";
	assert_int_equal(mp_jwt_sign(f->key, &claims, token), MP_INVALID);
}

/* Each allocation of ours, and each of jansson's and so of libjose's trees, fails in turn. */
static void without_memory_nothing_is_signed_or_let_in(void **state)
{
	struct fixture *f = *state;
	struct mp_jwt_keys *keys = NULL;
	struct mp_principal principal;
	char token[MP_JWT_TEXT_MAX];
	enum mp_rc rc = MP_NOMEM;

	for (long n = 0; rc != MP_OK; n++) {
		char untouched[MP_JWT_TEXT_MAX] = "untouched";

		mp_alloc_fail_after(n);
		rc = mp_jwt_sign(f->key, &user_claims, untouched);
		mp_alloc_fail_never();
		if (rc != MP_OK)
			assert_string_equal(untouched, "untouched");
	}
	assert_int_equal(mp_jwt_sign(f->key, &user_claims, token), MP_OK);
	rc = MP_NOMEM;
	for (long n = 0; rc != MP_OK; n++) {
		mp_alloc_fail_after(n);
		rc = verify_at(f, MP_AUTH_USER, token, NOW_S);
		mp_alloc_fail_never();
	}
	json_t *jwks = jwks_of(f->stranger, f->key);
	assert_non_null(jwks);
	rc = MP_NOMEM;
	for (long n = 0; rc != MP_OK; n++) {
		mp_alloc_fail_after(n);
		rc = mp_jwt_keys_set(f->keys, jwks);
		mp_alloc_fail_never();
		assert_int_equal(verify_at(f, MP_AUTH_USER, token, NOW_S), MP_OK);
	}
	json_decref(jwks);
	for (long n = 0; keys == NULL; n++) {
		mp_alloc_fail_after(n);
		rc = mp_jwt_keys_new(&keys);
		mp_alloc_fail_never();
	}
	assert_int_equal(mp_jwt_verify(keys, MP_AUTH_USER, token, strlen(token), NOW_S, &principal),
		MP_UNAVAILABLE);
	mp_jwt_keys_free(keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_signed_token_tells_who_calls, setup, teardown),
		cmocka_unit_test_setup_teardown(every_wrong_token_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_token_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_changed_byte_anywhere_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_token_of_one_kind_is_none_of_the_other, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cached_token_still_expires, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_key_that_leaves_takes_its_tokens_along, setup, teardown),
		cmocka_unit_test_setup_teardown(without_keys_nothing_is_decided, setup, teardown),
		cmocka_unit_test_setup_teardown(
			only_p256_keys_for_es256_are_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_public_key_has_nothing_private_and_cannot_sign, setup, teardown),
		cmocka_unit_test_setup_teardown(
			claims_without_room_are_not_signed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			without_memory_nothing_is_signed_or_let_in, setup, teardown),
	};

	assert_int_equal(mp_crypto_init(), MP_OK);
	mp_json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
