#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "contract.h"

/* Many threads on one store. cmocka's asserts are for the main thread: others count failures. */

#define THREADS 32

static int scaled(int repetitions)
{
	return repetitions * contract_engine_now->effort / 100;
}

struct worker {
	struct fixture *f;
	pthread_t thread;
	struct mp_arena *arena;
	int number;
	int done;     /* what it did that counted */
	int failures; /* what must not happen */
};

static int run_workers(struct fixture *f, struct worker *workers, void *(*run)(void *))
{
	int failures = 0;

	for (int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.f = f, .number = i, .arena = mp_arena_new(4u << 20)};
		assert_non_null(workers[i].arena);
		assert_int_equal(pthread_create(&workers[i].thread, NULL, run, &workers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		(void)pthread_join(workers[i].thread, NULL);
		mp_arena_free(workers[i].arena);
		failures += workers[i].failures;
	}
	return failures;
}

/* --- one counter --- */

#define ADDS scaled(20)

static enum mp_rc add_one(struct worker *w)
{
	struct mp_item *item;
	struct mp_txn txn;
	const struct mp_attr *attr;

	mp_arena_reset(w->arena);
	enum mp_rc rc = mp_store_get(w->f->store, "COUNTER", "1", w->arena, &item);
	if (rc != MP_OK)
		return rc;
	attr = mp_map_get(&item->attrs, "n");
	if (attr == NULL)
		return MP_CORRUPT;
	mp_txn_begin(&txn, w->f->store, w->arena);
	mp_txn_replace(
		&txn, make_item(w->arena, "COUNTER", "1", attr->as.number + 1), item->version);
	return mp_txn_commit(&txn, NULL);
}

static void *count_up(void *arg)
{
	struct worker *w = arg;

	while (w->done < ADDS && w->failures == 0) {
		enum mp_rc rc = add_one(w);
		if (rc == MP_OK)
			w->done++;
		else if (rc != MP_STALE)
			w->failures++;
	}
	return NULL;
}

static void no_update_of_a_counter_is_lost(void **state)
{
	struct fixture *f = *state;
	struct worker workers[THREADS];

	assert_int_equal(insert_one(f, "COUNTER", "1", 0), MP_OK);
	assert_int_equal(run_workers(f, workers, count_up), 0);
	assert_item(f, "COUNTER", "1", THREADS * ADDS + 1, THREADS * ADDS);
}

/* --- one winner for each key --- */

#define KEYS 50

static void *claim_keys(
	struct worker *w, size_t (*add)(struct mp_txn *txn, const struct mp_item *item))
{
	for (int i = 0; i < KEYS; i++) {
		struct mp_txn txn;
		mp_arena_reset(w->arena);
		const char *mine =
			mp_arena_printf(w->arena, "%d-%d", w->number, i); /* rides along */
		mp_txn_begin(&txn, w->f->store, w->arena);
		mp_txn_insert(&txn, make_item(w->arena, "MINE", mine, 1));
		add(&txn, make_item(w->arena, "CLAIM", mp_arena_printf(w->arena, "%02d", i),
				  w->number));
		size_t refused = MP_OP_NONE;
		enum mp_rc rc = mp_txn_commit(&txn, &refused);
		if (rc == MP_OK)
			w->done++;
		else if (rc != MP_EXISTS || refused != 1)
			w->failures++;
	}
	return NULL;
}

static void *claim_by_insert(void *arg)
{
	return claim_keys(arg, mp_txn_insert);
}

static void *claim_by_append(void *arg)
{
	return claim_keys(arg, mp_txn_append);
}

static int64_t count_rows(struct fixture *f, const char *pk)
{
	struct mp_query query = {.pk = pk, .limit = MP_QUERY_LIMIT_MAX};
	struct mp_page page;

	assert_int_equal(mp_store_query(f->store, &query, f->arena, &page), MP_OK);
	return page.more ? -1 : (int64_t)page.count;
}

static void claim_side_by_side(struct fixture *f, void *(*claim)(void *))
{
	struct worker workers[THREADS];
	int claimed = 0;

	assert_int_equal(run_workers(f, workers, claim), 0);
	for (int i = 0; i < THREADS; i++)
		claimed += workers[i].done;
	assert_int_equal(claimed, KEYS);
	assert_int_equal(count_rows(f, "CLAIM"), KEYS);
	assert_int_equal(count_rows(f, "MINE"), KEYS); /* the losers' rows were not written */
}

static void each_key_is_claimed_by_one(void **state)
{
	claim_side_by_side(*state, claim_by_insert);
}

static void each_place_behind_the_end_is_taken_by_one(void **state)
{
	claim_side_by_side(*state, claim_by_append);
}

/* --- money that moves between accounts stays the same sum --- */

#define ACCOUNTS 4
#define MOVES scaled(20)

static enum mp_rc move_one(struct worker *w, const char *from, const char *to)
{
	const struct mp_key keys[] = {{"ACCOUNT", from}, {"ACCOUNT", to}};
	struct mp_item *items[2];
	struct mp_txn txn;

	mp_arena_reset(w->arena);
	enum mp_rc rc = mp_store_batch_get(w->f->store, keys, 2, w->arena, items);
	if (rc != MP_OK)
		return rc;
	mp_txn_begin(&txn, w->f->store, w->arena);
	for (int i = 0; i < 2; i++) {
		const struct mp_attr *attr =
			items[i] == NULL ? NULL : mp_map_get(&items[i]->attrs, "n");
		if (attr == NULL)
			return MP_CORRUPT;
		mp_txn_replace(&txn,
			make_item(w->arena, "ACCOUNT", keys[i].sk,
				attr->as.number + (i == 0 ? -1 : 1)),
			items[i]->version);
	}
	return mp_txn_commit(&txn, NULL);
}

static void *move_money(void *arg)
{
	static const char *const names[ACCOUNTS] = {"a", "b", "c", "d"};
	struct worker *w = arg;

	for (unsigned turn = (unsigned)w->number; w->done < MOVES && w->failures == 0; turn++) {
		enum mp_rc rc = move_one(
			w, names[turn % ACCOUNTS], names[(turn + 1 + turn % 3) % ACCOUNTS]);
		if (rc == MP_OK)
			w->done++;
		else if (rc != MP_STALE)
			w->failures++;
	}
	return NULL;
}

static void moves_between_items_keep_the_sum(void **state)
{
	static const struct mp_query query = {.pk = "ACCOUNT", .limit = ACCOUNTS};
	struct fixture *f = *state;
	struct worker workers[THREADS];
	struct mp_page page;
	int64_t sum = 0;
	int64_t versions = 0;

	for (int i = 0; i < ACCOUNTS; i++) {
		const char sk[] = {(char)('a' + i), '\0'};
		assert_int_equal(insert_one(f, "ACCOUNT", sk, 1000), MP_OK);
	}
	assert_int_equal(run_workers(f, workers, move_money), 0);
	assert_int_equal(mp_store_query(f->store, &query, f->arena, &page), MP_OK);
	assert_int_equal(page.count, ACCOUNTS);
	for (size_t i = 0; i < page.count; i++) {
		sum += item_n(page.items[i]);
		versions += page.items[i]->version;
	}
	assert_int_equal(sum, 1000 * ACCOUNTS);
	assert_int_equal(versions, ACCOUNTS + 2 * THREADS * MOVES);
}

/* --- what was queued before counts, though it is not answered yet --- */

#define LINKS scaled(20)

static struct {
	pthread_mutex_t baton; /* who holds it may queue the next */
	int64_t version;       /* as everything queued so far leaves the item */
	int queued;
	bool handed_on[THREADS];
} chain = {.baton = PTHREAD_MUTEX_INITIALIZER};

static void hand_on(void *ctx)
{
	*(bool *)ctx = true;
	chain.queued++;
	(void)pthread_mutex_unlock(&chain.baton);
}

/* Every third is refused, for a condition of its own: the others do not count on it. */
static void *add_links(void *arg)
{
	struct worker *w = arg;
	struct mp_txn txn;

	for (int i = 0; i < LINKS; i++) {
		bool refused = i % 3 == 2;
		mp_arena_reset(w->arena);
		(void)pthread_mutex_lock(&chain.baton);
		mp_txn_begin(&txn, w->f->store, w->arena);
		chain.handed_on[w->number] = false;
		txn.queued = (struct mp_hook){hand_on, &chain.handed_on[w->number]};
		mp_txn_replace(&txn, make_item(w->arena, "CHAIN", "1", i), chain.version);
		if (refused)
			mp_txn_check(&txn, "NOTHING", "1", 7);
		else
			chain.version++;
		enum mp_rc rc = mp_txn_commit(&txn, NULL);
		w->failures += rc != (refused ? MP_STALE : MP_OK);
		if (!chain.handed_on[w->number]) /* it does not say, or failed before */
			(void)pthread_mutex_unlock(&chain.baton);
	}
	return NULL;
}

static void what_was_queued_before_counts(void **state)
{
	struct fixture *f = *state;
	struct worker workers[THREADS];

	chain.version = 1;
	chain.queued = 0;
	assert_int_equal(insert_one(f, "CHAIN", "1", 0), MP_OK);
	assert_int_equal(run_workers(f, workers, add_links), 0);
	assert_int_equal(chain.queued, mp_store_is_shared(f->store) ? 0 : THREADS * LINKS);
	struct mp_item *item;
	assert_int_equal(mp_store_get(f->store, "CHAIN", "1", f->arena, &item), MP_OK);
	assert_int_equal(item->version, chain.version);
}

#define T(test) cmocka_unit_test_setup_teardown(test, contract_setup, contract_teardown)

int run_thread_tests(const char *name)
{
	const struct CMUnitTest tests[] = {
		T(no_update_of_a_counter_is_lost),
		T(each_key_is_claimed_by_one),
		T(each_place_behind_the_end_is_taken_by_one),
		T(moves_between_items_keep_the_sum),
		T(what_was_queued_before_counts),
	};

	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}
