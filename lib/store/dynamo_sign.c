#include "store/dynamo_sign.h"

#include <string.h>
#include <time.h>

#include "base/crypto.h"

#define SERVICE "dynamodb"
#define ALGORITHM "AWS4-HMAC-SHA256"
#define HEX_SIZE MP_SHA256_HEX_SIZE

static void format_date(int64_t time_s, char out_date[MP_SIGN_DATE_SIZE])
{
	time_t seconds = (time_t)time_s;
	struct tm utc;

	if (gmtime_r(&seconds, &utc) == NULL ||
		strftime(out_date, MP_SIGN_DATE_SIZE, "%Y%m%dT%H%M%SZ", &utc) == 0)
		out_date[0] = '\0'; /* a year beyond 9999: refused by whoever checks it */
}

static void hmac_text(
	const uint8_t key[MP_SHA256_BYTES], const char *text, uint8_t out_mac[MP_SHA256_BYTES])
{
	mp_hmac_sha256(key, MP_SHA256_BYTES, text, strlen(text), out_mac);
}

/* The key of one day, region and service. */
static enum mp_rc signing_key(const struct mp_sign_request *request, const char *day,
	struct mp_arena *arena, uint8_t out_key[MP_SHA256_BYTES])
{
	const char *secret = mp_arena_printf(arena, "AWS4%s", request->secret_access_key);
	uint8_t key[MP_SHA256_BYTES];

	if (secret == NULL)
		return MP_NOMEM;
	mp_hmac_sha256(secret, strlen(secret), day, strlen(day), key);
	hmac_text(key, request->region, out_key);
	hmac_text(out_key, SERVICE, key);
	hmac_text(key, "aws4_request", out_key);
	return MP_OK;
}

/* The headers that are signed, in the order of their names. */
static const char *signed_names(const struct mp_sign_request *request)
{
	return request->session_token == NULL
		       ? "content-type;host;x-amz-date;x-amz-target"
		       : "content-type;host;x-amz-date;x-amz-security-token;x-amz-target";
}

static const char *canonical_request(
	const struct mp_sign_request *request, const char *date, struct mp_arena *arena)
{
	bool with_token = request->session_token != NULL;
	char body_hash[HEX_SIZE];

	mp_sha256_hex(request->body, request->body_len, body_hash);
	return mp_arena_printf(arena,
		"POST\n/"
		"\n\ncontent-type:%s\nhost:%s\nx-amz-date:%s\n%s%s%sx-amz-target:%s\n\n%s\n%s",
		request->content_type, request->host, date,
		with_token ? "x-amz-security-token:" : "", with_token ? request->session_token : "",
		with_token ? "\n" : "", request->target, signed_names(request), body_hash);
}

enum mp_rc mp_sign(const struct mp_sign_request *request, struct mp_arena *arena,
	struct mp_signature *out_signature)
{
	struct mp_signature signature;
	char request_hash[HEX_SIZE];
	char mac_hex[HEX_SIZE];
	uint8_t key[MP_SHA256_BYTES];
	uint8_t mac[MP_SHA256_BYTES];

	format_date(request->time_s, signature.date);
	const char *day = mp_arena_strndup(arena, signature.date, strlen("20261123"));
	const char *canonical = canonical_request(request, signature.date, arena);
	if (day == NULL || canonical == NULL || signing_key(request, day, arena, key) != MP_OK)
		return MP_NOMEM;
	mp_sha256_hex(canonical, strlen(canonical), request_hash);
	const char *scope =
		mp_arena_printf(arena, "%s/%s/" SERVICE "/aws4_request", day, request->region);
	const char *to_sign = scope == NULL ? NULL
					    : mp_arena_printf(arena, ALGORITHM "\n%s\n%s\n%s",
						      signature.date, scope, request_hash);
	if (to_sign == NULL)
		return MP_NOMEM;
	hmac_text(key, to_sign, mac);
	mp_hex(mac, sizeof(mac), mac_hex);
	signature.authorization = mp_arena_printf(arena,
		ALGORITHM " Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		request->access_key_id, scope, signed_names(request), mac_hex);
	if (signature.authorization == NULL)
		return MP_NOMEM;
	*out_signature = signature;
	return MP_OK;
}
