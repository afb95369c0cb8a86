#include <pthread.h>
#include <stdatomic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "base/trace.h"
#include "due/due.h"
#include "store/engine.h"
#include "store/fault.h"
#include "store/test_place.h"

#define RUNS_MAX 5000
#define FAR_MS (3600 * 1000)

/* How the handler answers the nth run of a piece of work, from 0. */
typedef struct mp_due_result (*answer_fn)(int64_t attempts, int64_t now_ms);

struct run {
	struct mp_id id;
	int64_t attempts;
};

struct fixture {
	struct test_place place;
	struct mp_store *store; /* the place's, or a fault store around it */
	struct mp_due *due;
	struct mp_arena *arena;

	pthread_mutex_t mutex; /* guards all below */
	answer_fn answer;
	long work_ms;
	size_t together; /* work goes on until so many pieces have been in hand at once */
	struct run runs[RUNS_MAX];
	size_t runs_count;
	struct mp_id working[64];
	size_t working_count;
	size_t working_max;
	bool overlapped; /* one id by two threads at a time */
	bool traced;
	unsigned reports;
};

static void sleep_ms(long duration_ms)
{
	struct timespec left = {
		.tv_sec = duration_ms / 1000, .tv_nsec = (duration_ms % 1000) * 1000000L};

	while (nanosleep(&left, &left) != 0)
		continue;
}

static struct mp_due_result is_done(int64_t attempts, int64_t now_ms)
{
	return (struct mp_due_result){.done = true};
}

static void enter(struct fixture *f, const struct mp_id *id, int64_t attempts)
{
	pthread_mutex_lock(&f->mutex);
	assert_true(f->runs_count < RUNS_MAX);
	f->runs[f->runs_count++] = (struct run){*id, attempts};
	for (size_t i = 0; i < f->working_count; i++)
		f->overlapped = f->overlapped || mp_id_equal(&f->working[i], id);
	f->working[f->working_count++] = *id;
	if (f->working_count > f->working_max)
		f->working_max = f->working_count;
	f->traced = strlen(mp_trace_id()) == 32;
	pthread_mutex_unlock(&f->mutex);
}

static void leave(struct fixture *f, const struct mp_id *id)
{
	pthread_mutex_lock(&f->mutex);
	for (size_t i = 0; i < f->working_count; i++) {
		if (!mp_id_equal(&f->working[i], id))
			continue;
		f->working[i] = f->working[--f->working_count];
		break;
	}
	pthread_mutex_unlock(&f->mutex);
}

static size_t working_max(struct fixture *f)
{
	pthread_mutex_lock(&f->mutex);
	size_t count = f->working_max;
	pthread_mutex_unlock(&f->mutex);
	return count;
}

static struct mp_due_result handle(
	void *ctx, struct mp_arena *arena, const struct mp_id *id, int64_t attempts, int64_t now_ms)
{
	struct fixture *f = ctx;

	assert_non_null(mp_arena_alloc(arena, 1000));
	enter(f, id, attempts);
	if (f->work_ms > 0)
		sleep_ms(f->work_ms);
	for (int64_t until_ms = mp_clock_mono_ms() + 10000;
		working_max(f) < f->together && mp_clock_mono_ms() < until_ms;)
		sleep_ms(2);
	leave(f, id);
	return f->answer(attempts, now_ms);
}

static void report(void *ctx, const char *event, enum mp_rc rc, const char *detail)
{
	struct fixture *f = ctx;

	pthread_mutex_lock(&f->mutex);
	f->reports++;
	pthread_mutex_unlock(&f->mutex);
}

static void open_due(struct fixture *f, unsigned threads)
{
	const struct mp_due_config config = {.store = f->store,
		.kind = "test",
		.far_ms = FAR_MS,
		.threads = threads,
		.handler = handle,
		.ctx = f,
		.sink = {.report = report, .ctx = f}};

	assert_int_equal(mp_due_open(&config, &f->due), MP_OK);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	pthread_mutex_init(&f->mutex, NULL);
	assert_int_equal(test_place_new(&f->place), MP_OK);
	f->store = f->place.store;
	f->arena = mp_arena_new(1 << 22);
	assert_non_null(f->arena);
	f->answer = is_done;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	mp_due_close(f->due);
	test_place_free(&f->place);
	mp_arena_free(f->arena);
	free(f);
	return 0;
}

static void add(struct fixture *f, const struct mp_id *id, int64_t at_ms)
{
	struct mp_txn txn;

	mp_arena_reset(f->arena);
	mp_txn_begin(&txn, f->store, f->arena);
	mp_due_add(f->due, &txn, id, at_ms);
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
}

static struct mp_id add_new(struct fixture *f, int64_t at_ms)
{
	struct mp_id id = mp_id_new(mp_clock_ms());

	add(f, &id, at_ms);
	return id;
}

static size_t rows_left(struct fixture *f)
{
	size_t rows = 0;

	for (int i = 0; i < 8; i++) {
		char pk[32];
		const struct mp_query query = {.pk = pk, .limit = 1000};
		struct mp_page page;

		assert_int_equal(mp_text_format(pk, sizeof(pk), "DUE#test#%02d", i), MP_OK);
		mp_arena_reset(f->arena);
		assert_int_equal(mp_store_query(f->store, &query, f->arena, &page), MP_OK);
		rows += page.count;
	}
	return rows;
}

static size_t runs(struct fixture *f)
{
	pthread_mutex_lock(&f->mutex);
	size_t count = f->runs_count;
	pthread_mutex_unlock(&f->mutex);
	return count;
}

static bool wait_runs(struct fixture *f, size_t count, int timeout_ms)
{
	int64_t deadline_ms = mp_clock_mono_ms() + timeout_ms;

	while (runs(f) < count && mp_clock_mono_ms() < deadline_ms)
		sleep_ms(2);
	return runs(f) >= count;
}

static bool wait_rows(struct fixture *f, size_t count, int timeout_ms)
{
	int64_t deadline_ms = mp_clock_mono_ms() + timeout_ms;
	size_t rows;

	while ((rows = rows_left(f)) != count && mp_clock_mono_ms() < deadline_ms)
		sleep_ms(2);
	return rows == count;
}

/* A store that counts its queries. */
static struct {
	const struct mp_store_engine *inner;
	unsigned count;
} queries;

static enum mp_rc counting_query(void *engine, const struct mp_query *query, struct mp_arena *arena,
	struct mp_page *out_page)
{
	(void)__atomic_fetch_add(&queries.count, 1, __ATOMIC_RELAXED);
	return queries.inner->query(engine, query, arena, out_page);
}

static void due_work_runs_once_and_its_row_goes(void **state)
{
	struct fixture *f = *state;

	open_due(f, 2);
	assert_int_equal(mp_due_start(f->due), MP_OK);
	struct mp_id id = add_new(f, mp_clock_ms());
	mp_due_wake(f->due);
	assert_true(wait_runs(f, 1, 10000));
	assert_true(wait_rows(f, 0, 2000));
	sleep_ms(1200);
	assert_int_equal(runs(f), 1);
	assert_true(mp_id_equal(&f->runs[0].id, &id));
	assert_int_equal(f->runs[0].attempts, 0);
	assert_true(f->traced);
}

static void work_is_not_run_before_it_is_due(void **state)
{
	struct fixture *f = *state;

	open_due(f, 1);
	assert_int_equal(mp_due_start(f->due), MP_OK);
	int64_t at_ms = mp_clock_ms() + 1500;
	(void)add_new(f, at_ms);
	mp_due_wake(f->due);
	while (mp_clock_ms() < at_ms - 50) {
		assert_int_equal(runs(f), 0);
		sleep_ms(50);
	}
	assert_true(wait_runs(f, 1, 3000));
	assert_true(mp_clock_ms() >= at_ms);
}

static struct mp_due_result done_at_the_third(int64_t attempts, int64_t now_ms)
{
	return (struct mp_due_result){.done = attempts == 2, .again_at_ms = now_ms + 10};
}

static void moved_work_comes_again_with_its_attempts_counted(void **state)
{
	struct fixture *f = *state;

	f->answer = done_at_the_third;
	open_due(f, 1);
	struct mp_id id = add_new(f, 1000);
	assert_int_equal(mp_due_start(f->due), MP_OK);
	assert_true(wait_runs(f, 3, 10000));
	assert_true(wait_rows(f, 0, 2000));
	assert_int_equal(runs(f), 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(f->runs[i].attempts, i);
		assert_true(mp_id_equal(&f->runs[i].id, &id));
	}
}

static struct mp_due_result again_in_the_past(int64_t attempts, int64_t now_ms)
{
	return (struct mp_due_result){.done = attempts == 3, .again_at_ms = 0};
}

static void move_to_the_past_is_a_move_all_the_same(void **state)
{
	struct fixture *f = *state;

	f->answer = again_in_the_past;
	open_due(f, 1);
	(void)add_new(f, mp_clock_ms() - 5000);
	assert_int_equal(mp_due_start(f->due), MP_OK);
	assert_true(wait_runs(f, 4, 10000));
	assert_true(wait_rows(f, 0, 2000));
	assert_int_equal(f->reports, 0);
}

static void many_pieces_are_each_done_once_side_by_side(void **state)
{
	struct fixture *f = *state;
	struct mp_txn txn;

	f->work_ms = 1;
	open_due(f, 4);
	mp_arena_reset(f->arena);
	mp_txn_begin(&txn, f->store, f->arena);
	for (int i = 0; i < 2000; i++) {
		struct mp_id id = mp_id_new(mp_clock_ms());
		mp_due_add(f->due, &txn, &id, 1000 + i);
	}
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
	assert_int_equal(mp_due_start(f->due), MP_OK);
	assert_true(wait_runs(f, 2000, 20000));
	assert_true(wait_rows(f, 0, 2000));
	assert_int_equal(runs(f), 2000);
	assert_int_equal(f->working_max, 4);
	assert_false(f->overlapped);
}

static void two_rows_of_one_id_are_never_worked_on_at_once(void **state)
{
	struct fixture *f = *state;
	struct mp_id id = mp_id_new(mp_clock_ms());

	f->work_ms = 200;
	open_due(f, 4);
	for (int i = 0; i < 3; i++)
		add(f, &id, 1000 + i);
	assert_int_equal(mp_due_start(f->due), MP_OK);
	for (int i = 0; i < 20; i++) { /* looks that find the id in hand */
		sleep_ms(50);
		mp_due_wake(f->due);
	}
	assert_true(wait_runs(f, 3, 10000));
	assert_true(wait_rows(f, 0, 2000));
	assert_false(f->overlapped);
	assert_int_equal(runs(f), 3);
}

static void work_in_hand_does_not_hold_up_other_work(void **state)
{
	struct fixture *f = *state;

	f->together = 2;
	open_due(f, 2);
	(void)add_new(f, 1000);
	assert_int_equal(mp_due_start(f->due), MP_OK);
	assert_true(wait_runs(f, 1, 10000));
	(void)add_new(f, 1000);
	mp_due_wake(f->due);
	assert_true(wait_runs(f, 2, 10000));
	assert_int_equal(working_max(f), 2);
}

static void work_of_long_ago_is_found_at_once_when_this_process_added_it(void **state)
{
	struct fixture *f = *state;

	open_due(f, 1);
	assert_int_equal(mp_due_start(f->due), MP_OK);
	sleep_ms(300); /* the partitions have been read from their starts */
	/* By polls alone they would take twenty seconds. */
	int64_t deadline_ms = mp_clock_mono_ms() + 10000;
	for (size_t i = 0; i < 20; i++) {
		(void)add_new(f, 1000 + (int64_t)i);
		mp_due_wake(f->due);
		assert_true(wait_runs(f, i + 1, (int)(deadline_ms - mp_clock_mono_ms())));
	}
}

static void work_of_long_ago_that_another_process_added_is_found(void **state)
{
	struct fixture *f = *state;
	const struct mp_due_config config = {
		.store = f->store, .kind = "test", .threads = 1, .handler = handle, .ctx = f};
	struct mp_due *other = NULL;

	assert_int_equal(mp_due_open(&config, &other), MP_OK);
	open_due(f, 1);
	assert_int_equal(mp_due_start(f->due), MP_OK);
	sleep_ms(300);

	struct mp_due *ours = f->due;
	f->due = other; /* which knows nothing of where ours begins to read */
	(void)add_new(f, 1000);
	f->due = ours;
	assert_true(wait_runs(f, 1, 7000));
	assert_true(wait_rows(f, 0, 2000));
	mp_due_close(other);
}

static void storm_of_wakes_is_a_scan_now_and_then(void **state)
{
	struct fixture *f = *state;
	struct mp_store_engine engine = *f->place.store->engine;

	queries.inner = f->place.store->engine;
	queries.count = 0;
	engine.query = counting_query;
	f->place.store->engine = &engine;
	open_due(f, 2);
	assert_int_equal(mp_due_start(f->due), MP_OK);
	for (int i = 0; i < 1000; i++) {
		mp_due_wake(f->due);
		sleep_ms(1);
	}
	mp_due_close(f->due);
	f->due = NULL;
	f->place.store->engine = queries.inner;
	assert_true(queries.count <= 8 * 200); /* at most one scan each 10 ms of 1 to 2 s */
}

static struct mp_due_result done_at_the_second(int64_t attempts, int64_t now_ms)
{
	return (struct mp_due_result){.done = attempts == 1, .again_at_ms = now_ms + 100};
}

static void move_that_the_store_refused_is_tried_again_later(void **state)
{
	struct fixture *f = *state;

	f->store = mp_fault_store_new(f->place.store);
	assert_non_null(f->store);
	f->place.store = f->store; /* which owns the other now */
	f->answer = done_at_the_second;
	open_due(f, 1);
	(void)add_new(f, 1000);
	mp_fault_store_arm(f->store, 1, false);
	assert_int_equal(mp_due_start(f->due), MP_OK);
	assert_true(wait_runs(f, 1, 2000));
	sleep_ms(500);
	assert_int_equal(runs(f), 1);	     /* not at once */
	assert_true(wait_runs(f, 3, 10000)); /* first again, then the moved one */
	assert_true(wait_rows(f, 0, 2000));
	assert_int_equal(f->runs[1].attempts, 0);
	assert_int_equal(f->runs[2].attempts, 1);
	assert_int_equal(f->reports, 1);
}

static struct {
	const struct mp_store_engine *inner;
	atomic_bool refused;
} erases;

static enum mp_rc refused_erase(void *engine, const struct mp_key *keys, size_t count)
{
	return atomic_load(&erases.refused) ? MP_UNAVAILABLE
					    : erases.inner->erase(engine, keys, count);
}

/* The disk is full, say, and each run sends a mail or asks the provider. */
static void work_whose_rows_cannot_be_written_is_done_seldom(void **state)
{
	struct fixture *f = *state;
	struct mp_store_engine engine = *f->place.store->engine;

	erases.inner = f->place.store->engine;
	atomic_store(&erases.refused, true);
	engine.erase = refused_erase;
	f->place.store->engine = &engine;
	open_due(f, 2);
	for (int i = 0; i < 20; i++)
		(void)add_new(f, 1000);
	assert_int_equal(mp_due_start(f->due), MP_OK);
	for (int64_t until_ms = mp_clock_mono_ms() + 2200; mp_clock_mono_ms() < until_ms;) {
		sleep_ms(100);
		mp_due_wake(f->due);
	}
	assert_in_range(runs(f), 2, 2 * 2); /* by two threads, at 0 and 1 s, then at 3 s */
	atomic_store(&erases.refused, false);
	assert_true(wait_rows(f, 0, 5000));
	mp_due_close(f->due);
	f->due = NULL;
	f->place.store->engine = erases.inner;
	assert_int_equal(f->reports, 1);
}

static void work_for_the_far_future_is_of_a_clock_that_was_ahead(void **state)
{
	struct fixture *f = *state;

	f->answer = done_at_the_second;
	open_due(f, 1);
	(void)add_new(f, mp_clock_ms() + FAR_MS / 2);
	struct mp_id far = add_new(f, mp_clock_ms() + 3 * FAR_MS);
	assert_int_equal(mp_due_start(f->due), MP_OK);
	assert_true(wait_runs(f, 2, 5000)); /* at once, and when it was moved to */
	assert_true(wait_rows(f, 1, 2000));
	assert_int_equal(runs(f), 2);
	assert_true(mp_id_equal(&f->runs[1].id, &far));
}

static void move_whose_answer_was_lost_happened_all_the_same(void **state)
{
	struct fixture *f = *state;

	f->store = mp_fault_store_new(f->place.store);
	assert_non_null(f->store);
	f->place.store = f->store;
	f->answer = done_at_the_second;
	open_due(f, 1);
	(void)add_new(f, 1000);
	mp_fault_store_arm(f->store, 1, true);
	assert_int_equal(mp_due_start(f->due), MP_OK);
	assert_true(wait_runs(f, 2, 10000));
	assert_true(wait_rows(f, 0, 2000));
	assert_int_equal(runs(f), 2);
}

static void broken_rows_do_not_hold_up_others(void **state)
{
	enum {
		BROKEN = 150 /* in each partition: over two pages */
	};
	struct fixture *f = *state;
	struct mp_txn txn;

	open_due(f, 1);
	mp_arena_reset(f->arena);
	mp_txn_begin(&txn, f->store, f->arena);
	for (int i = 0; i < 8 * BROKEN; i++)
		(void)mp_txn_put(&txn,
			mp_item_new(f->arena, mp_arena_printf(f->arena, "DUE#test#%02d", i % 8),
				mp_arena_printf(f->arena, "%013d#not-an-id", i), 1));
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
	for (int i = 0; i < 50; i++)
		(void)add_new(f, 1000);
	assert_int_equal(mp_due_start(f->due), MP_OK);
	assert_true(wait_runs(f, 50, 5000));
	assert_true(wait_rows(f, 8 * BROKEN, 2000));
	sleep_ms(1200);
	assert_int_equal(runs(f), 50);
	assert_int_equal(f->reports, 1);
}

static void closing_waits_for_the_work_in_hand_only(void **state)
{
	struct fixture *f = *state;

	f->work_ms = 300;
	open_due(f, 1);
	for (int i = 0; i < 50; i++)
		(void)add_new(f, 1000);
	assert_int_equal(mp_due_start(f->due), MP_OK);
	assert_true(wait_runs(f, 1, 2000));
	int64_t started_ms = mp_clock_mono_ms();
	mp_due_close(f->due);
	f->due = NULL;
	assert_true(mp_clock_mono_ms() - started_ms < 5000); /* all would take fifteen seconds */
	assert_int_equal(rows_left(f), 50 - runs(f));
	mp_due_close(NULL);
}

static void backoff_doubles_to_an_hour_with_a_tenth_of_jitter(void **state)
{
	int wrong = 0;

	for (int64_t attempts = -1; attempts < 70; attempts++) {
		int64_t least_ms = 3600 * 1000;
		if (attempts < 12 && (INT64_C(1000) << (attempts < 0 ? 0 : attempts)) < least_ms)
			least_ms = INT64_C(1000) << (attempts < 0 ? 0 : attempts);
		for (int i = 0; i < 50; i++) {
			int64_t pause_ms = mp_due_backoff_ms(attempts);
			wrong += pause_ms < least_ms || pause_ms > least_ms + least_ms / 10;
		}
	}
	assert_int_equal(wrong, 0);
	assert_true(mp_due_backoff_ms(INT64_MAX) >= 3600 * 1000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(due_work_runs_once_and_its_row_goes),
		TEST(work_is_not_run_before_it_is_due),
		TEST(moved_work_comes_again_with_its_attempts_counted),
		TEST(move_to_the_past_is_a_move_all_the_same),
		TEST(many_pieces_are_each_done_once_side_by_side),
		TEST(two_rows_of_one_id_are_never_worked_on_at_once),
		TEST(work_in_hand_does_not_hold_up_other_work),
		TEST(work_of_long_ago_is_found_at_once_when_this_process_added_it),
		TEST(work_of_long_ago_that_another_process_added_is_found),
		TEST(storm_of_wakes_is_a_scan_now_and_then),
		TEST(move_that_the_store_refused_is_tried_again_later),
		TEST(work_whose_rows_cannot_be_written_is_done_seldom),
		TEST(work_for_the_far_future_is_of_a_clock_that_was_ahead),
		TEST(move_whose_answer_was_lost_happened_all_the_same),
		TEST(broken_rows_do_not_hold_up_others),
		TEST(closing_waits_for_the_work_in_hand_only),
		cmocka_unit_test(backoff_doubles_to_an_hour_with_a_tenth_of_jitter),
	};

	assert_int_equal(mp_crypto_init(), MP_OK);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
