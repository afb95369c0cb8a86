#include "store/test_rocksdb_help.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "store/rocksdb_log.h"

/* Logs as RocksDB wrote them, then damaged in every way; RocksDB itself reads none of them. */

struct log {
	char folder[MP_TEST_PATH_SIZE]; /* of its own, holding a copy alone */
	char path[MP_TEST_PATH_SIZE + 16];
	uint8_t *bytes;
	size_t len;
};

static void read_log(const char *path, struct log *log)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	log->len = (size_t)lseek(fd, 0, SEEK_END);
	log->bytes = malloc(log->len + 1);
	assert_non_null(log->bytes);
	assert_int_equal(pread(fd, log->bytes, log->len, 0), log->len);
	(void)close(fd);
}

static void make_log(struct fixture *f, int txns, struct log *log)
{
	char path[512];
	struct mp_store *store = must_open(f);

	for (int n = 0; n < txns; n++)
		assert_int_equal(write_txn(store, f->arena, "t", n), MP_OK);
	mp_store_close(store);
	find_file(f, ".log", path);
	read_log(path, log);
	assert_int_equal(
		mp_text_format(log->folder, sizeof(log->folder), "%s/copy", f->folder), MP_OK);
	assert_int_equal(
		mp_text_format(log->path, sizeof(log->path), "%s/000007.log", log->folder), MP_OK);
	assert_int_equal(mkdir(log->folder, 0700), 0);
}

/* What is said of a log with these bytes. */
static enum mp_rc check_bytes(const struct log *log, const uint8_t *bytes, size_t len)
{
	char error[128] = "";
	int fd = open(log->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	(void)close(fd);
	enum mp_rc rc = mp_rocksdb_check_logs(log->folder, error);
	assert_true((rc == MP_CORRUPT) ==
		    (strncmp(error, "its log 000007.log breaks off at byte ", 38) == 0));
	return rc;
}

/* Where the last record begins: headers lead from one to the next. */
static size_t last_record(const struct log *log)
{
	size_t last = 0;

	for (size_t at = 0; at + 7 <= log->len;) {
		if (32768 - at % 32768 < 7) {
			at += 32768 - at % 32768;
			continue;
		}
		last = at;
		at += 7 + log->bytes[at + 4] + 256u * log->bytes[at + 5];
	}
	return last;
}

static void a_log_and_every_part_of_it_is_taken(void **state)
{
	struct log log;
	int failures = 0;

	make_log(*state, 180, &log);
	assert_true(log.len > 32768); /* more than a block */
	for (size_t len = 0; len <= log.len; len += len < 2000 || len > log.len - 2000 ? 1 : 97)
		failures += check_bytes(&log, log.bytes, len) != MP_OK;
	free(log.bytes);
	assert_int_equal(failures, 0);
}

static void a_changed_byte_is_damage_unless_it_is_in_the_last_record(void **state)
{
	struct log log;
	int failures = 0;

	make_log(*state, 180, &log);
	size_t last = last_record(&log);
	for (size_t at = 0; at < log.len; at += at < 1000 || at > log.len - 1000 ? 1 : 41) {
		log.bytes[at] ^= 0x04;
		enum mp_rc expected = at < last ? MP_CORRUPT : MP_OK;
		if (check_bytes(&log, log.bytes, log.len) != expected) {
			print_error("byte %zu of %zu\n", at, log.len);
			failures++;
		}
		log.bytes[at] ^= 0x04;
	}
	free(log.bytes);
	assert_int_equal(failures, 0);
}

static void every_value_of_a_header_byte_is_damage(void **state)
{
	struct log log;
	int failures = 0;

	make_log(*state, 5, &log);
	for (size_t at = 0; at < 7; at++) {
		uint8_t right = log.bytes[at];
		for (unsigned value = 0; value < 256; value++) {
			log.bytes[at] = (uint8_t)value;
			enum mp_rc expected = value == right ? MP_OK : MP_CORRUPT;
			failures += check_bytes(&log, log.bytes, log.len) != expected;
		}
		log.bytes[at] = right;
	}
	free(log.bytes);
	assert_int_equal(failures, 0);
}

static void zeroed_pages_are_damage_unless_nothing_follows(void **state)
{
	struct log log;

	make_log(*state, 180, &log);
	uint8_t *copy = malloc(log.len);
	assert_non_null(copy);
	for (size_t page = 0; page < log.len; page += 4096) {
		size_t left = log.len - page;
		memcpy(copy, log.bytes, log.len);
		memset(copy + page, 0, left < 4096 ? left : 4096);
		assert_int_equal(
			check_bytes(&log, copy, log.len), left > 4096 + 400 ? MP_CORRUPT : MP_OK);
		memset(copy + page, 0, left); /* a tail that was never written */
		assert_int_equal(check_bytes(&log, copy, log.len), MP_OK);
	}
	free(copy);
	free(log.bytes);
}

static void records_in_pieces_are_taken(void **state)
{
	struct fixture *f = *state;
	struct mp_store *store = must_open(f);
	char *text = mp_arena_alloc(f->arena, 200001);
	char error[128] = "";
	struct mp_txn txn;

	memset(text, 'x', 200000);
	for (int i = 0; i < 3; i++) {
		struct mp_item *item =
			mp_item_new(f->arena, "A", mp_arena_printf(f->arena, "%d", i), 1);
		mp_map_set_text(mp_item_attrs(item), "text", text);
		mp_txn_begin(&txn, store, f->arena);
		mp_txn_insert(&txn, item);
		assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
	}
	/* While it is in use, too. */
	assert_int_equal(mp_rocksdb_check_logs(f->folder, error), MP_OK);
	mp_store_close(store);
	assert_int_equal(mp_rocksdb_check_logs(f->folder, error), MP_OK);
}

static void a_folder_without_logs_is_taken(void **state)
{
	const struct fixture *f = *state;
	char error[128] = "";

	assert_int_equal(mp_rocksdb_check_logs(f->folder, error), MP_OK);
	assert_int_equal(mp_rocksdb_check_logs("/nowhere", error), MP_OK);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_log_and_every_part_of_it_is_taken),
		T(a_changed_byte_is_damage_unless_it_is_in_the_last_record),
		T(every_value_of_a_header_byte_is_damage),
		T(zeroed_pages_are_damage_unless_nothing_follows),
		T(records_in_pieces_are_taken),
		T(a_folder_without_logs_is_taken),
	};

	return cmocka_run_group_tests_name("rocksdb_log", tests, NULL, NULL);
}
