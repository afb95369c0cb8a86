#include "store/store.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/metrics.h"
#include "store/codec.h"
#include "store/engine.h"

static const struct {
	const char *name;
	mp_store_opener open;
} openers[] = {
	{"rocksdb", mp_rocksdb_open},
	{"dynamodb", mp_dynamo_open},
};

void mp_store_say(char *reterr, size_t reterr_size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vsnprintf(reterr, reterr_size, format, args) < 0)
		reterr[0] = '\0';
	va_end(args);
}

uint64_t mp_store_hash(const void *bytes, size_t len)
{
	const unsigned char *at = bytes;
	uint64_t hash = len * 0x9e3779b97f4a7c15u;
	uint64_t word;

	for (; len >= sizeof(word); at += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		hash = (hash ^ word) * 0xff51afd7ed558ccdu;
		hash ^= hash >> 32;
	}
	word = 0;
	memcpy(&word, at, len);
	hash = (hash ^ word) * 0xc4ceb9fe1a85ec53u;
	return hash ^ hash >> 29;
}

enum mp_rc mp_store_open(const struct mp_store_config *config, const struct mp_sink *sink,
	struct mp_store **out_store, char reterr[256])
{
	const char *name = config->engine == NULL ? "" : config->engine;

	for (size_t i = 0; i < sizeof(openers) / sizeof(openers[0]); i++) {
		if (strcmp(openers[i].name, name) == 0)
			return openers[i].open(config, sink, out_store, reterr);
	}
	mp_store_say(
		reterr, 256, "There is no store engine \"%s\" (known: rocksdb, dynamodb).", name);
	return MP_INVALID;
}

struct mp_store *mp_store_new(const struct mp_store_engine *engine, void *engine_data)
{
	struct mp_store *store = calloc(1, sizeof(*store));

	if (store != NULL)
		*store = (struct mp_store){
			.engine = engine,
			.data = engine_data,
			.commits = mp_histogram("moneypal_store_commit_seconds", NULL,
				"Writing a transaction to the store, with its wait for others."),
		};
	return store;
}

void mp_store_close(struct mp_store *store)
{
	if (store == NULL)
		return;
	store->engine->close(store->data);
	free(store);
}

size_t mp_store_txn_ops_max(const struct mp_store *store)
{
	return store->engine->txn_ops_max;
}

bool mp_store_is_shared(const struct mp_store *store)
{
	return store->engine->shared;
}

static enum mp_rc check_keys(const struct mp_key *keys, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!mp_key_is_valid(keys[i].pk) || !mp_key_is_valid(keys[i].sk))
			return MP_INVALID;
	}
	return MP_OK;
}

enum mp_rc mp_store_get(struct mp_store *store, const char *pk, const char *sk,
	struct mp_arena *arena, struct mp_item **out_item)
{
	const struct mp_key key = {.pk = pk, .sk = sk};
	struct mp_item *item = NULL;

	enum mp_rc rc = mp_store_batch_get(store, &key, 1, arena, &item);
	if (rc != MP_OK)
		return rc;
	if (item == NULL)
		return MP_NOT_FOUND;
	*out_item = item;
	return MP_OK;
}

enum mp_rc mp_store_batch_get(struct mp_store *store, const struct mp_key *keys, size_t count,
	struct mp_arena *arena, struct mp_item **out_items)
{
	if (count > MP_BATCH_GET_MAX)
		return MP_INVALID;
	enum mp_rc rc = check_keys(keys, count);
	if (rc != MP_OK || count == 0)
		return rc;

	/* An engine may fail half-way: the caller's array is filled at once, at the end. */
	struct mp_item *single = NULL;
	struct mp_item **items = &single;
	if (count > 1)
		items = mp_arena_array(arena, count, sizeof(struct mp_item *));
	if (items == NULL)
		return MP_NOMEM;
	rc = store->engine->batch_get(store->data, keys, count, arena, items);
	if (rc == MP_OK)
		memcpy(out_items, items, count * sizeof(struct mp_item *));
	return rc;
}

static bool optional_key_is_valid(const char *key)
{
	return key == NULL || mp_key_is_valid(key);
}

enum mp_rc mp_store_query(struct mp_store *store, const struct mp_query *query,
	struct mp_arena *arena, struct mp_page *out_page)
{
	if (!mp_key_is_valid(query->pk) || !optional_key_is_valid(query->sk_min) ||
		!optional_key_is_valid(query->sk_max) || !optional_key_is_valid(query->after) ||
		query->limit == 0 || query->limit > MP_QUERY_LIMIT_MAX)
		return MP_INVALID;
	if (query->sk_min != NULL && query->sk_max != NULL &&
		strcmp(query->sk_min, query->sk_max) > 0) {
		*out_page = (struct mp_page){.items = NULL}; /* DynamoDB would call it an error */
		return MP_OK;
	}
	return store->engine->query(store->data, query, arena, out_page);
}

enum mp_rc mp_store_scan(struct mp_store *store, uint32_t segment, uint32_t segments,
	const char *cursor, size_t limit, struct mp_arena *arena, struct mp_page *out_page,
	const char **out_cursor)
{
	if (segment >= segments || limit == 0 || limit > MP_QUERY_LIMIT_MAX)
		return MP_INVALID;
	return store->engine->scan(
		store->data, segment, segments, cursor, limit, arena, out_page, out_cursor);
}

enum mp_rc mp_store_erase(struct mp_store *store, const struct mp_key *keys, size_t count)
{
	enum mp_rc rc = check_keys(keys, count);

	if (rc != MP_OK || count == 0)
		return rc;
	return store->engine->erase(store->data, keys, count);
}

enum mp_rc mp_store_ready(struct mp_store *store, char reterr[160])
{
	return store->engine->ready(store->data, reterr);
}

enum mp_rc mp_store_hold(struct mp_store *store, int64_t for_ms)
{
	return store->engine->hold == NULL ? MP_INVALID : store->engine->hold(store->data, for_ms);
}

enum mp_rc mp_store_copy(struct mp_store *store, const char *folder, char reterr[256])
{
	if (store->engine->copy != NULL)
		return store->engine->copy(store->data, folder, reterr);
	mp_store_say(reterr, 256, "The engine %s is not copied like this.", store->engine->name);
	return MP_INVALID;
}

void mp_store_go_on(struct mp_store *store)
{
	if (store->engine->go_on != NULL)
		store->engine->go_on(store->data);
}
