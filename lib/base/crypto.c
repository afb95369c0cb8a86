#include "base/crypto.h"

#include <assert.h>
#include <nettle/sha2.h>
#include <sodium.h>
#include <string.h>

static const char hex_digits[] = "0123456789abcdef";

/* Eight bytes a system call would cost more than the id they are for. */
static _Thread_local struct {
	uint64_t numbers[64];
	size_t left;
} pool;

enum mp_rc mp_crypto_init(void)
{
	return sodium_init() < 0 ? MP_BUG : MP_OK; /* 1: was done before */
}

void mp_random_bytes(void *out_bytes, size_t len)
{
	randombytes_buf(out_bytes, len);
}

uint64_t mp_random_number(void)
{
	if (pool.left == 0) {
		randombytes_buf(pool.numbers, sizeof(pool.numbers));
		pool.left = sizeof(pool.numbers) / sizeof(pool.numbers[0]);
	}
	return pool.numbers[--pool.left];
}

void mp_sha256(const void *bytes, size_t len, uint8_t out_hash[MP_SHA256_BYTES])
{
	struct sha256_ctx context;

	/* With the processor's instructions for it: libsodium's takes eight times as long. */
	static_assert(MP_SHA256_BYTES == SHA256_DIGEST_SIZE, "SHA-256 is 32 bytes");
	sha256_init(&context);
	sha256_update(&context, len, bytes);
	sha256_digest(&context, MP_SHA256_BYTES, out_hash);
}

void mp_sha256_hex(const void *bytes, size_t len, char out_hex[MP_SHA256_HEX_SIZE])
{
	uint8_t hash[MP_SHA256_BYTES];

	mp_sha256(bytes, len, hash);
	mp_hex(hash, sizeof(hash), out_hex);
}

void mp_hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len,
	uint8_t out_mac[MP_SHA256_BYTES])
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, key, key_len);
	crypto_auth_hmacsha256_update(&state, bytes, len);
	crypto_auth_hmacsha256_final(&state, out_mac);
	sodium_memzero(&state, sizeof(state));
}

void mp_hex(const uint8_t *bytes, size_t len, char *out_hex)
{
	for (size_t i = 0; i < len; i++) {
		out_hex[2 * i] = hex_digits[bytes[i] >> 4];
		out_hex[2 * i + 1] = hex_digits[bytes[i] & 0xf];
	}
	out_hex[2 * len] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool mp_unhex(const char *hex, size_t len, uint8_t *out_bytes)
{
	if (hex == NULL || strnlen(hex, 2 * len + 1) != 2 * len)
		return false;
	for (size_t i = 0; i < 2 * len; i++) {
		if (hex_value(hex[i]) < 0)
			return false;
	}
	for (size_t i = 0; i < len; i++)
		out_bytes[i] = (uint8_t)(hex_value(hex[2 * i]) << 4 | hex_value(hex[2 * i + 1]));
	return true;
}

void mp_base64url(const void *bytes, size_t len, char *out_text, size_t out_size)
{
	/* libsodium would end the process too, with less to go by. */
	assert(out_size >=
		sodium_base64_encoded_len(len, sodium_base64_VARIANT_URLSAFE_NO_PADDING));
	sodium_bin2base64(out_text, out_size, bytes, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

enum mp_rc mp_base64url_decode(
	const char *text, size_t text_len, uint8_t *out_bytes, size_t out_size, size_t *out_len)
{
	size_t len;

	if (text == NULL)
		return MP_INVALID;
	if (text_len / 4 * 3 + text_len % 4 * 3 / 4 > out_size)
		return MP_TOO_LARGE;
	/* libsodium takes some bytes that are not ASCII for letters. */
	for (size_t i = 0; i < text_len; i++) {
		if ((unsigned char)text[i] >= 0x80)
			return MP_INVALID;
	}
	/* Refuses padding, other alphabets and bits behind the last byte: one spelling a value. */
	if (sodium_base642bin(out_bytes, out_size, text, text_len, NULL, &len, NULL,
		    sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
		return MP_INVALID;
	*out_len = len;
	return MP_OK;
}

bool mp_equal_secret(const void *a, size_t a_len, const void *b, size_t b_len)
{
	if (a_len != b_len)
		return false;
	return a_len == 0 || sodium_memcmp(a, b, a_len) == 0;
}
