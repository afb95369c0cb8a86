#include "base/thread.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

/* Sanitizers put shadow data and wider frames on the stack. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_BYTES (1024 * 1024)
#else
#define STACK_BYTES (256 * 1024)
#endif

#define NAME_LEN_MAX 15

enum mp_rc mp_thread_start(pthread_t *out_thread, const char *name, void *(*run)(void *), void *arg)
{
	pthread_attr_t attributes;
	sigset_t all;
	sigset_t before;
	pthread_t thread;

	assert(name != NULL && strlen(name) <= NAME_LEN_MAX && run != NULL);
	if (pthread_attr_init(&attributes) != 0)
		return MP_UNAVAILABLE;
	int failed = pthread_attr_setstacksize(&attributes, STACK_BYTES);

	/* A thread inherits its maker's mask, so the mask is right from its first instruction. */
	(void)sigfillset(&all);
	if (failed == 0)
		failed = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (failed == 0) {
		failed = pthread_create(&thread, &attributes, run, arg);
		(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	(void)pthread_attr_destroy(&attributes);
	if (failed != 0)
		return MP_UNAVAILABLE;

	(void)pthread_setname_np(thread, name); /* a thread without a name works as well */
	*out_thread = thread;
	return MP_OK;
}

void mp_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attributes;
	int failed = pthread_condattr_init(&attributes);

	/* None of these allocates or fails on Linux with valid arguments. */
	assert(failed == 0);
	failed = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	assert(failed == 0);
	failed = pthread_cond_init(cond, &attributes);
	assert(failed == 0);
	(void)pthread_condattr_destroy(&attributes);
}

void mp_cond_wait_ms(pthread_cond_t *cond, pthread_mutex_t *mutex, long timeout_ms)
{
	struct timespec until;
	int failed = clock_gettime(CLOCK_MONOTONIC, &until);

	assert(failed == 0 && timeout_ms >= 0);
	until.tv_sec += timeout_ms / 1000;
	until.tv_nsec += timeout_ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	failed = pthread_cond_timedwait(cond, mutex, &until);
	assert(failed == 0 || failed == ETIMEDOUT);
}
