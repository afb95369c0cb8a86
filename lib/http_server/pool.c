#include "http_server/internal.h"

#include <stdlib.h>

#include "base/thread.h"

/*
 * Workers over one bounded queue of two lanes. Requests that call the payment provider have a lane
 * of their own: at most a quarter of the workers and of the places, so that a provider that hangs
 * takes no other request with it. Between the lanes, first come is first served.
 */
struct lane {
	struct mp_request *first;
	struct mp_request **end;
	unsigned reserved; /* places taken, from reserve until a worker takes the request */
	unsigned reserved_max;
	unsigned running;
	unsigned running_max;
};

#define PROVIDER_QUEUE_MAX 64 /* each may wait for seconds */

struct pool {
	pthread_mutex_t mutex;
	pthread_cond_t wanted;
	struct lane usual;
	struct lane provider;
	unsigned queue_max;
	int64_t turn;
	unsigned idle;
	bool closing;
	unsigned workers_count;
	pthread_t workers[];
};

static struct lane *lane_of(struct pool *pool, const struct mp_request *req)
{
	return req->route->spec->flags & MP_ROUTE_PROVIDER ? &pool->provider : &pool->usual;
}

bool http_pool_reserve(struct pool *pool, bool provider)
{
	struct lane *lane = provider ? &pool->provider : &pool->usual;

	(void)pthread_mutex_lock(&pool->mutex);
	bool room = !pool->closing && lane->reserved < lane->reserved_max &&
		    pool->usual.reserved + pool->provider.reserved < pool->queue_max;
	if (room)
		lane->reserved++;
	(void)pthread_mutex_unlock(&pool->mutex);
	return room;
}

void http_pool_push(struct pool *pool, struct mp_request *req)
{
	struct lane *lane = lane_of(pool, req);

	req->next = NULL;
	(void)pthread_mutex_lock(&pool->mutex);
	req->queue_turn = pool->turn++;
	*lane->end = req;
	lane->end = &req->next;
	if (pool->idle > 0)
		(void)pthread_cond_signal(&pool->wanted);
	(void)pthread_mutex_unlock(&pool->mutex);
}

static bool lane_has_turn(const struct pool *pool, const struct lane *lane)
{
	/* Once the pool closes, what still waits is answered, not run. */
	return lane->first != NULL && (pool->closing || lane->running < lane->running_max);
}

static struct lane *next_lane(struct pool *pool)
{
	bool usual = lane_has_turn(pool, &pool->usual);
	bool provider = lane_has_turn(pool, &pool->provider);

	if (usual && provider)
		return pool->usual.first->queue_turn < pool->provider.first->queue_turn
			       ? &pool->usual
			       : &pool->provider;
	if (usual)
		return &pool->usual;
	return provider ? &pool->provider : NULL;
}

static struct mp_request *take_first(struct lane *lane)
{
	struct mp_request *req = lane->first;

	lane->first = req->next;
	if (lane->first == NULL)
		lane->end = &lane->first;
	req->next = NULL;
	lane->reserved--;
	lane->running++;
	return req;
}

static void run(struct mp_request *req, bool closing)
{
	bool answered_here = true;

	if (closing) {
		req->close_after = true;
		mp_request_problem(req, "unavailable", "The service is restarting.");
		http_settle(req, MP_UNAVAILABLE);
		http_observe_log(req);
	} else {
		answered_here = http_run_handler(req);
	}
	if (!answered_here)
		return; /* perhaps answered and freed already */
	atomic_store(&req->stage, STAGE_ANSWERED);
	MHD_resume_connection(req->conn->mhd);
}

static void *worker_run(void *arg)
{
	struct pool *pool = arg;

	(void)pthread_mutex_lock(&pool->mutex);
	for (;;) {
		struct lane *lane = next_lane(pool);
		/* A place may be reserved whose request is still to be pushed. */
		if (lane == NULL && pool->closing &&
			pool->usual.reserved + pool->provider.reserved == 0)
			break;
		if (lane == NULL) {
			pool->idle++;
			(void)pthread_cond_wait(&pool->wanted, &pool->mutex);
			pool->idle--;
			continue;
		}
		struct mp_request *req = take_first(lane);
		bool closing = pool->closing;
		(void)pthread_mutex_unlock(&pool->mutex);
		run(req, closing);
		(void)pthread_mutex_lock(&pool->mutex);
		lane->running--;
	}
	(void)pthread_cond_broadcast(&pool->wanted); /* the others may go, too */
	(void)pthread_mutex_unlock(&pool->mutex);
	return NULL;
}

enum mp_rc http_pool_open(unsigned workers, unsigned queue_max, struct pool **out_pool)
{
	struct pool *pool = calloc(1, sizeof(*pool) + workers * sizeof(pool->workers[0]));

	if (pool == NULL)
		return MP_NOMEM;
	(void)pthread_mutex_init(&pool->mutex, NULL);
	mp_cond_init(&pool->wanted);
	pool->usual = (struct lane){.reserved_max = queue_max, .running_max = workers};
	pool->provider = (struct lane){
		.reserved_max = queue_max / 4 < PROVIDER_QUEUE_MAX ? queue_max / 4 + (queue_max < 4)
								   : PROVIDER_QUEUE_MAX,
		.running_max = workers / 4 + (workers < 4),
	};
	pool->usual.end = &pool->usual.first;
	pool->provider.end = &pool->provider.first;
	pool->queue_max = queue_max;
	for (; pool->workers_count < workers; pool->workers_count++) {
		enum mp_rc rc = mp_thread_start(
			&pool->workers[pool->workers_count], "mp-worker", worker_run, pool);
		if (rc != MP_OK) {
			http_pool_stop(pool);
			http_pool_free(pool);
			return rc;
		}
	}
	*out_pool = pool;
	return MP_OK;
}

void http_pool_stop(struct pool *pool)
{
	if (pool == NULL)
		return;
	(void)pthread_mutex_lock(&pool->mutex);
	pool->closing = true;
	(void)pthread_cond_broadcast(&pool->wanted);
	(void)pthread_mutex_unlock(&pool->mutex);
	for (unsigned i = 0; i < pool->workers_count; i++)
		(void)pthread_join(pool->workers[i], NULL);
	pool->workers_count = 0;
}

void http_pool_free(struct pool *pool)
{
	if (pool == NULL)
		return;
	(void)pthread_cond_destroy(&pool->wanted);
	(void)pthread_mutex_destroy(&pool->mutex);
	free(pool);
}
