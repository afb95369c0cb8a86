#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/text.h"
#include "base/clock.h"
#include "store/codec.h"
#include "store/rocksdb.h"
#include "store/test_rocksdb_help.h"

/* What is RocksDB's own beside tests/store_contract: damaged files, others' folders, snapshots. */

/* The folder must not open, for this reason and with these words. */
static void must_refuse(const struct fixture *f, enum mp_rc rc, const char *words)
{
	struct mp_store *store = NULL;
	char error[256] = "";

	assert_int_equal(open_folder(f->folder, &store, error), rc);
	assert_null(store);
	if (strstr(error, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", error, words);
	assert_int_equal(error[strlen(error) - 1], '.');
}

static void write_txns(struct fixture *f, int count)
{
	struct mp_store *store = must_open(f);

	for (int n = 0; n < count; n++) {
		assert_int_equal(write_txn(store, f->arena, "t", n), MP_OK);
		mp_arena_reset(f->arena);
	}
	mp_store_close(store);
}

/* --- files --- */

static off_t file_size(const char *path)
{
	struct stat info;

	assert_int_equal(stat(path, &info), 0);
	return info.st_size;
}

static void flip_byte(const char *path, off_t at)
{
	unsigned char byte;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x5a;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	(void)close(fd);
}

/* --- damaged logs --- */

#define TXNS 300

static void a_torn_tail_of_the_log_opens_without_its_last_transaction(void **state)
{
	static const off_t cuts[] = {1, 7, 60, 150};
	struct fixture *f = *state;
	char log[512];
	int failures = 0;

	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		mp_test_remove(f->folder);
		write_txns(f, TXNS);
		find_file(f, ".log", log);
		assert_int_equal(truncate(log, file_size(log) - cuts[i]), 0);

		struct mp_store *store = must_open(f);
		for (int n = 0; n < TXNS - 1; n++)
			failures += count_txn(store, f->arena, "t", n) != ROWS_EACH;
		failures += count_txn(store, f->arena, "t", TXNS - 1) != 0;
		failures += write_txn(store, f->arena, "t", TXNS - 1) != MP_OK;
		mp_store_close(store);
		store = must_open(f);
		failures += count_txn(store, f->arena, "t", TXNS - 1) != ROWS_EACH;
		mp_store_close(store);
		if (failures > 0)
			print_error("cut of %lld bytes\n", (long long)cuts[i]);
		mp_arena_reset(f->arena);
	}
	assert_int_equal(failures, 0);
}

static void a_damaged_middle_of_the_log_refuses_to_open(void **state)
{
	struct fixture *f = *state;
	char log[512];

	write_txns(f, TXNS);
	find_file(f, ".log", log);
	off_t size = file_size(log);
	for (int tenths = 0; tenths < 7; tenths++) {
		off_t at = size * tenths / 10;
		flip_byte(log, at);
		must_refuse(f, MP_CORRUPT,
			"was left as it is; restore the last backup (docs/BACKUP.md): its log");
		must_refuse(f, MP_CORRUPT, "is damaged"); /* nor the second time */
		assert_int_equal(file_size(log), size);
		flip_byte(log, at);
	}
	struct mp_store *store = must_open(f); /* nothing was thrown away meanwhile */
	for (int n = 0; n < TXNS; n++)
		assert_int_equal(count_txn(store, f->arena, "t", n), ROWS_EACH);
	mp_store_close(store);
}

static enum mp_rc scan_all(struct mp_store *store, struct mp_arena *arena)
{
	const char *cursor = NULL;
	struct mp_page page;
	enum mp_rc rc;

	do {
		rc = mp_store_scan(store, 0, 1, cursor, 1000, arena, &page, &cursor);
	} while (rc == MP_OK && cursor != NULL);
	return rc;
}

static enum mp_rc check_absent(
	struct mp_store *store, struct mp_arena *arena, const char *pk, const char *sk)
{
	struct mp_txn txn;

	mp_txn_begin(&txn, store, arena);
	mp_txn_check(&txn, pk, sk, 0);
	return mp_txn_commit(&txn, NULL);
}

static void damaged_blocks_are_found_by_reads(void **state)
{
	struct fixture *f = *state;
	struct mp_item *item = NULL;
	char table[512];

	write_txns(f, TXNS);
	mp_store_close(must_open(f)); /* opening writes the log's content to a table */
	find_file(f, ".sst", table);
	flip_byte(table, file_size(table) / 3); /* past what is read at opening */
	struct mp_store *store = must_open(f);
	int corrupt = 0;
	for (int n = 0; n < TXNS; n++) {
		const char *sk = mp_arena_printf(f->arena, "%06d", n);
		for (int row = 0; row < ROWS_EACH; row++) {
			const char *pk = mp_arena_printf(f->arena, "t-%d", row);
			enum mp_rc rc = mp_store_get(store, pk, sk, f->arena, &item);
			assert_true(rc == MP_OK || rc == MP_CORRUPT);
			/* A condition on it is neither met nor refused. */
			if (rc == MP_CORRUPT)
				assert_int_equal(check_absent(store, f->arena, pk, sk), rc);
			corrupt += rc == MP_CORRUPT;
		}
	}
	assert_in_range(corrupt, 1, TXNS);
	assert_int_equal(scan_all(store, f->arena), MP_CORRUPT);
	mp_store_close(store);
}

static void a_folder_that_lost_its_current_file_is_not_begun_anew(void **state)
{
	struct fixture *f = *state;
	char path[512];

	write_txns(f, 3);
	find_file(f, "CURRENT", path);
	assert_int_equal(unlink(path), 0);
	must_refuse(f, MP_CORRUPT, "CURRENT is missing");
}

/* --- folders of others --- */

static void put_raw(const struct fixture *f, const char *key, size_t key_len, const char *value)
{
	rocksdb_options_t *options = rocksdb_options_create();
	rocksdb_writeoptions_t *write = rocksdb_writeoptions_create();
	char *error = NULL;

	rocksdb_options_set_create_if_missing(options, 1);
	rocksdb_t *db = rocksdb_open(options, f->folder, &error);
	assert_null(error);
	rocksdb_put(db, write, key, key_len, value, strlen(value), &error);
	assert_null(error);
	rocksdb_close(db);
	rocksdb_writeoptions_destroy(write);
	rocksdb_options_destroy(options);
}

static void data_of_a_newer_format_is_refused(void **state)
{
	struct fixture *f = *state;

	write_txns(f, 1);
	put_raw(f, "\0format", 7, "2");
	must_refuse(f, MP_INVALID, "has format 2; this program knows up to 1");
	put_raw(f, "\0format", 7, "1");
	mp_store_close(must_open(f));
}

static void data_of_another_program_is_refused(void **state)
{
	struct fixture *f = *state;

	put_raw(f, "hello", 5, "world");
	must_refuse(f, MP_CORRUPT, "holds other data than a store's");
}

static void a_record_that_is_none_is_corrupt(void **state)
{
	struct fixture *f = *state;
	const struct mp_query query = {.pk = "A", .limit = 10};
	struct mp_item *item = NULL;
	struct mp_page page;

	write_txns(f, 1);
	put_raw(f, "A\0B", 3, "not a record");
	struct mp_store *store = must_open(f);
	assert_int_equal(mp_store_get(store, "A", "B", f->arena, &item), MP_CORRUPT);
	assert_int_equal(mp_store_query(store, &query, f->arena, &page), MP_CORRUPT);
	mp_store_close(store);
}

static void put_expiring(
	struct fixture *f, struct mp_store *store, const char *sk, int64_t expires_at_s)
{
	struct mp_item *item = mp_item_new(f->arena, "EXPIRING", sk, 1);
	struct mp_txn txn;

	item->expires_at_s = expires_at_s;
	mp_txn_begin(&txn, store, f->arena);
	mp_txn_put(&txn, item);
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
}

/* Whether it is stored, whatever reads say of it. */
static bool is_stored(const struct mp_rocksdb *engine, const char *sk)
{
	char key[64];
	size_t key_len = mp_key_write("EXPIRING", sk, key);
	char *error = NULL;
	size_t len;

	char *value = rocksdb_get(engine->db, engine->read, key, key_len, &len, &error);
	assert_null(error);
	rocksdb_free(value);
	return value != NULL;
}

static void merging_leaves_out_what_expired_over_a_day_ago(void **state)
{
	struct fixture *f = *state;
	struct mp_store *store = must_open(f);
	const struct mp_rocksdb *engine = store->data;
	int64_t now_s = mp_clock_ms() / 1000;

	put_expiring(f, store, "long ago", now_s - 86400 - 60);
	put_expiring(f, store, "lately", now_s - 86400 + 60);
	put_expiring(f, store, "later", now_s + 60);
	put_expiring(f, store, "never", 0);
	rocksdb_compact_range(engine->db, NULL, 0, NULL, 0);
	assert_false(is_stored(engine, "long ago"));
	assert_true(is_stored(engine, "lately"));
	assert_true(is_stored(engine, "later"));
	assert_true(is_stored(engine, "never"));
	mp_store_close(store);
	mp_store_close(must_open(f)); /* its mark is still there */
}

static void a_folder_in_use_is_refused(void **state)
{
	struct fixture *f = *state;
	struct mp_store *store = must_open(f);

	must_refuse(f, MP_INVALID, "is used by another process");
	assert_int_equal(write_txn(store, f->arena, "t", 0), MP_OK);
	mp_store_close(store);
}

static void folders_are_made_for_the_owner_only(void **state)
{
	struct fixture *f = *state;
	struct fixture deeper = *f;
	struct stat info;

	assert_int_equal(
		mp_text_format(deeper.folder, sizeof(deeper.folder), "%s/a/b", f->folder), MP_OK);
	mp_store_close(must_open(&deeper));
	assert_int_equal(stat(deeper.folder, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0700);

	struct mp_store *store = NULL;
	char error[256] = "";
	assert_int_equal(open_folder("/proc/none", &store, error), MP_UNAVAILABLE);
	assert_non_null(strstr(error, "/proc/none cannot be made"));
	assert_int_equal(open_folder("", &store, error), MP_INVALID);
	assert_int_equal(mp_store_open(&(const struct mp_store_config){.engine = "paper"}, NULL,
				 &store, error),
		MP_INVALID);
	assert_string_equal(
		error, "There is no store engine \"paper\" (known: rocksdb, dynamodb).");
}

/* --- one moment --- */

#define ACCOUNTS 10

struct mover {
	struct mp_store *store;
	bool stop; /* atomic */
	int failures;
};

static enum mp_rc move(struct mp_store *store, struct mp_arena *arena, const struct mp_key *keys)
{
	struct mp_item *items[2];
	struct mp_txn txn;

	enum mp_rc rc = mp_store_batch_get(store, keys, 2, arena, items);
	if (rc != MP_OK)
		return rc;
	mp_txn_begin(&txn, store, arena);
	for (int i = 0; i < 2; i++) {
		int64_t n = mp_map_get(&items[i]->attrs, "n")->as.number;
		mp_map_set_int(mp_item_attrs(items[i]), "n", i == 0 ? n - 1 : n + 1);
		mp_txn_replace(&txn, items[i], items[i]->version);
	}
	return mp_txn_commit(&txn, NULL);
}

static void *keep_moving(void *arg)
{
	struct mover *m = arg;
	struct mp_arena *arena = mp_arena_new(1u << 20);

	while (arena != NULL && !__atomic_load_n(&m->stop, __ATOMIC_RELAXED)) {
		mp_arena_reset(arena);
		uint64_t turn = mp_random_number();
		const struct mp_key keys[] = {
			{"ACCOUNT", mp_arena_printf(arena, "%d", (int)(turn % ACCOUNTS))},
			{"ACCOUNT", mp_arena_printf(arena, "%d", (int)((turn + 1) % ACCOUNTS))},
		};
		enum mp_rc rc = move(m->store, arena, keys);
		if (rc != MP_OK && rc != MP_STALE)
			m->failures++;
	}
	mp_arena_free(arena);
	return NULL;
}

static int64_t sum_of(struct mp_item *const *items, size_t count)
{
	int64_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += mp_map_get(&items[i]->attrs, "n")->as.number;
	return sum;
}

static void a_read_of_many_items_sees_one_moment(void **state)
{
	struct fixture *f = *state;
	const struct mp_query query = {.pk = "ACCOUNT", .limit = ACCOUNTS};
	struct mover m = {.store = must_open(f)};
	struct mp_key keys[ACCOUNTS];
	char names[ACCOUNTS][16];
	pthread_t threads[2];
	struct mp_txn txn;
	int wrong = 0;

	mp_txn_begin(&txn, m.store, f->arena);
	for (int i = 0; i < ACCOUNTS; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "%d", i);
		keys[i] = (struct mp_key){"ACCOUNT", names[i]};
		struct mp_item *item = mp_item_new(f->arena, "ACCOUNT", names[i], 1);
		mp_map_set_int(mp_item_attrs(item), "n", 100);
		mp_txn_insert(&txn, item);
	}
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, keep_moving, &m), 0);
	for (int round = 0; round < 300; round++) {
		struct mp_item *items[ACCOUNTS];
		struct mp_page page;
		mp_arena_reset(f->arena);
		enum mp_rc rc = mp_store_batch_get(m.store, keys, ACCOUNTS, f->arena, items);
		wrong += rc != MP_OK || sum_of(items, ACCOUNTS) != 100 * ACCOUNTS;
		rc = mp_store_query(m.store, &query, f->arena, &page);
		wrong += rc != MP_OK || page.count != ACCOUNTS ||
			 sum_of(page.items, page.count) != 100 * ACCOUNTS;
	}
	__atomic_store_n(&m.stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		(void)pthread_join(threads[i], NULL);
	mp_store_close(m.store);
	assert_int_equal(m.failures, 0);
	assert_int_equal(wrong, 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_torn_tail_of_the_log_opens_without_its_last_transaction),
		T(a_damaged_middle_of_the_log_refuses_to_open),
		T(damaged_blocks_are_found_by_reads),
		T(a_folder_that_lost_its_current_file_is_not_begun_anew),
		T(data_of_a_newer_format_is_refused),
		T(data_of_another_program_is_refused),
		T(a_record_that_is_none_is_corrupt),
		T(merging_leaves_out_what_expired_over_a_day_ago),
		T(a_folder_in_use_is_refused),
		T(folders_are_made_for_the_owner_only),
		T(a_read_of_many_items_sees_one_moment),
	};

	if (mp_crypto_init() != MP_OK)
		return 1;
	return cmocka_run_group_tests_name("rocksdb", tests, NULL, NULL);
}
