#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "metrics/metrics.h"
#include "store/codec.h"
#include "store/engine.h"
#include "store/store.h"

#define OPS_FIRST 16

void mp_txn_begin(struct mp_txn *txn, struct mp_store *store, struct mp_arena *arena)
{
	*txn = (struct mp_txn){.store = store, .arena = arena, .rc = MP_OK};
}

static bool ops_grow(struct mp_txn *txn)
{
	size_t capacity = txn->capacity == 0 ? OPS_FIRST : 2 * txn->capacity;
	struct mp_op *ops = mp_arena_array(txn->arena, capacity, sizeof(*ops));

	if (ops == NULL)
		return false;
	if (txn->count > 0)
		memcpy(ops, txn->ops, txn->count * sizeof(*ops));
	txn->ops = ops;
	txn->capacity = capacity;
	return true;
}

static size_t txn_add(struct mp_txn *txn, const struct mp_op *op)
{
	if (txn->rc != MP_OK)
		return MP_OP_NONE;
	if (txn->count == mp_store_txn_ops_max(txn->store)) {
		txn->rc = MP_INVALID;
		return MP_OP_NONE;
	}
	if (txn->count == txn->capacity && !ops_grow(txn)) {
		txn->rc = MP_NOMEM;
		return MP_OP_NONE;
	}
	txn->ops[txn->count] = *op;
	return txn->count++;
}

static size_t txn_add_item(
	struct mp_txn *txn, enum mp_op_kind kind, const struct mp_item *item, int64_t version)
{
	if (item == NULL) {
		if (txn->rc == MP_OK)
			txn->rc = MP_NOMEM;
		return MP_OP_NONE;
	}
	return txn_add(txn, &(const struct mp_op){.kind = kind,
				    .pk = item->pk,
				    .sk = item->sk,
				    .version = version,
				    .item = item});
}

size_t mp_txn_insert(struct mp_txn *txn, const struct mp_item *item)
{
	return txn_add_item(txn, MP_OP_INSERT, item, 0);
}

size_t mp_txn_append(struct mp_txn *txn, const struct mp_item *item)
{
	size_t op = mp_txn_insert(txn, item);

	if (op != MP_OP_NONE)
		txn->ops[op].appends = true;
	return op;
}

size_t mp_txn_replace(struct mp_txn *txn, const struct mp_item *item, int64_t version)
{
	return txn_add_item(txn, MP_OP_REPLACE, item, version);
}

size_t mp_txn_put(struct mp_txn *txn, const struct mp_item *item)
{
	return txn_add_item(txn, MP_OP_PUT, item, 0);
}

size_t mp_txn_remove(struct mp_txn *txn, const char *pk, const char *sk, int64_t version)
{
	return txn_add(txn, &(const struct mp_op){
				    .kind = MP_OP_REMOVE, .pk = pk, .sk = sk, .version = version});
}

size_t mp_txn_check(struct mp_txn *txn, const char *pk, const char *sk, int64_t version)
{
	return txn_add(txn,
		&(const struct mp_op){.kind = MP_OP_CHECK, .pk = pk, .sk = sk, .version = version});
}

size_t mp_txn_restore(struct mp_txn *txn, const struct mp_item *item)
{
	return txn_add_item(txn, MP_OP_RESTORE, item, item == NULL ? 0 : item->version);
}

/* --- commit: what is wrong whatever is stored is refused here, the same for every engine --- */

static bool version_is_valid(const struct mp_op *op)
{
	switch (op->kind) {
	case MP_OP_INSERT:
	case MP_OP_PUT:
		return true;
	case MP_OP_REPLACE:
	case MP_OP_REMOVE:
	case MP_OP_RESTORE:
		return op->version >= 1 && op->version < INT64_MAX;
	case MP_OP_CHECK:
		return op->version >= 0;
	}
	return false;
}

static enum mp_rc check_ops(struct mp_txn *txn)
{
	size_t bytes = 0;

	for (size_t i = 0; i < txn->count; i++) {
		struct mp_op *op = &txn->ops[i];
		if (!mp_key_is_valid(op->pk) || !mp_key_is_valid(op->sk) || !version_is_valid(op))
			return MP_INVALID;
		if (op->item != NULL) {
			enum mp_rc rc = mp_record_measure(op->item, &op->item_bytes);
			if (rc != MP_OK)
				return rc;
		}
		bytes += strlen(op->pk) + strlen(op->sk) + op->item_bytes;
		if (bytes > MP_TXN_BYTES_MAX)
			return MP_TOO_LARGE;
	}
	return MP_OK;
}

static bool same_item(const struct mp_op *a, const struct mp_op *b)
{
	return strcmp(a->sk, b->sk) == 0 && strcmp(a->pk, b->pk) == 0;
}

/* One slot of an open hash table over the operations' keys. */
struct op_slot {
	uint32_t hash;
	uint32_t op; /* its index plus 1; 0: free */
};

/* MP_INVALID when two operations name one item. */
static enum mp_rc check_distinct(const struct mp_txn *txn)
{
	size_t slots_count = 4;

	if (txn->count < 2)
		return MP_OK;
	while (slots_count < 2 * txn->count)
		slots_count *= 2;
	struct op_slot *slots = mp_arena_array(txn->arena, slots_count, sizeof(*slots));
	if (slots == NULL)
		return MP_NOMEM;

	for (size_t i = 0; i < txn->count; i++) {
		const struct mp_op *op = &txn->ops[i];
		uint64_t hash = mp_store_hash(op->pk, strlen(op->pk)) +
				31 * mp_store_hash(op->sk, strlen(op->sk));
		size_t at = hash & (slots_count - 1);
		for (; slots[at].op != 0; at = (at + 1) & (slots_count - 1)) {
			if (slots[at].hash == (uint32_t)(hash >> 32) &&
				same_item(&txn->ops[slots[at].op - 1], op))
				return MP_INVALID;
		}
		slots[at] = (struct op_slot){.hash = (uint32_t)(hash >> 32), .op = (uint32_t)i + 1};
	}
	return MP_OK;
}

enum mp_rc mp_txn_commit(struct mp_txn *txn, size_t *reterr_op)
{
	size_t refused = MP_OP_NONE;

	enum mp_rc rc = txn->rc;
	if (rc == MP_OK)
		rc = check_ops(txn);
	if (rc == MP_OK)
		rc = check_distinct(txn);
	if (rc == MP_OK && txn->count > 0) {
		const struct mp_store *store = txn->store;
		int64_t began_us = mp_clock_mono_us();
		rc = store->engine->commit(store->data, txn, &refused);
		mp_metric_observe_us(store->commits, mp_clock_mono_us() - began_us);
		assert(rc == MP_OK ||
			(refused < txn->count) == (rc == MP_EXISTS || rc == MP_STALE));
	}
	if (rc != MP_OK) {
		if (reterr_op != NULL)
			*reterr_op = refused;
		return rc;
	}
	if (txn->committed.call != NULL)
		txn->committed.call(txn->committed.ctx);
	return MP_OK;
}
