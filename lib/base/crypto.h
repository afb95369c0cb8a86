#ifndef MP_BASE_CRYPTO_H
#define MP_BASE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

/*
 * Thin covers over libsodium and, for SHA-256, Nettle; mp_crypto_init once, first thing in main.
 * MP_BUG when it fails.
 */
enum mp_rc mp_crypto_init(void) MP_MUST_CHECK;

#define MP_SHA256_BYTES 32
#define MP_SHA256_HEX_SIZE 65

/* For secrets. */
void mp_random_bytes(void *out_bytes, size_t len);

/*
 * For ids: as good, and cheap, from a pool of each thread's own. Not for secrets: the pool stays in
 * memory. A process that forks would share it with its child.
 */
uint64_t mp_random_number(void);

void mp_sha256(const void *bytes, size_t len, uint8_t out_hash[MP_SHA256_BYTES]);
void mp_sha256_hex(const void *bytes, size_t len, char out_hex[MP_SHA256_HEX_SIZE]);

/* HMAC-SHA256 (RFC 2104) with a key of any length. */
void mp_hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len,
	uint8_t out_mac[MP_SHA256_BYTES]);

/* out_hex needs 2 * len + 1 bytes. Lower case. */
void mp_hex(const uint8_t *bytes, size_t len, char *out_hex);

/* Exactly len bytes from 2 * len hex digits of either case; false otherwise. */
bool mp_unhex(const char *hex, size_t len, uint8_t *out_bytes);

/*
 * base64url without padding (RFC 4648 section 5). Encode needs 4 * (len + 2) / 3 + 1 bytes. Decode
 * takes one spelling of a value only. Errors: MP_INVALID (out_bytes may hold a part), MP_TOO_LARGE
 * when out_size is too small.
 */
void mp_base64url(const void *bytes, size_t len, char *out_text, size_t out_size);
enum mp_rc mp_base64url_decode(const char *text, size_t text_len, uint8_t *out_bytes,
	size_t out_size, size_t *out_len) MP_MUST_CHECK;

/* Compares in a time that depends on the lengths only. */
bool mp_equal_secret(const void *a, size_t a_len, const void *b, size_t b_len);

#endif
