#ifndef MP_STORE_ENGINE_H
#define MP_STORE_ENGINE_H

#include "store/store.h"

/* For lib/store's own files: what a store is made of, and the engines that mp_store_open knows. */
struct mp_store {
	const struct mp_store_engine *engine;
	void *data; /* the engine's own; its close frees it */
	struct mp_metric *commits;
};

typedef enum mp_rc (*mp_store_opener)(const struct mp_store_config *config,
	const struct mp_sink *sink, struct mp_store **out_store, char reterr[256]);

/* Errors as mp_store_open's. A build without RocksDB: MP_INVALID and a sentence. */
enum mp_rc mp_rocksdb_open(const struct mp_store_config *config, const struct mp_sink *sink,
	struct mp_store **out_store, char reterr[256]) MP_MUST_CHECK;

enum mp_rc mp_dynamo_open(const struct mp_store_config *config, const struct mp_sink *sink,
	struct mp_store **out_store, char reterr[256]) MP_MUST_CHECK;

/* The sentence, cut where it is too long to fit. */
void mp_store_say(char *reterr, size_t reterr_size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A quick hash of bytes, for tables that live as long as a transaction. */
uint64_t mp_store_hash(const void *bytes, size_t len);

#endif
