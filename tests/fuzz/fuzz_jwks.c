#include "fuzz.h"

#include "json/json.h"
#include "jwt/jwt.h"

/* Key sets, as the user service publishes them; and single keys. */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_begin();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mp_jwt_keys *keys = NULL;
	char reason[160] = "";
	json_t *public = NULL;
	json_t *json = NULL;
	json_t *key;
	size_t i;

	if (mp_json_parse((const char *)data, size, &json, reason) != MP_OK)
		return 0;
	FUZZ_CHECK(mp_jwt_keys_new(&keys) == MP_OK);
	enum mp_rc rc = mp_jwt_keys_set(keys, json);
	FUZZ_CHECK(rc == MP_OK || rc == MP_INVALID);
	json_array_foreach(json_object_get(json, "keys"), i, key)
	{
		public = NULL;
		if (mp_jwk_public(key, &public) == MP_OK)
			FUZZ_CHECK(json_object_get(public, "d") == NULL); /* never the secret */
		json_decref(public);
	}
	mp_jwt_keys_free(keys);
	json_decref(json);
	return 0;
}
