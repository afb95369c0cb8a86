#include "fuzz_payment.h"

#include <string.h>
#include <time.h>

#include "base/crypto.h"
#include "base/text.h"
#include "payment_http.h"

/* Requests to the payment service; webhooks are rightly signed, so that they are read, too. */

static struct payment_app app;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_begin();
	fuzz_payment_open(&app);
	fuzz_server_open(payment_routes, payment_routes_count, &app);
	return 0;
}

/* Of what stands behind the first empty line, as fuzz_server_send takes it for the body. */
static void sign(const uint8_t *data, size_t size, char out_header[160])
{
	const uint8_t *body = size == 0 ? NULL : memmem(data, size, "\n\n", 2);
	size_t len = body == NULL ? 0 : size - (size_t)(body + 2 - data);
	uint8_t mac[MP_SHA256_BYTES];
	char hex[MP_SHA256_HEX_SIZE];
	struct mp_buf bytes;
	long now_s = (long)time(NULL);

	mp_buf_init(&bytes, len + 64);
	(void)mp_buf_addf(&bytes, "%ld.", now_s);
	FUZZ_CHECK(mp_buf_add(&bytes, body == NULL ? data : body + 2, len) == MP_OK);
	mp_hmac_sha256(
		FUZZ_WEBHOOK_SECRET, strlen(FUZZ_WEBHOOK_SECRET), bytes.data, bytes.len, mac);
	mp_hex(mac, sizeof(mac), hex);
	FUZZ_CHECK(mp_text_format(out_header, 160, "Stripe-Signature: t=%ld,v1=%s\r\n", now_s,
			   hex) == MP_OK);
	mp_buf_done(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char header[160];

	sign(data, size, header);
	fuzz_server_send(data, size, header);
	return 0;
}
