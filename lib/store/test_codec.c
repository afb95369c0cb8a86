#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "store/codec.h"

#define RECORD_MAX 8192

static int setup(void **state)
{
	*state = mp_arena_new(64u << 20);
	return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	mp_arena_free(*state);
	return 0;
}

/* A record with every type, in maps and lists. */
static struct mp_item *rich_item(struct mp_arena *arena)
{
	struct mp_item *item = mp_item_new(arena, "A", "1", 7);
	assert_non_null(item);
	struct mp_map *map = mp_item_attrs(item);

	item->expires_at_s = 1800000000;
	mp_map_set_text(map, "text", "caf\xc3\xa9");
	mp_map_set_text(map, "empty", "");
	mp_map_set_int(map, "min", INT64_MIN);
	mp_map_set_int(map, "max", INT64_MAX);
	mp_map_set_bool(map, "yes", true);
	mp_map_set_bool(map, "no", false);
	struct mp_list *list = mp_map_set_list(map, "list");
	for (int64_t i = -2; i <= 2; i++)
		mp_map_set_int(mp_list_add_map(map, list), "i", i * 1000);
	struct mp_map *inner = mp_map_set_map(map, "map");
	mp_map_set_text(inner, "name", "inner");
	(void)mp_map_set_list(inner, "none");
	return item;
}

static size_t write_record(const struct mp_item *item, int64_t version, uint8_t out[RECORD_MAX])
{
	size_t bytes_max;

	assert_int_equal(mp_record_measure(item, &bytes_max), MP_OK);
	assert_in_range(bytes_max, 1, RECORD_MAX);
	size_t len = mp_record_write(item, version, out);
	assert_in_range(len, 1, bytes_max);
	return len;
}

/* --- the stored form is for ever --- */

static void the_stored_form_does_not_change(void **state)
{
	static const char expected[] = "01"		      /* record format */
				       "ac02"		      /* version 300 */
				       "03"		      /* item format */
				       "80ccc4db06"	      /* expires */
				       "06"		      /* attributes */
				       "08740002686900"	      /* t: "hi" */
				       "096e0003"	      /* n: -2 */
				       "0b7900"		      /* y: true */
				       "0a6600"		      /* f: false */
				       "0c6c0002010969000200" /* l: [{i: 1}, {}] */
				       "0d6d00010969008001";  /* m: {i: 64} */
	struct mp_arena *arena = *state;
	struct mp_item *item = mp_item_new(arena, "A", "1", 3);
	assert_non_null(item);
	struct mp_map *map = mp_item_attrs(item);
	uint8_t record[RECORD_MAX];
	char hex[2 * 128 + 1];

	item->expires_at_s = 1802577408;
	mp_map_set_text(map, "t", "hi");
	mp_map_set_int(map, "n", -2);
	mp_map_set_bool(map, "y", true);
	mp_map_set_bool(map, "f", false);
	struct mp_list *list = mp_map_set_list(map, "l");
	mp_map_set_int(mp_list_add_map(map, list), "i", 1);
	(void)mp_list_add_map(map, list);
	mp_map_set_int(mp_map_set_map(map, "m"), "i", 64);
	size_t len = write_record(item, 300, record);
	assert_in_range(len, 1, 128);
	mp_hex(record, len, hex);
	assert_string_equal(hex, expected);
}

/* --- what was written is read --- */

static void a_record_reads_as_it_was_written(void **state)
{
	static const int64_t versions[] = {1, 127, 128, 1000000, INT64_MAX};
	struct mp_arena *arena = *state;
	uint8_t record[RECORD_MAX];
	uint8_t again[RECORD_MAX];

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		struct mp_record_head head;
		struct mp_item *item = NULL;
		size_t len = write_record(rich_item(arena), versions[i], record);
		assert_int_equal(mp_record_read_head(record, len, &head), MP_OK);
		assert_int_equal(head.version, versions[i]);
		assert_int_equal(head.format, 7);
		assert_int_equal(head.expires_at_s, 1800000000);
		assert_int_equal(mp_record_read(record, len, "A", "1", arena, &item), MP_OK);
		assert_int_equal(item->version, versions[i]);
		assert_int_equal(item->format, 7);
		assert_int_equal(item->expires_at_s, 1800000000);
		assert_int_equal(item->attrs.count, 8);
		assert_int_equal(mp_map_get(&item->attrs, "list")->as.list->count, 5);
		assert_int_equal(write_record(item, versions[i], again), len);
		assert_memory_equal(again, record, len);
	}
}

/* --- what was not written is not read --- */

static void every_part_of_a_record_is_corrupt(void **state)
{
	struct mp_arena *arena = *state;
	uint8_t record[RECORD_MAX];
	size_t len = write_record(rich_item(arena), 300, record);
	struct mp_item *item = NULL;
	int failures = 0;

	for (size_t part = 0; part < len; part++) {
		/* In memory of its own size, so that a sanitizer sees a byte read behind it. */
		uint8_t *copy = malloc(part + 1);
		assert_non_null(copy);
		memcpy(copy, record, part);
		failures += mp_record_read(copy, part, "A", "1", arena, &item) != MP_CORRUPT;
		free(copy);
	}
	record[len] = 0;
	failures += mp_record_read(record, len + 1, "A", "1", arena, &item) != MP_CORRUPT;
	assert_int_equal(failures, 0);
	assert_null(item);
}

/*
 * A damaged record is refused, or is a record itself: then writing it gives the same bytes, so no
 * two stored forms mean the same.
 */
static bool read_is_strict(struct mp_arena *arena, const uint8_t *record, size_t len)
{
	struct mp_item *item = NULL;
	uint8_t again[RECORD_MAX];
	size_t bytes_max;

	enum mp_rc rc = mp_record_read(record, len, "A", "1", arena, &item);
	if (rc != MP_OK)
		return rc == MP_CORRUPT && item == NULL;
	return mp_record_measure(item, &bytes_max) == MP_OK && bytes_max <= sizeof(again) &&
	       mp_record_write(item, item->version, again) == len &&
	       memcmp(again, record, len) == 0;
}

static void flipped_bits_are_refused_or_mean_something_else(void **state)
{
	struct mp_arena *arena = *state;
	uint8_t record[RECORD_MAX];
	size_t len = write_record(rich_item(arena), 300, record);
	int failures = 0;

	for (size_t bit = 0; bit < 8 * len; bit++) {
		record[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (!read_is_strict(arena, record, len)) {
			print_error("bit %zu of byte %zu\n", bit % 8, bit / 8);
			failures++;
		}
		record[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(failures, 0);
}

static void random_bytes_are_read_strictly(void **state)
{
	struct mp_arena *arena = *state;
	uint8_t record[RECORD_MAX];
	int failures = 0;

	for (int round = 0; round < 20000; round++) {
		/* Half of them a record with some bytes overwritten, the others noise. */
		size_t len = 1 + mp_random_number() % 64;
		if (round % 2 == 0) {
			mp_arena_reset(arena);
			len = write_record(rich_item(arena), 1, record);
			for (int i = 0; i < 3; i++)
				record[mp_random_number() % len] = (uint8_t)mp_random_number();
		} else {
			mp_random_bytes(record, len);
			record[0] = MP_RECORD_FORMAT;
		}
		failures += !read_is_strict(arena, record, len);
	}
	assert_int_equal(failures, 0);
}

static void malformed_records_are_corrupt(void **state)
{
	static const struct {
		const char *what;
		const char *hex;
	} rows[] = {
		{"nothing", ""},
		{"record format 0", "0001000000"},
		{"a newer record format", "0201000000"},
		{"version 0", "0100000000"},
		{"version over int64", "01ffffffffffffffffff01000000"},
		{"a number over 64 bits", "01ffffffffffffffffff02000000"},
		{"a number that does not end", "01ffffffffffffffffffffff000000"},
		{"a number longer than needed", "018100000000"},
		{"format over 32 bits", "010180808080100000"},
		{"an attribute that is not there", "010100000001"},
		{"more attributes than bytes", "0101000000ffff7f"},
		{"a name of no bytes", "01010000000101000100"},
		{"a name without its zero byte", "010100000001096e0100"},
		{"a zero byte in a name", "01010000000119006e000002"},
		{"a name that is not UTF-8", "01010000000109ff0002"},
		{"a text without its zero byte", "01010000000108740002686901"},
		{"a zero byte in a text", "010100000001087400020068"
					  "00"},
		{"a text that is not UTF-8", "01010000000108740001ff00"},
		{"a text longer than the record", "010100000001087400ff7f6800"},
		{"a name twice", "010100000002096e0002096e0002"},
		{"an unknown type", "0101000000010e6e0002"},
		{"the other unknown type", "0101000000010f6e0002"},
		{"a list longer than the record", "0101000000010c6c00ff7f00"},
		{"something behind", "010100000000"
				     "00"},
	};
	struct mp_arena *arena = *state;
	int failures = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t bytes[64];
		struct mp_item *item = NULL;
		size_t len = strlen(rows[i].hex) / 2;
		assert_true(mp_unhex(rows[i].hex, len, bytes));
		if (mp_record_read(bytes, len, "A", "1", arena, &item) != MP_CORRUPT) {
			print_error("%s is read\n", rows[i].what);
			failures++;
		}
	}
	assert_int_equal(failures, 0);
}

/* --- limits --- */

static struct mp_item *nested_item(struct mp_arena *arena, int depth)
{
	struct mp_item *item = mp_item_new(arena, "A", "1", 1);
	assert_non_null(item);
	struct mp_map *map = mp_item_attrs(item);

	for (int i = 1; i < depth; i++)
		map = mp_map_set_map(map, "m");
	return item;
}

static void depth_is_limited_both_ways(void **state)
{
	struct mp_arena *arena = *state;
	struct mp_item *item = NULL;
	uint8_t record[RECORD_MAX];
	size_t bytes;

	assert_int_equal(
		mp_record_measure(nested_item(arena, MP_ITEM_DEPTH_MAX + 1), &bytes), MP_TOO_LARGE);
	size_t len = write_record(nested_item(arena, MP_ITEM_DEPTH_MAX), 1, record);
	assert_int_equal(mp_record_read(record, len, "A", "1", arena, &item), MP_OK);

	/* One level more, by hand: the innermost map gets an empty one. */
	static const uint8_t one_more[] = {0x01, 0x0d, 'm', 0x00, 0x00};
	memcpy(record + len - 1, one_more, sizeof(one_more));
	assert_int_equal(mp_record_read(record, len - 1 + sizeof(one_more), "A", "1", arena, &item),
		MP_CORRUPT);
}

static void attributes_of_a_map_are_limited_both_ways(void **state)
{
	struct mp_arena *arena = *state;
	struct mp_item *item = mp_item_new(arena, "A", "1", 1);
	struct mp_item *read = NULL;
	uint8_t record[RECORD_MAX];
	size_t bytes;

	assert_non_null(item);
	for (int i = 0; i < MP_ATTRS_MAX; i++)
		mp_map_set_bool(mp_item_attrs(item), mp_arena_printf(arena, "%d", i), true);
	size_t len = write_record(item, 1, record);
	assert_int_equal(mp_record_read(record, len, "A", "1", arena, &read), MP_OK);
	mp_map_set_bool(mp_item_attrs(item), "7", false); /* set again: no new one */
	assert_int_equal(mp_record_measure(item, &bytes), MP_OK);
	mp_map_set_bool(mp_item_attrs(item), "more", true);
	assert_int_equal(mp_record_measure(item, &bytes), MP_TOO_LARGE);
}

static void sizes_are_limited_and_measured(void **state)
{
	struct mp_arena *arena = *state;
	struct mp_item *item = mp_item_new(arena, "A", "1", 1);
	char *text = mp_arena_alloc(arena, MP_ITEM_BYTES_MAX + 1);
	size_t bytes = 1;

	assert_non_null(item);
	memset(text, 'x', MP_ITEM_BYTES_MAX);
	for (size_t len = MP_ITEM_BYTES_MAX - 40; len < MP_ITEM_BYTES_MAX; len++) {
		text[len] = '\0';
		mp_map_set_text(mp_item_attrs(item), "t", text);
		text[len] = 'x';
		enum mp_rc rc = mp_record_measure(item, &bytes);
		assert_true(rc == MP_OK ? bytes <= MP_ITEM_BYTES_MAX : rc == MP_TOO_LARGE);
	}
	assert_int_equal(mp_record_measure(item, &bytes), MP_TOO_LARGE);
	assert_in_range(bytes, MP_ITEM_BYTES_MAX - 40, MP_ITEM_BYTES_MAX);
}

static void a_failed_allocation_is_nomem_wherever_it_happens(void **state)
{
	uint8_t record[RECORD_MAX];
	size_t len = write_record(rich_item(*state), 1, record);
	bool read = false;

	for (size_t arena_bytes = 0; !read && arena_bytes < 65536; arena_bytes += 16) {
		struct mp_arena *small = mp_arena_new(arena_bytes);
		struct mp_item *item = NULL;
		assert_non_null(small);
		enum mp_rc rc = mp_record_read(record, len, "A", "1", small, &item);
		assert_true(rc == MP_OK || (rc == MP_NOMEM && item == NULL));
		read = rc == MP_OK;
		mp_arena_free(small);
	}
	assert_true(read);
}

/* --- keys --- */

static void keys_sort_by_partition_first(void **state)
{
	static const struct {
		const char *pk;
		const char *sk;
	} sorted[] = {{"A", "1"}, {"A", "2"}, {"A", "~"}, {"A ", "1"}, {"A#1", "0"}, {"AB", "0"},
		{"B", " "}, {"B", "\xc3\xa9"}, {"\xc3\xa9", "1"}};
	struct mp_arena *arena = *state;
	char last[MP_STORED_KEY_MAX] = "";
	size_t last_len = 0;

	for (size_t i = 0; i < sizeof(sorted) / sizeof(sorted[0]); i++) {
		char key[MP_STORED_KEY_MAX];
		const char *pk;
		const char *sk;
		size_t len = mp_key_write(sorted[i].pk, sorted[i].sk, key);
		size_t common = len < last_len ? len : last_len;
		int order = memcmp(last, key, common);
		assert_true(order < 0 || (order == 0 && last_len < len));
		assert_int_equal(mp_key_read(key, len, arena, &pk, &sk), MP_OK);
		assert_string_equal(pk, sorted[i].pk);
		assert_string_equal(sk, sorted[i].sk);
		memcpy(last, key, len);
		last_len = len;
	}
}

static void bytes_that_are_no_key_are_corrupt(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {{"", 0}, {"A", 1}, {"A\0", 2}, {"\0A", 2}, {"A\0B\0C", 5}, {"A\0\x01", 3},
		{"A\n\0B", 4}, {"A\0\xff", 3}};
	struct mp_arena *arena = *state;
	const char *pk = NULL;
	const char *sk = NULL;
	int failures = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (mp_key_read(rows[i].bytes, rows[i].len, arena, &pk, &sk) != MP_CORRUPT) {
			print_error("row %zu is read\n", i);
			failures++;
		}
	}
	char long_key[MP_STORED_KEY_MAX + 1];
	memset(long_key, 'x', sizeof(long_key));
	long_key[MP_KEY_BYTES_MAX + 1] = '\0';
	failures += mp_key_read(long_key, sizeof(long_key), arena, &pk, &sk) != MP_CORRUPT;
	failures += mp_key_read(long_key, sizeof(long_key) - 1, arena, &pk, &sk) != MP_CORRUPT;
	assert_int_equal(failures, 0);
	assert_null(pk);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_stored_form_does_not_change),
		T(a_record_reads_as_it_was_written),
		T(every_part_of_a_record_is_corrupt),
		T(flipped_bits_are_refused_or_mean_something_else),
		T(random_bytes_are_read_strictly),
		T(malformed_records_are_corrupt),
		T(depth_is_limited_both_ways),
		T(attributes_of_a_map_are_limited_both_ways),
		T(sizes_are_limited_and_measured),
		T(a_failed_allocation_is_nomem_wherever_it_happens),
		T(keys_sort_by_partition_first),
		T(bytes_that_are_no_key_are_corrupt),
	};

	if (mp_crypto_init() != MP_OK)
		return 1;
	return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
