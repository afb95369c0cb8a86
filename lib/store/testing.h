#ifndef MP_STORE_TESTING_H
#define MP_STORE_TESTING_H

/* For tests only: a RocksDB store, which the test closes. */

#include "base/testing.h"

#include <string.h>

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

/* Erases every item whose partition begins so: rows that have done their work, say. */
static inline void mp_test_erase(struct mp_store *store, struct mp_arena *arena, const char *prefix)
{
	const char *cursor = NULL;
	struct mp_page page;

	do {
		assert_int_equal(
			mp_store_scan(store, 0, 1, cursor, 1000, arena, &page, &cursor), MP_OK);
		for (size_t i = 0; i < page.count; i++) {
			const struct mp_key key = {page.items[i]->pk, page.items[i]->sk};

			if (strncmp(key.pk, prefix, strlen(prefix)) == 0)
				assert_int_equal(mp_store_erase(store, &key, 1), MP_OK);
		}
	} while (cursor != NULL);
}

#endif
