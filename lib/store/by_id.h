#ifndef MP_STORE_BY_ID_H
#define MP_STORE_BY_ID_H

#include "base/id.h"
#include "store/store.h"

/* A partition's key of an id; NULL without memory. */
typedef const char *(*mp_pk_of_id)(struct mp_arena *arena, const struct mp_id *id);

/* As mp_store_batch_get, for ids whose items have one kind of key. *out_items: one for each. */
enum mp_rc mp_store_get_by_ids(struct mp_store *store, const struct mp_id *ids, size_t count,
	mp_pk_of_id pk_of, const char *sk, struct mp_arena *arena,
	struct mp_item ***out_items) MP_MUST_CHECK;

#endif
