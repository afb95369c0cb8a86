#include "throttle_db.h"

#include <assert.h>

/*
 *	pk             sk       attributes
 *	TRIES#<hash>   BUCKET   full_at (ms); expires when it is full, or, of a name and a network
 *	                        that know each other, when that is forgotten
 *
 * The hash is of a name, a network or a pair of them: addresses are not kept as they are.
 */
#define FORMAT 1
#define SK "BUCKET"
#define BUCKETS_MAX 3

static const char *pk_of(struct mp_arena *arena, const struct throttle_bucket *bucket)
{
	return mp_arena_printf(arena, "TRIES#%s", bucket->hash);
}

static enum mp_rc from_item(const struct mp_item *item, struct throttle_bucket *bucket)
{
	struct mp_item_reader r;
	int64_t full_at_ms = 0;

	mp_item_read_begin(&r, item, FORMAT);
	mp_item_read_int(&r, "full_at", &full_at_ms);
	enum mp_rc rc = mp_item_read_end(&r);
	if (rc != MP_OK)
		return rc;
	bucket->full_at_ms = full_at_ms;
	bucket->expires_at_s = item->expires_at_s;
	bucket->version = item->version;
	return MP_OK;
}

enum mp_rc throttle_db_get(struct mp_store *store, struct mp_arena *arena,
	struct throttle_bucket *buckets, size_t count)
{
	struct mp_item *items[BUCKETS_MAX] = {NULL};
	struct mp_key keys[BUCKETS_MAX] = {{NULL, NULL}};

	assert(count <= BUCKETS_MAX);
	for (size_t i = 0; i < count; i++) {
		keys[i] = (struct mp_key){pk_of(arena, &buckets[i]), SK};
		if (keys[i].pk == NULL)
			return MP_NOMEM;
	}
	enum mp_rc rc = mp_store_batch_get(store, keys, count, arena, items);
	for (size_t i = 0; rc == MP_OK && i < count; i++) {
		if (items[i] != NULL)
			rc = from_item(items[i], &buckets[i]);
	}
	return rc;
}

enum mp_rc throttle_db_write(struct mp_store *store, struct mp_arena *arena,
	const struct throttle_bucket *buckets, size_t count)
{
	struct mp_txn txn;

	mp_txn_begin(&txn, store, arena);
	for (size_t i = 0; i < count; i++) {
		struct mp_item *item = mp_item_new(arena, pk_of(arena, &buckets[i]), SK, FORMAT);

		if (item != NULL)
			item->expires_at_s = buckets[i].expires_at_s;
		mp_map_set_int(mp_item_attrs(item), "full_at", buckets[i].full_at_ms);
		if (buckets[i].version == 0)
			(void)mp_txn_insert(&txn, item);
		else
			(void)mp_txn_replace(&txn, item, buckets[i].version);
	}
	enum mp_rc rc = mp_txn_commit(&txn, NULL);
	return rc == MP_EXISTS ? MP_STALE : rc;
}
