#include "store/test_rocksdb_help.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->arena = mp_arena_new(64u << 20);
	assert_non_null(f->arena);
	mp_test_path(f->folder);
	assert_non_null(mkdtemp(f->folder));
	*state = f;
	return 0;
}

int teardown(void **state)
{
	struct fixture *f = *state;

	mp_test_remove(f->folder);
	mp_arena_free(f->arena);
	free(f);
	return 0;
}

enum mp_rc open_folder(const char *folder, struct mp_store **out_store, char error[256])
{
	const struct mp_store_config config = {.engine = "rocksdb", .directory = folder};

	return mp_store_open(&config, NULL, out_store, error);
}

struct mp_store *must_open(const struct fixture *f)
{
	struct mp_store *store = NULL;
	char error[256] = "";

	enum mp_rc rc = open_folder(f->folder, &store, error);
	assert_string_equal(error, "");
	assert_int_equal(rc, MP_OK);
	return store;
}

/* --- transactions to find again: three rows each, all or none --- */

enum mp_rc write_txn(struct mp_store *store, struct mp_arena *arena, const char *who, int n)
{
	struct mp_txn txn;

	mp_txn_begin(&txn, store, arena);
	for (int row = 0; row < ROWS_EACH; row++) {
		const char *pk = mp_arena_printf(arena, "%s-%d", who, row);
		const char *sk = mp_arena_printf(arena, "%06d", n);
		struct mp_item *item = mp_item_new(arena, pk, sk, 1);
		mp_map_set_int(mp_item_attrs(item), "n", n);
		mp_map_set_text(mp_item_attrs(item), "text", "some more bytes than a number");
		mp_txn_insert(&txn, item);
	}
	return mp_txn_commit(&txn, NULL);
}

/* How many of its rows are there. */
int count_txn(struct mp_store *store, struct mp_arena *arena, const char *who, int n)
{
	int found = 0;

	for (int row = 0; row < ROWS_EACH; row++) {
		const char *pk = mp_arena_printf(arena, "%s-%d", who, row);
		const char *sk = mp_arena_printf(arena, "%06d", n);
		struct mp_item *item = NULL;
		enum mp_rc rc = mp_store_get(store, pk, sk, arena, &item);
		assert_true(rc == MP_OK || rc == MP_NOT_FOUND);
		found += rc == MP_OK;
	}
	return found;
}

void find_file(const struct fixture *f, const char *end, char out_path[512])
{
	char newest[256] = "";
	DIR *dir = opendir(f->folder);

	assert_non_null(dir);
	for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		size_t len = strlen(entry->d_name);
		if (len >= strlen(end) && strcmp(entry->d_name + len - strlen(end), end) == 0 &&
			strcmp(entry->d_name, newest) > 0)
			assert_int_equal(
				mp_text_copy(newest, sizeof(newest), entry->d_name), MP_OK);
	}
	(void)closedir(dir);
	assert_string_not_equal(newest, "");
	assert_int_equal(mp_text_format(out_path, 512, "%s/%s", f->folder, newest), MP_OK);
}
