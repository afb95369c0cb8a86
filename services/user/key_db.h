#ifndef MP_USER_KEY_DB_H
#define MP_USER_KEY_DB_H

#include "store/store.h"
#include "user_types.h"

/* Stored signing keys. Errors of the store (store.h) pass through. Threads: any. */

/* All of them, by kid. MP_CORRUPT when there are more than SIGNING_KEYS_MAX. */
enum mp_rc key_db_list(struct mp_store *store, struct mp_arena *arena,
	struct signing_key out_keys[SIGNING_KEYS_MAX], size_t *out_count) MP_MUST_CHECK;

/* The first keys of a deployment. MP_EXISTS: another replica has made them meanwhile. */
enum mp_rc key_db_insert_first(struct mp_store *store, struct mp_arena *arena,
	const struct signing_key *keys, size_t count) MP_MUST_CHECK;

#endif
