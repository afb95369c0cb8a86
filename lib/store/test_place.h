#ifndef MP_STORE_TEST_PLACE_H
#define MP_STORE_TEST_PLACE_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/store.h"

/* For tests: a RocksDB store in a folder of its own under /tmp, which is removed at the end. */
struct test_place {
	char directory[64];
	struct mp_store *store;
};

static inline enum mp_rc test_place_open(struct test_place *place)
{
	const struct mp_store_config config = {.engine = "rocksdb", .directory = place->directory};
	char error[256];

	return mp_store_open(&config, NULL, &place->store, error);
}

static inline enum mp_rc test_place_new(struct test_place *place)
{
	*place = (struct test_place){.directory = "/tmp/moneypal-test-XXXXXX"};
	if (mkdtemp(place->directory) == NULL)
		return MP_UNAVAILABLE;
	return test_place_open(place);
}

static inline int test_place_remove_entry(
	const char *path, const struct stat *info, int kind, struct FTW *walk)
{
	return remove(path);
}

static inline void test_place_free(struct test_place *place)
{
	mp_store_close(place->store);
	(void)nftw(place->directory, test_place_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
