#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/text.h"
#include "ledger.h"

#define USERS 6
#define SHARDS 2
#define ACCOUNTS (USERS + SHARDS)
#define TRANSFERS 120
#define ENTRIES_MAX (TRANSFERS * 2 * WALLET_LEGS_MAX)
#define NOW_MS 1795000000000

/* Random from a seed, so that every failure can be repeated (splitmix64). */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint64_t below(uint64_t *state, uint64_t bound)
{
	return next_random(state) % bound;
}

static struct mp_id numbered_id(unsigned number)
{
	struct mp_id id;

	assert_int_equal(
		mp_text_format(id.text, sizeof(id.text), "019370a0-0000-7000-8000-%012x", number),
		MP_OK);
	return id;
}

/* A world of accounts, the transfers to apply and the entries that they made. */
struct world {
	struct wallet_account accounts[ACCOUNTS];
	struct wallet_transfer transfers[TRANSFERS];
	struct wallet_leg legs[TRANSFERS][WALLET_LEGS_MAX];
	struct wallet_transfer *order[TRANSFERS];
	size_t count;
	struct wallet_entry entries[ENTRIES_MAX];
	size_t entries_count;
};

static struct world *world_new(void)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	for (unsigned i = 0; i < ACCOUNTS; i++) {
		struct wallet_key key;
		if (i < USERS) {
			struct mp_id id = numbered_id(0xa000 + i);
			key = wallet_key_user(&id, "USD");
		} else {
			char name[WALLET_ACCOUNT_NAME_SIZE];
			assert_int_equal(
				mp_text_format(name, sizeof(name), "system:psp/%u", i - USERS),
				MP_OK);
			assert_true(wallet_key_parse_stored(name, "USD", &key));
		}
		world->accounts[i].key = key;
	}
	return world;
}

/* Adds a transfer; legs are added to it one by one. */
static struct wallet_transfer *add_transfer(struct world *world, const char *reason)
{
	size_t at = world->count++;
	struct wallet_transfer *transfer = &world->transfers[at];

	assert_true(at < TRANSFERS);
	*transfer = (struct wallet_transfer){
		.id = numbered_id((unsigned)at + 1),
		.currency = "USD",
		.reason = reason,
		.legs = world->legs[at],
	};
	world->order[at] = transfer;
	return transfer;
}

static void add_leg(struct world *world, struct wallet_transfer *transfer, size_t from, size_t to,
	int64_t amount_minor)
{
	assert_true(transfer->legs_count < WALLET_LEGS_MAX);
	transfer->legs[transfer->legs_count++] = (struct wallet_leg){
		.from = world->accounts[from].key,
		.to = world->accounts[to].key,
		.amount_minor = amount_minor,
		.from_account = &world->accounts[from],
		.to_account = &world->accounts[to],
	};
}

static enum mp_rc apply_range(struct world *world, size_t first, size_t count)
{
	struct ledger_batch batch = {
		.transfers = world->order + first,
		.transfers_count = count,
		.now_ms = NOW_MS,
		.entries = world->entries + world->entries_count,
		.entries_max = ENTRIES_MAX - world->entries_count,
	};
	enum mp_rc rc = ledger_apply(&batch);

	if (rc == MP_OK)
		world->entries_count += batch.entries_count;
	return rc;
}

static int64_t random_amount(uint64_t *seed)
{
	switch (below(seed, 12)) {
	case 0:
		return INT64_MAX - (int64_t)below(seed, 3);
	case 1:
		return (int64_t)(INT64_MAX / 2 + (int64_t)below(seed, 1000));
	case 2:
	case 3:
		return 1 + (int64_t)below(seed, 1000000);
	default:
		return 1 + (int64_t)below(seed, 300);
	}
}

static void add_random_transfer(struct world *world, uint64_t *seed)
{
	static const char *const reasons[] = {"funding", "payment", "a", "refund_of_a_payment"};
	struct wallet_transfer *transfer = add_transfer(world, reasons[below(seed, 4)]);
	size_t legs = below(seed, 4) == 0 ? 1 + below(seed, WALLET_LEGS_MAX) : 1;

	if (below(seed, 2) == 0)
		transfer->payment_id = numbered_id((unsigned)below(seed, 1000));
	if (below(seed, 2) == 0)
		transfer->bill_id = numbered_id((unsigned)below(seed, 1000));
	for (size_t i = 0; i < legs; i++) {
		size_t from =
			below(seed, 3) == 0 ? USERS + below(seed, SHARDS) : below(seed, ACCOUNTS);
		size_t to = (from + 1 + below(seed, ACCOUNTS - 1)) % ACCOUNTS;
		add_leg(world, transfer, from, to, random_amount(seed));
	}
}

/* What a transfer must come to, told by other means: wide integers, a copy, and no undoing. */
static enum wallet_refusal model_apply(const struct world *world, __int128 balances[ACCOUNTS],
	const struct wallet_transfer *transfer, __int128 *out_shortfall)
{
	__int128 after[ACCOUNTS];

	memcpy(after, balances, sizeof(after));
	for (size_t i = 0; i < transfer->legs_count; i++) {
		const struct wallet_leg *leg = &transfer->legs[i];
		size_t from = (size_t)(leg->from_account - world->accounts);
		size_t to = (size_t)(leg->to_account - world->accounts);
		after[from] -= leg->amount_minor;
		if (from < USERS && after[from] < 0) {
			*out_shortfall = -after[from];
			return WALLET_REFUSAL_FUNDS;
		}
		after[to] += leg->amount_minor;
		if (after[from] < INT64_MIN || after[to] > INT64_MAX)
			return WALLET_REFUSAL_RANGE;
	}
	memcpy(balances, after, sizeof(after));
	return WALLET_REFUSAL_NONE;
}

static void assert_invariants(const struct world *world)
{
	__int128 sum = 0;

	for (size_t i = 0; i < ACCOUNTS; i++) {
		sum += world->accounts[i].balance_minor;
		if (i < USERS)
			assert_true(world->accounts[i].balance_minor >= 0);
	}
	assert_true(sum == 0);
}

/* Every account's entries, followed from nothing, lead to the account as it stands. */
static void assert_chains_verify(const struct world *world)
{
	struct world *replay = world_new();
	const char *reason = NULL;

	for (size_t i = 0; i < world->entries_count; i++) {
		const struct wallet_entry *entry = &world->entries[i];
		size_t at = 0;
		while (!wallet_key_equal(&replay->accounts[at].key, entry->account))
			at++;
		assert_int_equal(ledger_follow(&replay->accounts[at], entry, &reason), MP_OK);
	}
	for (size_t i = 0; i < ACCOUNTS; i++) {
		const struct wallet_account *account = &world->accounts[i];
		assert_int_equal(replay->accounts[i].balance_minor, account->balance_minor);
		assert_int_equal(replay->accounts[i].seq, account->seq);
		assert_memory_equal(replay->accounts[i].chain, account->chain, WALLET_CHAIN_BYTES);
	}
	free(replay);
}

static void random_batches_keep_every_rule(void **state)
{
	size_t posted = 0;
	size_t funds = 0;
	size_t range = 0;

	for (uint64_t seed = 1; seed <= 150; seed++) {
		uint64_t random = seed;
		struct world *world = world_new();
		__int128 balances[ACCOUNTS] = {0};
		while (world->count < TRANSFERS)
			add_random_transfer(world, &random);
		for (size_t i = 0; i < world->count; i++) {
			struct wallet_transfer *transfer = world->order[i];
			__int128 shortfall = 0;
			enum wallet_refusal expected =
				model_apply(world, balances, transfer, &shortfall);
			assert_int_equal(apply_range(world, i, 1), MP_OK);
			assert_int_equal(transfer->refusal, expected);
			assert_true(transfer->shortfall_minor == (int64_t)shortfall);
			for (size_t a = 0; a < ACCOUNTS; a++)
				assert_true(balances[a] == world->accounts[a].balance_minor);
			assert_invariants(world);
			posted += expected == WALLET_REFUSAL_NONE;
			funds += expected == WALLET_REFUSAL_FUNDS;
			range += expected == WALLET_REFUSAL_RANGE;
		}
		assert_chains_verify(world);
		free(world);
	}
	/* The random worlds must have been to every corner for this to mean anything. */
	assert_true(posted > 1000 && funds > 1000 && range > 50);
}

static void refusals_change_no_balance_entry_or_chain(void **state)
{
	for (uint64_t seed = 1000; seed < 1100; seed++) {
		uint64_t random = seed;
		struct world *world = world_new();
		while (world->count < TRANSFERS)
			add_random_transfer(world, &random);
		for (size_t i = 0; i < world->count; i++) {
			struct wallet_account before[ACCOUNTS];
			size_t entries_before = world->entries_count;
			memcpy(before, world->accounts, sizeof(before));
			assert_int_equal(apply_range(world, i, 1), MP_OK);
			if (world->order[i]->outcome == WALLET_POSTED)
				continue;
			assert_int_equal(world->order[i]->outcome, WALLET_REFUSED);
			assert_int_equal(world->entries_count, entries_before);
			assert_int_equal(world->order[i]->legs[0].from_seq, 0);
			for (size_t a = 0; a < ACCOUNTS; a++) {
				const struct wallet_account *after = &world->accounts[a];
				assert_int_equal(after->balance_minor, before[a].balance_minor);
				assert_int_equal(after->seq, before[a].seq);
				assert_memory_equal(
					after->chain, before[a].chain, WALLET_CHAIN_BYTES);
				assert_int_equal(after->changed, before[a].changed);
			}
		}
		free(world);
	}
}

static void any_split_into_batches_gives_the_same(void **state)
{
	for (uint64_t seed = 5000; seed < 5100; seed++) {
		struct world *whole = world_new();
		struct world *split = world_new();
		uint64_t random = seed;
		uint64_t again = seed;
		while (whole->count < TRANSFERS) {
			add_random_transfer(whole, &random);
			add_random_transfer(split, &again);
		}
		assert_int_equal(apply_range(whole, 0, TRANSFERS), MP_OK);
		for (size_t at = 0; at < TRANSFERS;) {
			size_t n = below(&again, 20);
			n = n < TRANSFERS - at ? n : TRANSFERS - at;
			assert_int_equal(apply_range(split, at, n), MP_OK);
			at += n;
		}

		assert_int_equal(whole->entries_count, split->entries_count);
		for (size_t i = 0; i < TRANSFERS; i++) {
			assert_int_equal(whole->order[i]->outcome, split->order[i]->outcome);
			assert_int_equal(whole->order[i]->refusal, split->order[i]->refusal);
			assert_int_equal(
				whole->order[i]->shortfall_minor, split->order[i]->shortfall_minor);
		}
		for (size_t i = 0; i < whole->entries_count; i++) {
			assert_memory_equal(whole->entries[i].chain, split->entries[i].chain,
				WALLET_CHAIN_BYTES);
			assert_int_equal(whole->entries[i].balance_after_minor,
				split->entries[i].balance_after_minor);
		}
		assert_memory_equal(whole->accounts, split->accounts, sizeof(whole->accounts));
		free(whole);
		free(split);
	}
}

static void all_legs_happen_or_none(void **state)
{
	struct world *world = world_new();
	struct wallet_transfer *fund = add_transfer(world, "funding");
	struct wallet_transfer *chain = add_transfer(world, "payment");
	struct wallet_transfer *broken = add_transfer(world, "payment");

	add_leg(world, fund, USERS, 0, 1600);
	/* 16 legs that hand the same money on and back: each leg has what the one before gave. */
	for (size_t i = 0; i < WALLET_LEGS_MAX; i++)
		add_leg(world, chain, i % 4, (i + 1) % 4, 1600);
	/* the last of 16 lacks 1 */
	for (size_t i = 0; i < WALLET_LEGS_MAX; i++)
		add_leg(world, broken, i % 4, (i + 1) % 4, i == 15 ? 1601 : 1600);

	assert_int_equal(apply_range(world, 0, 3), MP_OK);
	assert_int_equal(chain->outcome, WALLET_POSTED);
	assert_int_equal(world->accounts[0].balance_minor, 1600);
	assert_int_equal(world->accounts[0].seq, 1 + 8);
	assert_int_equal(world->accounts[3].seq, 8);
	assert_int_equal(chain->legs[15].from_seq, 8);
	assert_int_equal(chain->legs[15].to_seq, 9);
	assert_int_equal(broken->outcome, WALLET_REFUSED);
	assert_int_equal(broken->refusal, WALLET_REFUSAL_FUNDS);
	assert_int_equal(broken->shortfall_minor, 1);
	assert_int_equal(world->entries_count, 2 + 32);
	assert_invariants(world);
	assert_chains_verify(world);
	free(world);
}

static void overflow_is_refused_as_out_of_range(void **state)
{
	struct world *world = world_new();
	struct wallet_transfer *fill = add_transfer(world, "funding");
	struct wallet_transfer *over = add_transfer(world, "funding");
	struct wallet_transfer *under = add_transfer(world, "funding");
	struct wallet_transfer *last = add_transfer(world, "funding");

	add_leg(world, fill, USERS, 0, INT64_MAX);
	add_leg(world, over, USERS + 1, 0, 1); /* the user's balance would overflow */
	add_leg(world, under, USERS, 1, 2);    /* the shard's would underflow */
	add_leg(world, last, USERS, 1, 1);     /* INT64_MIN itself is within range */
	assert_int_equal(apply_range(world, 0, 4), MP_OK);
	assert_int_equal(fill->outcome, WALLET_POSTED);
	assert_int_equal(over->refusal, WALLET_REFUSAL_RANGE);
	assert_int_equal(over->shortfall_minor, 0);
	assert_int_equal(under->refusal, WALLET_REFUSAL_RANGE);
	assert_int_equal(last->outcome, WALLET_POSTED);
	assert_true(world->accounts[USERS].balance_minor == INT64_MIN);
	assert_invariants(world);
	free(world);
}

static void refusal_marks_the_accounts_it_depends_on(void **state)
{
	struct world *world = world_new();
	struct wallet_transfer *transfer = add_transfer(world, "payment");

	add_leg(world, transfer, USERS, 0, 10);
	add_leg(world, transfer, 0, 1, 11); /* short by 1 */
	add_leg(world, transfer, 2, 3, 1);  /* never looked at */
	assert_int_equal(apply_range(world, 0, 1), MP_OK);
	assert_int_equal(transfer->shortfall_minor, 1);
	assert_true(world->accounts[USERS].decided_on);
	assert_true(world->accounts[0].decided_on);
	assert_false(world->accounts[1].decided_on);
	assert_false(world->accounts[2].decided_on);
	assert_false(world->accounts[0].changed);
	free(world);
}

static void malformed_batches_change_nothing(void **state)
{
	static const struct {
		const char *what;
		size_t legs;
		int64_t amount_minor;
		bool same_account, unloaded, wrong_key, wrong_currency, bad_reason, no_room;
	} rows[] = {
		{.what = "no legs", .legs = 0, .amount_minor = 1},
		{.what = "zero amount", .legs = 1, .amount_minor = 0},
		{.what = "negative amount", .legs = 1, .amount_minor = -1},
		{.what = "one account twice", .legs = 1, .amount_minor = 1, .same_account = true},
		{.what = "not loaded", .legs = 2, .amount_minor = 1, .unloaded = true},
		{.what = "another key", .legs = 1, .amount_minor = 1, .wrong_key = true},
		{.what = "currency", .legs = 1, .amount_minor = 1, .wrong_currency = true},
		{.what = "reason", .legs = 1, .amount_minor = 1, .bad_reason = true},
		{.what = "no room", .legs = 3, .amount_minor = 1, .no_room = true},
	};
	int failures = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world *world = world_new();
		struct world *untouched = world_new();
		struct wallet_transfer *good = add_transfer(world, "funding");
		struct wallet_transfer *bad =
			add_transfer(world, rows[i].bad_reason ? "Funding!" : "funding");
		add_leg(world, good, USERS, 0, 5);
		for (size_t leg = 0; leg < rows[i].legs; leg++)
			add_leg(world, bad, USERS, rows[i].same_account ? USERS : 1,
				rows[i].amount_minor);
		if (rows[i].unloaded)
			bad->legs[1].to_account = NULL;
		if (rows[i].wrong_key)
			bad->legs[0].to = world->accounts[2].key;
		if (rows[i].wrong_currency)
			memcpy(bad->currency, "EUR", 4);
		if (rows[i].no_room)
			world->entries_count = ENTRIES_MAX - 7;
		if (apply_range(world, 0, 2) != MP_INVALID ||
			memcmp(world->accounts, untouched->accounts, sizeof(world->accounts)) !=
				0 ||
			good->outcome != WALLET_UNDECIDED) {
			fprintf(stderr, "not refused whole: %s\n", rows[i].what);
			failures++;
		}
		free(world);
		free(untouched);
	}
	assert_int_equal(failures, 0);
}

/* The layout is a contract with data already stored: this value never changes. */
static void chain_layout_is_fixed(void **state)
{
	struct mp_id transfer_id = numbered_id(1);
	struct mp_id payment_id = numbered_id(2);
	struct mp_id user = numbered_id(3);
	struct wallet_key account = wallet_key_user(&user, "USD");
	struct wallet_key psp;
	uint8_t previous[WALLET_CHAIN_BYTES];
	uint8_t chain[WALLET_CHAIN_BYTES];
	char hex[2 * WALLET_CHAIN_BYTES + 1];
	struct wallet_entry entry = {
		.account = &account,
		.counterparty = &psp,
		.seq = 7,
		.amount_minor = -1250,
		.balance_after_minor = 98750,
		.transfer_id = &transfer_id,
		.payment_id = &payment_id,
		.reason = "payment",
		.time_ms = NOW_MS,
	};

	assert_true(wallet_key_parse_stored("system:psp/13", "USD", &psp));
	memset(previous, 0x5a, sizeof(previous));
	assert_int_equal(ledger_chain(&entry, previous, chain), MP_OK);
	mp_hex(chain, sizeof(chain), hex);
	assert_string_equal(
		hex, "f8bbbe8352ff866fdc6517ce469145b359fce1286fa919940058a6f76aee0646");
}

static void every_field_of_an_entry_is_under_the_chain(void **state)
{
	struct world *world = world_new();
	struct wallet_transfer *transfer = add_transfer(world, "funding");
	struct mp_id other = numbered_id(99);
	const char *reason = NULL;
	int failures = 0;

	add_leg(world, transfer, USERS, 0, 500);
	assert_int_equal(apply_range(world, 0, 1), MP_OK);
	for (int field = 0; field <= 10; field++) {
		struct wallet_account account = {.key = world->accounts[0].key};
		struct wallet_entry entry = world->entries[1];
		bool expected = field == 0;
		switch (field) {
		case 1:
			entry.seq++;
			break;
		case 2:
			entry.amount_minor++;
			break;
		case 3:
			entry.balance_after_minor++;
			break;
		case 4:
			entry.amount_minor++;
			entry.balance_after_minor++;
			break;
		case 5:
			entry.transfer_id = &other;
			break;
		case 6:
			entry.payment_id = &other;
			break;
		case 7:
			entry.bill_id = &other;
			break;
		case 8:
			entry.reason = "fundinh";
			break;
		case 9:
			entry.time_ms++;
			break;
		case 10:
			entry.counterparty = &world->accounts[1].key;
			break;
		default:
			break;
		}
		if ((ledger_follow(&account, &entry, &reason) == MP_OK) != expected) {
			fprintf(stderr, "field %d is not under the chain\n", field);
			failures++;
		}
	}
	assert_int_equal(failures, 0);
	free(world);
}

static void account_names_are_read_strictly(void **state)
{
	static const struct {
		const char *name;
		bool caller, stored;
	} rows[] = {
		{"user:019370a0-0000-7000-8000-000000000001", true, true},
		{"system:psp", true, true},
		{"system:psp/3", false, true},
		{"system:fees", false, true},
		{"system:a_name_much_too_long", false, false},
		{"user:019370A0-0000-7000-8000-000000000001", false, false},
		{"user:019370a0-0000-7000-8000-00000000000", false, false},
		{"user:019370a0-0000-7000-8000-0000000000011", false, false},
		{"user:", false, false},
		{"psp", false, false},
		{"", false, false},
	};
	int failures = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wallet_key key;
		if (wallet_key_parse(rows[i].name, "USD", &key) != rows[i].caller ||
			wallet_key_parse_stored(rows[i].name, "USD", &key) != rows[i].stored) {
			fprintf(stderr, "read wrongly: %s\n", rows[i].name);
			failures++;
		}
	}
	assert_int_equal(failures, 0);
}

static void shards_are_one_account_to_callers(void **state)
{
	struct wallet_key psp;
	struct wallet_key user;
	struct mp_id user_id = numbered_id(1);
	const struct wallet_shards shards = {.of = 9, .first = 7, .count = 4};
	bool seen[9] = {false};

	assert_true(wallet_key_parse("system:psp", "USD", &psp));
	user = wallet_key_user(&user_id, "USD");
	for (unsigned i = 0; i < 100; i++) {
		struct mp_id id = numbered_id(i);
		struct wallet_key shard = wallet_key_shard(&psp, &id, &shards);
		struct wallet_key again = wallet_key_shard(&psp, &id, &shards);
		struct wallet_key logical = wallet_key_logical(&shard);
		assert_true(wallet_key_equal(&shard, &again));
		assert_true(wallet_key_same_logical(&shard, &psp));
		assert_true(wallet_key_equal(&logical, &psp));
		assert_int_equal(strlen(shard.name), strlen("system:psp/0"));
		seen[shard.name[11] - '0'] = true;
		shard = wallet_key_shard(&user, &id, &shards);
		assert_true(wallet_key_equal(&shard, &user));
	}
	assert_true(seen[7] && seen[8] && seen[0] && seen[1]);
	assert_false(seen[2] || seen[3] || seen[4] || seen[5] || seen[6]);
	assert_false(wallet_key_same_logical(&user, &psp));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_batches_keep_every_rule),
		cmocka_unit_test(refusals_change_no_balance_entry_or_chain),
		cmocka_unit_test(any_split_into_batches_gives_the_same),
		cmocka_unit_test(all_legs_happen_or_none),
		cmocka_unit_test(overflow_is_refused_as_out_of_range),
		cmocka_unit_test(refusal_marks_the_accounts_it_depends_on),
		cmocka_unit_test(malformed_batches_change_nothing),
		cmocka_unit_test(chain_layout_is_fixed),
		cmocka_unit_test(every_field_of_an_entry_is_under_the_chain),
		cmocka_unit_test(account_names_are_read_strictly),
		cmocka_unit_test(shards_are_one_account_to_callers),
	};

	if (mp_crypto_init() != MP_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
