#include "base/testing_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "contract.h"
#include "json/json.h"
#include "store/fault.h"
#include "store/move.h"

/* Moving house: out of the fixture's store into a file, and into another store of the engine. */

#define ROWS 260 /* several transactions of an import */
#define PATIENCE_MS 10000
#define FILE_BYTES_MAX (4u << 20)

struct house {
	struct fixture *f;
	struct mp_test_folder folder;
	char path[MP_TEST_PATH_SIZE + 16];
	char part[MP_TEST_PATH_SIZE + 32];
	void *place; /* of the other store */
	struct mp_store *other;
	struct mp_moved moved;
	char reason[256];
};

static void put_rows(struct fixture *f)
{
	struct mp_txn txn;

	for (int64_t n = 0; n < ROWS; n++) {
		if (n % 50 == 0)
			mp_txn_begin(&txn, f->store, f->arena);
		const char *pk = mp_arena_printf(f->arena, "P%lld", (long long)n % 7);
		const char *sk = mp_arena_printf(f->arena, "%05lld", (long long)n);
		struct mp_item *item = make_item(f->arena, pk, sk, n - 20);
		item->version = n % 11 + 1;
		if (n % 13 == 0) /* the first ends while it is moved */
			item->expires_at_s = mp_clock_ms() / 1000 + 1 + n * 1000;
		mp_txn_restore(&txn, item);
		if (n % 50 == 49 || n == ROWS - 1)
			assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
	}
}

/* One item with all that JSON must carry. */
static struct mp_item *make_rich(struct mp_arena *arena)
{
	struct mp_item *item = mp_item_new(arena, "RICH #1", "\xc3\xa9\xf0\x9f\x92\xb6", 7);
	struct mp_map *attrs = mp_item_attrs(item);
	struct mp_list *list = mp_map_set_list(attrs, "list");
	struct mp_map *element = mp_list_add_map(attrs, list);
	struct mp_map *map = mp_map_set_map(attrs, "map");

	mp_map_set_text(attrs, "text", "\"q\" \\ / \x01\x1f\x7f \xe2\x82\xac\n");
	mp_map_set_text(attrs, "empty", "");
	mp_map_set_text(attrs, "pk", "a name of ours");
	mp_map_set_int(attrs, "least", INT64_MIN);
	mp_map_set_int(attrs, "most", INT64_MAX);
	mp_map_set_bool(attrs, "no", false);
	mp_map_set_bool(attrs, "yes", true);
	mp_map_set_int(element, "n", 5);
	(void)mp_list_add_map(attrs, list);
	(void)mp_map_set_list(map, "none");
	mp_map_set_text(mp_map_set_map(map, "inner"), "t", "\xe7\x94\xb2");
	item->version = INT64_MAX - 1;
	return item;
}

static void house_open(struct house *h, struct fixture *f)
{
	*h = (struct house){.f = f};
	mp_test_folder_make(&h->folder);
	(void)snprintf(h->path, sizeof(h->path), "%s/wallet.jsonl", h->folder.path);
	(void)snprintf(h->part, sizeof(h->part), "%s.part", h->path);
	put_rows(f);
	h->place = f->engine->place_new();
	assert_non_null(h->place);
	h->other = f->engine->open(h->place);
	assert_non_null(h->other);
}

static void house_close(struct house *h)
{
	mp_store_close(h->other);
	h->f->engine->place_free(h->place);
	mp_test_folder_remove(&h->folder);
}

static enum mp_rc export_as(struct house *h, const char *service)
{
	const struct mp_move move = {h->f->store, service, h->path, PATIENCE_MS};

	return mp_export(&move, &h->moved, h->reason);
}

static enum mp_rc import_as(struct house *h, const char *service, int patience_ms)
{
	const struct mp_move move = {h->other, service, h->path, patience_ms};

	return mp_import(&move, &h->moved, h->reason);
}

static char *read_all(struct house *h, const char *path, size_t *out_len)
{
	char *bytes = mp_arena_alloc(h->f->arena, FILE_BYTES_MAX);
	FILE *file = fopen(path, "r");

	assert_non_null(bytes);
	assert_non_null(file);
	*out_len = fread(bytes, 1, FILE_BYTES_MAX - 1, file);
	(void)fclose(file);
	return bytes;
}

static void write_all(const char *path, const char *bytes, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

/* Every item of the first store is in the second as it was. Those that end are left out. */
static bool holds_the_same(struct house *h)
{
	const char *cursor = NULL;
	struct mp_page page;
	struct mp_item *twin;

	do {
		if (mp_store_scan(h->f->store, 0, 1, cursor, 100, h->f->arena, &page, &cursor) !=
			MP_OK)
			return false;
		for (size_t i = 0; i < page.count; i++) {
			const struct mp_item *item = page.items[i];
			struct mp_buf a;
			struct mp_buf b;
			mp_buf_init(&a, MP_ITEM_LINE_MAX);
			mp_buf_init(&b, MP_ITEM_LINE_MAX);
			mp_item_add_line(&a, item);
			if (mp_store_get(h->other, item->pk, item->sk, h->f->arena, &twin) == MP_OK)
				mp_item_add_line(&b, twin);
			bool same = strcmp(mp_buf_text(&a), mp_buf_text(&b)) == 0;
			mp_buf_done(&a);
			mp_buf_done(&b);
			if (!same && item->expires_at_s == 0)
				return false;
		}
	} while (cursor != NULL);
	return true;
}

static void a_moved_store_holds_every_item_as_it_was(void **state)
{
	struct house h;
	struct mp_txn txn;
	struct mp_item *rich = make_rich(((struct fixture *)*state)->arena);

	house_open(&h, *state);
	mp_txn_begin(&txn, h.f->store, h.f->arena);
	mp_txn_restore(&txn, rich);
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);

	assert_int_equal(export_as(&h, "wallet"), MP_OK);
	assert_in_range(h.moved.sum.count, ROWS, ROWS + 1);
	assert_false(h.moved.resumed);
	struct mp_items_sum exported = h.moved.sum;
	assert_int_equal(import_as(&h, "wallet", PATIENCE_MS), MP_OK);
	assert_true(mp_items_sum_equal(&exported, &h.moved.sum));
	assert_false(h.moved.resumed);
	assert_true(holds_the_same(&h));
	assert_int_equal(mp_move_check_finished(h.other), MP_OK);

	/* What was read before the move can be replaced after it. */
	mp_txn_begin(&txn, h.other, h.f->arena);
	mp_txn_replace(&txn, make_item(h.f->arena, "P5", "00012", 1), 12 % 11 + 1);
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
	house_close(&h);
}

/* A process that is killed leaves the beginning of what a whole one would have written. */
static void an_export_that_was_cut_anywhere_goes_on(void **state)
{
	struct house h;
	size_t len;
	size_t again_len;

	house_open(&h, *state);
	assert_int_equal(export_as(&h, "wallet"), MP_OK);
	const char *whole = read_all(&h, h.path, &len);
	struct mp_items_sum sum = h.moved.sum;
	for (size_t kept = 1; kept <= len; kept += len / 9) {
		bool has_header = memchr(whole, '\n', kept) != NULL;
		assert_int_equal(unlink(h.path), 0);
		write_all(h.part, whole, kept);
		if (!has_header) {
			assert_int_equal(export_as(&h, "wallet"), MP_CORRUPT);
			assert_non_null(strstr(h.reason, "remove it"));
			write_all(h.part, whole, 0);
		}
		assert_int_equal(export_as(&h, "wallet"), MP_OK);
		assert_int_equal(h.moved.resumed, has_header);
		const char *again = read_all(&h, h.path, &again_len);
		/* The row that ended meanwhile may be gone from it. */
		if (h.moved.sum.count == sum.count) {
			assert_int_equal(again_len, len);
			assert_memory_equal(again, whole, len);
		}
	}
	assert_int_equal(export_as(&h, "wallet"), MP_EXISTS);
	house_close(&h);
}

/* Each of its transactions in turn is the last, whether or not its answer came. */
static void an_import_that_was_ended_anywhere_goes_on(void **state)
{
	struct house h;
	int ended = 0;

	house_open(&h, *state);
	assert_int_equal(export_as(&h, "wallet"), MP_OK);
	h.other = mp_fault_store_new(h.other);
	assert_non_null(h.other);
	for (unsigned nth = 1; nth < 4; nth++) {
		mp_fault_store_arm(h.other, nth, nth % 2 == 0);
		enum mp_rc rc = import_as(&h, "wallet", 0);
		if (rc == MP_OK)
			break;
		assert_int_equal(rc, nth % 2 == 0 ? MP_UNKNOWN : MP_UNAVAILABLE);
		if (nth > 1) /* the first was the mark itself */
			assert_int_equal(mp_move_check_finished(h.other), MP_CONFLICT);
		ended++;
	}
	assert_in_range(ended, 1, 3);
	if (mp_move_check_finished(h.other) == MP_CONFLICT) {
		/* With patience, an answer that did not come ends nothing. */
		mp_fault_store_arm(h.other, 1, true);
		assert_int_equal(import_as(&h, "wallet", PATIENCE_MS), MP_OK);
		assert_true(h.moved.resumed);
	}
	assert_true(holds_the_same(&h));
	assert_int_equal(mp_move_check_finished(h.other), MP_OK);
	house_close(&h);
}

static bool is_refused(struct house *h, enum mp_rc rc, enum mp_rc expected, const char *words)
{
	if (rc == expected && strstr(h->reason, words) != NULL)
		return true;
	print_error("%s: \"%s\", not \"%s\"\n", mp_rc_name(rc), h->reason, words);
	return false;
}

static bool is_empty(struct house *h)
{
	const char *cursor;
	struct mp_page page;

	return mp_store_scan(h->other, 0, 1, NULL, 1, h->f->arena, &page, &cursor) == MP_OK &&
	       page.count == 0;
}

static void files_that_are_not_whole_write_nothing(void **state)
{
	struct house h;
	size_t len;

	house_open(&h, *state);
	assert_int_equal(export_as(&h, "wallet"), MP_OK);
	char *whole = read_all(&h, h.path, &len);
	char *second = memchr(whole, '\n', len);
	int wrong = 0;

	assert_non_null(second);
	wrong += !is_refused(&h, import_as(&h, "email", 0), MP_CONFLICT, "of wallet, not of email");
	write_all(h.path, whole, len - 20);
	wrong += !is_refused(&h, import_as(&h, "wallet", 0), MP_CORRUPT, "not whole");
	write_all(h.path, second + 1, len - (size_t)(second + 1 - whole));
	wrong += !is_refused(&h, import_as(&h, "wallet", 0), MP_CORRUPT, "no export");
	char *digit = strstr(whole + len / 2, "\"n\":") + 4;
	digit[0] = digit[0] == '7' ? '8' : '7';
	write_all(h.path, whole, len);
	wrong += !is_refused(&h, import_as(&h, "wallet", 0), MP_CORRUPT, "damaged");
	const char *newer = "{\"moneypal_export\":2,\"service\":\"wallet\"}\n";
	write_all(h.path, newer, strlen(newer));
	wrong += !is_refused(&h, import_as(&h, "wallet", 0), MP_INVALID, "knows up to 1");
	(void)unlink(h.path);
	wrong += !is_refused(&h, import_as(&h, "wallet", 0), MP_UNAVAILABLE, "cannot be read");
	assert_int_equal(wrong, 0);
	assert_true(is_empty(&h));
	house_close(&h);
}

static void a_store_with_other_data_takes_no_import(void **state)
{
	struct house h;
	struct mp_txn txn;
	size_t len;
	int wrong = 0;

	house_open(&h, *state);
	assert_int_equal(export_as(&h, "wallet"), MP_OK);
	mp_txn_begin(&txn, h.other, h.f->arena);
	mp_txn_insert(&txn, make_item(h.f->arena, "A", "1", 1));
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
	wrong += !is_refused(&h, import_as(&h, "wallet", 0), MP_CONFLICT, "holds other data");
	mp_txn_begin(&txn, h.other, h.f->arena);
	mp_txn_remove(&txn, "A", "1", 1);
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);

	/* One that was begun takes no other file, and is no source. */
	h.other = mp_fault_store_new(h.other);
	mp_fault_store_arm(h.other, 2, false);
	assert_int_equal(import_as(&h, "wallet", 0), MP_UNAVAILABLE);
	char *whole = read_all(&h, h.path, &len);
	const char *empty = "{\"moneypal_export\":1,\"service\":\"wallet\"}\n"
			    "{\"end\":{\"digest\":\"00000000000000000000000000000000"
			    "00000000000000000000000000000000\",\"items\":0}}\n";
	write_all(h.path, empty, strlen(empty));
	wrong += !is_refused(&h, import_as(&h, "wallet", 0), MP_CONFLICT, "another file");
	(void)unlink(h.path);
	const struct mp_move back = {h.other, "wallet", h.path, 0};
	wrong += !is_refused(
		&h, mp_export(&back, &h.moved, h.reason), MP_CONFLICT, "was not finished");
	write_all(h.path, whole, len);
	assert_int_equal(import_as(&h, "wallet", PATIENCE_MS), MP_OK);
	assert_int_equal(wrong, 0);
	house_close(&h);
}

static void a_source_that_changes_is_noticed(void **state)
{
	struct house h;
	size_t len;

	house_open(&h, *state);
	assert_int_equal(export_as(&h, "wallet"), MP_OK);
	const char *whole = read_all(&h, h.path, &len);
	assert_int_equal(unlink(h.path), 0);
	write_all(h.part, whole, len);
	assert_int_equal(replace_one(h.f, "P5", "00012", 77, 12 % 11 + 1), MP_OK);
	assert_true(is_refused(&h, export_as(&h, "wallet"), MP_CONFLICT, "changed while"));
	assert_int_not_equal(access(h.part, F_OK), 0);
	assert_int_equal(export_as(&h, "wallet"), MP_OK);
	house_close(&h);
}

#define T(test) cmocka_unit_test_setup_teardown(test, contract_setup, contract_teardown)

int run_move_tests(const char *name)
{
	const struct CMUnitTest tests[] = {
		T(a_moved_store_holds_every_item_as_it_was),
		T(an_export_that_was_cut_anywhere_goes_on),
		T(an_import_that_was_ended_anywhere_goes_on),
		T(files_that_are_not_whole_write_nothing),
		T(a_store_with_other_data_takes_no_import),
		T(a_source_that_changes_is_noticed),
	};

	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}
