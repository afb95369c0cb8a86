#ifndef MP_STORE_PENDING_H
#define MP_STORE_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

/*
 * What the transactions of a group change, before readers can see it: the versions that later ones
 * of the group, and of the next group, must see. An open hash table over keys of its own. Threads:
 * one that sets, or many that get.
 */
struct mp_pending_slot {
	const char *key; /* NULL: free */
	size_t key_len;
	uint64_t hash;
	int64_t version;
};

struct mp_pending {
	struct mp_pending_slot *slots; /* owned; the keys' bytes are behind them */
	size_t slots_count;	       /* a power of two, in use */
	size_t used;
	size_t keys_bytes;
	size_t room; /* bytes for both */
};

/*
 * Empties the table and makes room for keys_max keys of keys_bytes together. MP_NOMEM: it is empty
 * and takes none.
 */
enum mp_rc mp_pending_reset(
	struct mp_pending *pending, size_t keys_max, size_t keys_bytes) MP_MUST_CHECK;
void mp_pending_done(struct mp_pending *pending);

/* version 0: the item is absent now. Within the room that reset made. */
void mp_pending_set(struct mp_pending *pending, const char *key, size_t key_len, int64_t version);

/* False when the group has not touched the key. */
bool mp_pending_get(
	const struct mp_pending *pending, const char *key, size_t key_len, int64_t *out_version);

#endif
