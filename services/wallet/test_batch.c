#include <stdlib.h>
#include <string.h>

#include "base/testing_alloc.h"
#include "account_cache.h"
#include "base/crypto.h"
#include "base/text.h"
#include "batch.h"
#include "metrics/metrics.h"
#include "test_world.h"
#include "wallet_items_db.h"

/* Batches and the account cache by themselves, on one thread: every step in the test's hands. */

static struct world world;
static struct account_cache *cache;
static struct batch *batch;
static struct wallet_db db;
static struct turn turn;

static int64_t noon(void)
{
	return 1795000000000;
}

static int open_all(void **state)
{
	world_open(&world, NULL);
	db = (struct wallet_db){.store = world.store, .outbox = world.outbox};
	const struct batch_config config = {
		.db = &db,
		.currencies = &world.currencies,
		.transfers_max = 64,
		.give_up_ms = 300,
		.now_ms = noon,
		.turn = &turn,
	};
	turn_init(&turn);
	batch = batch_new(&config);
	cache = account_cache_new(64);
	assert_non_null(batch);
	assert_non_null(cache);
	return 0;
}

static int close_all(void **state)
{
	batch_free(batch);
	turn_done(&turn); /* nobody has a turn, and nothing is on its way */
	account_cache_free(cache);
	world_close(&world);
	return 0;
}

/* Takes, decides and gives back, as the committer does. */
static void decide(struct wallet_transfer *transfers, size_t count)
{
	static const struct wallet_shards one_shard = {.of = 1, .count = 1};
	static uint64_t walk;

	walk++;
	batch_take_turn(batch);
	batch_clear(batch);
	for (size_t i = 0; i < count; i++) {
		struct account_slot *slots[2 * WALLET_LEGS_MAX];
		for (size_t j = 0; j < transfers[i].legs_count; j++) {
			struct wallet_leg *leg = &transfers[i].legs[j];
			leg->from = wallet_key_shard(&leg->from, &transfers[i].id, &one_shard);
			slots[2 * j] = account_cache_get(cache, &leg->from, walk);
			slots[2 * j + 1] = account_cache_get(cache, &leg->to, walk);
			assert_true(slots[2 * j] != NULL && slots[2 * j + 1] != NULL);
		}
		batch_add(batch, &transfers[i], slots, cache);
	}
	batch_decide(batch);
	batch_release(batch, cache);
}

static void make_three(struct wallet_transfer out[3])
{
	out[0] = world_transfer(&world, 1, "psp", "ada", 500);
	out[1] = world_transfer(&world, 2, "ada", "bob", 501);
	out[2] = world_transfer(&world, 3, "ada", "bob", 499);
}

static void what_was_moved_is_counted_once(void **state)
{
	struct mp_metric *moved = mp_counter("moneypal_moved_minor_total", "currency=\"USD\"", "");
	int64_t before = mp_metric_value(moved);
	struct wallet_transfer three[3];

	for (int times = 0; times < 2; times++) { /* a repeat moves nothing */
		make_three(three);
		decide(three, 3);
		assert_int_equal(mp_metric_value(moved), before + 500 + 499);
	}
}

/* Whatever allocation fails: not written and told so, or written and told so; never by half. */
static void without_memory_nothing_is_done_by_half(void **state)
{
	struct wallet_transfer three[3];
	long n = 0;

	make_three(three);
	for (;; n++) {
		mp_alloc_fail_after(n);
		decide(three, 3);
		mp_alloc_fail_never();
		if (three[0].rc == MP_OK && three[1].rc == MP_OK && three[2].rc == MP_OK)
			break;
		for (size_t i = 0; i < 3; i++) {
			assert_true(three[i].rc == MP_OK || three[i].rc == MP_NOMEM);
			assert_int_equal(
				world_record(&world, &three[i].id) != NULL, three[i].rc == MP_OK);
		}
		mp_arena_reset(world.arena);
		make_three(three);
	}
	assert_true(n > 0);
	assert_int_equal(three[0].outcome, WALLET_POSTED);
	assert_int_equal(three[1].outcome, WALLET_REFUSED);
	assert_int_equal(three[2].outcome, WALLET_POSTED);
	world_assert_sound(&world);
	struct audit_report report = world_audit(&world);
	assert_int_equal(report.transfers, 3);
}

static void an_audit_without_memory_says_so(void **state)
{
	struct wallet_transfer three[3];
	struct audit_report report = {.transfers = -1};
	enum mp_rc rc = MP_NOMEM;
	long n = 0;

	make_three(three);
	decide(three, 3);
	for (; rc != MP_OK; n++) {
		assert_int_equal(report.transfers, -1);
		mp_alloc_fail_after(n);
		rc = audit_run(&db, &(struct audit_order){.now_ms = noon()}, world.arena, &report);
		mp_alloc_fail_never();
		assert_true(rc == MP_OK || rc == MP_NOMEM);
	}
	assert_true(n > 5);
	assert_true(report.ok);
	assert_int_equal(report.transfers, 3);
}

static void opening_without_memory_leaves_nothing(void **state)
{
	struct wallet_config config = world_config(&world);
	struct wallet *wallet = NULL;
	enum mp_rc rc = MP_NOMEM;

	for (long n = 0; rc == MP_NOMEM; n++) {
		assert_null(wallet);
		mp_alloc_fail_after(n);
		rc = wallet_open(&config, &wallet);
		mp_alloc_fail_never();
	}
	assert_int_equal(rc, MP_OK);
	wallet_close(wallet);
}

/* --- a store whose every answer is the test's --- */

/*
 * Each commit takes the script's next letter, the last one again and again:
 *	.  as the real store answers            u  MP_UNKNOWN, not written
 *	x  MP_UNAVAILABLE                       U  MP_UNKNOWN, written
 *	s  MP_STALE, of the first operation     t  MP_TOO_LARGE
 */
static struct {
	const char *commits;
	unsigned reads_failing; /* so many reads, after the first commit */
	unsigned commits_done;
} script;

static enum mp_rc pass_on(const struct mp_txn *txn, size_t *reterr)
{
	struct mp_txn real = *txn;

	real.store = world.store;
	real.committed = (struct mp_hook){0}; /* the script's own is called */
	return mp_txn_commit(&real, reterr);
}

static enum mp_rc script_commit(void *engine, const struct mp_txn *txn, size_t *reterr_op)
{
	char letter = *script.commits;
	size_t refused;

	script.commits_done++;
	if (script.commits[1] != '\0')
		script.commits++;
	switch (letter) {
	case 'u':
		return MP_UNKNOWN;
	case 'U':
		assert_int_equal(pass_on(txn, &refused), MP_OK);
		return MP_UNKNOWN;
	case 'x':
		return MP_UNAVAILABLE;
	case 's':
		*reterr_op = 0;
		return MP_STALE;
	case 't':
		return MP_TOO_LARGE;
	default:
		return pass_on(txn, reterr_op);
	}
}

static enum mp_rc script_batch_get(void *engine, const struct mp_key *keys, size_t count,
	struct mp_arena *arena, struct mp_item **out_items)
{
	if (script.commits_done > 0 && script.reads_failing > 0) {
		script.reads_failing--;
		return MP_UNAVAILABLE;
	}
	return mp_store_batch_get(world.store, keys, count, arena, out_items);
}

static void script_close(void *engine)
{
}

static const struct {
	const char *commits;
	unsigned reads_failing;
	enum mp_rc rc; /* of all three */
	bool written;  /* all three */
	unsigned commits_done;
} answers[] = {
	{".", 0, MP_OK, true, 1},
	{"x", 0, MP_UNAVAILABLE, false, 1},
	{"U", 0, MP_OK, true, 1},	   /* found, and answered so */
	{"U", 3, MP_OK, true, 1},	   /* found when it could be read again */
	{"U", 10000, MP_UNKNOWN, true, 1}, /* never found out */
	{"u.", 0, MP_OK, true, 2},	   /* not there: written again */
	{"uu.", 2, MP_OK, true, 3},
	{"ux", 0, MP_UNKNOWN, false, 2}, /* the first may still arrive */
	{"u", 0, MP_UNKNOWN, false, 0},	 /* and so on until it gives up */
	{"ss.", 0, MP_OK, true, 3},	 /* again as a whole */
	{"ssss.", 0, MP_OK, true, 6},	 /* then fewer at once */
	{"s", 0, MP_UNAVAILABLE, false, 0},
	{"us", 0, MP_UNKNOWN, false, 0},
	{"t.", 0, MP_OK, true, 0}, /* fewer at once */
	{"t", 0, MP_TOO_LARGE, false, 0},
};

static bool answered_as(size_t row)
{
	struct wallet_transfer three[3];
	bool right = true;

	make_three(three);
	script.commits = answers[row].commits;
	script.reads_failing = answers[row].reads_failing;
	script.commits_done = 0;
	decide(three, 3);
	script.commits = ".";
	script.reads_failing = 0;
	if (answers[row].commits_done != 0 && script.commits_done != answers[row].commits_done)
		right = false;
	for (size_t i = 0; i < 3; i++) {
		if (three[i].rc != answers[row].rc ||
			(world_record(&world, &three[i].id) != NULL) != answers[row].written)
			right = false;
	}

	/* Whatever was answered, the same again is decided, and once. */
	make_three(three);
	decide(three, 3);
	right = right && three[0].outcome == WALLET_POSTED && three[1].outcome == WALLET_REFUSED &&
		three[2].outcome == WALLET_POSTED && world_balance(&world, "bob") == 499;
	world_assert_sound(&world);
	return right;
}

static void what_may_be_written_is_never_told_as_not_written(void **state)
{
	const struct mp_store_engine engine = {
		.name = "script",
		.txn_ops_max = 4096,
		.batch_get = script_batch_get,
		.commit = script_commit,
		.close = script_close,
	};
	int failures = 0;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		(void)open_all(state);
		struct mp_store *scripted = mp_store_new(&engine, &script);
		assert_non_null(scripted);
		db.store = scripted;
		if (!answered_as(i)) {
			print_error("answered wrongly: %s, %u reads failing\n", answers[i].commits,
				answers[i].reads_failing);
			failures++;
		}
		mp_store_close(scripted);
		(void)close_all(state);
	}
	assert_int_equal(failures, 0);
}

/* An account that lost its own record, and kept its entries: nothing is built on it. */
static void an_entry_beyond_its_account_is_damage(void **state)
{
	struct wallet_key key = world_key("bob");
	struct wallet_transfer three[3];
	char pk[WALLET_PK_SIZE];

	make_three(three);
	decide(three, 3);
	wallet_pk_account(&key, pk);
	const struct mp_key lost = {pk, WALLET_SK_ACCOUNT};
	assert_int_equal(mp_store_erase(world.store, &lost, 1), MP_OK);
	account_cache_free(cache);
	cache = account_cache_new(64);
	assert_non_null(cache);

	struct wallet_transfer more[] = {
		world_transfer(&world, 4, "psp", "bob", 5),
		world_transfer(&world, 5, "psp", "ada", 5),
	};
	decide(more, 2);
	assert_int_equal(more[0].rc, MP_CORRUPT);
	assert_null(world_record(&world, &more[0].id));
	assert_int_equal(more[1].rc, MP_OK);
	assert_int_equal(more[1].outcome, WALLET_POSTED);
}

/* --- the cache --- */

static struct wallet_key numbered(unsigned number)
{
	struct mp_id id = world_id(number);

	return wallet_key_user(&id, "USD");
}

static struct account_slot *get(unsigned number, uint64_t walk)
{
	struct wallet_key key = numbered(number);

	return account_cache_get(cache, &key, walk);
}

static void the_account_not_used_for_longest_is_dropped(void **state)
{
	for (unsigned i = 0; i < 64; i++)
		get(i, i + 1)->known = true;
	assert_true(get(0, 100)->known); /* used again: 1 is the oldest now */
	assert_false(get(64, 101)->known);
	assert_true(get(0, 102)->known);
	assert_true(get(2, 103)->known);
	assert_false(get(1, 104)->known);
}

static void what_a_walk_touched_stays_until_its_end(void **state)
{
	struct account_slot *first = get(0, 1);

	first->blocked = 1;
	for (unsigned i = 1; i < 64; i++)
		assert_non_null(get(i, 1));
	assert_null(get(64, 1));
	assert_ptr_equal(get(0, 1), first);
	assert_int_equal(first->blocked, 1);
	assert_non_null(get(64, 2));
}

static void a_held_account_is_never_dropped(void **state)
{
	struct account_slot *held = get(7, 1);
	const int holders[2] = {0};

	held->known = true;
	account_cache_hold(cache, held, &holders[0]);
	account_cache_hold(cache, held, &holders[1]);
	for (unsigned i = 100; i < 400; i++)
		assert_non_null(get(i, i));
	assert_ptr_equal(get(7, 500), held);
	account_cache_let_go(cache, held, &holders[1]);
	assert_null(held->last_holder); /* the last to hold it, no more */
	for (unsigned i = 500; i < 900; i++)
		assert_non_null(get(i, i));
	account_cache_let_go(cache, held, &holders[0]);
	assert_true(get(7, 901)->known);
	for (unsigned i = 1000; i < 1063; i++)
		assert_non_null(get(i, i));
	assert_ptr_equal(get(7, 2000), held);
	for (unsigned i = 3000; i < 3064; i++)
		assert_non_null(get(i, i));
	assert_false(get(7, 4000)->known);
}

static void accounts_of_two_currencies_are_two(void **state)
{
	struct mp_id id = world_id(1);
	struct wallet_key dollars = wallet_key_user(&id, "USD");
	struct wallet_key yen = wallet_key_user(&id, "JPY");

	assert_ptr_not_equal(
		account_cache_get(cache, &dollars, 1), account_cache_get(cache, &yen, 1));
}

int main(void)
{
#define BATCH_TEST(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)
	const struct CMUnitTest tests[] = {
		BATCH_TEST(what_was_moved_is_counted_once),
		BATCH_TEST(without_memory_nothing_is_done_by_half),
		BATCH_TEST(an_audit_without_memory_says_so),
		BATCH_TEST(opening_without_memory_leaves_nothing),
		cmocka_unit_test(what_may_be_written_is_never_told_as_not_written),
		BATCH_TEST(an_entry_beyond_its_account_is_damage),
		BATCH_TEST(the_account_not_used_for_longest_is_dropped),
		BATCH_TEST(what_a_walk_touched_stays_until_its_end),
		BATCH_TEST(a_held_account_is_never_dropped),
		BATCH_TEST(accounts_of_two_currencies_are_two),
	};

	if (mp_crypto_init() != MP_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
