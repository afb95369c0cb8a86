#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "proxy.h"

/* What each call ends with, and what is there then, when requests fail on their way. */

#define FOREVER "1000000"

/* What never gets through is to end soon. */
static struct mp_store *store_for(struct world *w, const char *faults)
{
	return strstr(faults, FOREVER) == NULL ? w->store : w->hasty;
}

/* --- writes --- */

enum write_kind {
	SINGLE,	 /* inserts P/row */
	SEVERAL, /* inserts P/row and P/row+ */
	PUT,	 /* puts P/row */
	REMOVE,	 /* removes P/row, which is there */
	TAKEN,	 /* inserts P/row, which is there */
	TAKEN_2, /* inserts P/row+, and P/row, which is there */
};

struct write_case {
	const char *name;
	enum write_kind kind;
	const char *faults;
	enum mp_rc rc;
	bool written; /* in the end */
	int requests; /* that reached the proxy; 0: any number */
};

static const struct write_case write_cases[] = {
	/* One operation is one conditional write: what is retried may meet its own effect. */
	{"single", SINGLE, "pass", MP_OK, true, 1},
	{"single cut before", SINGLE, "cut-before", MP_OK, true, 2},
	{"single cut after", SINGLE, "cut-after", MP_UNKNOWN, true, 2},
	{"single cut during", SINGLE, "cut-during", MP_UNKNOWN, true, 2},
	{"single 500 before", SINGLE, "error-before", MP_OK, true, 2},
	{"single 500 after", SINGLE, "error-after", MP_UNKNOWN, true, 2},
	{"single 503", SINGLE, "unavailable 2", MP_OK, true, 3},
	{"single page", SINGLE, "html", MP_OK, true, 2},
	{"single conflict", SINGLE, "conflict 3", MP_OK, true, 4},
	{"single throttled", SINGLE, "throttle 2", MP_OK, true, 3},
	{"single throttled on", SINGLE, "throttle " FOREVER, MP_UNAVAILABLE, false, 0},
	{"single conflicts on", SINGLE, "conflict " FOREVER, MP_UNAVAILABLE, false, 0},
	{"single cut on", SINGLE, "cut-before " FOREVER, MP_UNKNOWN, false, 0},
	{"single never answered", SINGLE, "hang-after " FOREVER, MP_UNKNOWN, true, 0},
	{"single cut after, then throttled", SINGLE, "cut-after\nthrottle " FOREVER, MP_UNKNOWN,
		true, 0},
	{"single throttled, then cut after", SINGLE, "throttle\ncut-after", MP_UNKNOWN, true, 3},
	{"single denied", SINGLE, "denied " FOREVER, MP_UNAVAILABLE, false, 1},
	{"single cut after, then denied", SINGLE, "cut-after\ndenied " FOREVER, MP_UNKNOWN, true,
		2},
	{"single expired keys", SINGLE, "expired", MP_OK, true, 2},
	{"single slow", SINGLE, "slow 1 300", MP_OK, true, 1},
	{"remove cut after", REMOVE, "cut-after", MP_UNKNOWN, false, 2},
	{"remove throttled", REMOVE, "throttle", MP_OK, false, 2},
	{"put cut after", PUT, "cut-after", MP_OK, true, 2},
	{"put 500 after, on", PUT, "error-after " FOREVER, MP_UNKNOWN, true, 0},
	{"taken", TAKEN, "pass", MP_EXISTS, true, 1},
	{"taken, throttled", TAKEN, "throttle 2", MP_EXISTS, true, 3},
	{"taken, cut before", TAKEN, "cut-before", MP_UNKNOWN, true, 2},
	/* Several are a transaction with a token: the answer to a retry is that to the first. */
	{"several", SEVERAL, "pass", MP_OK, true, 1},
	{"several cut before", SEVERAL, "cut-before", MP_OK, true, 2},
	{"several cut after", SEVERAL, "cut-after", MP_OK, true, 2},
	{"several cut after twice", SEVERAL, "cut-after 2", MP_OK, true, 3},
	{"several cut during", SEVERAL, "cut-during", MP_OK, true, 2},
	{"several 500 before", SEVERAL, "error-before", MP_OK, true, 2},
	{"several 500 after", SEVERAL, "error-after", MP_OK, true, 2},
	{"several page", SEVERAL, "html", MP_OK, true, 2},
	{"several conflict", SEVERAL, "canceled-conflict 3", MP_OK, true, 4},
	{"several canceled by throttling", SEVERAL, "canceled-throttle 2", MP_OK, true, 3},
	{"several in progress", SEVERAL, "cut-after\nin-progress 2", MP_OK, true, 4},
	{"several conflict on", SEVERAL, "canceled-conflict " FOREVER, MP_UNAVAILABLE, false, 0},
	{"several throttled on", SEVERAL, "throttle " FOREVER, MP_UNAVAILABLE, false, 0},
	{"several cut after, then throttled", SEVERAL, "cut-after\nthrottle " FOREVER, MP_UNKNOWN,
		true, 0},
	{"several cut after, then conflicts", SEVERAL, "cut-after\ncanceled-conflict " FOREVER,
		MP_UNKNOWN, true, 0},
	{"several in progress on", SEVERAL, "in-progress " FOREVER, MP_UNKNOWN, false, 0},
	{"several never answered", SEVERAL, "hang-after " FOREVER, MP_UNKNOWN, true, 0},
	{"taken in several", TAKEN_2, "pass", MP_EXISTS, true, 1},
	{"taken in several, cut before", TAKEN_2, "cut-before", MP_EXISTS, true, 2},
	{"taken in several, cut after", TAKEN_2, "cut-after", MP_EXISTS, true, 2},
	{"taken in several, conflict", TAKEN_2, "canceled-conflict", MP_EXISTS, true, 2},
};

static void add_ops(struct world *w, struct mp_txn *txn, enum write_kind kind, const char *sk)
{
	struct mp_item *item = make_item(w->arena, "P", sk, 1);
	struct mp_item *second = make_item(w->arena, "P", mp_arena_printf(w->arena, "%s+", sk), 2);

	switch (kind) {
	case SINGLE:
	case TAKEN:
		mp_txn_insert(txn, item);
		break;
	case SEVERAL:
		mp_txn_insert(txn, item);
		mp_txn_insert(txn, second);
		break;
	case TAKEN_2:
		mp_txn_insert(txn, second);
		mp_txn_insert(txn, item);
		break;
	case PUT:
		mp_txn_put(txn, item);
		break;
	case REMOVE:
		mp_txn_remove(txn, "P", sk, 1);
		break;
	}
}

static bool is_as_written(struct world *w, const struct write_case *c, const char *sk)
{
	const char *second = mp_arena_printf(w->arena, "%s+", sk);

	if (is_there(w, sk) != c->written)
		return false;
	if (c->kind == SEVERAL)
		return is_there(w, second) == c->written; /* all or none */
	return c->kind != TAKEN_2 || !is_there(w, second);
}

static bool ends_as_it_must(struct world *w, const struct write_case *c, size_t number)
{
	const char *sk = mp_arena_printf(w->arena, "%zu", number);
	size_t refused = 12345;
	struct mp_txn txn;

	if (c->kind == REMOVE || c->kind == TAKEN || c->kind == TAKEN_2) {
		proxy_say(w, "");
		assert_int_equal(insert_one(w, sk, 9), MP_OK);
	}
	proxy_say(w, c->faults);
	mp_txn_begin(&txn, store_for(w, c->faults), w->arena);
	add_ops(w, &txn, c->kind, sk);
	int64_t began_ms = mp_clock_mono_ms();
	enum mp_rc rc = mp_txn_commit(&txn, &refused);
	int64_t took_ms = mp_clock_mono_ms() - began_ms;
	int requests = proxy_count(w, " GIVEN\n");
	if (rc == c->rc && took_ms < DEADLINE_MS && (c->requests == 0 || requests == c->requests) &&
		is_as_written(w, c, sk) &&
		(rc != MP_EXISTS || refused == (c->kind == TAKEN_2 ? 1 : 0)))
		return true;
	print_error("%s: %s after %d requests and %lld ms, %s\n", c->name, mp_rc_name(rc), requests,
		(long long)took_ms, is_there(w, sk) ? "written" : "not written");
	return false;
}

static void writes_end_truthfully(void **state)
{
	struct world *w = *state;
	int failures = 0;

	for (size_t i = 0; i < sizeof(write_cases) / sizeof(write_cases[0]); i++) {
		failures += !ends_as_it_must(w, &write_cases[i], i);
		mp_arena_reset(w->arena);
	}
	assert_int_equal(failures, 0);
}

/* The third word of a line of the log. */
static const char *token_of(struct world *w, const char *line)
{
	const char *token = strchr(strchr(line, ' ') + 1, ' ') + 1;

	return mp_arena_strndup(w->arena, token, strcspn(token, " "));
}

static void attempts_of_one_call_share_a_token(void **state)
{
	struct world *w = *state;
	const char *first;
	struct mp_txn txn;

	for (int round = 0; round < 2; round++) {
		const char *earlier = round == 0 ? "-" : first;
		proxy_say(w, "cut-after\nthrottle\nerror-after\ncanceled-conflict");
		mp_txn_begin(&txn, w->store, w->arena);
		add_ops(w, &txn, SEVERAL, round == 0 ? "a" : "b");
		assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
		const char *line = proxy_log(w);
		first = token_of(w, line);
		assert_int_equal(strlen(first), 36);
		assert_string_not_equal(first, earlier);
		for (; *line != '\0'; line = strchr(line, '\n') + 1)
			assert_string_equal(token_of(w, line), first);
		assert_int_equal(proxy_count(w, "TransactWriteItems"), 5);
	}
}

/* --- reads and erasures --- */

#define ROWS 30

static void fill(struct world *w)
{
	struct mp_txn txn;

	mp_txn_begin(&txn, w->truth, w->arena);
	for (int i = 0; i < ROWS; i++)
		mp_txn_put(&txn, make_item(w->arena, "P", mp_arena_printf(w->arena, "%02d", i), i));
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
}

static enum mp_rc read_one(struct world *w, struct mp_store *store)
{
	struct mp_item *item;

	return mp_store_get(store, "P", "07", w->arena, &item);
}

static enum mp_rc read_many(struct world *w, struct mp_store *store)
{
	struct mp_key keys[ROWS];
	struct mp_item *items[ROWS];

	for (int i = 0; i < ROWS; i++)
		keys[i] = (struct mp_key){"P", mp_arena_printf(w->arena, "%02d", i)};
	enum mp_rc rc = mp_store_batch_get(store, keys, ROWS, w->arena, items);
	for (int i = 0; i < ROWS && rc == MP_OK; i++)
		assert_true(items[i] != NULL && strcmp(items[i]->sk, keys[i].sk) == 0);
	return rc;
}

static enum mp_rc read_page(struct world *w, struct mp_store *store)
{
	static const struct mp_query query = {.pk = "P", .limit = 100};
	struct mp_page page;

	enum mp_rc rc = mp_store_query(store, &query, w->arena, &page);
	if (rc == MP_OK)
		assert_int_equal(page.count, ROWS);
	return rc;
}

static enum mp_rc erase_all(struct world *w, struct mp_store *store)
{
	struct mp_key keys[ROWS];

	for (int i = 0; i < ROWS; i++)
		keys[i] = (struct mp_key){"P", mp_arena_printf(w->arena, "%02d", i)};
	enum mp_rc rc = mp_store_erase(store, keys, ROWS);
	for (int i = 0; i < ROWS && rc == MP_OK; i++)
		assert_false(is_there(w, keys[i].sk));
	return rc;
}

static void reads_and_erasures_end_truthfully(void **state)
{
	static const struct {
		const char *name;
		enum mp_rc (*run)(struct world *w, struct mp_store *store);
		const char *faults;
		enum mp_rc rc;
	} rows[] = {
		{"get cut", read_one, "cut-before\ncut-after\ncut-during", MP_OK},
		{"get fails", read_one, "error-before\nunavailable\nhtml", MP_OK},
		{"get throttled", read_one, "throttle 3", MP_OK},
		{"get throttled on", read_one, "throttle " FOREVER, MP_UNAVAILABLE},
		{"get cut on", read_one, "cut-during " FOREVER, MP_UNAVAILABLE},
		{"get pages on", read_one, "html " FOREVER, MP_UNAVAILABLE},
		{"get never answered", read_one, "hang " FOREVER, MP_UNAVAILABLE},
		{"get conflict", read_one, "conflict 2", MP_OK},
		{"batch in pieces", read_many, "unprocessed 4", MP_OK},
		{"batch in pieces and cut", read_many, "unprocessed\ncut-during\nthrottle", MP_OK},
		{"batch never whole", read_many, "unprocessed\nthrottle " FOREVER, MP_UNAVAILABLE},
		{"query cut", read_page, "cut-during\nerror-before", MP_OK},
		{"query throttled on", read_page, "throttle " FOREVER, MP_UNAVAILABLE},
		{"erase throttled on", erase_all, "throttle " FOREVER, MP_UNAVAILABLE},
		{"erase cut on", erase_all, "cut-before " FOREVER, MP_UNKNOWN},
		{"erase in pieces, then throttled", erase_all, "unprocessed\nthrottle " FOREVER,
			MP_UNKNOWN},
		{"second part throttled on", erase_all, "pass\nthrottle " FOREVER, MP_UNKNOWN},
		{"erase in pieces and cut", erase_all,
			"unprocessed\ncut-after\nthrottle\nunprocessed", MP_OK},
	};
	struct world *w = *state;
	int failures = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fill(w);
		proxy_say(w, rows[i].faults);
		enum mp_rc rc = rows[i].run(w, store_for(w, rows[i].faults));
		if (rc != rows[i].rc) {
			print_error("%s: %s\n", rows[i].name, mp_rc_name(rc));
			failures++;
		}
		mp_arena_reset(w->arena);
	}
	assert_int_equal(failures, 0);
}

static void what_is_wrong_is_said_in_a_sentence(void **state)
{
	static const struct {
		const char *faults;
		const char *words;
	} rows[] = {
		{"throttle " FOREVER, "throttles the table"},
		{"hang " FOREVER, "does not answer in time"},
		{"error-before " FOREVER, "fails with status 500"},
		{"html " FOREVER, "status 502"},
		{"denied " FOREVER, "does not allow GetItem"},
		{"signature " FOREVER, "refuses the credentials (InvalidSignatureException)"},
		{"skew " FOREVER " 600", "clock is 10 minutes behind"},
		{"skew " FOREVER " -600", "clock is 10 minutes ahead of"},
	};
	struct world *w = *state;
	int failures = 0;
	char text[160];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		proxy_say(w, rows[i].faults);
		text[0] = '\0';
		if (mp_store_ready(w->hasty, text) != MP_UNAVAILABLE ||
			strstr(text, rows[i].words) == NULL) {
			print_error("%s: \"%s\"\n", rows[i].faults, text);
			failures++;
		}
	}
	assert_int_equal(failures, 0);
	proxy_say(w, "");
	assert_int_equal(mp_store_ready(w->hasty, text), MP_OK);
}

/* --- many threads, faults at random: a counter holds every success, and what is unknown --- */

#define THREADS 8
#define ADDS 12

struct counter {
	struct world *w;
	atomic_int added;
	atomic_int unknown;
	atomic_int wrong;
};

/* Adds one, in a transaction with a row of its own or in a write of one item. */
static enum mp_rc add_one(struct world *w, struct mp_arena *arena, bool alone)
{
	struct mp_item *item;
	struct mp_txn txn;
	int64_t n = 0;

	enum mp_rc rc = mp_store_get(w->hasty, "COUNTER", "1", arena, &item);
	if (rc != MP_OK)
		return rc == MP_UNAVAILABLE ? MP_STALE : rc;
	n = mp_map_get(&item->attrs, "n")->as.number;
	mp_txn_begin(&txn, w->hasty, arena);
	mp_txn_replace(&txn, make_item(arena, "COUNTER", "1", n + 1), item->version);
	if (!alone) {
		const char *sk = mp_arena_printf(arena, "%lld", (long long)n);
		mp_txn_put(&txn, make_item(arena, "ADDED", sk, n));
	}
	return mp_txn_commit(&txn, NULL);
}

static void *count_up(void *arg)
{
	struct counter *c = arg;
	struct mp_arena *arena = mp_arena_new(1u << 20);

	for (int done = 0; done < ADDS && arena != NULL;) {
		mp_arena_reset(arena);
		enum mp_rc rc = add_one(c->w, arena, done % 2 == 0);
		if (rc == MP_OK)
			atomic_fetch_add(&c->added, 1);
		else if (rc == MP_UNKNOWN)
			atomic_fetch_add(&c->unknown, 1);
		else if (rc != MP_STALE && rc != MP_UNAVAILABLE)
			atomic_fetch_add(&c->wrong, 1);
		done += rc == MP_OK || rc == MP_UNKNOWN ? 1 : 0;
	}
	mp_arena_free(arena);
	return NULL;
}

static void no_success_is_lost_and_no_refusal_written_in_chaos(void **state)
{
	struct world *w = *state;
	struct counter c = {.w = w};
	pthread_t threads[THREADS];
	struct mp_item *item;
	struct mp_txn txn;

	mp_txn_begin(&txn, w->truth, w->arena);
	mp_txn_insert(&txn, make_item(w->arena, "COUNTER", "1", 0));
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
	proxy_say(w, "chaos " FOREVER " 30");
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_up, &c), 0);
	for (int i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);

	assert_int_equal(mp_store_get(w->truth, "COUNTER", "1", w->arena, &item), MP_OK);
	int64_t n = mp_map_get(&item->attrs, "n")->as.number;
	print_message("counter %lld: %d added, %d unknown\n", (long long)n, c.added, c.unknown);
	assert_int_equal(c.wrong, 0);
	assert_true(c.added > 0);
	assert_in_range(n, c.added, c.added + c.unknown);
	assert_int_equal(item->version, n + 1);
}

#define T(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int run_fault_tests(void)
{
	const struct CMUnitTest tests[] = {
		T(writes_end_truthfully),
		T(attempts_of_one_call_share_a_token),
		T(reads_and_erasures_end_truthfully),
		T(what_is_wrong_is_said_in_a_sentence),
		T(no_success_is_lost_and_no_refusal_written_in_chaos),
	};

	return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
