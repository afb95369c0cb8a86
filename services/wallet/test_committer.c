#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "test_world.h"
#include "wallet_items_db.h"

static struct world world;

static int open_world(void **state)
{
	world_open(&world, NULL);
	return 0;
}

static int close_world(void **state)
{
	world_close(&world);
	return 0;
}

static void fund(unsigned id, const char *user, int64_t amount_minor)
{
	struct wallet_transfer transfer = world_transfer(&world, id, "psp", user, amount_minor);

	world_do(&world, &transfer);
	assert_int_equal(transfer.outcome, WALLET_POSTED);
}

static void assert_same_as_record(const struct wallet_transfer *transfer)
{
	const struct wallet_transfer *record = world_record(&world, &transfer->id);

	assert_non_null(record);
	assert_true(wallet_transfer_same(transfer, record));
	assert_int_equal(transfer->outcome, record->outcome);
	assert_int_equal(transfer->refusal, record->refusal);
	assert_int_equal(transfer->shortfall_minor, record->shortfall_minor);
	assert_int_equal(transfer->time_ms, record->time_ms);
}

static void posts_and_refuses_and_keeps_both(void **state)
{
	struct wallet_transfer pay = world_transfer(&world, 2, "ada", "bob", 3000);
	struct wallet_transfer more = world_transfer(&world, 3, "ada", "bob", 20000);
	struct wallet_transfer never = world_transfer(&world, 4, "eve", "bob", 1);

	fund(1, "ada", 10000);
	world_do(&world, &pay);
	assert_int_equal(pay.outcome, WALLET_POSTED);
	assert_same_as_record(&pay);
	world_do(&world, &more);
	assert_int_equal(more.outcome, WALLET_REFUSED);
	assert_int_equal(more.refusal, WALLET_REFUSAL_FUNDS);
	assert_int_equal(more.shortfall_minor, 13000);
	assert_same_as_record(&more);
	world_do(&world, &never); /* an account that was never opened */
	assert_int_equal(never.shortfall_minor, 1);
	assert_same_as_record(&never);
	assert_int_equal(world_balance(&world, "ada"), 7000);
	assert_int_equal(world_balance(&world, "bob"), 3000);
	assert_int_equal(world_balance(&world, "eve"), 0);

	struct audit_report report = world_audit(&world);
	assert_int_equal(report.accounts, 3);
	assert_int_equal(report.entries, 4);
	assert_int_equal(report.transfers, 4);
	world_assert_sound(&world);
}

static void repeats_get_the_recorded_outcome(void **state)
{
	struct wallet_transfer pay = world_transfer(&world, 2, "ada", "bob", 3000);
	struct wallet_transfer again = world_transfer(&world, 2, "ada", "bob", 3000);

	world_do(&world, &pay);
	assert_int_equal(pay.outcome, WALLET_REFUSED);
	fund(1, "ada", 10000); /* what was refused stays refused */
	world_do(&world, &again);
	assert_int_equal(again.outcome, WALLET_REFUSED);
	assert_int_equal(again.shortfall_minor, 3000);
	assert_same_as_record(&again);

	world_restart(&world);
	again = world_transfer(&world, 2, "ada", "bob", 3000);
	world_do(&world, &again);
	assert_same_as_record(&again);
	again = world_transfer(&world, 1, "psp", "ada", 10000);
	world_do(&world, &again);
	assert_int_equal(again.outcome, WALLET_POSTED);
	assert_same_as_record(&again);
	assert_int_equal(world_balance(&world, "ada"), 10000);
	world_assert_sound(&world);
}

static void repeats_survive_another_number_of_shards(void **state)
{
	struct wallet_config config = world_config(&world);

	fund(1, "ada", 10000);
	config.psp_shards = 16;
	wallet_close(world.wallet);
	assert_int_equal(wallet_open(&config, &world.wallet), MP_OK);
	fund(1, "ada", 10000);
	assert_int_equal(world_balance(&world, "ada"), 10000);
}

static void other_content_is_a_conflict(void **state)
{
	struct wallet_transfer rows[7];
	int failures = 0;

	fund(1, "ada", 10000);
	for (size_t i = 0; i < 7; i++)
		rows[i] = world_transfer(&world, 1, "psp", "ada", 10000);
	rows[0].legs[0].amount_minor++;
	rows[1].legs[0].to = world_key("bob");
	rows[2].legs[0].from = world_key("bob");
	rows[3].reason = "fundings";
	rows[4].payment_id = world_id(5);
	rows[5].bill_id = world_id(5);
	world_add_leg(&world, &rows[6], "ada", "bob", 1);
	for (size_t i = 0; i < 7; i++) {
		world_do(&world, &rows[i]);
		if (rows[i].outcome != WALLET_CONFLICT) {
			print_error("no conflict: row %zu\n", i);
			failures++;
		}
	}
	assert_int_equal(failures, 0);
	assert_int_equal(world_balance(&world, "ada"), 10000);
	world_assert_sound(&world);
}

static void an_id_twice_in_one_batch_is_seen(void **state)
{
	struct wallet_transfer unit[] = {
		world_transfer(&world, 1, "psp", "ada", 500),
		world_transfer(&world, 2, "ada", "bob", 100),
		world_transfer(&world, 1, "psp", "ada", 500), /* the same */
		world_transfer(&world, 2, "ada", "bob", 101), /* another */
		world_transfer(&world, 3, "ada", "bob", 400),
		world_transfer(&world, 1, "psp", "bob", 500), /* another */
		world_transfer(&world, 3, "ada", "bob", 400), /* the same */
	};
	const enum wallet_outcome expected[] = {WALLET_POSTED, WALLET_POSTED, WALLET_POSTED,
		WALLET_CONFLICT, WALLET_POSTED, WALLET_CONFLICT, WALLET_POSTED};

	assert_int_equal(world_decide(world.wallet, unit, 7), MP_OK);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(unit[i].outcome, expected[i]);
	assert_int_equal(world_balance(&world, "ada"), 0);
	assert_int_equal(world_balance(&world, "bob"), 500);
	world_assert_sound(&world);
}

static void repeats_among_new_ones_are_each_answered(void **state)
{
	struct wallet_transfer unit[100];

	fund(1000, "ada", 100000);
	for (unsigned i = 0; i < 100; i += 3) {
		struct wallet_transfer known = world_transfer(&world, i, "ada", "bob", 1 + i);
		world_do(&world, &known);
	}
	for (unsigned i = 0; i < 100; i++)
		unit[i] = world_transfer(&world, i, "ada", "bob", 1 + i + (i % 9 == 0));
	assert_int_equal(world_decide(world.wallet, unit, 100), MP_OK);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(unit[i].outcome, i % 9 == 0 ? WALLET_CONFLICT : WALLET_POSTED);
		if (i % 9 != 0)
			assert_same_as_record(&unit[i]);
	}
	assert_int_equal(world_balance(&world, "bob"), 5050);
	world_assert_sound(&world);
}

/* It was posted in an attempt that took the repeat for a new top-up, and was not written. */
static void a_refusal_names_no_entries_of_an_attempt_before(void **state)
{
	struct wallet_transfer spent = world_transfer(&world, 2, "ada", "bob", 100);
	struct wallet_transfer unit[] = {
		world_transfer(&world, 1, "psp", "ada", 100),
		world_transfer(&world, 3, "ada", "bob", 100),
	};

	fund(1, "ada", 100);
	world_do(&world, &spent);
	assert_int_equal(world_decide(world.wallet, unit, 2), MP_OK);
	assert_int_equal(unit[0].outcome, WALLET_POSTED);
	assert_int_equal(unit[1].outcome, WALLET_REFUSED);
	const struct wallet_transfer *record = world_record(&world, &unit[1].id);
	assert_int_equal(record->legs[0].from_seq, 0);
	assert_int_equal(record->legs[0].to_seq, 0);
	world_assert_sound(&world);
}

static void transfers_of_a_unit_are_decided_in_order(void **state)
{
	struct wallet_transfer unit[] = {
		world_transfer(&world, 1, "ada", "bob", 200), /* too early */
		world_transfer(&world, 2, "psp", "ada", 200),
		world_transfer(&world, 3, "ada", "bob", 150),
		world_transfer(&world, 4, "ada", "bob", 51), /* short by 1 */
		world_transfer(&world, 5, "bob", "ada", 1),
		world_transfer(&world, 6, "ada", "bob", 51),
	};
	const enum wallet_outcome expected[] = {WALLET_REFUSED, WALLET_POSTED, WALLET_POSTED,
		WALLET_REFUSED, WALLET_POSTED, WALLET_POSTED};

	assert_int_equal(world_decide(world.wallet, unit, 6), MP_OK);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(unit[i].outcome, expected[i]);
	assert_int_equal(unit[3].shortfall_minor, 1);
	world_assert_sound(&world);
}

/* 100 transfers of 16 legs over many accounts: more operations than one transaction takes. */
static void a_unit_may_be_larger_than_a_transaction(void **state)
{
	static const char *const users[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
	struct wallet_transfer unit[WALLET_TRANSFERS_MAX];

	for (unsigned i = 0; i < WALLET_TRANSFERS_MAX; i++) {
		char user[24];
		assert_int_equal(mp_text_format(user, sizeof(user), "user%u", i % 60), MP_OK);
		unit[i] = world_transfer(&world, i, "psp", user, 1600);
		for (unsigned leg = 1; leg < WALLET_LEGS_MAX; leg++)
			world_add_leg(&world, &unit[i], user, users[(i + leg) % 8], 100);
	}
	assert_int_equal(world_decide(world.wallet, unit, WALLET_TRANSFERS_MAX), MP_OK);
	for (unsigned i = 0; i < WALLET_TRANSFERS_MAX; i++)
		assert_int_equal(unit[i].outcome, WALLET_POSTED);
	world_assert_sound(&world);
}

static void a_commit_that_failed_before_its_effect_is_told_and_repeatable(void **state)
{
	struct wallet_transfer transfer = world_transfer(&world, 1, "psp", "ada", 500);

	mp_fault_store_arm(world.store, 1, false);
	assert_int_equal(world_decide(world.wallet, &transfer, 1), MP_UNAVAILABLE);
	assert_null(world_record(&world, &transfer.id));
	world_do(&world, &transfer);
	assert_int_equal(transfer.outcome, WALLET_POSTED);
	assert_int_equal(world_balance(&world, "ada"), 500);
	world_assert_sound(&world);
}

static void a_commit_without_an_answer_is_looked_up_before_anyone_is_answered(void **state)
{
	struct wallet_transfer unit[] = {
		world_transfer(&world, 1, "psp", "ada", 500),
		world_transfer(&world, 2, "ada", "bob", 501),
		world_transfer(&world, 3, "ada", "bob", 499),
	};

	mp_fault_store_arm(world.store, 1, true);
	assert_int_equal(world_decide(world.wallet, unit, 3), MP_OK);
	assert_int_equal(unit[0].outcome, WALLET_POSTED);
	assert_int_equal(unit[1].outcome, WALLET_REFUSED);
	assert_int_equal(unit[2].outcome, WALLET_POSTED);
	for (size_t i = 0; i < 3; i++)
		assert_same_as_record(&unit[i]);
	assert_int_equal(world_balance(&world, "ada"), 1);
	world_assert_sound(&world);
}

static void open_with_threads(unsigned threads, bool alone, size_t batch_max)
{
	struct wallet_config config = world_config(&world);

	config.committer.threads = threads;
	config.committer.alone = alone;
	config.committer.batch_max = batch_max;
	config.committer.cache_accounts = 64;
	wallet_close(world.wallet);
	assert_int_equal(wallet_open(&config, &world.wallet), MP_OK);
}

/* Two wallets on one store are two replicas: each one's cache goes stale by the other's writes. */
static void a_stale_cache_never_decides(void **state)
{
	struct wallet_config config = world_config(&world);
	struct wallet *other = NULL;
	struct wallet_transfer early = world_transfer(&world, 1, "ada", "bob", 500);
	struct wallet_transfer topup = world_transfer(&world, 2, "psp", "ada", 500);
	struct wallet_transfer late = world_transfer(&world, 3, "ada", "bob", 500);
	struct wallet_transfer over = world_transfer(&world, 4, "ada", "bob", 1);
	struct wallet_transfer again = world_transfer(&world, 3, "ada", "bob", 500);

	open_with_threads(1, false, 256);
	config.committer.alone = false;
	assert_int_equal(wallet_open(&config, &other), MP_OK);
	world_do(&world, &early); /* this wallet knows ada as empty now */
	assert_int_equal(early.outcome, WALLET_REFUSED);
	assert_int_equal(world_decide(other, &topup, 1), MP_OK);
	world_do(&world, &late);
	assert_int_equal(late.outcome, WALLET_POSTED);
	assert_int_equal(world_decide(other, &over, 1), MP_OK); /* knows ada with 500 */
	assert_int_equal(over.outcome, WALLET_REFUSED);
	assert_int_equal(over.shortfall_minor, 1);
	assert_int_equal(world_decide(other, &again, 1), MP_OK);
	assert_int_equal(again.outcome, WALLET_POSTED);
	assert_same_as_record(&again);
	assert_int_equal(world_balance(&world, "bob"), 500);
	wallet_close(other);
	world_assert_sound(&world);
}

/* --- many threads --- */

#define THREADS 8
#define EACH 150
#define USERS 12

struct client {
	pthread_t thread;
	struct wallet *wallet;
	unsigned number;
	struct wallet_transfer done[EACH];
	unsigned failures; /* answers that it had to ask again for */
};

static const char *const names[USERS] = {
	"u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9", "u10", "u11"};

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Sends transfers one after the other, each until it is decided, as billing does. */
static void *run_client(void *arg)
{
	struct client *client = arg;

	for (unsigned i = 0; i < EACH; i++) {
		struct wallet_transfer *transfer = &client->done[i];
		enum mp_rc rc;
		while ((rc = world_decide(client->wallet, transfer, 1)) != MP_OK) {
			if (!mp_rc_is_transient(rc))
				return NULL;
			client->failures++;
		}
	}
	return client;
}

static void make_transfers(struct client *client, uint64_t *seed)
{
	for (unsigned i = 0; i < EACH; i++) {
		unsigned id = client->number * 10000 + i;
		size_t from = next_random(seed) % USERS;
		size_t to = (from + 1 + next_random(seed) % (USERS - 1)) % USERS;
		int64_t amount_minor = 1 + (int64_t)(next_random(seed) % 400);
		client->done[i] = world_transfer(&world, id,
			next_random(seed) % 3 == 0 ? "psp" : names[from], names[to], amount_minor);
		if (next_random(seed) % 5 == 0)
			world_add_leg(&world, &client->done[i], names[to], names[(to + 1) % USERS],
				amount_minor);
	}
}

static atomic_bool faults_end;

static void *order_faults(void *arg)
{
	uint64_t seed = 7;

	while (!atomic_load(&faults_end)) {
		mp_fault_store_arm(world.store, 1 + (unsigned)(next_random(&seed) % 8),
			next_random(&seed) % 2 == 0);
		(void)usleep(2000);
	}
	mp_fault_store_arm(world.store, 0, false);
	return NULL;
}

/* Many clients against wallets (one or two replicas) and a store that fails now and then. */
static void run_many(struct wallet **wallets, size_t wallets_count, bool with_faults)
{
	static struct client clients[THREADS];
	pthread_t faults;
	uint64_t seed = 99;
	void *finished = NULL;

	for (unsigned i = 0; i < THREADS; i++) {
		memset(&clients[i], 0, sizeof(clients[i]));
		clients[i].number = i + 1;
		clients[i].wallet = wallets[i % wallets_count];
		make_transfers(&clients[i], &seed);
	}
	atomic_store(&faults_end, false);
	if (with_faults)
		assert_int_equal(pthread_create(&faults, NULL, order_faults, NULL), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&clients[i].thread, NULL, run_client, &clients[i]), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(clients[i].thread, &finished), 0);
		assert_ptr_equal(finished, &clients[i]);
	}
	atomic_store(&faults_end, true);
	if (with_faults)
		assert_int_equal(pthread_join(faults, NULL), 0);

	size_t posted = 0;
	unsigned failures = 0;
	for (unsigned i = 0; i < THREADS; i++) {
		failures += clients[i].failures;
		for (unsigned j = 0; j < EACH; j++) {
			assert_same_as_record(&clients[i].done[j]);
			posted += clients[i].done[j].outcome == WALLET_POSTED;
		}
	}
	assert_true(posted > THREADS * EACH / 4);
	assert_true((failures > 0) == with_faults); /* or the faults were none */
	struct audit_report report = world_audit(&world);
	assert_int_equal(report.transfers, THREADS * EACH);
	world_assert_sound(&world);
}

static void every_answered_outcome_is_the_recorded_one(void **state)
{
	run_many(&world.wallet, 1, false);
}

static void faults_lose_and_double_nothing(void **state)
{
	run_many(&world.wallet, 1, true);
}

static void several_committers_agree(void **state)
{
	open_with_threads(4, false, 8);
	run_many(&world.wallet, 1, true);
}

/* Batches decided on what others leave that are still on their way, or never arrive. */
static void several_committers_by_turns_agree(void **state)
{
	open_with_threads(4, true, 8);
	run_many(&world.wallet, 1, false);
}

static void faults_among_turns_lose_and_double_nothing(void **state)
{
	open_with_threads(3, true, 8);
	run_many(&world.wallet, 1, true);
}

/*
 * Each transfer comes from two clients: a batch with a repeat is refused, and with it what was
 * decided on its accounts meanwhile.
 */
static void repeats_among_turns_are_decided_once(void **state)
{
	static struct client clients[THREADS];
	uint64_t seed = 5;

	open_with_threads(4, true, 4);
	for (unsigned i = 0; i < THREADS; i++) {
		memset(&clients[i], 0, sizeof(clients[i]));
		clients[i].number = 1 + i / 2;
		clients[i].wallet = world.wallet;
		if (i % 2 == 0)
			make_transfers(&clients[i], &seed);
		for (unsigned j = 0; i % 2 == 1 && j < EACH; j++) {
			const struct wallet_transfer *twin = &clients[i - 1].done[j];
			clients[i].done[j] = *twin;
			clients[i].done[j].legs = mp_arena_array(
				world.arena, twin->legs_count, sizeof(struct wallet_leg));
			memcpy(clients[i].done[j].legs, twin->legs,
				twin->legs_count * sizeof(struct wallet_leg));
		}
	}
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&clients[i].thread, NULL, run_client, &clients[i]), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(clients[i].thread, NULL), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		for (unsigned j = 0; j < EACH; j++)
			assert_same_as_record(&clients[i].done[j]);
	}
	struct audit_report report = world_audit(&world);
	assert_int_equal(report.transfers, THREADS / 2 * EACH);
	world_assert_sound(&world);
}

static void two_replicas_agree(void **state)
{
	struct wallet_config config = world_config(&world);
	struct wallet *wallets[2];

	open_with_threads(1, false, 256);
	config.committer.alone = false;
	wallets[0] = world.wallet;
	assert_int_equal(wallet_open(&config, &wallets[1]), MP_OK);
	run_many(wallets, 2, true);
	wallet_close(wallets[1]);
}

/* --- order, bounds, the end --- */

struct counter {
	atomic_uint done;
	atomic_uint failed;
};

static void count_done(void *ctx, enum mp_rc rc)
{
	struct counter *counter = ctx;

	if (rc != MP_OK)
		atomic_fetch_add(&counter->failed, 1);
	atomic_fetch_add(&counter->done, 1);
}

#define ORDERED 400

static void assert_first_in_first_out(bool alone)
{
	static struct wallet_transfer transfers[ORDERED];
	static struct wallet_unit units[ORDERED];
	struct counter counter = {0};
	int64_t seq[2] = {0};

	open_with_threads(4, alone, 5);
	for (unsigned i = 0; i < ORDERED; i++) {
		/* two hot accounts, each with its own order, beside others to run into */
		transfers[i] = world_transfer(&world, i, "psp", names[i % 2], 10);
		world_add_leg(&world, &transfers[i], names[i % 2], names[2 + i % 7], 5);
		units[i] = (struct wallet_unit){.transfers = &transfers[i],
			.count = 1,
			.done = count_done,
			.ctx = &counter};
		assert_int_equal(wallet_transfer(world.wallet, &units[i]), MP_OK);
	}
	while (atomic_load(&counter.done) < ORDERED)
		(void)usleep(1000);
	assert_int_equal(atomic_load(&counter.failed), 0);
	for (unsigned i = 0; i < ORDERED; i++) {
		const struct wallet_transfer *record = world_record(&world, &transfers[i].id);
		assert_int_equal(record->outcome, WALLET_POSTED);
		assert_true(record->legs[0].to_seq > seq[i % 2]);
		seq[i % 2] = record->legs[0].to_seq;
	}
	world_assert_sound(&world);
}

static void transfers_of_an_account_are_decided_first_in_first_out(void **state)
{
	assert_first_in_first_out(false);
}

static void and_so_they_are_by_turns(void **state)
{
	assert_first_in_first_out(true);
}

static void a_full_queue_is_busy_and_closing_decides_what_waits(void **state)
{
	struct wallet_config config = world_config(&world);
	static struct wallet_transfer transfers[2000];
	static struct wallet_unit units[2000];
	struct counter counter = {0};
	unsigned accepted = 0;
	unsigned busy = 0;

	config.committer.queue_max = WALLET_TRANSFERS_MAX;
	config.committer.batch_max = 10;
	wallet_close(world.wallet);
	assert_int_equal(wallet_open(&config, &world.wallet), MP_OK);
	for (unsigned i = 0; i < 2000; i++) {
		transfers[i] = world_transfer(&world, i, "psp", names[i % USERS], 1);
		units[i] = (struct wallet_unit){.transfers = &transfers[i],
			.count = 1,
			.done = count_done,
			.ctx = &counter};
		enum mp_rc rc = wallet_transfer(world.wallet, &units[i]);
		assert_true(rc == MP_OK || rc == MP_BUSY);
		accepted += rc == MP_OK;
		busy += rc == MP_BUSY;
	}
	wallet_close(world.wallet);
	world.wallet = NULL;
	assert_true(busy > 0 && accepted >= WALLET_TRANSFERS_MAX);
	assert_int_equal(atomic_load(&counter.done), accepted);
	assert_int_equal(atomic_load(&counter.failed), 0);
	world_restart(&world);
	struct audit_report report = world_audit(&world);
	assert_int_equal(report.transfers, accepted);
	world_assert_sound(&world);
}

/* --- one damaged account among good ones --- */

static void an_unreadable_account_fails_alone(void **state)
{
	struct wallet_transfer unit[9];
	struct wallet_key key = world_key("u3");
	struct mp_arena *arena = world.arena;
	char pk[WALLET_PK_SIZE];
	struct mp_txn txn;
	size_t failed = 0;

	wallet_pk_account(&key, pk);
	struct mp_item *item = mp_item_new(arena, pk, WALLET_SK_ACCOUNT, 2); /* a newer format */
	mp_map_set_int(mp_item_attrs(item), "balance", 0);
	mp_txn_begin(&txn, world.store, arena);
	(void)mp_txn_insert(&txn, item);
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);

	for (unsigned i = 0; i < 9; i++)
		unit[i] = world_transfer(&world, i, "psp", names[i], 100);
	assert_int_equal(world_decide(world.wallet, unit, 9), MP_CORRUPT);
	for (unsigned i = 0; i < 9; i++) {
		const struct wallet_transfer *record = world_record(&world, &unit[i].id);
		if (record == NULL)
			failed++;
		assert_true(i == 3 ? record == NULL : record->outcome == WALLET_POSTED);
	}
	assert_int_equal(failed, 1);
}

int main(void)
{
#define WORLD_TEST(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)
	const struct CMUnitTest tests[] = {
		WORLD_TEST(posts_and_refuses_and_keeps_both),
		WORLD_TEST(repeats_get_the_recorded_outcome),
		WORLD_TEST(repeats_survive_another_number_of_shards),
		WORLD_TEST(other_content_is_a_conflict),
		WORLD_TEST(an_id_twice_in_one_batch_is_seen),
		WORLD_TEST(repeats_among_new_ones_are_each_answered),
		WORLD_TEST(a_refusal_names_no_entries_of_an_attempt_before),
		WORLD_TEST(transfers_of_a_unit_are_decided_in_order),
		WORLD_TEST(a_unit_may_be_larger_than_a_transaction),
		WORLD_TEST(a_commit_that_failed_before_its_effect_is_told_and_repeatable),
		WORLD_TEST(a_commit_without_an_answer_is_looked_up_before_anyone_is_answered),
		WORLD_TEST(a_stale_cache_never_decides),
		WORLD_TEST(every_answered_outcome_is_the_recorded_one),
		WORLD_TEST(faults_lose_and_double_nothing),
		WORLD_TEST(several_committers_agree),
		WORLD_TEST(several_committers_by_turns_agree),
		WORLD_TEST(faults_among_turns_lose_and_double_nothing),
		WORLD_TEST(repeats_among_turns_are_decided_once),
		WORLD_TEST(two_replicas_agree),
		WORLD_TEST(transfers_of_an_account_are_decided_first_in_first_out),
		WORLD_TEST(and_so_they_are_by_turns),
		WORLD_TEST(a_full_queue_is_busy_and_closing_decides_what_waits),
		WORLD_TEST(an_unreadable_account_fails_alone),
	};

	if (mp_crypto_init() != MP_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
