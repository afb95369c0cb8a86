#include "stripe_signature.h"

#include <string.h>

#include "base/crypto.h"
#include "base/text.h"

#define MAC_HEX_LEN (MP_SHA256_HEX_SIZE - 1)
#define TIME_DIGITS_MAX 12

struct header {
	char time[TIME_DIGITS_MAX + 1]; /* as it came: its digits are part of what is signed */
	int64_t time_s;
	uint8_t macs[STRIPE_SIGNATURES_MAX][MP_SHA256_BYTES];
	size_t macs_count;
};

enum mp_rc stripe_secrets_parse(const char *text, struct stripe_secrets *out)
{
	struct stripe_secrets secrets = {.count = 0};

	while (text != NULL) {
		const char *comma = strchr(text, ',');
		size_t len = comma != NULL ? (size_t)(comma - text) : strlen(text);
		if (len == 0 || secrets.count == STRIPE_SECRETS_MAX)
			return MP_INVALID;
		secrets.text[secrets.count] = text;
		secrets.len[secrets.count++] = len;
		text = comma != NULL ? comma + 1 : NULL;
	}
	if (secrets.count == 0)
		return MP_INVALID;
	*out = secrets;
	return MP_OK;
}

static bool read_time(struct header *header, const char *value, size_t len)
{
	if (header->time[0] != '\0' || len == 0 || len > TIME_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (value[i] < '0' || value[i] > '9')
			return false;
	}
	memcpy(header->time, value, len);
	header->time[len] = '\0';
	return mp_text_to_int(header->time, &header->time_s) == MP_OK;
}

/* Other schemes (v0 is Stripe's for tests) are passed over, as its documentation asks. */
static bool read_pair(struct header *header, const char *pair, size_t len)
{
	const char *equals = memchr(pair, '=', len);
	if (equals == NULL)
		return false;

	size_t name_len = (size_t)(equals - pair);
	const char *value = equals + 1;
	size_t value_len = len - name_len - 1;
	if (name_len == 1 && pair[0] == 't')
		return read_time(header, value, value_len);
	if (name_len != 2 || memcmp(pair, "v1", 2) != 0)
		return true;
	if (value_len != MAC_HEX_LEN || header->macs_count == STRIPE_SIGNATURES_MAX)
		return false;
	char hex[MAC_HEX_LEN + 1] = "";
	memcpy(hex, value, MAC_HEX_LEN);
	return mp_unhex(hex, MP_SHA256_BYTES, header->macs[header->macs_count++]);
}

static bool read_header(const char *text, struct header *out)
{
	if (text == NULL || strlen(text) > STRIPE_HEADER_BYTES_MAX)
		return false;
	*out = (struct header){.macs_count = 0};
	while (text != NULL) {
		const char *comma = strchr(text, ',');
		size_t len = comma != NULL ? (size_t)(comma - text) : strlen(text);
		if (!read_pair(out, text, len))
			return false;
		text = comma != NULL ? comma + 1 : NULL;
	}
	return out->time[0] != '\0' && out->macs_count > 0;
}

/* Every secret is tried with every signature, so that the time tells nothing. */
static bool any_matches(const struct header *header, const struct stripe_secrets *secrets,
	const char *signed_bytes, size_t len)
{
	bool matches = false;

	for (size_t i = 0; i < secrets->count; i++) {
		uint8_t mac[MP_SHA256_BYTES];
		mp_hmac_sha256(secrets->text[i], secrets->len[i], signed_bytes, len, mac);
		for (size_t k = 0; k < header->macs_count; k++)
			matches |=
				mp_equal_secret(mac, sizeof(mac), header->macs[k], MP_SHA256_BYTES);
	}
	return matches;
}

enum stripe_signature stripe_signature_check(const struct stripe_secrets *secrets,
	const char *header_text, const char *body, size_t body_len, int64_t now_s,
	struct mp_arena *arena)
{
	struct header header;

	if (!read_header(header_text, &header))
		return STRIPE_SIGNATURE_MALFORMED;

	size_t time_len = strlen(header.time);
	size_t len = time_len + 1 + body_len;
	char *signed_bytes = mp_arena_alloc(arena, len);
	if (signed_bytes == NULL)
		return STRIPE_SIGNATURE_NO_MEMORY;
	memcpy(signed_bytes, header.time, time_len);
	signed_bytes[time_len] = '.';
	if (body_len > 0)
		memcpy(signed_bytes + time_len + 1, body, body_len);

	if (!any_matches(&header, secrets, signed_bytes, len))
		return STRIPE_SIGNATURE_WRONG;
	if (header.time_s < now_s - STRIPE_TOLERANCE_S ||
		header.time_s > now_s + STRIPE_TOLERANCE_S)
		return STRIPE_SIGNATURE_TIME;
	return STRIPE_SIGNATURE_GOOD;
}
