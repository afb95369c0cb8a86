#include "key_db.h"

#include <string.h>

#include "base/text.h"

/*
 *	pk    sk           attributes
 *	KEYS  KEY#<kid>    state ("next", "active", "retired"), jwk (the private key as JSON),
 *	                   created_at, changed_at (ms)
 *	KEYS  RING         changed_at (ms): every change of the set inserts or replaces it, too, so
 *	                   that of several replicas one alone makes or rotates the keys
 */
#define FORMAT 1
#define PK "KEYS"
#define SK_RING "RING"
#define SK_PREFIX "KEY#"

static const char *const state_names[] = {
	[KEY_NEXT] = "next", [KEY_ACTIVE] = "active", [KEY_RETIRED] = "retired"};

static struct mp_item *to_item(struct mp_arena *arena, const struct signing_key *key)
{
	struct mp_item *item =
		mp_item_new(arena, PK, mp_arena_printf(arena, SK_PREFIX "%s", key->kid), FORMAT);
	struct mp_map *attrs = mp_item_attrs(item);

	mp_map_set_text(attrs, "state", state_names[key->state]);
	mp_map_set_text(attrs, "jwk", key->jwk);
	mp_map_set_int(attrs, "created_at", key->created_at_ms);
	mp_map_set_int(attrs, "changed_at", key->changed_at_ms);
	return item;
}

static bool parse_state(const char *name, enum signing_key_state *out_state)
{
	for (size_t i = 0; i < sizeof(state_names) / sizeof(state_names[0]); i++) {
		if (strcmp(state_names[i], name) == 0) {
			*out_state = (enum signing_key_state)i;
			return true;
		}
	}
	return false;
}

static enum mp_rc from_item(const struct mp_item *item, struct signing_key *out)
{
	struct mp_item_reader r;
	struct signing_key key = {.version = item->version};
	const char *state = "";

	mp_item_read_begin(&r, item, FORMAT);
	mp_item_read_text(&r, "state", &state);
	mp_item_read_copy(&r, "jwk", key.jwk, sizeof(key.jwk));
	mp_item_read_int(&r, "created_at", &key.created_at_ms);
	mp_item_read_int(&r, "changed_at", &key.changed_at_ms);
	enum mp_rc rc = mp_item_read_end(&r);
	if (rc != MP_OK)
		return rc;
	if (!parse_state(state, &key.state) ||
		mp_text_copy(key.kid, sizeof(key.kid), item->sk + strlen(SK_PREFIX)) != MP_OK)
		return MP_CORRUPT;
	*out = key;
	return MP_OK;
}

enum mp_rc key_db_list(struct mp_store *store, struct mp_arena *arena,
	struct signing_key out_keys[SIGNING_KEYS_MAX], size_t *out_count)
{
	struct mp_query query = {
		.pk = PK,
		.sk_min = SK_PREFIX,
		.sk_max = SK_PREFIX "~",
		.limit = SIGNING_KEYS_MAX + 1,
	};
	struct mp_page page = {.more = true};
	size_t count = 0;

	while (page.more) {
		enum mp_rc rc = mp_store_query(store, &query, arena, &page);

		if (rc == MP_OK && count + page.count > SIGNING_KEYS_MAX)
			rc = MP_CORRUPT;
		for (size_t i = 0; rc == MP_OK && i < page.count; i++)
			rc = from_item(page.items[i], &out_keys[count++]);
		if (rc != MP_OK)
			return rc;
		if (page.last_sk == NULL)
			break;
		query.after = page.last_sk;
	}
	*out_count = count;
	return MP_OK;
}

static struct mp_item *ring_item(struct mp_arena *arena, int64_t now_ms)
{
	struct mp_item *ring = mp_item_new(arena, PK, SK_RING, FORMAT);

	mp_map_set_int(mp_item_attrs(ring), "changed_at", now_ms);
	return ring;
}

enum mp_rc key_db_version(struct mp_store *store, struct mp_arena *arena, int64_t *out_version)
{
	struct mp_item *ring = NULL;
	enum mp_rc rc = mp_store_get(store, PK, SK_RING, arena, &ring);

	if (rc == MP_OK)
		*out_version = ring->version;
	return rc;
}

enum mp_rc key_db_insert_first(struct mp_store *store, struct mp_arena *arena,
	const struct signing_key *keys, size_t count)
{
	struct mp_txn txn;

	mp_txn_begin(&txn, store, arena);
	(void)mp_txn_insert(&txn, ring_item(arena, keys[0].changed_at_ms));
	for (size_t i = 0; i < count; i++)
		(void)mp_txn_insert(&txn, to_item(arena, &keys[i]));
	return mp_txn_commit(&txn, NULL);
}

enum mp_rc key_db_change(
	struct mp_store *store, struct mp_arena *arena, const struct key_change *change)
{
	struct mp_txn txn;

	mp_txn_begin(&txn, store, arena);
	(void)mp_txn_replace(&txn, ring_item(arena, change->now_ms), change->version);
	for (size_t i = 0; i < change->changed_count; i++)
		(void)mp_txn_replace(
			&txn, to_item(arena, &change->changed[i]), change->changed[i].version);
	(void)mp_txn_insert(&txn, to_item(arena, change->fresh));
	for (size_t i = 0; i < change->gone_count; i++)
		(void)mp_txn_remove(&txn, PK,
			mp_arena_printf(arena, SK_PREFIX "%s", change->gone[i].kid),
			change->gone[i].version);
	return mp_txn_commit(&txn, NULL);
}
