#include "fuzz.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "stripe_signature.h"

/*
 * Webhook signatures. The input's first line is the header, the rest the body: without the secret
 * nothing makes a good one. A right signature of the body is taken, and of no other body.
 */
#define NOW_S 1763890000
#define SECRET "whsec_fuzz"

static struct stripe_secrets secrets;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_begin();
	FUZZ_CHECK(stripe_secrets_parse("whsec_other," SECRET, &secrets) == MP_OK);
	return 0;
}

static void sign(const char *body, size_t len, char out_header[128])
{
	uint8_t mac[MP_SHA256_BYTES];
	char hex[MP_SHA256_HEX_SIZE];
	struct mp_buf signed_bytes;

	mp_buf_init(&signed_bytes, len + 64);
	(void)mp_buf_addf(&signed_bytes, "%d.", NOW_S);
	FUZZ_CHECK(mp_buf_add(&signed_bytes, body, len) == MP_OK);
	mp_hmac_sha256(SECRET, strlen(SECRET), signed_bytes.data, signed_bytes.len, mac);
	mp_hex(mac, sizeof(mac), hex);
	FUZZ_CHECK(mp_text_format(out_header, 128, "t=%d,v1=%s", NOW_S, hex) == MP_OK);
	mp_buf_done(&signed_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mp_arena *arena = fuzz_arena();
	struct fuzz_input input;
	char header[128];

	fuzz_split(data, size, &input);
	FUZZ_CHECK(stripe_signature_check(&secrets, input.line, input.rest, input.rest_len, NOW_S,
			   arena) != STRIPE_SIGNATURE_GOOD);
	sign(input.rest, input.rest_len, header);
	FUZZ_CHECK(stripe_signature_check(&secrets, header, input.rest, input.rest_len, NOW_S,
			   arena) == STRIPE_SIGNATURE_GOOD);
	FUZZ_CHECK(stripe_signature_check(&secrets, header, (const char *)data, size, NOW_S,
			   arena) != STRIPE_SIGNATURE_GOOD ||
		   size == input.rest_len);
	return 0;
}
