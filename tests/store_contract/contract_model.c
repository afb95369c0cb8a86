#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "contract.h"

/*
 * Random transactions and reads, each compared with a plain model of the contract. Seeded: a
 * failure prints its seed, and MP_TEST_SEED repeats it.
 */

#define PARTITIONS 3
#define ROWS 16
#define STEPS 1500
#define OPS_MAX 8

struct model_row {
	int64_t version; /* 0: absent; an expired item is absent */
	int64_t n;
};

struct model {
	struct fixture *f;
	uint64_t seed;
	uint64_t random;
	struct model_row rows[PARTITIONS][ROWS];
};

static const char *const pks[PARTITIONS] = {"P", "P#1", "PA"};

static uint64_t next_number(struct model *m)
{
	/* splitmix64 */
	uint64_t z = m->random += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static size_t below(struct model *m, size_t bound)
{
	return (size_t)(next_number(m) % bound);
}

static const char *sk_of(struct model *m, size_t row)
{
	/* Keys of unlike lengths, one the beginning of another. */
	const char *sk = mp_arena_printf(m->f->arena, row % 2 == 0 ? "%02zu" : "%02zux", row / 2);

	assert_non_null(sk);
	return sk;
}

static void fail_step(const struct model *m, int step, const char *what)
{
	print_error("MP_TEST_SEED=%" PRIu64 ", step %d: %s\n", m->seed, step, what);
	fail();
}

/* --- transactions --- */

struct planned {
	enum mp_op_kind kind;
	size_t partition;
	size_t row;
	int64_t version;
	int64_t n;
	bool expired;
	bool appends; /* an insert with nothing behind it */
};

/* Nothing behind it is there. */
static bool is_last(const struct model *m, const struct planned *op)
{
	for (size_t row = op->row + 1; row < ROWS; row++) {
		if (m->rows[op->partition][row].version != 0)
			return false;
	}
	return true;
}

static struct planned plan_op(struct model *m)
{
	static const enum mp_op_kind kinds[] = {MP_OP_INSERT, MP_OP_INSERT, MP_OP_REPLACE,
		MP_OP_REPLACE, MP_OP_REMOVE, MP_OP_CHECK, MP_OP_PUT, MP_OP_RESTORE};
	struct planned op = {
		.kind = kinds[below(m, sizeof(kinds) / sizeof(kinds[0]))],
		.partition = below(m, PARTITIONS),
		.row = below(m, ROWS),
		.n = (int64_t)below(m, 1000000),
		.expired = below(m, 12) == 0,
	};
	int64_t version = m->rows[op.partition][op.row].version;

	/* Mostly what would succeed, or long transactions always fail. */
	if (below(m, 4) != 0 && op.kind != MP_OP_CHECK && op.kind != MP_OP_PUT) {
		if (version == 0)
			op.kind = below(m, 4) == 0 ? MP_OP_RESTORE : MP_OP_INSERT;
		else if (op.kind == MP_OP_INSERT || op.kind == MP_OP_RESTORE)
			op.kind = MP_OP_REPLACE;
	}
	op.version = below(m, 16) == 0 ? (int64_t)below(m, 4) : version;
	if (op.version == 0 && op.kind != MP_OP_CHECK)
		op.version = 1;
	if (op.kind == MP_OP_RESTORE)
		op.version = 1 + (int64_t)below(m, 5);
	op.appends = below(m, 4) > 0 && is_last(m, &op);
	return op;
}

static bool planned_twice(const struct planned *ops, size_t count, const struct planned *op)
{
	for (size_t i = 0; i < count; i++) {
		if (ops[i].partition == op->partition && ops[i].row == op->row)
			return true;
	}
	return false;
}

static void add_planned(struct model *m, struct mp_txn *txn, const struct planned *op)
{
	const char *pk = pks[op->partition];
	const char *sk = sk_of(m, op->row);
	struct mp_item *item = op->expired ? make_expired(m->f->arena, pk, sk, op->n)
					   : make_item(m->f->arena, pk, sk, op->n);

	switch (op->kind) {
	case MP_OP_INSERT:
		if (op->appends)
			mp_txn_append(txn, item);
		else
			mp_txn_insert(txn, item);
		break;
	case MP_OP_REPLACE:
		mp_txn_replace(txn, item, op->version);
		break;
	case MP_OP_REMOVE:
		mp_txn_remove(txn, pk, sk, op->version);
		break;
	case MP_OP_CHECK:
		mp_txn_check(txn, pk, sk, op->version);
		break;
	case MP_OP_PUT:
		mp_txn_put(txn, item);
		break;
	case MP_OP_RESTORE:
		item->version = op->version;
		mp_txn_restore(txn, item);
		break;
	}
}

static enum mp_rc model_refusal(const struct model_row *row, const struct planned *op)
{
	if (op->kind == MP_OP_PUT)
		return MP_OK;
	if (op->kind == MP_OP_INSERT || op->kind == MP_OP_RESTORE)
		return row->version == 0 ? MP_OK : MP_EXISTS;
	return row->version == op->version ? MP_OK : MP_STALE;
}

static int64_t version_after(const struct planned *op)
{
	if (op->kind == MP_OP_RESTORE)
		return op->version;
	return op->kind == MP_OP_REPLACE ? op->version + 1 : 1;
}

static void model_apply(struct model_row *row, const struct planned *op)
{
	if (op->kind == MP_OP_CHECK)
		return;
	if (op->kind == MP_OP_REMOVE || op->expired)
		*row = (struct model_row){.version = 0};
	else
		*row = (struct model_row){.version = version_after(op), .n = op->n};
}

static void step_transaction(struct model *m, int step)
{
	struct planned ops[OPS_MAX];
	struct mp_txn txn;
	size_t count = 0;
	enum mp_rc expected = MP_OK;
	size_t expected_op = MP_OP_NONE;
	size_t refused = MP_OP_NONE;

	mp_txn_begin(&txn, m->f->store, m->f->arena);
	for (size_t tries = 1 + below(m, OPS_MAX); tries > 0; tries--) {
		struct planned op = plan_op(m);
		if (planned_twice(ops, count, &op))
			continue;
		ops[count] = op;
		add_planned(m, &txn, &op);
		if (expected == MP_OK) {
			expected = model_refusal(&m->rows[op.partition][op.row], &op);
			expected_op = expected == MP_OK ? MP_OP_NONE : count;
		}
		count++;
	}
	if (mp_txn_commit(&txn, &refused) != expected || refused != expected_op)
		fail_step(m, step, "a transaction ends otherwise");
	for (size_t i = 0; i < count && expected == MP_OK; i++)
		model_apply(&m->rows[ops[i].partition][ops[i].row], &ops[i]);
}

static void step_erase(struct model *m)
{
	size_t partition = below(m, PARTITIONS);
	size_t row = below(m, ROWS);
	const struct mp_key key = {pks[partition], sk_of(m, row)};

	assert_int_equal(mp_store_erase(m->f->store, &key, 1), MP_OK);
	m->rows[partition][row].version = 0;
}

/* --- reads --- */

static bool matches(struct model *m, size_t partition, size_t row, const struct mp_item *item)
{
	const struct model_row *expected = &m->rows[partition][row];

	if (expected->version == 0 || item == NULL)
		return expected->version == 0 && item == NULL;
	return strcmp(item->pk, pks[partition]) == 0 && strcmp(item->sk, sk_of(m, row)) == 0 &&
	       item->version == expected->version && item_n(item) == expected->n;
}

static void step_get(struct model *m, int step)
{
	struct mp_key keys[6];
	size_t partitions[6];
	size_t rows[6];
	struct mp_item *items[6];

	for (size_t i = 0; i < 6; i++) {
		partitions[i] = below(m, PARTITIONS);
		rows[i] = below(m, ROWS);
		keys[i] = (struct mp_key){pks[partitions[i]], sk_of(m, rows[i])};
	}
	assert_int_equal(mp_store_batch_get(m->f->store, keys, 6, m->f->arena, items), MP_OK);
	for (size_t i = 0; i < 6; i++) {
		if (!matches(m, partitions[i], rows[i], items[i]))
			fail_step(m, step, "batch_get differs");
	}
}

/* Rows lie in the order of their numbers: compares pages with the model's rows first..last. */
static bool query_matches(
	struct model *m, struct mp_query *query, size_t partition, size_t first, size_t last)
{
	size_t row = query->descending ? last : first;
	size_t left = first <= last ? last - first + 1 : 0;
	struct mp_page page = {.more = true};

	while (page.more) {
		if (mp_store_query(m->f->store, query, m->f->arena, &page) != MP_OK ||
			page.count > query->limit)
			return false;
		for (size_t i = 0; i < page.count; i++) {
			for (; left > 0 && m->rows[partition][row].version == 0; left--)
				row = query->descending ? row - 1 : row + 1;
			if (left == 0 || !matches(m, partition, row, page.items[i]))
				return false;
			row = query->descending ? row - 1 : row + 1;
			left--;
		}
		query->after = page.last_sk;
	}
	for (; left > 0; left--, row = query->descending ? row - 1 : row + 1) {
		if (m->rows[partition][row].version != 0)
			return false; /* missed */
	}
	return true;
}

static void step_query(struct model *m, int step)
{
	size_t partition = below(m, PARTITIONS);
	size_t first = below(m, ROWS);
	size_t last = below(m, ROWS);
	struct mp_query query = {.pk = pks[partition],
		.sk_min = sk_of(m, first),
		.sk_max = sk_of(m, last),
		.descending = below(m, 2) == 0,
		.limit = 1 + below(m, 20)};

	if (below(m, 3) == 0) {
		query.sk_min = NULL;
		first = 0;
	}
	if (below(m, 3) == 0) {
		query.sk_max = NULL;
		last = ROWS - 1;
	}
	if (!query_matches(m, &query, partition, first, last))
		fail_step(m, step, "a query differs");
}

static void step_scan(struct model *m, int step)
{
	uint32_t segments = 1 + (uint32_t)below(m, 3);
	size_t limit = 1 + below(m, 30);
	size_t found = 0;
	size_t expected = 0;

	for (uint32_t segment = 0; segment < segments; segment++) {
		const char *cursor = NULL;
		do {
			struct mp_page page;
			assert_int_equal(mp_store_scan(m->f->store, segment, segments, cursor,
						 limit, m->f->arena, &page, &cursor),
				MP_OK);
			found += page.count;
		} while (cursor != NULL);
	}
	for (size_t p = 0; p < PARTITIONS; p++) {
		for (size_t r = 0; r < ROWS; r++)
			expected += m->rows[p][r].version != 0;
	}
	if (found != expected)
		fail_step(m, step, "a scan misses or repeats items");
}

static void random_operations_agree_with_the_model(void **state)
{
	struct fixture *f = *state;
	const char *given = getenv("MP_TEST_SEED");
	struct model m = {.f = f};

	m.seed = (uint64_t)mp_clock_mono_us();
	if (given != NULL && sscanf(given, "%" SCNu64, &m.seed) != 1)
		fail_msg("MP_TEST_SEED is not a number");
	m.random = m.seed;
	for (int step = 0; step < STEPS * contract_engine_now->effort / 100; step++) {
		mp_arena_reset(f->arena);
		size_t choice = below(&m, 100);
		if (choice < 60)
			step_transaction(&m, step);
		else if (choice < 65)
			step_erase(&m);
		else if (choice < 80)
			step_get(&m, step);
		else if (choice < 95)
			step_query(&m, step);
		else if (choice < 99)
			step_scan(&m, step);
		else
			contract_reopen(f);
	}
}

#define T(test) cmocka_unit_test_setup_teardown(test, contract_setup, contract_teardown)

int run_model_tests(const char *name)
{
	const struct CMUnitTest tests[] = {
		T(random_operations_agree_with_the_model),
	};

	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}
