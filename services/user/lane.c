#include "lane.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/thread.h"
#include "base/trace.h"
#include "user_metrics.h"

struct job {
	lane_job run;
	void *arg;
	char traceparent[MP_TRACEPARENT_SIZE];
};

struct lane {
	pthread_mutex_t lock; /* guards all below it */
	pthread_cond_t wake;
	struct job *waiting; /* a ring of waiting_max */
	size_t waiting_max;
	size_t first;
	size_t count;
	bool stopping;
	pthread_t *threads; /* main's own */
	unsigned threads_count;
};

/* Waits for the next job; false when the lane ends and nothing waits. */
static bool take(struct lane *lane, struct job *out_job)
{
	(void)pthread_mutex_lock(&lane->lock);
	while (lane->count == 0 && !lane->stopping)
		(void)pthread_cond_wait(&lane->wake, &lane->lock);
	bool taken = lane->count > 0;
	if (taken) {
		*out_job = lane->waiting[lane->first];
		lane->first = (lane->first + 1) % lane->waiting_max;
		lane->count--;
		mp_metric_set(user_metrics.hashing_waiting, (int64_t)lane->count);
	}
	(void)pthread_mutex_unlock(&lane->lock);
	return taken;
}

static void *run_jobs(void *arg)
{
	struct lane *lane = arg;
	struct job job;

	while (take(lane, &job)) {
		mp_trace_begin(job.traceparent[0] == '\0' ? NULL : job.traceparent);
		job.run(job.arg);
		mp_trace_end();
	}
	return NULL;
}

static enum mp_rc start_threads(struct lane *lane, unsigned threads)
{
	for (unsigned i = 0; i < threads; i++) {
		enum mp_rc rc = mp_thread_start(&lane->threads[i], "hashing", run_jobs, lane);

		if (rc != MP_OK)
			return rc;
		lane->threads_count++;
	}
	return MP_OK;
}

enum mp_rc lane_open(unsigned threads, size_t waiting_max, struct lane **out_lane)
{
	struct lane *lane = calloc(1, sizeof(*lane));

	assert(threads > 0 && waiting_max > 0);
	if (lane == NULL)
		return MP_NOMEM;
	(void)pthread_mutex_init(&lane->lock, NULL); /* cannot fail on Linux */
	mp_cond_init(&lane->wake);
	lane->waiting_max = waiting_max;

	enum mp_rc rc = MP_NOMEM;
	lane->waiting = calloc(waiting_max, sizeof(*lane->waiting));
	lane->threads = calloc(threads, sizeof(*lane->threads));
	if (lane->waiting != NULL && lane->threads != NULL)
		rc = start_threads(lane, threads);
	if (rc != MP_OK) {
		lane_close(lane);
		return rc;
	}
	*out_lane = lane;
	return MP_OK;
}

enum mp_rc lane_submit(struct lane *lane, lane_job run, void *arg)
{
	struct job job = {.run = run, .arg = arg};
	bool taken;

	mp_trace_next(job.traceparent);
	(void)pthread_mutex_lock(&lane->lock);
	taken = lane->count < lane->waiting_max && !lane->stopping;
	if (taken) {
		lane->waiting[(lane->first + lane->count) % lane->waiting_max] = job;
		lane->count++;
		mp_metric_set(user_metrics.hashing_waiting, (int64_t)lane->count);
		(void)pthread_cond_signal(&lane->wake);
	}
	(void)pthread_mutex_unlock(&lane->lock);
	if (!taken)
		mp_metric_add(user_metrics.hashing_refused, 1);
	return taken ? MP_OK : MP_BUSY;
}

void lane_close(struct lane *lane)
{
	if (lane == NULL)
		return;
	(void)pthread_mutex_lock(&lane->lock);
	lane->stopping = true;
	(void)pthread_cond_broadcast(&lane->wake);
	(void)pthread_mutex_unlock(&lane->lock);
	for (unsigned i = 0; i < lane->threads_count; i++)
		(void)pthread_join(lane->threads[i], NULL);
	(void)pthread_cond_destroy(&lane->wake);
	(void)pthread_mutex_destroy(&lane->lock);
	free(lane->threads);
	free(lane->waiting);
	free(lane);
}
