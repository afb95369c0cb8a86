#ifndef MP_STORE_IDEMPOTENCY_H
#define MP_STORE_IDEMPOTENCY_H

#include "base/crypto.h"
#include "store/store.h"

/*
 * Idempotency keys of logged-on users' requests: an item inserted in the transaction of the effect,
 * naming the resource that it made.
 */
struct mp_idempotency {
	const char *caller;		 /* the user's id */
	const char *key;		 /* the header; NULL: none was sent */
	char digest[MP_SHA256_HEX_SIZE]; /* of method, path and body */
	bool replayed;			 /* out, by the domain: what it made before is the answer */
};

#define MP_IDEMPOTENCY_KEY_MAX 255

/*
 * Looks the key up. MP_NOT_FOUND: new (or no key); MP_OK: *out_resource_id is what it made;
 * MP_CONFLICT: the key came before with another body; or a store error.
 */
enum mp_rc mp_idempotency_find(struct mp_store *store, const struct mp_idempotency *request,
	struct mp_arena *arena, struct mp_id *out_resource_id) MP_MUST_CHECK;

/*
 * Adds the key's item to the effect's transaction; nothing without a key. expires_at_s 0: never.
 * Returns the operation's index or MP_OP_NONE: when commit refuses just this operation with
 * MP_EXISTS, a twin won: find again.
 */
size_t mp_idempotency_insert(struct mp_txn *txn, const struct mp_idempotency *request,
	const struct mp_id *resource_id, int64_t expires_at_s);

#endif
