#ifndef MP_USER_KEY_DB_H
#define MP_USER_KEY_DB_H

#include "store/store.h"
#include "user_types.h"

/* Stored signing keys. Errors of the store (store.h) pass through. Threads: any. */

/*
 * The version of the set, to be read before its keys: whoever changes the set does so at that
 * version. MP_NOT_FOUND: there are no keys yet.
 */
enum mp_rc key_db_version(
	struct mp_store *store, struct mp_arena *arena, int64_t *out_version) MP_MUST_CHECK;

/* All of them, by kid. MP_CORRUPT when there are more than SIGNING_KEYS_MAX. */
enum mp_rc key_db_list(struct mp_store *store, struct mp_arena *arena,
	struct signing_key out_keys[SIGNING_KEYS_MAX], size_t *out_count) MP_MUST_CHECK;

/* The first keys of a deployment. MP_EXISTS: another replica has made them meanwhile. */
enum mp_rc key_db_insert_first(struct mp_store *store, struct mp_arena *arena,
	const struct signing_key *keys, size_t count) MP_MUST_CHECK;

/*
 * Writes changed (at their versions) and fresh, removes gone, all at once. MP_STALE: the set is not
 * at version any more.
 */
struct key_change {
	int64_t version;
	int64_t now_ms;
	const struct signing_key *changed;
	size_t changed_count;
	const struct signing_key *fresh;
	const struct signing_key *gone;
	size_t gone_count;
};
enum mp_rc key_db_change(struct mp_store *store, struct mp_arena *arena,
	const struct key_change *change) MP_MUST_CHECK;

#endif
