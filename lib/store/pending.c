#include "store/pending.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/engine.h"

/* What grew for one huge group is given back afterwards. */
#define ROOM_KEPT (512u << 10)

void mp_pending_done(struct mp_pending *pending)
{
	free(pending->slots);
	*pending = (struct mp_pending){.slots = NULL};
}

enum mp_rc mp_pending_reset(struct mp_pending *pending, size_t keys_max, size_t keys_bytes)
{
	size_t count = 16;

	while (count < 2 * keys_max)
		count *= 2;
	const size_t slots_bytes = count * sizeof(*pending->slots);
	const size_t wanted = slots_bytes + keys_bytes;
	if (pending->room > ROOM_KEPT || pending->room < wanted)
		mp_pending_done(pending);
	pending->used = 0;
	pending->slots_count = 0;
	pending->keys_bytes = 0;
	if (pending->slots == NULL) {
		pending->slots = malloc(wanted);
		if (pending->slots == NULL)
			return MP_NOMEM;
		pending->room = wanted;
	}
	memset(pending->slots, 0, slots_bytes);
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
		char *copy = (char *)(pending->slots + pending->slots_count) + pending->keys_bytes;
		pending->used++;
		pending->keys_bytes += key_len;
		assert(2 * pending->used <= pending->slots_count);
		assert(copy + key_len <= (char *)pending->slots + pending->room);
		memcpy(copy, key, key_len);
		*slot = (struct mp_pending_slot){.key = copy, .key_len = key_len, .hash = hash};
	}
	slot->version = version;
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
