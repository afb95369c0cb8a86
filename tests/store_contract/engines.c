#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contract.h"

/* --- rocksdb: a folder of its own --- */

static void *rocksdb_place_new(void)
{
	char path[] = "/tmp/moneypal-store-XXXXXX";

	return mkdtemp(path) == NULL ? NULL : strdup(path);
}

static struct mp_store *rocksdb_open_place(void *place)
{
	const struct mp_store_config config = {.engine = "rocksdb", .directory = place};
	struct mp_store *store = NULL;
	char error[256];

	if (mp_store_open(&config, NULL, &store, error) != MP_OK)
		print_error("%s\n", error);
	return store;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
	return remove(path);
}

static void rocksdb_place_free(void *place)
{
	(void)nftw(place, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(place);
}

const struct contract_engine contract_engines[] = {
	{"rocksdb", rocksdb_place_new, rocksdb_open_place, rocksdb_place_free},
};
const size_t contract_engines_count = sizeof(contract_engines) / sizeof(contract_engines[0]);
