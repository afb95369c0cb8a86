#include "store/test_rocksdb_help.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"

/* Writes that wait, copies of a store that is used, and reading beside whoever uses it. */

#define LONG_MS 60000
#define SHORT_MS 150

struct writer {
	struct mp_store *store;
	pthread_t thread;
	atomic_int answered; /* transactions: all with a lower number are there */
	atomic_bool ends;
};

/* Nothing can be asserted in a thread of its own: what fails is never answered. */
static void *write_on(void *arg)
{
	struct writer *w = arg;
	struct mp_arena *arena = mp_arena_new(1u << 20);

	while (arena != NULL && !w->ends) {
		mp_arena_reset(arena);
		if (write_txn(w->store, arena, "w", w->answered) != MP_OK)
			break;
		w->answered++;
	}
	mp_arena_free(arena);
	return NULL;
}

static void writer_begin(struct writer *w, struct mp_store *store)
{
	*w = (struct writer){.store = store};
	assert_int_equal(pthread_create(&w->thread, NULL, write_on, w), 0);
}

static void writer_end(struct writer *w)
{
	w->ends = true;
	(void)pthread_join(w->thread, NULL);
}

static void wait_ms(long ms)
{
	const struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	(void)nanosleep(&wait, NULL);
}

static void wait_for_more(struct writer *w, int than)
{
	int64_t deadline_ms = mp_clock_mono_ms() + 10000;

	while (w->answered <= than && mp_clock_mono_ms() < deadline_ms)
		wait_ms(1);
	assert_true(w->answered > than);
}

/* While writes wait: how many are there. The writer may still be about to note the last one. */
static int wait_for_last(struct fixture *f, struct writer *w)
{
	int64_t deadline_ms = mp_clock_mono_ms() + 10000;

	while (count_txn(w->store, f->arena, "w", w->answered) > 0 &&
		mp_clock_mono_ms() < deadline_ms)
		wait_ms(1);
	return w->answered;
}

static const char *copy_path(struct fixture *f, const char *name)
{
	const char *path = mp_arena_printf(f->arena, "%s/copies/%s", f->folder, name);

	assert_non_null(path);
	return path;
}

/* How many transactions the copy has from the first on; none of the later ones is there. */
static int count_copied(struct fixture *f, const char *folder)
{
	struct mp_store *copy = NULL;
	char error[256];
	int count = 0;

	assert_int_equal(open_folder(folder, &copy, error), MP_OK);
	while (count_txn(copy, f->arena, "w", count) == ROWS_EACH)
		count++;
	for (int n = count; n < count + 20; n++)
		assert_int_equal(count_txn(copy, f->arena, "w", n), 0);
	mp_store_close(copy);
	return count;
}

static void a_copy_is_what_was_there_when_the_hold_began(void **state)
{
	struct fixture *f = *state;
	struct mp_store *store = must_open(f);
	char reason[256];
	char ready[160];
	struct writer w;

	writer_begin(&w, store);
	wait_for_more(&w, 50);
	int before = w.answered;
	assert_int_equal(mp_store_hold(store, LONG_MS), MP_OK);
	int held = wait_for_last(f, &w);
	wait_ms(50);
	assert_int_equal(w.answered, held);
	assert_true(held >= before);
	assert_int_equal(count_txn(store, f->arena, "w", 0), ROWS_EACH); /* reads go on */
	assert_int_equal(mp_store_ready(store, ready), MP_OK);
	assert_int_equal(mp_store_copy(store, copy_path(f, "a"), reason), MP_OK);
	assert_int_equal(mp_store_copy(store, copy_path(f, "b"), reason), MP_OK);
	assert_int_equal(mp_store_copy(store, copy_path(f, "a"), reason), MP_EXISTS);
	assert_int_equal(mp_store_hold(store, LONG_MS), MP_BUSY);
	mp_store_go_on(store);
	wait_for_more(&w, held + 10);
	writer_end(&w);
	mp_store_close(store);
	assert_int_equal(count_copied(f, copy_path(f, "a")), held);
	assert_int_equal(count_copied(f, copy_path(f, "b")), held);
}

static void a_hold_that_nobody_ends_ends_by_itself(void **state)
{
	struct fixture *f = *state;
	struct mp_store *store = must_open(f);
	char reason[256] = "";
	struct writer w;

	writer_begin(&w, store);
	assert_int_equal(mp_store_hold(store, SHORT_MS), MP_OK);
	wait_for_more(&w, w.answered + 5);
	writer_end(&w);
	assert_int_equal(mp_store_copy(store, copy_path(f, "late"), reason), MP_CONFLICT);
	assert_non_null(strstr(reason, "too long"));
	assert_int_equal(mp_store_hold(store, SHORT_MS), MP_OK); /* another may begin */
	mp_store_close(store);
}

static void a_store_is_read_beside_the_process_that_writes(void **state)
{
	struct fixture *f = *state;
	const struct mp_store_config config = {
		.engine = "rocksdb", .directory = f->folder, .read_only = true};
	struct mp_store *store = must_open(f);
	struct mp_store *beside = NULL;
	char error[256];

	assert_int_equal(write_txn(store, f->arena, "w", 1), MP_OK);
	assert_int_equal(mp_store_open(&config, NULL, &beside, error), MP_OK);
	assert_int_equal(count_txn(beside, f->arena, "w", 1), ROWS_EACH);
	assert_int_equal(write_txn(beside, f->arena, "w", 2), MP_UNAVAILABLE);
	mp_store_close(beside);
	assert_int_equal(write_txn(store, f->arena, "w", 2), MP_OK);
	mp_store_close(store);
}

static void a_folder_without_data_is_not_made_when_data_is_wanted(void **state)
{
	struct fixture *f = *state;
	const char *nowhere = mp_arena_printf(f->arena, "%s/nowhere", f->folder);
	const struct mp_store_config rows[] = {
		{.engine = "rocksdb", .directory = nowhere, .existing = true},
		{.engine = "rocksdb", .directory = nowhere, .read_only = true}};
	struct mp_store *store = NULL;
	char error[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(mp_store_open(&rows[i], NULL, &store, error), MP_INVALID);
		assert_non_null(strstr(error, "There is no data in"));
	}
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_copy_is_what_was_there_when_the_hold_began),
		T(a_hold_that_nobody_ends_ends_by_itself),
		T(a_store_is_read_beside_the_process_that_writes),
		T(a_folder_without_data_is_not_made_when_data_is_wanted),
	};

	if (mp_crypto_init() != MP_OK)
		return 1;
	return cmocka_run_group_tests_name("rocksdb_copy", tests, NULL, NULL);
}
