#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/testing.h"
#include "base/thread.h"

struct seen {
	char name[16];
	bool all_blocked;
	size_t stack_bytes;
};

static void *look_around(void *arg)
{
	struct seen *seen = arg;
	sigset_t blocked;
	pthread_attr_t attributes;

	/* The maker names the thread once it runs, so wait for that. */
	for (int i = 0; i < 1000 && strcmp(seen->name, "relay") != 0; i++) {
		(void)pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
		(void)sched_yield();
	}
	seen->all_blocked = pthread_sigmask(SIG_SETMASK, NULL, &blocked) == 0 &&
			    sigismember(&blocked, SIGTERM) == 1 &&
			    sigismember(&blocked, SIGINT) == 1 &&
			    sigismember(&blocked, SIGUSR1) == 1;
	if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
		(void)pthread_attr_getstacksize(&attributes, &seen->stack_bytes);
		(void)pthread_attr_destroy(&attributes);
	}
	return arg;
}

static void a_thread_is_named_small_and_deaf_to_signals(void **state)
{
	struct seen seen = {0};
	pthread_t thread;
	void *result = NULL;
	sigset_t blocked;

	assert_int_equal(mp_thread_start(&thread, "relay", look_around, &seen), MP_OK);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_ptr_equal(result, &seen);
	assert_string_equal(seen.name, "relay");
	assert_true(seen.all_blocked);
	assert_true(seen.stack_bytes >= 256 * 1024 && seen.stack_bytes <= 1024 * 1024);

	/* Its maker hears them as before. */
	assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &blocked), 0);
	assert_int_equal(sigismember(&blocked, SIGTERM), 0);
}

struct box {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool full;
};

static void *fill(void *arg)
{
	struct box *box = arg;

	(void)pthread_mutex_lock(&box->lock);
	box->full = true;
	(void)pthread_cond_signal(&box->cond);
	(void)pthread_mutex_unlock(&box->lock);
	return NULL;
}

static void a_wait_ends_with_the_signal_or_the_time(void **state)
{
	struct box box = {.lock = PTHREAD_MUTEX_INITIALIZER};
	pthread_t thread;

	mp_cond_init(&box.cond);
	(void)pthread_mutex_lock(&box.lock);
	int64_t started = mp_clock_mono_ms();
	mp_cond_wait_ms(&box.cond, &box.lock, 0);
	mp_cond_wait_ms(&box.cond, &box.lock, 30);
	assert_true(mp_clock_mono_ms() - started >= 29);
	assert_false(box.full);

	started = mp_clock_mono_ms();
	assert_int_equal(mp_thread_start(&thread, "filler", fill, &box), MP_OK);
	while (!box.full)
		mp_cond_wait_ms(&box.cond, &box.lock, 60999);
	assert_true(mp_clock_mono_ms() - started < 30000);
	(void)pthread_mutex_unlock(&box.lock);
	assert_int_equal(pthread_join(thread, NULL), 0);
	(void)pthread_cond_destroy(&box.cond);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_is_named_small_and_deaf_to_signals),
		cmocka_unit_test(a_wait_ends_with_the_signal_or_the_time),
	};
	return cmocka_run_group_tests_name("thread", tests, NULL, NULL);
}
