#ifndef MP_STORE_CODEC_H
#define MP_STORE_CODEC_H

#include <string.h>

#include "store/item.h"

/*
 * An item's stored form, for engines that keep bytes. The key is pk, a zero byte, sk: no key has a
 * byte below 0x20, so that stored keys sort by pk, then sk. The record, with numbers as LEB128:
 *
 *	record := record format (1), item version, item format, expiry, map
 *	map    := count, attribute...
 *	attr   := name length * 8 + type, name, zero byte, value
 *	value  := TEXT: length, bytes, zero byte | INT: zigzag | FALSE, TRUE: nothing
 *	        | LIST: count, map... | MAP: map
 *
 * The zero bytes make names and texts usable where they stand: reading copies a record once.
 * All functions are pure.
 */
#define MP_RECORD_FORMAT 1

#define MP_STORED_KEY_MAX (2 * MP_KEY_BYTES_MAX + 1)

/* Whether the text can be a pk or sk. NULL gives false. */
bool mp_key_is_valid(const char *key);

/* The stored key's bytes into out, which has room for it; returns their number. */
size_t mp_key_write(const char *pk, const char *sk, char *out);

/* Below, at or above 0: the order in which stored keys, or sort keys alone, stand. */
static inline int mp_key_compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

/* MP_CORRUPT when the bytes are not a stored key. */
enum mp_rc mp_key_read(const void *bytes, size_t len, struct mp_arena *arena, const char **out_pk,
	const char **out_sk) MP_MUST_CHECK;

/*
 * The most bytes that the item's record takes, whatever its version. Errors: the first failure of
 * building it, MP_INVALID (a negative expiry), MP_TOO_LARGE (bytes or depth).
 */
enum mp_rc mp_record_measure(const struct mp_item *item, size_t *out_bytes) MP_MUST_CHECK;

/* The record into out, which has room for what mp_record_measure said; returns its bytes. */
size_t mp_record_write(const struct mp_item *item, int64_t version, void *out);

struct mp_record_head {
	int64_t version;
	int64_t expires_at_s;
	uint32_t format;
};

/* What conditions look at, without reading the rest. MP_CORRUPT. */
enum mp_rc mp_record_read_head(
	const void *bytes, size_t len, struct mp_record_head *out_head) MP_MUST_CHECK;

/* The item, all in the arena; pk and sk are borrowed. MP_CORRUPT, MP_NOMEM. */
enum mp_rc mp_record_read(const void *bytes, size_t len, const char *pk, const char *sk,
	struct mp_arena *arena, struct mp_item **out_item) MP_MUST_CHECK;

/* Whether an item with this expiry reads as absent now. */
static inline bool mp_record_is_expired(int64_t expires_at_s, int64_t now_s)
{
	return expires_at_s != 0 && expires_at_s <= now_s;
}

#endif
