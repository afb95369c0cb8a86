#include "base/testing_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto.h"
#include "contract.h"

/* --- rocksdb: a folder of its own --- */

static void *rocksdb_place_new(void)
{
	struct mp_test_folder *folder = calloc(1, sizeof(*folder));

	assert_non_null(folder);
	mp_test_folder_make(folder);
	return folder;
}

static struct mp_store *rocksdb_open_place(void *place)
{
	const struct mp_test_folder *folder = place;
	const struct mp_store_config config = {.engine = "rocksdb", .directory = folder->path};
	struct mp_store *store = NULL;
	char error[256];

	if (mp_store_open(&config, NULL, &store, error) != MP_OK)
		print_error("%s\n", error);
	return store;
}

static void rocksdb_place_free(void *place)
{
	mp_test_folder_remove(place);
	free(place);
}

/* --- dynamodb: a table of its own in the DynamoDB Local that DYNAMODB_ENDPOINT names --- */

static void *dynamodb_place_new(void)
{
	char table[64];

	if (getenv("DYNAMODB_ENDPOINT") == NULL) {
		print_error("DYNAMODB_ENDPOINT is not set: run this by tests/dynamodb/run\n");
		return NULL;
	}
	(void)snprintf(table, sizeof(table), "contract-%d-%016llx", (int)getpid(),
		(unsigned long long)mp_random_number());
	return strdup(table);
}

static struct mp_store *dynamodb_open_place(void *place)
{
	const struct mp_store_config config = {.engine = "dynamodb",
		.table = place,
		.aws = {.region = "eu-central-1",
			.endpoint = getenv("DYNAMODB_ENDPOINT"),
			.access_key_id = "contract",
			.secret_access_key = "contract"},
		.create_table = true,
		.deadline_ms = 30000}; /* a loaded machine is not what is tested here */
	struct mp_store *store = NULL;
	char error[256];

	if (mp_store_open(&config, NULL, &store, error) != MP_OK)
		print_error("%s\n", error);
	return store;
}

static void dynamodb_place_free(void *place)
{
	free(place); /* the table goes with its DynamoDB Local */
}

const struct contract_engine contract_engines[] = {
	{"rocksdb", rocksdb_place_new, rocksdb_open_place, rocksdb_place_free, 100},
	{"dynamodb", dynamodb_place_new, dynamodb_open_place, dynamodb_place_free, 15},
};
const size_t contract_engines_count = sizeof(contract_engines) / sizeof(contract_engines[0]);
