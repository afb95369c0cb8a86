#include "store/pending.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/engine.h"

/* A table that grew for one huge group is given back afterwards. */
#define CAPACITY_KEPT 4096u

void mp_pending_done(struct mp_pending *pending)
{
	free(pending->slots);
	*pending = (struct mp_pending){.slots = NULL};
}

enum mp_rc mp_pending_reset(struct mp_pending *pending, size_t keys_max)
{
	size_t count = 16;

	if (pending->capacity > CAPACITY_KEPT)
		mp_pending_done(pending);
	pending->used = 0;
	pending->slots_count = 0;
	while (count < 2 * keys_max)
		count *= 2;
	if (count > pending->capacity) {
		struct mp_pending_slot *slots = malloc(count * sizeof(*slots));
		if (slots == NULL)
			return MP_NOMEM;
		free(pending->slots);
		pending->slots = slots;
		pending->capacity = count;
	}
	memset(pending->slots, 0, count * sizeof(*pending->slots));
	pending->slots_count = count;
	return MP_OK;
}

/* The key's slot, or the free one where it belongs. */
static struct mp_pending_slot *find(
	const struct mp_pending *pending, const char *key, size_t key_len, uint64_t hash)
{
	size_t at = hash & (pending->slots_count - 1);

	for (;; at = (at + 1) & (pending->slots_count - 1)) {
		struct mp_pending_slot *slot = &pending->slots[at];
		if (slot->key == NULL || (slot->hash == hash && slot->key_len == key_len &&
						 memcmp(slot->key, key, key_len) == 0))
			return slot;
	}
}

void mp_pending_set(struct mp_pending *pending, const char *key, size_t key_len, int64_t version)
{
	uint64_t hash = mp_store_hash(key, key_len);
	struct mp_pending_slot *slot = find(pending, key, key_len, hash);

	if (slot->key == NULL) {
		pending->used++;
		assert(2 * pending->used <= pending->slots_count);
	}
	*slot = (struct mp_pending_slot){
		.key = key, .key_len = key_len, .hash = hash, .version = version};
}

bool mp_pending_get(
	const struct mp_pending *pending, const char *key, size_t key_len, int64_t *out_version)
{
	if (pending->used == 0)
		return false;

	const struct mp_pending_slot *slot =
		find(pending, key, key_len, mp_store_hash(key, key_len));
	if (slot->key == NULL)
		return false;
	*out_version = slot->version;
	return true;
}
