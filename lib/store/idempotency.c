#include "store/idempotency.h"

#include <string.h>

#define FORMAT 1

/*
 * pk KEY#<caller>, sk the SHA-256 of the key: a client may send any bytes that a header can hold.
 */
#define PREFIX "KEY#"

enum mp_rc mp_idempotency_find(struct mp_store *store, const struct mp_idempotency *request,
	struct mp_arena *arena, struct mp_id *out_resource_id)
{
	char sk[MP_SHA256_HEX_SIZE];
	char digest[MP_SHA256_HEX_SIZE];
	struct mp_item_reader reader;
	struct mp_item *item;
	struct mp_id id;

	if (request->key == NULL)
		return MP_NOT_FOUND;
	const char *pk = mp_arena_printf(arena, PREFIX "%s", request->caller);
	if (pk == NULL)
		return MP_NOMEM;
	mp_sha256_hex(request->key, strlen(request->key), sk);
	enum mp_rc rc = mp_store_get(store, pk, sk, arena, &item);
	if (rc != MP_OK)
		return rc;

	mp_item_read_begin(&reader, item, FORMAT);
	mp_item_read_copy(&reader, "digest", digest, sizeof(digest));
	mp_item_read_id(&reader, "resource_id", &id);
	rc = mp_item_read_end(&reader);
	if (rc != MP_OK)
		return rc;
	if (strcmp(digest, request->digest) != 0)
		return MP_CONFLICT;
	*out_resource_id = id;
	return MP_OK;
}

size_t mp_idempotency_insert(struct mp_txn *txn, const struct mp_idempotency *request,
	const struct mp_id *resource_id, int64_t expires_at_s)
{
	char sk[MP_SHA256_HEX_SIZE];

	if (request->key == NULL)
		return MP_OP_NONE;
	const char *pk = mp_arena_printf(txn->arena, PREFIX "%s", request->caller);
	mp_sha256_hex(request->key, strlen(request->key), sk);
	struct mp_item *item = mp_item_new(txn->arena, pk, sk, FORMAT);
	if (item != NULL)
		item->expires_at_s = expires_at_s;
	mp_map_set_text(mp_item_attrs(item), "digest", request->digest);
	mp_map_set_id(mp_item_attrs(item), "resource_id", resource_id);
	return mp_txn_insert(txn, item);
}
