#ifndef MP_STORE_TESTING_H
#define MP_STORE_TESTING_H

/* For tests only: a RocksDB store, which the test closes. */

#include "base/testing.h"

#include "store/store.h"

/* On the folder as it is: a second call, after a close, finds what the first one wrote. */
static inline struct mp_store *mp_test_store_open(const char *directory)
{
	const struct mp_store_config config = {.engine = "rocksdb", .directory = directory};
	struct mp_store *store = NULL;
	char reason[256] = "";

	if (mp_store_open(&config, NULL, &store, reason) != MP_OK)
		fail_msg("%s", reason);
	return store;
}

#endif
