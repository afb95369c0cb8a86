#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "contract.h"

/* Attributes, get, query, scan, erase, and what a restart keeps. */

/* --- attributes --- */

static void fill_all_types(struct mp_map *map)
{
	const struct mp_id id = {.text = "01890a5d-ac96-774b-bcce-b302099a8057"};

	mp_map_set_text(map, "text", "caf\xc3\xa9 \xf0\x9f\x92\xb6");
	mp_map_set_text(map, "empty", "");
	mp_map_set_text(map, "none", NULL);
	mp_map_set_id(map, "id", &id);
	mp_map_set_id(map, "no_id", &(const struct mp_id){.text = ""});
	mp_map_set_int(map, "zero", 0);
	mp_map_set_int(map, "min", INT64_MIN);
	mp_map_set_int(map, "max", INT64_MAX);
	mp_map_set_bool(map, "yes", true);
	mp_map_set_bool(map, "no", false);
}

static bool int_is(const struct mp_map *map, const char *name, int64_t number)
{
	const struct mp_attr *attr = mp_map_get(map, name);

	return attr != NULL && attr->type == MP_VALUE_INT && attr->as.number == number;
}

static bool text_is(const struct mp_map *map, const char *name, const char *text)
{
	const struct mp_attr *attr = mp_map_get(map, name);

	return attr != NULL && attr->type == MP_VALUE_TEXT && attr->text_len == strlen(text) &&
	       strcmp(attr->as.text, text) == 0;
}

static bool bool_is(const struct mp_map *map, const char *name, bool value)
{
	const struct mp_attr *attr = mp_map_get(map, name);

	return attr != NULL && attr->type == MP_VALUE_BOOL && attr->as.boolean == value;
}

static void assert_all_types(const struct mp_map *map)
{
	assert_true(text_is(map, "text", "caf\xc3\xa9 \xf0\x9f\x92\xb6"));
	assert_true(text_is(map, "empty", ""));
	assert_null(mp_map_get(map, "none"));
	assert_true(text_is(map, "id", "01890a5d-ac96-774b-bcce-b302099a8057"));
	assert_null(mp_map_get(map, "no_id"));
	assert_true(int_is(map, "zero", 0));
	assert_true(int_is(map, "min", INT64_MIN));
	assert_true(int_is(map, "max", INT64_MAX));
	assert_true(bool_is(map, "yes", true));
	assert_true(bool_is(map, "no", false));
}

static void attributes_of_every_type_come_back(void **state)
{
	struct fixture *f = *state;
	struct mp_item *item = mp_item_new(f->arena, "A", "1", 42);
	struct mp_item *read = NULL;

	fill_all_types(mp_item_attrs(item));
	fill_all_types(mp_map_set_map(mp_item_attrs(item), "map"));
	struct mp_list *list = mp_map_set_list(mp_item_attrs(item), "list");
	for (int64_t i = 0; i < 20; i++)
		mp_map_set_int(mp_list_add_map(mp_item_attrs(item), list), "i", i);
	(void)mp_map_set_list(mp_item_attrs(item), "empty_list");
	(void)mp_map_set_map(mp_item_attrs(item), "empty_map");
	assert_int_equal(commit_one(f, item), MP_OK);

	contract_reopen(f);
	assert_int_equal(mp_store_get(f->store, "A", "1", f->arena, &read), MP_OK);
	assert_int_equal(read->format, 42);
	assert_int_equal(read->version, 1);
	assert_int_equal(read->expires_at_s, 0);
	assert_all_types(&read->attrs);
	assert_all_types(mp_map_get(&read->attrs, "map")->as.map);
	list = mp_map_get(&read->attrs, "list")->as.list;
	assert_int_equal(list->count, 20);
	for (uint32_t i = 0; i < 20; i++)
		assert_true(int_is(list->maps[i], "i", i));
	assert_int_equal(mp_map_get(&read->attrs, "empty_list")->as.list->count, 0);
	assert_int_equal(mp_map_get(&read->attrs, "empty_map")->as.map->count, 0);
}

static void an_item_that_was_read_can_be_changed_and_replaced(void **state)
{
	struct fixture *f = *state;
	struct mp_item *item = NULL;
	struct mp_txn txn;

	assert_int_equal(insert_one(f, "A", "1", 1), MP_OK);
	assert_int_equal(mp_store_get(f->store, "A", "1", f->arena, &item), MP_OK);
	mp_map_set_int(mp_item_attrs(item), "n", 2); /* takes the first one's place */
	mp_map_set_text(mp_item_attrs(item), "more", "text");
	mp_txn_begin(&txn, f->store, f->arena);
	mp_txn_replace(&txn, item, item->version);
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
	assert_item(f, "A", "1", 2, 2);
	assert_int_equal(mp_store_get(f->store, "A", "1", f->arena, &item), MP_OK);
	assert_int_equal(item->attrs.count, 2);
	assert_true(text_is(&item->attrs, "more", "text"));
}

/* --- batch_get --- */

static void batch_get_takes_absent_and_equal_keys(void **state)
{
	static const struct mp_key keys[] = {
		{"A", "1"}, {"B", "nobody"}, {"A", "2"}, {"A", "1"}, {"C", "expired"}};
	struct fixture *f = *state;
	struct mp_item *items[5];

	assert_int_equal(insert_one(f, "A", "1", 1), MP_OK);
	assert_int_equal(insert_one(f, "A", "2", 2), MP_OK);
	assert_int_equal(commit_one(f, make_expired(f->arena, "C", "expired", 3)), MP_OK);
	assert_int_equal(mp_store_batch_get(f->store, keys, 5, f->arena, items), MP_OK);
	assert_int_equal(item_n(items[0]), 1);
	assert_null(items[1]);
	assert_int_equal(item_n(items[2]), 2);
	assert_string_equal(items[2]->sk, "2");
	assert_int_equal(item_n(items[3]), 1);
	assert_null(items[4]);
}

static void batch_get_takes_its_maximum_and_no_more(void **state)
{
	struct fixture *f = *state;
	struct mp_key keys[MP_BATCH_GET_MAX + 1];
	static struct mp_item *items[MP_BATCH_GET_MAX + 1];

	for (int64_t i = 0; i <= MP_BATCH_GET_MAX; i++) {
		keys[i] = (struct mp_key){"A", mp_arena_printf(f->arena, "%lld", (long long)i)};
		if (i % 100 == 0)
			assert_int_equal(insert_one(f, "A", keys[i].sk, i), MP_OK);
	}
	assert_int_equal(mp_store_batch_get(f->store, keys, 0, f->arena, items), MP_OK);
	assert_int_equal(mp_store_batch_get(f->store, keys, MP_BATCH_GET_MAX + 1, f->arena, items),
		MP_INVALID);
	assert_int_equal(
		mp_store_batch_get(f->store, keys, MP_BATCH_GET_MAX, f->arena, items), MP_OK);
	for (int64_t i = 0; i < MP_BATCH_GET_MAX; i++) {
		assert_int_equal(items[i] != NULL, i % 100 == 0);
		if (items[i] != NULL)
			assert_int_equal(item_n(items[i]), i);
	}
}

/* --- query --- */

static void insert_rows(struct fixture *f, const char *pk, int64_t first, int64_t last)
{
	struct mp_txn txn;

	mp_txn_begin(&txn, f->store, f->arena);
	for (int64_t i = first; i <= last; i++) {
		const char *sk = mp_arena_printf(f->arena, "%03lld", (long long)i);
		mp_txn_insert(&txn, make_item(f->arena, pk, sk, i));
	}
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
}

/* Queries and compares the rows' numbers with the expected, first to last by step. */
static bool query_gives(
	struct fixture *f, const struct mp_query *query, int64_t first, int64_t last, bool more)
{
	struct mp_page page;
	int64_t step = first <= last ? 1 : -1;

	if (mp_store_query(f->store, query, f->arena, &page) != MP_OK)
		return false;
	if (page.count != (size_t)((last - first) * step + 1) || page.more != more)
		return false;
	for (size_t i = 0; i < page.count; i++) {
		if (item_n(page.items[i]) != first + (int64_t)i * step ||
			strcmp(page.items[i]->pk, query->pk) != 0)
			return false;
	}
	return strcmp(page.last_sk, page.items[page.count - 1]->sk) == 0;
}

static bool query_gives_nothing(struct fixture *f, const struct mp_query *query)
{
	struct mp_page page;

	return mp_store_query(f->store, query, f->arena, &page) == MP_OK && page.count == 0 &&
	       !page.more && page.last_sk == NULL;
}

static void query_reads_ranges_in_both_directions(void **state)
{
	static const struct {
		const char *sk_min, *sk_max, *after;
		bool descending;
		size_t limit;
		int64_t first, last;
		bool more;
	} rows[] = {
		{NULL, NULL, NULL, false, 100, 10, 29, false},
		{NULL, NULL, NULL, true, 100, 29, 10, false},
		{NULL, NULL, NULL, false, 20, 10, 29, false},
		{NULL, NULL, NULL, true, 20, 29, 10, false},
		{NULL, NULL, NULL, false, 19, 10, 28, true},
		{NULL, NULL, NULL, true, 19, 29, 11, true},
		{NULL, NULL, NULL, false, 1, 10, 10, true},
		{"015", NULL, NULL, false, 100, 15, 29, false},
		{NULL, "015", NULL, false, 100, 10, 15, false},
		{"012", "014", NULL, false, 100, 12, 14, false},
		{"012", "014", NULL, true, 100, 14, 12, false},
		{"012", "014", NULL, false, 3, 12, 14, false},
		{"012", "014", NULL, false, 2, 12, 13, true},
		{"0115", "0145", NULL, false, 100, 12, 14, false},
		{"0115", "0145", NULL, true, 100, 14, 12, false},
		{"013", "013", NULL, false, 100, 13, 13, false},
		{"0", "1", NULL, true, 2, 29, 28, true},
		{NULL, NULL, "014", false, 2, 15, 16, true},
		{NULL, NULL, "014", true, 2, 13, 12, true},
		{NULL, NULL, "0145", false, 2, 15, 16, true},
		{NULL, NULL, "0145", true, 2, 14, 13, true},
		/* A cursor outside the range does not widen it. */
		{"012", "020", "001", false, 2, 12, 13, true},
		{"012", "020", "025", true, 2, 20, 19, true},
		{"012", "020", "019", false, 5, 20, 20, false},
		{"012", "020", "013", true, 5, 12, 12, false},
	};
	struct fixture *f = *state;
	int failures = 0;

	insert_rows(f, "P", 10, 29);
	insert_rows(f, "O", 40, 42); /* neighbours, before and behind, one with P's name in its */
	insert_rows(f, "PA", 50, 52);
	insert_rows(f, "Q", 60, 62);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct mp_query query = {"P", rows[i].sk_min, rows[i].sk_max, rows[i].after,
			rows[i].descending, rows[i].limit};
		if (!query_gives(f, &query, rows[i].first, rows[i].last, rows[i].more)) {
			print_error("row %zu differs\n", i);
			failures++;
		}
	}
	assert_int_equal(failures, 0);
}

static void query_finds_nothing_where_nothing_is(void **state)
{
	static const struct mp_query rows[] = {
		{"NONE", NULL, NULL, NULL, false, 10},
		{"NONE", NULL, NULL, NULL, true, 10},
		{"P", "030", NULL, NULL, false, 10},
		{"P", NULL, "009", NULL, true, 10},
		{"P", "0101", "0109", NULL, false, 10},
		{"P", "012", "011", NULL, false, 10},
		{"P", "012", "011", NULL, true, 10},
		{"P", NULL, NULL, "029", false, 10},
		{"P", NULL, NULL, "010", true, 10},
		{"P", "012", "014", "014", false, 10},
		{"P", "012", "014", "012", true, 10},
		{"P", "012", "014", "020", false, 10},
		{"P", "012", "014", "001", true, 10},
	};
	struct fixture *f = *state;
	int failures = 0;

	insert_rows(f, "P", 10, 29);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!query_gives_nothing(f, &rows[i])) {
			print_error("row %zu finds something\n", i);
			failures++;
		}
	}
	assert_int_equal(failures, 0);
}

static void query_refuses_bad_arguments(void **state)
{
	static const struct mp_query rows[] = {
		{"P", NULL, NULL, NULL, false, 0},
		{"P", NULL, NULL, NULL, false, MP_QUERY_LIMIT_MAX + 1},
		{"P", "", NULL, NULL, false, 1},
		{"P", NULL, "", NULL, false, 1},
		{"P", NULL, NULL, "", false, 1},
		{"P", NULL, NULL, "\x01", false, 1},
		{"P", NULL, "\xff", NULL, false, 1},
		{NULL, NULL, NULL, NULL, false, 1},
	};
	struct fixture *f = *state;
	struct mp_page page = {.count = 77};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(mp_store_query(f->store, &rows[i], f->arena, &page), MP_INVALID);
	assert_int_equal(page.count, 77); /* untouched */
}

/* Follows the cursor to the end; the numbers must be 1..count, or backwards. */
static bool pages_give_all(struct fixture *f, int64_t count, size_t limit, bool descending)
{
	struct mp_query query = {.pk = "P", .limit = limit, .descending = descending};
	int64_t expected = descending ? count : 1;
	struct mp_page page;

	for (int pages = 0; pages < 100; pages++) {
		if (mp_store_query(f->store, &query, f->arena, &page) != MP_OK)
			return false;
		for (size_t i = 0; i < page.count; i++, expected += descending ? -1 : 1) {
			if (item_n(page.items[i]) != expected)
				return false;
		}
		if (page.count > limit || (page.more && page.last_sk == NULL))
			return false;
		if (!page.more)
			return expected == (descending ? 0 : count + 1);
		query.after = page.last_sk;
	}
	return false;
}

static void cursors_lead_through_all_pages(void **state)
{
	static const size_t limits[] = {1, 2, 3, 4, 5, 11, 12, 13, 1000};
	struct fixture *f = *state;
	int failures = 0;

	insert_rows(f, "P", 1, 12); /* exact multiples of several limits */
	insert_rows(f, "P2", 1, 3);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (!pages_give_all(f, 12, limits[i], false) ||
			!pages_give_all(f, 12, limits[i], true)) {
			print_error("limit %zu\n", limits[i]);
			failures++;
		}
	}
	assert_int_equal(failures, 0);
}

static void cursors_pass_over_expired_items(void **state)
{
	struct fixture *f = *state;

	insert_rows(f, "P", 1, 12);
	for (int i = 0; i < 40; i++) {
		const char *sk = mp_arena_printf(f->arena, "%03dx%d", i % 14, i);
		assert_int_equal(commit_one(f, make_expired(f->arena, "P", sk, 99)), MP_OK);
	}
	for (size_t limit = 1; limit < 14; limit++) {
		assert_true(pages_give_all(f, 12, limit, false));
		assert_true(pages_give_all(f, 12, limit, true));
	}
}

static void large_items_come_in_smaller_pages(void **state)
{
	struct fixture *f = *state;
	char *text = mp_arena_alloc(f->arena, 300001);

	memset(text, 'x', 300000);
	for (int64_t i = 1; i <= 12; i++) {
		struct mp_item *item =
			make_item(f->arena, "P", mp_arena_printf(f->arena, "%03d", (int)i), i);
		mp_map_set_text(mp_item_attrs(item), "text", text);
		assert_int_equal(commit_one(f, item), MP_OK);
	}
	assert_true(pages_give_all(f, 12, 1000, false));
	assert_true(pages_give_all(f, 12, 1000, true));
}

/* --- scan --- */

#define SCANNED 200

/* Counts each item in seen; false when a page is not as it should be. */
static bool scan_segment(
	struct fixture *f, uint32_t segment, uint32_t segments, size_t limit, int seen[SCANNED])
{
	const char *cursor = NULL;
	struct mp_page page;

	do {
		if (mp_store_scan(f->store, segment, segments, cursor, limit, f->arena, &page,
			    &cursor) != MP_OK ||
			page.count > limit || page.more != (cursor != NULL))
			return false;
		for (size_t i = 0; i < page.count; i++) {
			int64_t n = item_n(page.items[i]);
			if (n < 0 || n >= SCANNED)
				return false;
			seen[n]++;
		}
	} while (cursor != NULL);
	return true;
}

static void scan_meets_every_item_once(void **state)
{
	static const struct {
		uint32_t segments;
		size_t limit;
	} rows[] = {{1, 1000}, {1, 1}, {1, 7}, {2, 10}, {3, 1}, {8, 5}, {8, 1000}, {64, 3}};
	struct fixture *f = *state;
	int failures = 0;

	for (int64_t n = 0; n < SCANNED; n++) {
		const char *pk = mp_arena_printf(f->arena, "P%lld", (long long)n % 17);
		const char *sk = mp_arena_printf(f->arena, "%lld", (long long)n);
		assert_int_equal(insert_one(f, pk, sk, n), MP_OK);
		assert_int_equal(
			commit_one(f, make_expired(f->arena, "X", sk, SCANNED + 1)), MP_OK);
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int seen[SCANNED] = {0};
		bool right = true;
		for (uint32_t segment = 0; segment < rows[i].segments; segment++)
			right = right &&
				scan_segment(f, segment, rows[i].segments, rows[i].limit, seen);
		for (size_t n = 0; n < SCANNED; n++)
			right = right && seen[n] == 1;
		if (!right) {
			print_error("row %zu\n", i);
			failures++;
		}
	}
	assert_int_equal(failures, 0);
}

static void scan_of_nothing_ends_at_once(void **state)
{
	struct fixture *f = *state;
	struct mp_page page;
	const char *cursor = "x";

	assert_int_equal(mp_store_scan(f->store, 0, 1, NULL, 10, f->arena, &page, &cursor), MP_OK);
	assert_int_equal(page.count, 0);
	assert_null(cursor);
}

static void scan_refuses_bad_arguments(void **state)
{
	static const char *const cursors[] = {"", "!", "AA", "AAAA", "not a cursor"};
	struct fixture *f = *state;
	const char *cursor = "x";
	struct mp_page page;

	for (size_t i = 0; i < sizeof(cursors) / sizeof(cursors[0]); i++)
		assert_int_equal(
			mp_store_scan(f->store, 0, 1, cursors[i], 10, f->arena, &page, &cursor),
			MP_INVALID);
	assert_int_equal(
		mp_store_scan(f->store, 1, 1, NULL, 10, f->arena, &page, &cursor), MP_INVALID);
	assert_int_equal(
		mp_store_scan(f->store, 0, 1, NULL, 0, f->arena, &page, &cursor), MP_INVALID);
	assert_int_equal(mp_store_scan(f->store, 0, 1, NULL, MP_QUERY_LIMIT_MAX + 1, f->arena,
				 &page, &cursor),
		MP_INVALID);
	assert_string_equal(cursor, "x");
}

/* --- expiry in reads, erase, restart --- */

static void expired_items_are_left_out_of_reads(void **state)
{
	static const struct mp_query query = {.pk = "A", .limit = 10};
	static const struct mp_query back = {.pk = "A", .limit = 10, .descending = true};
	struct fixture *f = *state;

	assert_int_equal(commit_one(f, make_expired(f->arena, "A", "1", 1)), MP_OK);
	assert_absent(f, "A", "1");
	assert_true(query_gives_nothing(f, &query));
	assert_int_equal(insert_one(f, "A", "2", 2), MP_OK);
	assert_int_equal(commit_one(f, make_expired(f->arena, "A", "3", 3)), MP_OK);
	assert_true(query_gives(f, &query, 2, 2, false));
	assert_true(query_gives(f, &back, 2, 2, false));
}

static void erase_removes_whatever_the_version_and_can_be_repeated(void **state)
{
	static const struct mp_key keys[] = {{"A", "1"}, {"A", "nobody"}, {"B", "1"}, {"A", "1"}};
	struct fixture *f = *state;

	assert_int_equal(insert_one(f, "A", "1", 1), MP_OK);
	assert_int_equal(replace_one(f, "A", "1", 2, 1), MP_OK);
	assert_int_equal(insert_one(f, "A", "2", 3), MP_OK);
	assert_int_equal(commit_one(f, make_expired(f->arena, "B", "1", 4)), MP_OK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(mp_store_erase(f->store, keys, 4), MP_OK);
		assert_absent(f, "A", "1");
		assert_absent(f, "B", "1");
		assert_item(f, "A", "2", 1, 3);
	}
	assert_int_equal(mp_store_erase(f->store, keys, 0), MP_OK);
	assert_int_equal(insert_one(f, "A", "1", 5), MP_OK);
	assert_item(f, "A", "1", 1, 5);
}

static void erase_takes_more_keys_than_a_transaction(void **state)
{
	enum {
		COUNT = 5000
	};
	static struct mp_key keys[COUNT];
	static const struct mp_query query = {.pk = "P", .limit = 10};
	struct fixture *f = *state;

	insert_rows(f, "P", 1, 90);
	for (int i = 0; i < COUNT; i++)
		keys[i] = (struct mp_key){"P", mp_arena_printf(f->arena, "%03d", i)};
	assert_int_equal(mp_store_erase(f->store, keys, COUNT), MP_OK);
	assert_true(query_gives_nothing(f, &query));
}

static void a_restart_keeps_what_was_committed(void **state)
{
	struct fixture *f = *state;

	for (int round = 0; round < 3; round++) {
		insert_rows(f, mp_arena_printf(f->arena, "P%d", round), 1, 50);
		if (round == 0)
			assert_int_equal(insert_one(f, "A", "1", 0), MP_OK);
		else
			assert_int_equal(replace_one(f, "A", "1", round, round), MP_OK);
		contract_reopen(f);
		assert_item(f, "A", "1", round + 1, round);
		for (int earlier = 0; earlier <= round; earlier++) {
			const struct mp_query query = {
				.pk = mp_arena_printf(f->arena, "P%d", earlier), .limit = 100};
			assert_true(query_gives(f, &query, 1, 50, false));
		}
	}
	assert_int_equal(remove_one(f, "A", "1", 3), MP_OK);
	contract_reopen(f);
	assert_absent(f, "A", "1");
}

static void a_store_that_works_is_ready(void **state)
{
	struct fixture *f = *state;
	char error[160] = "untouched";

	assert_int_equal(mp_store_ready(f->store, error), MP_OK);
	assert_string_equal(error, "untouched");
}

#define T(test) cmocka_unit_test_setup_teardown(test, contract_setup, contract_teardown)

int run_read_tests(const char *name)
{
	const struct CMUnitTest tests[] = {
		T(attributes_of_every_type_come_back),
		T(an_item_that_was_read_can_be_changed_and_replaced),
		T(batch_get_takes_absent_and_equal_keys),
		T(batch_get_takes_its_maximum_and_no_more),
		T(query_reads_ranges_in_both_directions),
		T(query_finds_nothing_where_nothing_is),
		T(query_refuses_bad_arguments),
		T(cursors_lead_through_all_pages),
		T(cursors_pass_over_expired_items),
		T(large_items_come_in_smaller_pages),
		T(scan_meets_every_item_once),
		T(scan_of_nothing_ends_at_once),
		T(scan_refuses_bad_arguments),
		T(expired_items_are_left_out_of_reads),
		T(erase_removes_whatever_the_version_and_can_be_repeated),
		T(erase_takes_more_keys_than_a_transaction),
		T(a_restart_keeps_what_was_committed),
		T(a_store_that_works_is_ready),
	};

	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}
