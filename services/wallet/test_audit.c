#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit_recent.h"
#include "auditor.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "ledger.h"
#include "metrics/metrics.h"
#include "test_world.h"
#include "wallet_items_db.h"

static struct world world;

/* Five accounts, a history of some pages, a refusal. */
#define HISTORY 300
static int open_world(void **state)
{
	static const char *const users[] = {"ada", "bob", "eve", "kim"};

	world_open(&world, NULL);
	for (unsigned i = 0; i < HISTORY; i += 100) {
		struct wallet_transfer unit[100];
		for (unsigned j = 0; j < 100; j++) {
			unsigned n = i + j;
			unit[j] = world_transfer(&world, n, n % 2 == 0 ? "psp" : users[n % 4],
				users[(n + 1) % 4], 10 + n);
		}
		assert_int_equal(world_decide(world.wallet, unit, 100), MP_OK);
	}
	world_assert_sound(&world);
	return 0;
}

static int close_world(void **state)
{
	world_close(&world);
	return 0;
}

/* --- damage: items written past the wallet --- */

static struct mp_item *read_item(const char *pk, const char *sk)
{
	struct mp_item *item = NULL;

	assert_int_equal(mp_store_get(world.store, pk, sk, world.arena, &item), MP_OK);
	return item;
}

static void write_item(const struct mp_item *item)
{
	struct mp_txn txn;

	mp_txn_begin(&txn, world.store, world.arena);
	(void)mp_txn_replace(&txn, item, item->version);
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
}

static void erase_item(const char *pk, const char *sk)
{
	const struct mp_key key = {pk, sk};

	assert_int_equal(mp_store_erase(world.store, &key, 1), MP_OK);
}

static const char *account_pk(const char *name)
{
	struct wallet_key key = world_key(name);
	char pk[WALLET_PK_SIZE];

	wallet_pk_account(&key, pk);
	return mp_arena_strdup(world.arena, pk);
}

static const char *entry_sk(int64_t seq)
{
	char sk[WALLET_SK_SIZE];

	wallet_sk_entry(seq, sk);
	return mp_arena_strdup(world.arena, sk);
}

static const char *transfer_pk(unsigned number)
{
	struct mp_id id = world_id(number);
	char pk[WALLET_PK_SIZE];

	wallet_pk_transfer(&id, pk);
	return mp_arena_strdup(world.arena, pk);
}

static int64_t int_of(const struct mp_item *item, const char *name)
{
	const struct mp_attr *attr = mp_map_get(&item->attrs, name);

	assert_non_null(attr);
	return attr->as.number;
}

static void change_int(const char *pk, const char *sk, const char *name, int64_t by)
{
	struct mp_item *item = read_item(pk, sk);

	mp_map_set_int(mp_item_attrs(item), name, int_of(item, name) + by);
	write_item(item);
}

static void change_text(const char *pk, const char *sk, const char *name, const char *text)
{
	struct mp_item *item = read_item(pk, sk);

	mp_map_set_text(mp_item_attrs(item), name, text);
	write_item(item);
}

/* A transfer that was posted, from the provider to a user. */
static unsigned posted_number(void)
{
	return 42;
}

static void damage_amount(void)
{
	change_int(account_pk("ada"), entry_sk(2), "amount", 1);
}

static void damage_balance_after(void)
{
	change_int(account_pk("ada"), entry_sk(2), "balance_after", -1);
}

static void damage_reason(void)
{
	change_text(account_pk("bob"), entry_sk(3), "reason", "funding");
}

static void damage_counterparty(void)
{
	change_text(account_pk("bob"), entry_sk(3), "counterparty", world_key("kim").name);
}

static void damage_gap(void)
{
	erase_item(account_pk("ada"), entry_sk(3));
}

static void damage_first(void)
{
	erase_item(account_pk("ada"), entry_sk(1));
}

static void damage_last(void)
{
	struct mp_item *account = read_item(account_pk("ada"), WALLET_SK_ACCOUNT);

	erase_item(account_pk("ada"), entry_sk(int_of(account, "seq")));
}

static void damage_account_balance(void)
{
	change_int(account_pk("ada"), WALLET_SK_ACCOUNT, "balance", 100);
}

static void damage_account_chain(void)
{
	char hex[2 * WALLET_CHAIN_BYTES + 1];

	memset(hex, 'a', sizeof(hex) - 1);
	hex[sizeof(hex) - 1] = '\0';
	change_text(account_pk("ada"), WALLET_SK_ACCOUNT, "chain", hex);
}

/* The account and its last entry gone back together: its own chain is whole. */
static void damage_rolled_back(void)
{
	struct mp_item *account = read_item(account_pk("ada"), WALLET_SK_ACCOUNT);
	int64_t seq = int_of(account, "seq");
	struct mp_item *before = read_item(account_pk("ada"), entry_sk(seq - 1));

	mp_map_set_int(mp_item_attrs(account), "seq", seq - 1);
	mp_map_set_int(mp_item_attrs(account), "balance", int_of(before, "balance_after"));
	mp_map_set_text(
		mp_item_attrs(account), "chain", mp_map_get(&before->attrs, "chain")->as.text);
	write_item(account);
	erase_item(account_pk("ada"), entry_sk(seq));
}

static void damage_account_lost(void)
{
	erase_item(account_pk("ada"), WALLET_SK_ACCOUNT);
}

static void damage_transfer_lost(void)
{
	erase_item(transfer_pk(posted_number()), WALLET_SK_TRANSFER);
}

static void damage_transfer_outcome(void)
{
	change_text(transfer_pk(posted_number()), WALLET_SK_TRANSFER, "outcome", "refused");
	change_text(transfer_pk(posted_number()), WALLET_SK_TRANSFER, "refusal", "out_of_range");
}

static void damage_transfer_amount(void)
{
	struct mp_item *item = read_item(transfer_pk(posted_number()), WALLET_SK_TRANSFER);
	struct mp_map *leg = mp_map_get(&item->attrs, "legs")->as.list->maps[0];

	mp_map_set_int(leg, "amount", 1);
	write_item(item);
}

static void damage_transfer_unreadable(void)
{
	change_text(transfer_pk(posted_number()), WALLET_SK_TRANSFER, "outcome", "perhaps");
}

/* A posted transfer that nobody's entries know. */
static void damage_transfer_invented(void)
{
	struct mp_item *item = read_item(transfer_pk(posted_number()), WALLET_SK_TRANSFER);
	struct mp_id other = world_id(777777);
	struct mp_txn txn;

	item->pk = transfer_pk(777777);
	mp_map_set_id(mp_item_attrs(item), "id", &other);
	mp_txn_begin(&txn, world.store, world.arena);
	(void)mp_txn_insert(&txn, item);
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
}

/* The entry's numbers changed and its chain made anew, with everything after it left alone. */
static void damage_forged_entry(void)
{
	struct wallet_key key = world_key("ada");
	struct mp_item *item = read_item(account_pk("ada"), entry_sk(1));
	struct wallet_entry entry;
	const uint8_t start[WALLET_CHAIN_BYTES] = {0};
	char hex[2 * WALLET_CHAIN_BYTES + 1];

	assert_int_equal(wallet_entry_from_item(item, &key, world.arena, &entry), MP_OK);
	entry.amount_minor += 5;
	entry.balance_after_minor += 5;
	assert_int_equal(ledger_chain(&entry, start, entry.chain), MP_OK);
	mp_hex(entry.chain, sizeof(entry.chain), hex);
	mp_map_set_int(mp_item_attrs(item), "amount", entry.amount_minor);
	mp_map_set_int(mp_item_attrs(item), "balance_after", entry.balance_after_minor);
	mp_map_set_text(mp_item_attrs(item), "chain", hex);
	write_item(item);
}

static const struct {
	const char *what;
	void (*damage)(void);
	const char *says; /* part of one of its problems */
} damages[] = {
	{"an entry's amount", damage_amount, "after entry 1: the amount does not lead"},
	{"an entry's balance", damage_balance_after, "after entry 1: the amount does not lead"},
	{"an entry's reason", damage_reason, "after entry 2: the chain value"},
	{"an entry's counterparty", damage_counterparty, "after entry 2: the chain value"},
	{"a gap", damage_gap, "after entry 2: the entry's number"},
	{"the first entry lost", damage_first, "after entry 0: the entry's number"},
	{"the last entry lost", damage_last, "entries, the account says"},
	{"an account's balance", damage_account_balance, "its entries lead to another balance"},
	{"the sum of balances", damage_account_balance, "sum to 100 minor units, not to zero"},
	{"an account's chain", damage_account_chain, "its entries lead to another chain value"},
	{"an account rolled back", damage_rolled_back, " is missing"},
	{"the sum after it", damage_rolled_back, "minor units, not to zero"},
	{"an account lost", damage_account_lost, "is not in its account"},
	{"a transfer lost", damage_transfer_lost, "does not say so"},
	{"a transfer's outcome", damage_transfer_outcome, "does not say so"},
	{"a transfer's amount", damage_transfer_amount, "does not say so"},
	{"a transfer not readable", damage_transfer_unreadable, "cannot be read"},
	{"a transfer invented", damage_transfer_invented, "says else"},
	{"a forged entry", damage_forged_entry, "after entry 1: the amount does not lead"},
};

static bool says(const struct audit_report *report, const char *text)
{
	for (size_t i = 0; i < report->problems_count; i++) {
		if (strstr(report->problems[i], text) != NULL)
			return true;
	}
	return false;
}

/* later_ms: how much later than the transfers the audit is made; young ones go another way. */
static void assert_every_damage_is_found(int64_t later_ms)
{
	int failures = 0;

	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		(void)open_world(NULL);
		const struct wallet_db db = {.store = world.store, .outbox = world.outbox};
		struct audit_report report;
		damages[i].damage();
		const struct audit_order order = {.now_ms = mp_clock_ms() + later_ms};
		assert_int_equal(audit_run(&db, &order, world.arena, &report), MP_OK);
		if (report.ok || !says(&report, damages[i].says)) {
			print_error("not found: %s\n", damages[i].what);
			for (size_t p = 0; p < report.problems_count; p++)
				print_error("    %s\n", report.problems[p]);
			failures++;
		}
		(void)close_world(NULL);
	}
	assert_int_equal(failures, 0);
}

static void every_damage_is_found_at_once(void **state)
{
	assert_every_damage_is_found(0);
}

static void every_damage_is_found_later(void **state)
{
	assert_every_damage_is_found(3600000);
}

static void only_the_first_problems_are_told(void **state)
{
	for (unsigned i = 0; i < HISTORY; i++) {
		const struct mp_key key = {transfer_pk(i), WALLET_SK_TRANSFER};
		assert_int_equal(mp_store_erase(world.store, &key, 1), MP_OK);
	}
	struct audit_report report = world_audit(&world);
	assert_false(report.ok);
	assert_int_equal(report.problems_count, AUDIT_PROBLEMS_MAX);
}

/* --- while the service works --- */

#define WRITERS 3
#define UNITS 120 /* of each writer: an end, however slow the audit is beside them */

static atomic_int writers_left;

static void *write_on(void *arg)
{
	static const char *const users[] = {"ada", "bob", "eve", "kim"};
	unsigned number = 100000 * (unsigned)(uintptr_t)arg;
	enum mp_rc rc = MP_OK;

	for (unsigned u = 0; u < UNITS && rc == MP_OK; u++) {
		struct mp_arena *arena = mp_arena_new(65536);
		struct world mine = {.arena = arena};
		struct wallet_transfer unit[5];
		for (unsigned i = 0; i < 5 && arena != NULL; i++, number++)
			unit[i] = world_transfer(&mine, number,
				number % 3 == 0 ? "psp" : users[number % 4],
				users[(number + 1) % 4], 7);
		rc = arena != NULL ? world_decide(world.wallet, unit, 5) : MP_NOMEM;
		mp_arena_free(arena);
		(void)usleep(2000);
	}
	atomic_fetch_sub(&writers_left, 1);
	return rc == MP_OK ? NULL : arg;
}

static void audits_hold_while_transfers_go_on(void **state)
{
	pthread_t writers[WRITERS];
	int audits = 0;

	atomic_store(&writers_left, WRITERS);
	for (uintptr_t i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&writers[i], NULL, write_on, (void *)(i + 1)), 0);
	for (; atomic_load(&writers_left) > 0; audits++)
		world_assert_sound(&world);
	for (uintptr_t i = 0; i < WRITERS; i++) {
		void *failed = NULL;
		assert_int_equal(pthread_join(writers[i], &failed), 0);
		assert_null(failed);
	}
	assert_true(audits > 0);
	struct audit_report report = world_audit(&world);
	assert_true(report.ok);
	assert_int_equal(report.transfers, HISTORY + WRITERS * UNITS * 5);
}

/* --- statements --- */

static void a_statement_is_whole_while_pages_are_turned(void **state)
{
	struct wallet_key key = world_key("ada");
	struct wallet_entries_page page;
	const char *after = NULL;
	struct mp_id user_id;
	int64_t seq = 0;
	unsigned number = 5000;

	assert_true(mp_id_parse(wallet_key_user_text(&key), &user_id));
	do {
		assert_int_equal(wallet_statement(world.wallet, &user_id, "USD", after, 7,
					 world.arena, &page),
			MP_OK);
		assert_true(page.count > 0 && page.count <= 7);
		for (size_t i = 0; i < page.count; i++) {
			if (seq != 0)
				assert_int_equal(page.entries[i].seq, seq - 1);
			seq = page.entries[i].seq;
		}
		after = page.last_sk;
		/* new entries do not move what is being read */
		struct wallet_transfer more = world_transfer(&world, number++, "psp", "ada", 1);
		world_do(&world, &more);
	} while (after != NULL);
	assert_int_equal(seq, 1);
}

static void an_unopened_account_reads_as_empty(void **state)
{
	struct wallet_key key = world_key("nobody");
	struct wallet_entries_page page;
	struct wallet_balances balances;
	struct mp_id user_id;
	int64_t balance_minor = -1;

	assert_true(mp_id_parse(wallet_key_user_text(&key), &user_id));
	assert_int_equal(
		wallet_balance(world.wallet, &user_id, "JPY", world.arena, &balance_minor), MP_OK);
	assert_int_equal(balance_minor, 0);
	assert_int_equal(
		wallet_statement(world.wallet, &user_id, "USD", NULL, 20, world.arena, &page),
		MP_OK);
	assert_int_equal(page.count, 0);
	assert_null(page.last_sk);
	assert_int_equal(wallet_balances(world.wallet, &user_id, world.arena, &balances), MP_OK);
	assert_int_equal(balances.count, 1);
	assert_string_equal(balances.items[0].currency->code, "USD");
}

static void partials_that_come_to_zero_are_forgotten(void **state)
{
	struct audit_recent *recent = audit_recent_new(1000);
	size_t cursor = 0;
	size_t left = 0;

	assert_non_null(recent);
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < 1000; i++) {
			struct mp_id id = world_id(i);
			assert_int_equal(
				audit_recent_add(recent, &id, "USD", round % 2 == 0 ? 5 : -5, 0),
				MP_OK);
		}
	}
	assert_null(audit_recent_next(recent, &cursor));
	for (unsigned i = 0; i < 1000; i++) {
		struct mp_id id = world_id(i);
		assert_int_equal(audit_recent_add(recent, &id, "USD", -3, 0), MP_OK);
	}
	struct mp_id over = world_id(1000);
	assert_int_equal(audit_recent_add(recent, &over, "USD", 1, 0), MP_TOO_LARGE);
	cursor = 0;
	const struct audit_partial *partial;
	while ((partial = audit_recent_next(recent, &cursor)) != NULL) {
		assert_true(partial->sum == -3);
		left++;
	}
	assert_int_equal(left, 1000);
	audit_recent_free(recent);
}

/* --- the head --- */

static struct audit_head head_until(int64_t until_ms)
{
	const struct wallet_db db = {.store = world.store, .outbox = world.outbox};
	const struct audit_order order = {.now_ms = mp_clock_ms(), .head_until_ms = until_ms};
	struct audit_report report;

	assert_int_equal(audit_run(&db, &order, world.arena, &report), MP_OK);
	assert_true(report.ok);
	assert_int_equal(report.head.until_ms, until_ms);
	return report.head;
}

static bool head_equal(const struct audit_head *a, const struct audit_head *b)
{
	return a->entries == b->entries && memcmp(a->sum, b->sum, sizeof(a->sum)) == 0;
}

static void the_head_at_a_time_stays_what_it_was(void **state)
{
	int64_t until_ms = mp_clock_ms() + 1;
	struct wallet_transfer more = world_transfer(&world, HISTORY, "psp", "ada", 1);

	(void)usleep(5000);
	struct audit_head before = head_until(until_ms);
	assert_int_equal(before.entries, world_audit(&world).entries);
	world_do(&world, &more);
	struct audit_head same = head_until(until_ms);
	assert_true(head_equal(&before, &same));
	struct audit_head later = head_until(mp_clock_ms() + 1);
	assert_int_equal(later.entries, before.entries + 2);
	assert_memory_not_equal(later.sum, before.sum, sizeof(later.sum));
	struct audit_head at_first = head_until(1);
	assert_int_equal(at_first.entries, 0);
}

static void the_head_is_the_sum_of_the_accounts_chains(void **state)
{
	uint8_t expected[WALLET_CHAIN_BYTES] = {0};
	struct world small;

	world_open(&small, NULL);
	struct wallet_transfer one = world_transfer(&small, 1, "psp", "ada", 700);
	world_do(&small, &one);
	struct wallet_transfer two = world_transfer(&small, 2, "ada", "bob", 300);
	world_do(&small, &two);
	const struct wallet_db db = {.store = small.store, .outbox = small.outbox};
	struct wallet_account accounts[] = {
		{.key = one.legs[0].from}, {.key = one.legs[0].to}, {.key = two.legs[0].to}};
	struct wallet_account *pointers[] = {&accounts[0], &accounts[1], &accounts[2]};
	assert_int_equal(wallet_db_accounts_get(&db, pointers, 3, small.arena), MP_OK);
	for (size_t i = 0; i < 3; i++) {
		unsigned carry = 0;
		for (size_t at = WALLET_CHAIN_BYTES; at-- > 0; carry >>= 8) {
			carry += (unsigned)expected[at] + accounts[i].chain[at];
			expected[at] = (uint8_t)carry;
		}
	}
	const struct audit_order order = {
		.now_ms = mp_clock_ms(), .head_until_ms = mp_clock_ms() + 1000};
	struct audit_report report;
	assert_int_equal(audit_run(&db, &order, small.arena, &report), MP_OK);
	assert_int_equal(report.head.entries, 4);
	assert_memory_equal(report.head.sum, expected, sizeof(expected));
	world_close(&small);
}

static void the_usual_head_is_that_of_a_midnight_over_by_an_hour(void **state)
{
	static const struct {
		const char *now;
		const char *until;
	} cases[] = {
		{"2026-11-23T12:00:00.000Z", "2026-11-23T00:00:00.000Z"},
		{"2026-11-23T01:00:00.000Z", "2026-11-23T00:00:00.000Z"},
		{"2026-11-23T00:59:59.999Z", "2026-11-22T00:00:00.000Z"},
	};
	const struct wallet_db db = {.store = world.store, .outbox = world.outbox};
	int failures = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct audit_order order = {0};
		struct audit_report report;
		int64_t until_ms = 0;
		assert_int_equal(mp_time_parse(cases[i].now, &order.now_ms), MP_OK);
		assert_int_equal(mp_time_parse(cases[i].until, &until_ms), MP_OK);
		assert_int_equal(audit_run(&db, &order, world.arena, &report), MP_OK);
		failures += report.head.until_ms != until_ms;
	}
	assert_int_equal(failures, 0);
}

static void a_canceled_audit_ends(void **state)
{
	const struct wallet_db db = {.store = world.store, .outbox = world.outbox};
	const atomic_bool is_canceled = true;
	const struct audit_order order = {.now_ms = mp_clock_ms(), .is_canceled = &is_canceled};
	struct audit_report report = {.transfers = -1};

	assert_int_equal(audit_run(&db, &order, world.arena, &report), MP_UNAVAILABLE);
	assert_int_equal(report.transfers, -1);
}

static void an_auditor_audits_until_it_is_closed(void **state)
{
	struct auditor *auditor = NULL;
	struct mp_metric *ended = mp_gauge("moneypal_audit_ended_timestamp_seconds", NULL, "");

	mp_metric_set(ended, 0);
	assert_int_equal(auditor_open(world.wallet, 3600, &auditor), MP_OK);
	for (int i = 0; i < 3000 && mp_metric_value(ended) == 0; i++)
		(void)usleep(10000);
	assert_true(mp_metric_value(ended) > 0);
	auditor_close(auditor);
	auditor_close(NULL);
}

int main(void)
{
#define WORLD_TEST(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_damage_is_found_at_once),
		cmocka_unit_test(every_damage_is_found_later),
		WORLD_TEST(only_the_first_problems_are_told),
		WORLD_TEST(audits_hold_while_transfers_go_on),
		WORLD_TEST(a_statement_is_whole_while_pages_are_turned),
		WORLD_TEST(an_unopened_account_reads_as_empty),
		cmocka_unit_test(partials_that_come_to_zero_are_forgotten),
		WORLD_TEST(the_head_at_a_time_stays_what_it_was),
		cmocka_unit_test(the_head_is_the_sum_of_the_accounts_chains),
		WORLD_TEST(the_usual_head_is_that_of_a_midnight_over_by_an_hour),
		WORLD_TEST(a_canceled_audit_ends),
		WORLD_TEST(an_auditor_audits_until_it_is_closed),
	};

	if (mp_crypto_init() != MP_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
