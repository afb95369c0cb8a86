#include "store/memo.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/engine.h"

#define SLOTS 65536u /* a power of two; six megabytes, touched as they are used */

struct slot {
	uint32_t generation; /* of the table when it was set: an older one is free */
	uint16_t key_len;
	uint16_t value_len;
	char bytes[MP_MEMO_BYTES_MAX]; /* of the key, then of the value */
};

struct mp_memo {
	uint32_t generation;
	struct slot slots[SLOTS];
};

struct mp_memo *mp_memo_new(void)
{
	struct mp_memo *memo = calloc(1, sizeof(*memo));

	if (memo != NULL)
		memo->generation = 1;
	return memo;
}

void mp_memo_free(struct mp_memo *memo)
{
	free(memo);
}

void mp_memo_clear(struct mp_memo *memo)
{
	if (++memo->generation == 0) { /* so many times that old ones would be new again */
		memset(memo->slots, 0, sizeof(memo->slots));
		memo->generation = 1;
	}
}

static size_t place_of(const char *key, size_t key_len)
{
	return mp_store_hash(key, key_len) & (SLOTS - 1);
}

static bool holds(
	const struct mp_memo *memo, const struct slot *slot, const char *key, size_t key_len)
{
	return slot->generation == memo->generation && slot->key_len == key_len &&
	       memcmp(slot->bytes, key, key_len) == 0;
}

void mp_memo_set(
	struct mp_memo *memo, const char *key, size_t key_len, const void *value, size_t value_len)
{
	struct slot *slot = &memo->slots[place_of(key, key_len)];

	if (key_len > MP_MEMO_BYTES_MAX || value_len > MP_MEMO_BYTES_MAX - key_len) {
		mp_memo_forget(memo, key, key_len);
		return;
	}
	slot->generation = memo->generation;
	slot->key_len = (uint16_t)key_len;
	slot->value_len = (uint16_t)value_len;
	memcpy(slot->bytes, key, key_len);
	memcpy(slot->bytes + key_len, value, value_len);
}

void mp_memo_forget(struct mp_memo *memo, const char *key, size_t key_len)
{
	struct slot *slot = &memo->slots[place_of(key, key_len)];

	if (holds(memo, slot, key, key_len))
		slot->generation = 0;
}

const void *mp_memo_get(
	const struct mp_memo *memo, const char *key, size_t key_len, size_t *out_value_len)
{
	const struct slot *slot = &memo->slots[place_of(key, key_len)];

	if (!holds(memo, slot, key, key_len))
		return NULL;
	*out_value_len = slot->value_len;
	return slot->bytes + key_len;
}
