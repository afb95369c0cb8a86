#include "store/by_id.h"

enum mp_rc mp_store_get_by_ids(struct mp_store *store, const struct mp_id *ids, size_t count,
	mp_pk_of_id pk_of, const char *sk, struct mp_arena *arena, struct mp_item ***out_items)
{
	struct mp_key *keys = mp_arena_array(arena, count, sizeof(*keys));
	struct mp_item **items = mp_arena_array(arena, count, sizeof(struct mp_item *));

	if (keys == NULL || items == NULL)
		return MP_NOMEM;
	for (size_t i = 0; i < count; i++) {
		keys[i] = (struct mp_key){pk_of(arena, &ids[i]), sk};
		if (keys[i].pk == NULL)
			return MP_NOMEM;
	}
	*out_items = items;
	return mp_store_batch_get(store, keys, count, arena, items);
}
