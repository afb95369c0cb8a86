#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "contract.h"

/* Conditions and transactions. */

static void insert_gives_version_1(void **state)
{
	struct fixture *f = *state;

	assert_absent(f, "A", "1");
	assert_int_equal(insert_one(f, "A", "1", 7), MP_OK);
	assert_item(f, "A", "1", 1, 7);
}

static void insert_over_an_item_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(insert_one(f, "A", "1", 7), MP_OK);
	assert_int_equal(insert_one(f, "A", "1", 8), MP_EXISTS);
	assert_item(f, "A", "1", 1, 7);
}

static enum mp_rc append_one(struct fixture *f, const char *sk, int64_t n, int64_t check_version)
{
	struct mp_txn txn;

	mp_txn_begin(&txn, f->store, f->arena);
	mp_txn_append(&txn, make_item(f->arena, "JOURNAL", sk, n));
	mp_txn_check(&txn, "OTHER", "1", check_version);
	return mp_txn_commit(&txn, NULL);
}

static void append_overwrites_nothing_as_insert(void **state)
{
	struct fixture *f = *state;
	struct mp_txn txn;

	mp_txn_begin(&txn, f->store, f->arena);
	mp_txn_put(&txn, make_item(f->arena, "BOTH", "2", 2)); /* behind the other, and before it */
	mp_txn_append(&txn, make_item(f->arena, "BOTH", "1", 1));
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
	mp_txn_begin(&txn, f->store, f->arena);
	mp_txn_append(&txn, make_item(f->arena, "BOTH", "2", 3));
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_EXISTS);

	assert_int_equal(append_one(f, "1", 1, 0), MP_OK);
	assert_int_equal(append_one(f, "1", 2, 0), MP_EXISTS);
	assert_int_equal(append_one(f, "2", 2, 0), MP_OK);
	assert_int_equal(append_one(f, "3", 3, 0), MP_OK);
	assert_int_equal(append_one(f, "3", 4, 0), MP_EXISTS);
	assert_int_equal(append_one(f, "6", 6, 7), MP_STALE); /* so it is not there */
	assert_int_equal(insert_one(f, "JOURNAL", "4", 4), MP_OK);
	assert_int_equal(put_one(f, "JOURNAL", "5", 5), MP_OK);
	assert_int_equal(append_one(f, "4", 0, 0), MP_EXISTS);
	assert_int_equal(append_one(f, "5", 0, 0), MP_EXISTS);
	assert_int_equal(append_one(f, "6", 6, 0), MP_OK);
	assert_int_equal(append_one(f, "7", 7, 0), MP_OK);
	contract_reopen(f);
	assert_int_equal(append_one(f, "7", 0, 0), MP_EXISTS);
	assert_int_equal(remove_one(f, "JOURNAL", "7", 1), MP_OK);
	assert_int_equal(append_one(f, "7", 8, 0), MP_OK);
	for (int64_t n = 1; n <= 6; n++)
		assert_item(f, "JOURNAL", mp_arena_printf(f->arena, "%d", (int)n), 1, n);
	assert_item(f, "JOURNAL", "7", 1, 8);
}

static void replace_needs_the_version_and_raises_it(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(replace_one(f, "A", "1", 8, 1), MP_STALE);
	assert_absent(f, "A", "1");
	assert_int_equal(insert_one(f, "A", "1", 7), MP_OK);
	assert_int_equal(replace_one(f, "A", "1", 8, 2), MP_STALE);
	assert_int_equal(replace_one(f, "A", "1", 8, 1), MP_OK);
	assert_item(f, "A", "1", 2, 8);
	assert_int_equal(replace_one(f, "A", "1", 9, 1), MP_STALE);
	assert_item(f, "A", "1", 2, 8);
	assert_int_equal(replace_one(f, "A", "1", 9, 2), MP_OK);
	assert_item(f, "A", "1", 3, 9);
}

static void remove_needs_the_version(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(remove_one(f, "A", "1", 1), MP_STALE);
	assert_int_equal(insert_one(f, "A", "1", 7), MP_OK);
	assert_int_equal(remove_one(f, "A", "1", 2), MP_STALE);
	assert_item(f, "A", "1", 1, 7);
	assert_int_equal(remove_one(f, "A", "1", 1), MP_OK);
	assert_absent(f, "A", "1");
	assert_int_equal(insert_one(f, "A", "1", 9), MP_OK);
	assert_item(f, "A", "1", 1, 9);
}

static void check_needs_the_version_and_writes_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(check_one(f, "A", "1", 1), MP_STALE);
	assert_int_equal(check_one(f, "A", "1", 0), MP_OK);
	assert_absent(f, "A", "1");
	assert_int_equal(insert_one(f, "A", "1", 7), MP_OK);
	assert_int_equal(check_one(f, "A", "1", 0), MP_STALE);
	assert_int_equal(check_one(f, "A", "1", 2), MP_STALE);
	assert_int_equal(check_one(f, "A", "1", 1), MP_OK);
	assert_item(f, "A", "1", 1, 7);
}

static void put_is_never_refused_and_gives_version_1(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put_one(f, "A", "1", 7), MP_OK);
	assert_item(f, "A", "1", 1, 7);
	assert_int_equal(replace_one(f, "A", "1", 8, 1), MP_OK);
	assert_int_equal(put_one(f, "A", "1", 9), MP_OK);
	assert_item(f, "A", "1", 1, 9);
}

static enum mp_rc restore_one(struct fixture *f, struct mp_item *item, int64_t version)
{
	struct mp_txn txn;

	item->version = version;
	mp_txn_begin(&txn, f->store, f->arena);
	mp_txn_restore(&txn, item);
	return mp_txn_commit(&txn, NULL);
}

static void restore_keeps_the_version_and_overwrites_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(restore_one(f, make_item(f->arena, "A", "1", 7), 41), MP_OK);
	assert_item(f, "A", "1", 41, 7);
	assert_int_equal(restore_one(f, make_item(f->arena, "A", "1", 8), 41), MP_EXISTS);
	assert_int_equal(replace_one(f, "A", "1", 9, 41), MP_OK);
	assert_item(f, "A", "1", 42, 9);

	/* An expired item is none; one that is restored expired reads as absent. */
	assert_int_equal(restore_one(f, make_expired(f->arena, "A", "2", 1), 5), MP_OK);
	assert_absent(f, "A", "2");
	assert_int_equal(restore_one(f, make_item(f->arena, "A", "2", 2), 6), MP_OK);
	assert_item(f, "A", "2", 6, 2);

	assert_int_equal(restore_one(f, make_item(f->arena, "A", "3", 1), 0), MP_INVALID);
	assert_int_equal(restore_one(f, make_item(f->arena, "A", "3", 1), INT64_MAX), MP_INVALID);
	assert_absent(f, "A", "3");
}

static void one_transaction_mixes_all_operations(void **state)
{
	struct fixture *f = *state;
	struct mp_txn txn;

	assert_int_equal(insert_one(f, "A", "replaced", 1), MP_OK);
	assert_int_equal(insert_one(f, "A", "removed", 2), MP_OK);
	assert_int_equal(insert_one(f, "B", "checked", 3), MP_OK);
	assert_int_equal(insert_one(f, "B", "put", 4), MP_OK);

	mp_txn_begin(&txn, f->store, f->arena);
	assert_int_equal(mp_txn_replace(&txn, make_item(f->arena, "A", "replaced", 10), 1), 0);
	assert_int_equal(mp_txn_remove(&txn, "A", "removed", 1), 1);
	assert_int_equal(mp_txn_check(&txn, "B", "checked", 1), 2);
	assert_int_equal(mp_txn_check(&txn, "B", "nobody", 0), 3);
	assert_int_equal(mp_txn_put(&txn, make_item(f->arena, "B", "put", 40)), 4);
	assert_int_equal(mp_txn_insert(&txn, make_item(f->arena, "C", "inserted", 50)), 5);
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);

	assert_item(f, "A", "replaced", 2, 10);
	assert_absent(f, "A", "removed");
	assert_item(f, "B", "checked", 1, 3);
	assert_item(f, "B", "put", 1, 40);
	assert_item(f, "C", "inserted", 1, 50);
}

/* --- a refusal anywhere in a big transaction adds nothing and is named --- */

#define BIG 100
#define KINDS 6

/* Adds the operation that is refused: each kind's way, against the item A/there at version 1. */
static enum mp_rc add_refused(struct mp_txn *txn, struct mp_arena *arena, int kind)
{
	switch (kind) {
	case 0:
		mp_txn_insert(txn, make_item(arena, "A", "there", 2));
		return MP_EXISTS;
	case 1:
		mp_txn_replace(txn, make_item(arena, "A", "there", 2), 9);
		return MP_STALE;
	case 2:
		mp_txn_remove(txn, "A", "there", 9);
		return MP_STALE;
	case 3:
		mp_txn_check(txn, "A", "there", 0);
		return MP_STALE;
	case 4: {
		struct mp_item *item = make_item(arena, "A", "there", 2);
		item->version = 9;
		mp_txn_restore(txn, item);
		return MP_EXISTS;
	}
	default:
		mp_txn_check(txn, "A", "nowhere", 1);
		return MP_STALE;
	}
}

static bool partition_is_empty(struct fixture *f, const char *pk)
{
	const struct mp_query query = {.pk = pk, .limit = 1};
	struct mp_page page;

	return mp_store_query(f->store, &query, f->arena, &page) == MP_OK && page.count == 0;
}

/* True when all is as it must be. */
static bool refused_at(struct fixture *f, int kind, size_t place)
{
	struct mp_txn txn;
	char sk[24];
	size_t refused = 12345;
	enum mp_rc expected = MP_OK;

	mp_txn_begin(&txn, f->store, f->arena);
	for (size_t i = 0; i < BIG; i++) {
		if (i == place)
			expected = add_refused(&txn, f->arena, kind);
		(void)snprintf(sk, sizeof(sk), "%03zu", i);
		if (i != place && i % 3 == 0)
			mp_txn_put(&txn, make_item(f->arena, "NEW", sk, (int64_t)i));
		else if (i != place)
			mp_txn_insert(&txn, make_item(f->arena, "NEW", sk, (int64_t)i));
	}
	enum mp_rc rc = mp_txn_commit(&txn, &refused);
	return rc == expected && refused == place && partition_is_empty(f, "NEW");
}

static void a_refusal_anywhere_adds_nothing_and_is_named(void **state)
{
	struct fixture *f = *state;
	int failures = 0;

	assert_int_equal(insert_one(f, "A", "there", 1), MP_OK);
	/* Every place; every kind at the first and the last, and in turn between them. */
	for (size_t place = 0; place < BIG; place++) {
		bool edge = place < 2 || place >= BIG - 2;
		for (int kind = 0; kind < KINDS; kind++) {
			if (!edge && (int)(place % KINDS) != kind)
				continue;
			if (!refused_at(f, kind, place)) {
				print_error("kind %d at %zu\n", kind, place);
				failures++;
			}
			mp_arena_reset(f->arena);
		}
	}
	assert_int_equal(failures, 0);
	assert_item(f, "A", "there", 1, 1);
}

static void the_first_of_several_refusals_is_named(void **state)
{
	struct fixture *f = *state;
	struct mp_txn txn;
	size_t refused = 12345;

	assert_int_equal(insert_one(f, "A", "1", 1), MP_OK);
	assert_int_equal(insert_one(f, "A", "2", 2), MP_OK);
	mp_txn_begin(&txn, f->store, f->arena);
	mp_txn_insert(&txn, make_item(f->arena, "A", "0", 0));
	mp_txn_insert(&txn, make_item(f->arena, "A", "2", 0));
	mp_txn_check(&txn, "A", "1", 5);
	assert_int_equal(mp_txn_commit(&txn, &refused), MP_EXISTS);
	assert_int_equal(refused, 1);
	assert_absent(f, "A", "0");
}

/* --- what is refused whatever is stored --- */

static void an_item_twice_is_refused(void **state)
{
	struct fixture *f = *state;
	struct mp_txn txn;
	size_t refused = 12345;
	char sk[24];

	for (size_t twin = 0; twin < BIG - 1; twin += 14) {
		mp_txn_begin(&txn, f->store, f->arena);
		for (size_t i = 0; i < BIG - 1; i++) {
			(void)snprintf(sk, sizeof(sk), "%zu", i);
			mp_txn_insert(&txn, make_item(f->arena, "A", sk, 1));
		}
		(void)snprintf(sk, sizeof(sk), "%zu", twin);
		mp_txn_check(&txn, "A", sk, 0);
		assert_int_equal(mp_txn_commit(&txn, &refused), MP_INVALID);
		assert_true(refused == MP_OP_NONE);
	}
	assert_true(partition_is_empty(f, "A"));

	/* Keys that only look alike when they are put together are two. */
	mp_txn_begin(&txn, f->store, f->arena);
	mp_txn_insert(&txn, make_item(f->arena, "AB", "C", 1));
	mp_txn_insert(&txn, make_item(f->arena, "A", "BC", 1));
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
}

static enum mp_rc commit_many(struct fixture *f, size_t count)
{
	struct mp_txn txn;
	char sk[24];

	mp_txn_begin(&txn, f->store, f->arena);
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(sk, sizeof(sk), "%05zu", i);
		mp_txn_insert(&txn, make_item(f->arena, "A", sk, (int64_t)i));
	}
	return mp_txn_commit(&txn, NULL);
}

static void a_transaction_holds_its_maximum_and_no_more(void **state)
{
	struct fixture *f = *state;
	size_t ops_max = mp_store_txn_ops_max(f->store);
	char last[24];

	assert_in_range(ops_max, BIG, 4096);
	assert_int_equal(commit_many(f, ops_max + 1), MP_INVALID);
	assert_true(partition_is_empty(f, "A"));
	assert_int_equal(commit_many(f, ops_max), MP_OK);
	(void)snprintf(last, sizeof(last), "%05zu", ops_max - 1);
	assert_item(f, "A", "00000", 1, 0);
	assert_item(f, "A", last, 1, (int64_t)ops_max - 1);
}

static void an_empty_transaction_succeeds(void **state)
{
	struct fixture *f = *state;
	struct mp_txn txn;

	mp_txn_begin(&txn, f->store, f->arena);
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
}

static void versions_out_of_range_are_invalid(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(insert_one(f, "A", "1", 1), MP_OK);
	assert_int_equal(replace_one(f, "A", "1", 2, 0), MP_INVALID);
	assert_int_equal(replace_one(f, "A", "1", 2, -1), MP_INVALID);
	assert_int_equal(replace_one(f, "A", "1", 2, INT64_MAX), MP_INVALID);
	assert_int_equal(remove_one(f, "A", "1", 0), MP_INVALID);
	assert_int_equal(check_one(f, "A", "1", -1), MP_INVALID);
	assert_item(f, "A", "1", 1, 1);
}

static char *text_of(struct mp_arena *arena, size_t len)
{
	char *text = mp_arena_alloc(arena, len + 1);

	assert_non_null(text);
	memset(text, 'x', len);
	return text;
}

static void bad_keys_are_invalid_everywhere(void **state)
{
	struct fixture *f = *state;
	const char *bad[] = {"", "a\x1f", "\n", "\x01", "\xff", "a\xc3", "\xc0\x80",
		text_of(f->arena, MP_KEY_BYTES_MAX + 1)};
	struct mp_item *item = NULL;
	int failures = 0;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct mp_key keys[] = {{"A", "1"}, {bad[i], "1"}};
		const struct mp_query query = {.pk = bad[i], .limit = 1};
		struct mp_page page;
		bool refused = insert_one(f, bad[i], "1", 1) == MP_INVALID &&
			       insert_one(f, "A", bad[i], 1) == MP_INVALID &&
			       remove_one(f, bad[i], "1", 1) == MP_INVALID &&
			       check_one(f, "A", bad[i], 0) == MP_INVALID &&
			       mp_store_get(f->store, bad[i], "1", f->arena, &item) == MP_INVALID &&
			       mp_store_get(f->store, "A", bad[i], f->arena, &item) == MP_INVALID &&
			       mp_store_erase(f->store, keys, 2) == MP_INVALID &&
			       mp_store_query(f->store, &query, f->arena, &page) == MP_INVALID;
		if (!refused) {
			print_error("bad key %zu was taken\n", i);
			failures++;
		}
	}
	assert_int_equal(failures, 0);
}

static void the_longest_keys_are_kept(void **state)
{
	struct fixture *f = *state;
	const char *longest = text_of(f->arena, MP_KEY_BYTES_MAX);
	const struct mp_query query = {.pk = longest, .limit = 10};
	struct mp_page page;

	assert_int_equal(insert_one(f, longest, longest, 1), MP_OK);
	assert_item(f, longest, longest, 1, 1);
	assert_int_equal(insert_one(f, "K", "\xc3\xa9\xf0\x9f\x92\xb6", 2), MP_OK);
	assert_item(f, "K", "\xc3\xa9\xf0\x9f\x92\xb6", 1, 2);
	assert_int_equal(mp_store_query(f->store, &query, f->arena, &page), MP_OK);
	assert_int_equal(page.count, 1);
	assert_string_equal(page.items[0]->sk, longest);
}

/* An item with one text of that many bytes. */
static enum mp_rc insert_sized(struct fixture *f, const char *sk, size_t bytes)
{
	struct mp_item *item = make_item(f->arena, "BIG", sk, 1);

	mp_map_set_text(mp_item_attrs(item), "text", text_of(f->arena, bytes));
	return commit_one(f, item);
}

static void items_over_the_limit_are_too_large(void **state)
{
	struct fixture *f = *state;
	struct mp_item *item = NULL;
	const char *text = NULL;
	struct mp_item_reader r;

	assert_int_equal(insert_sized(f, "over", MP_ITEM_BYTES_MAX), MP_TOO_LARGE);
	assert_int_equal(insert_sized(f, "far over", MP_ITEM_BYTES_MAX * 2), MP_TOO_LARGE);
	assert_true(partition_is_empty(f, "BIG"));

	size_t fits = MP_ITEM_BYTES_MAX - 64; /* its head, two names and the number */
	assert_int_equal(insert_sized(f, "fits", fits), MP_OK);
	assert_int_equal(mp_store_get(f->store, "BIG", "fits", f->arena, &item), MP_OK);
	mp_item_read_begin(&r, item, 1);
	mp_item_read_text(&r, "text", &text);
	assert_int_equal(mp_item_read_end(&r), MP_OK);
	assert_int_equal(strlen(text), fits);
}

static void a_transaction_over_its_bytes_is_too_large(void **state)
{
	struct fixture *f = *state;
	struct mp_txn txn;
	char sk[24];

	mp_txn_begin(&txn, f->store, f->arena);
	for (int i = 0; i < 12; i++) {
		(void)snprintf(sk, sizeof(sk), "%d", i);
		struct mp_item *item = make_item(f->arena, "BIG", sk, 1);
		mp_map_set_text(
			mp_item_attrs(item), "text", text_of(f->arena, MP_ITEM_BYTES_MAX - 64));
		mp_txn_insert(&txn, item);
	}
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_TOO_LARGE);
	assert_true(partition_is_empty(f, "BIG"));
}

/* --- what failed while the transaction was built --- */

static void failures_of_building_are_told_at_commit(void **state)
{
	struct fixture *f = *state;
	struct mp_txn txn;
	size_t refused = 12345;

	mp_txn_begin(&txn, f->store, f->arena);
	mp_txn_insert(&txn, make_item(f->arena, "A", "1", 1));
	assert_true(mp_txn_insert(&txn, NULL) == MP_OP_NONE);
	assert_true(mp_txn_insert(&txn, make_item(f->arena, "A", "2", 1)) == MP_OP_NONE);
	assert_int_equal(mp_txn_commit(&txn, &refused), MP_NOMEM);
	assert_true(refused == MP_OP_NONE);

	struct mp_item *item = make_item(f->arena, "A", "3", 1);
	mp_map_set_text(mp_item_attrs(item), "text", "not UTF-8: \xff");
	assert_int_equal(commit_one(f, item), MP_INVALID);

	item = make_item(f->arena, "A", "4", 1);
	struct mp_map *inner = mp_map_set_map(mp_item_attrs(item), "inner");
	mp_map_set_int(inner, text_of(f->arena, MP_ATTR_NAME_MAX + 1), 1);
	assert_int_equal(commit_one(f, item), MP_TOO_LARGE);

	item = make_item(f->arena, "A", "5", 1);
	item->expires_at_s = -1;
	assert_int_equal(commit_one(f, item), MP_INVALID);
	assert_true(partition_is_empty(f, "A"));
}

static void an_arena_that_is_full_gives_nomem(void **state)
{
	struct fixture *f = *state;
	struct mp_arena *small = mp_arena_new(2048);
	struct mp_txn txn;
	char sk[24];

	mp_txn_begin(&txn, f->store, small);
	for (int i = 0; i < 50; i++) {
		(void)snprintf(sk, sizeof(sk), "%d", i);
		mp_txn_insert(&txn, make_item(small, "A", sk, 1));
	}
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_NOMEM);
	assert_true(partition_is_empty(f, "A"));
	mp_arena_free(small);
}

static void count_call(void *ctx)
{
	(*(int *)ctx)++;
}

static void committed_is_called_after_success_only(void **state)
{
	struct fixture *f = *state;
	struct mp_txn txn;
	int calls = 0;

	for (int i = 0; i < 2; i++) { /* the second is refused */
		mp_txn_begin(&txn, f->store, f->arena);
		txn.committed = (struct mp_hook){count_call, &calls};
		mp_txn_insert(&txn, make_item(f->arena, "A", "1", 1));
		assert_int_equal(mp_txn_commit(&txn, NULL), i == 0 ? MP_OK : MP_EXISTS);
		assert_int_equal(calls, 1);
	}
}

/* --- expiry: an expired item is absent for every condition --- */

static void expired_items_are_absent_for_conditions(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(commit_one(f, make_expired(f->arena, "A", "1", 1)), MP_OK);
	assert_int_equal(check_one(f, "A", "1", 1), MP_STALE);
	assert_int_equal(check_one(f, "A", "1", 0), MP_OK);
	assert_int_equal(replace_one(f, "A", "1", 2, 1), MP_STALE);
	assert_int_equal(remove_one(f, "A", "1", 1), MP_STALE);
	assert_absent(f, "A", "1");
}

static void insert_over_an_expired_item_succeeds(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(commit_one(f, make_expired(f->arena, "A", "1", 1)), MP_OK);
	assert_int_equal(insert_one(f, "A", "1", 2), MP_OK);
	assert_item(f, "A", "1", 1, 2);
	assert_int_equal(commit_one(f, make_expired(f->arena, "A", "1", 3)), MP_EXISTS);
}

static void an_item_is_there_until_it_expires(void **state)
{
	struct fixture *f = *state;
	struct mp_item *item = make_item(f->arena, "A", "1", 1);
	struct mp_item *read = NULL;

	item->expires_at_s = mp_clock_ms() / 1000 + 3600;
	assert_int_equal(commit_one(f, item), MP_OK);
	assert_item(f, "A", "1", 1, 1);
	assert_int_equal(mp_store_get(f->store, "A", "1", f->arena, &read), MP_OK);
	assert_int_equal(read->expires_at_s, item->expires_at_s);
	assert_int_equal(insert_one(f, "A", "1", 2), MP_EXISTS);
	assert_int_equal(replace_one(f, "A", "1", 2, 1), MP_OK);
	assert_int_equal(mp_store_get(f->store, "A", "1", f->arena, &read), MP_OK);
	assert_int_equal(read->expires_at_s, 0); /* the new item's own */
}

#define T(test) cmocka_unit_test_setup_teardown(test, contract_setup, contract_teardown)

int run_txn_tests(const char *name)
{
	const struct CMUnitTest tests[] = {
		T(insert_gives_version_1),
		T(insert_over_an_item_is_refused),
		T(append_overwrites_nothing_as_insert),
		T(replace_needs_the_version_and_raises_it),
		T(remove_needs_the_version),
		T(check_needs_the_version_and_writes_nothing),
		T(put_is_never_refused_and_gives_version_1),
		T(restore_keeps_the_version_and_overwrites_nothing),
		T(one_transaction_mixes_all_operations),
		T(a_refusal_anywhere_adds_nothing_and_is_named),
		T(the_first_of_several_refusals_is_named),
		T(an_item_twice_is_refused),
		T(a_transaction_holds_its_maximum_and_no_more),
		T(an_empty_transaction_succeeds),
		T(versions_out_of_range_are_invalid),
		T(bad_keys_are_invalid_everywhere),
		T(the_longest_keys_are_kept),
		T(items_over_the_limit_are_too_large),
		T(a_transaction_over_its_bytes_is_too_large),
		T(failures_of_building_are_told_at_commit),
		T(an_arena_that_is_full_gives_nomem),
		T(committed_is_called_after_success_only),
		T(expired_items_are_absent_for_conditions),
		T(insert_over_an_expired_item_succeeds),
		T(an_item_is_there_until_it_expires),
	};

	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}
