#ifndef MP_STORE_TEST_ROCKSDB_HELP_H
#define MP_STORE_TEST_ROCKSDB_HELP_H

#include "base/testing_folder.h"

#include "store/store.h"

/* For the engine's own tests, beside tests/store_contract. */

struct fixture {
	char folder[MP_TEST_PATH_SIZE];
	struct mp_arena *arena;
};

/* cmocka's setup and teardown: an empty folder, gone afterwards. */
int setup(void **state);
int teardown(void **state);

enum mp_rc open_folder(const char *folder, struct mp_store **out_store, char error[256]);
struct mp_store *must_open(const struct fixture *f);

/* Transactions to find again: that many rows each, all or none. */
#define ROWS_EACH 3
enum mp_rc write_txn(struct mp_store *store, struct mp_arena *arena, const char *who, int n);
/* How many of its rows are there. */
int count_txn(struct mp_store *store, struct mp_arena *arena, const char *who, int n);

/* The newest file of the folder whose name ends so: RocksDB's names are numbers. */
void find_file(const struct fixture *f, const char *end, char out_path[512]);

#endif
