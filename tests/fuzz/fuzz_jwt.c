#include "fuzz.h"

#include <jose/jose.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "jwt/jwt.h"

/*
 * Access tokens. The input is a token as it comes; and, with a newline in it, a protected header
 * and a payload, which are signed here with a good key, so that what stands behind the signature is
 * read, too.
 */
#define NOW_S 1800000000

/* For these tests alone; nothing trusts it. The seeds' tokens are signed with it. */
static const char key_text[] =
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ES256\",\"kid\":\"fuzz\","
	"\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
	"\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\","
	"\"d\":\"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE\"}";
static json_t *key;
static struct mp_jwt_keys *keys;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	json_t *public = NULL;
	json_t *jwks = json_object();
	json_t *list = json_array();

	fuzz_begin();
	key = json_loads(key_text, 0, NULL);
	FUZZ_CHECK(key != NULL && mp_jwk_public(key, &public) == MP_OK);
	FUZZ_CHECK(json_array_append_new(list, public) == 0);
	FUZZ_CHECK(json_object_set_new(jwks, "keys", list) == 0);
	FUZZ_CHECK(mp_jwt_keys_new(&keys) == MP_OK && mp_jwt_keys_set(keys, jwks) == MP_OK);
	json_decref(jwks);
	return 0;
}

static enum mp_rc verify(const char *token, size_t len)
{
	enum mp_rc good = MP_UNAUTHENTICATED;

	for (enum mp_auth want = MP_AUTH_USER; want <= MP_AUTH_SERVICE; want++) {
		struct mp_principal who = {.subject = ""};
		enum mp_rc rc = mp_jwt_verify(keys, want, token, len, NOW_S, &who);

		FUZZ_CHECK(rc == MP_OK || rc == MP_UNAUTHENTICATED || rc == MP_NOT_FOUND);
		FUZZ_CHECK((rc == MP_OK) == (who.subject[0] != '\0'));
		/* never both a user's and a service's */
		FUZZ_CHECK(rc != MP_OK || good != MP_OK);
		if (rc == MP_OK)
			good = rc;
	}
	return good;
}

static json_t *encode(const char *bytes, size_t len, struct mp_arena *arena)
{
	size_t size = 4 * (len + 2) / 3 + 1;
	char *text = mp_arena_alloc(arena, size);

	FUZZ_CHECK(text != NULL);
	mp_base64url(bytes, len, text, size);
	return json_string(text);
}

/* What a signed token must say to be taken at all. */
static void check_taken(const char *header_text, size_t header_len)
{
	json_t *header = json_loadb(header_text, header_len, 0, NULL);
	const char *alg = json_string_value(json_object_get(header, "alg"));

	FUZZ_CHECK(alg != NULL && strcmp(alg, "ES256") == 0);
	FUZZ_CHECK(json_object_get(header, "crit") == NULL);
	FUZZ_CHECK(json_object_get(header, "jwk") == NULL);
	json_decref(header);
}

static void verify_signed(const struct fuzz_input *input, struct mp_arena *arena)
{
	json_t *jws = json_object();
	json_t *sig = json_object();

	if (json_object_set_new(jws, "payload", encode(input->rest, input->rest_len, arena)) != 0 ||
		json_object_set_new(
			sig, "protected", encode(input->line, strlen(input->line), arena)) != 0 ||
		!jose_jws_sig(NULL, jws, sig, key))
		goto out;
	const char *token = mp_arena_printf(arena, "%s.%s.%s",
		json_string_value(json_object_get(jws, "protected")),
		json_string_value(json_object_get(jws, "payload")),
		json_string_value(json_object_get(jws, "signature")));
	if (token != NULL && verify(token, strlen(token)) == MP_OK)
		check_taken(input->line, strlen(input->line));
out:
	json_decref(sig);
	json_decref(jws);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mp_arena *arena = fuzz_arena();
	struct fuzz_input input;

	(void)verify((const char *)data, size);
	fuzz_split(data, size, &input);
	if (input.rest_len > 0)
		verify_signed(&input, arena);
	return 0;
}
