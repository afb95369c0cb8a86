#ifndef MP_STORE_TEST_PLACE_H
#define MP_STORE_TEST_PLACE_H

#include "base/testing_folder.h"
#include "store/testing.h"

/* For tests: a RocksDB store in a folder of its own. */
struct test_place {
	struct mp_test_folder folder;
	struct mp_store *store;
};

static inline enum mp_rc test_place_new(struct test_place *place)
{
	mp_test_folder_make(&place->folder);
	place->store = mp_test_store_open(place->folder.path);
	return MP_OK;
}

static inline void test_place_free(struct test_place *place)
{
	mp_store_close(place->store);
	mp_test_folder_remove(&place->folder);
}

#endif
