#ifndef MP_BASE_THREAD_H
#define MP_BASE_THREAD_H

#include <pthread.h>

#include "base/rc.h"

/*
 * Starts a named thread with a 256 KiB stack and all signals blocked (main alone handles them).
 * name has at most 15 bytes. MP_UNAVAILABLE when the system gives no thread.
 */
enum mp_rc mp_thread_start(
	pthread_t *out_thread, const char *name, void *(*run)(void *), void *arg) MP_MUST_CHECK;

/* A condition variable on the monotonic clock, for mp_cond_wait_ms. */
void mp_cond_init(pthread_cond_t *cond);

/* Waits at most timeout_ms (0 or more). The caller holds the mutex and checks its own condition. */
void mp_cond_wait_ms(pthread_cond_t *cond, pthread_mutex_t *mutex, long timeout_ms);

#endif
