#include "fuzz.h"

#include <string.h>

#include "base/text.h"
#include "store/dynamo_credentials.h"

/* What a container's endpoint hands out as AWS's keys: the input's first line is the status. */

static char container_uri[64];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_begin();
	FUZZ_CHECK(mp_text_format(container_uri, sizeof(container_uri), "%s/v1/credentials",
			   fuzz_peer_open()) == MP_OK);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct mp_store_aws config = {.region = "eu-central-1",
		.endpoint = "",
		.access_key_id = "",
		.secret_access_key = "",
		.session_token = "",
		.container_uri = container_uri,
		.container_token_file = ""};
	const struct mp_sink sink = {0};
	struct mp_credentials *credentials = NULL;
	struct mp_aws_keys keys;
	struct fuzz_input input;
	char reason[256] = "";

	fuzz_split(data, size, &input);
	fuzz_peer_answer(NULL, strncmp(input.line, "200", 3) == 0 ? "200 OK" : "500 no", input.rest,
		input.rest_len);
	FUZZ_CHECK(mp_credentials_open(&config, &sink, &credentials, reason) == MP_OK);
	enum mp_rc rc = mp_credentials_get(credentials, fuzz_arena(), &keys);
	FUZZ_CHECK(rc == MP_OK || rc == MP_UNAVAILABLE || rc == MP_NOMEM);
	FUZZ_CHECK(rc != MP_OK ||
		   (keys.access_key_id[0] != '\0' && keys.secret_access_key[0] != '\0'));
	mp_credentials_close(credentials);
	return 0;
}
