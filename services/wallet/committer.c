#include "committer.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/thread.h"
#include "batch.h"
#include "metrics/metrics.h"

#define GIVE_UP_MS_USUAL 10000
#define CACHE_ACCOUNTS_MIN 64
#define SKIPPED_MAX 1024 /* waiting transfers that one walk passes by */

struct worker {
	struct committer *committer;
	struct batch *batch;
	pthread_t thread;
	bool running;
};

struct committer {
	struct committer_config config;
	struct worker workers[COMMITTER_THREADS_MAX];

	pthread_mutex_t lock; /* all below, and the cache */
	pthread_cond_t changed;
	struct wallet_transfer *first; /* waiting, oldest first */
	struct wallet_transfer **end;  /* where the next one is hung on */
	size_t waiting;
	bool closing;
	struct account_cache *cache;
	struct turn turn; /* where the committer is alone */
	uint64_t walk;	  /* number of the last walk over the queue */

	struct mp_metric *waiting_metric;
};

/* --- taking --- */

enum taking {
	TAKEN,
	SKIPPED, /* one of its accounts is another batch's, or kept by one that waits before it */
	FULL,
};

/* The slots of a transfer's accounts. False when the cache has no room for them. */
static bool find_slots(struct committer *committer, const struct wallet_transfer *transfer,
	struct account_slot **out_slots)
{
	for (size_t i = 0; i < transfer->legs_count; i++) {
		const struct wallet_leg *leg = &transfer->legs[i];
		out_slots[2 * i] = account_cache_get(committer->cache, &leg->from, committer->walk);
		out_slots[2 * i + 1] =
			account_cache_get(committer->cache, &leg->to, committer->walk);
		if (out_slots[2 * i] == NULL || out_slots[2 * i + 1] == NULL)
			return false;
	}
	return true;
}

static bool must_wait(const struct committer *committer, const struct batch *batch,
	struct account_slot *const *slots, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (slots[i]->blocked == committer->walk ||
			(!committer->config.alone && slots[i]->holders > 0 &&
				slots[i]->last_holder != batch))
			return true;
	}
	return false;
}

static size_t count_new(const struct batch *batch, struct account_slot *const *slots, size_t count)
{
	size_t new_ones = 0;

	for (size_t i = 0; i < count; i++)
		new_ones += slots[i]->last_holder != batch; /* twice the same: a little too many */
	return new_ones;
}

static enum taking take(
	struct committer *committer, struct batch *batch, struct wallet_transfer *transfer)
{
	struct account_slot *slots[2 * WALLET_LEGS_MAX];
	size_t count = 2 * transfer->legs_count;

	if (batch_has(batch, &transfer->id)) {
		batch_add_twin(batch, transfer);
		return TAKEN;
	}
	if (!find_slots(committer, transfer, slots))
		return FULL;
	if (must_wait(committer, batch, slots, count)) {
		for (size_t i = 0; i < count; i++)
			slots[i]->blocked = committer->walk;
		return SKIPPED;
	}
	if (!batch_has_room(batch, transfer, count_new(batch, slots, count)))
		return FULL;
	batch_add(batch, transfer, slots, committer->cache);
	return TAKEN;
}

/* Fills the batch from the queue, oldest first. False when nothing can be taken now. */
static bool fill(struct committer *committer, struct batch *batch)
{
	struct wallet_transfer **at = &committer->first;
	size_t skipped = 0;

	batch_clear(batch);
	committer->walk++;
	while (*at != NULL && skipped < SKIPPED_MAX &&
		batch_count(batch) < committer->config.batch_max) {
		struct wallet_transfer *transfer = *at;
		enum taking taking = take(committer, batch, transfer);
		if (taking == FULL)
			break;
		if (taking == SKIPPED) {
			at = &transfer->next;
			skipped++;
			continue;
		}
		*at = transfer->next;
		if (committer->end == &transfer->next)
			committer->end = at;
		committer->waiting--;
	}
	mp_metric_set(committer->waiting_metric, (int64_t)committer->waiting);
	return batch_count(batch) > 0;
}

/* --- answering --- */

/* Takes the batch's outcomes over into their units; returns the units that are complete now. */
static struct wallet_unit *settle(struct batch *batch)
{
	struct wallet_unit *first = NULL;
	struct wallet_unit **end = &first;

	for (size_t i = 0; i < batch_count(batch); i++) {
		const struct wallet_transfer *transfer = batch_transfer(batch, i);
		struct wallet_unit *unit = transfer->unit;
		/* Perhaps written outweighs not written: the caller must not think it was not. */
		if (transfer->rc != MP_OK && unit->rc != MP_UNKNOWN)
			unit->rc = transfer->rc;
		if (--unit->undecided > 0)
			continue;
		unit->next_done = NULL;
		*end = unit;
		end = &unit->next_done;
	}
	return first;
}

static void answer(struct wallet_unit *unit)
{
	while (unit != NULL) {
		struct wallet_unit *next = unit->next_done; /* done gives the unit back */
		unit->done(unit->ctx, unit->rc);
		unit = next;
	}
}

/* Waits for something to decide, without keeping the turn. False when there is nothing more. */
static bool fill_by_turn(struct worker *worker)
{
	struct committer *committer = worker->committer;
	bool filled = false;
	bool ended = false;

	while (!filled && !ended) {
		batch_take_turn(worker->batch);
		pthread_mutex_lock(&committer->lock);
		filled = fill(committer, worker->batch);
		if (!filled) {
			batch_give_back_turn(worker->batch);
			ended = committer->closing && committer->waiting == 0;
			if (!ended)
				pthread_cond_wait(&committer->changed, &committer->lock);
		}
		pthread_mutex_unlock(&committer->lock);
	}
	return filled;
}

static void *run(void *arg)
{
	struct worker *worker = arg;
	struct committer *committer = worker->committer;

	while (fill_by_turn(worker)) {
		batch_decide(worker->batch);
		pthread_mutex_lock(&committer->lock);
		batch_release(worker->batch, committer->cache);
		struct wallet_unit *done = settle(worker->batch);
		if (committer->config.threads > 1 || committer->closing)
			pthread_cond_broadcast(&committer->changed);
		pthread_mutex_unlock(&committer->lock);
		answer(done);
	}
	return NULL;
}

/* --- from outside --- */

static enum mp_rc start_workers(struct committer *committer)
{
	const struct batch_config config = {
		.db = committer->config.db,
		.currencies = committer->config.currencies,
		.transfers_max = committer->config.batch_max,
		.give_up_ms = committer->config.give_up_ms,
		.now_ms = committer->config.now_ms,
		.sink = committer->config.sink,
		.turn = committer->config.alone ? &committer->turn : NULL,
	};

	for (unsigned i = 0; i < committer->config.threads; i++) {
		struct worker *worker = &committer->workers[i];
		worker->committer = committer;
		worker->batch = batch_new(&config);
		if (worker->batch == NULL)
			return MP_NOMEM;
		enum mp_rc rc = mp_thread_start(&worker->thread, "committer", run, worker);
		if (rc != MP_OK)
			return rc;
		worker->running = true;
	}
	return MP_OK;
}

static bool config_valid(const struct committer_config *config)
{
	return config->threads >= 1 && config->threads <= COMMITTER_THREADS_MAX &&
	       config->batch_max >= 1 && config->batch_max <= COMMITTER_BATCH_MAX &&
	       config->queue_max >= WALLET_TRANSFERS_MAX &&
	       config->cache_accounts >= CACHE_ACCOUNTS_MIN;
}

enum mp_rc committer_open(const struct committer_config *config, struct committer **out_committer)
{
	enum mp_rc rc = MP_NOMEM;

	if (!config_valid(config))
		return MP_INVALID;
	struct committer *committer = calloc(1, sizeof(*committer));
	if (committer == NULL)
		return MP_NOMEM;
	committer->config = *config;
	if (committer->config.give_up_ms == 0)
		committer->config.give_up_ms = GIVE_UP_MS_USUAL;
	if (committer->config.now_ms == NULL)
		committer->config.now_ms = mp_clock_ms;
	committer->end = &committer->first;
	committer->waiting_metric =
		mp_gauge("moneypal_wallet_waiting", NULL, "transfers waiting to be decided");
	pthread_mutex_init(&committer->lock, NULL);
	mp_cond_init(&committer->changed);
	turn_init(&committer->turn);

	committer->cache = account_cache_new(config->cache_accounts);
	if (committer->cache != NULL)
		rc = start_workers(committer);
	if (rc != MP_OK) {
		committer_close(committer);
		return rc;
	}
	*out_committer = committer;
	return MP_OK;
}

void committer_close(struct committer *committer)
{
	if (committer == NULL)
		return;
	pthread_mutex_lock(&committer->lock);
	committer->closing = true;
	pthread_cond_broadcast(&committer->changed);
	pthread_mutex_unlock(&committer->lock);
	for (unsigned i = 0; i < COMMITTER_THREADS_MAX; i++) {
		if (committer->workers[i].running)
			pthread_join(committer->workers[i].thread, NULL);
		batch_free(committer->workers[i].batch);
	}
	account_cache_free(committer->cache);
	turn_done(&committer->turn);
	pthread_cond_destroy(&committer->changed);
	pthread_mutex_destroy(&committer->lock);
	free(committer);
}

enum mp_rc committer_submit(struct committer *committer, struct wallet_unit *unit)
{
	enum mp_rc rc = MP_OK;

	assert(unit->count >= 1 && unit->count <= WALLET_TRANSFERS_MAX && unit->done != NULL);
	pthread_mutex_lock(&committer->lock);
	if (committer->closing)
		rc = MP_UNAVAILABLE;
	else if (committer->waiting + unit->count > committer->config.queue_max)
		rc = MP_BUSY;
	if (rc == MP_OK) {
		unit->undecided = unit->count;
		unit->rc = MP_OK;
		for (size_t i = 0; i < unit->count; i++) {
			struct wallet_transfer *transfer = &unit->transfers[i];
			transfer->unit = unit;
			transfer->next = NULL;
			*committer->end = transfer;
			committer->end = &transfer->next;
		}
		committer->waiting += unit->count;
		pthread_cond_signal(&committer->changed);
	}
	pthread_mutex_unlock(&committer->lock);
	return rc;
}

size_t committer_waiting(struct committer *committer)
{
	pthread_mutex_lock(&committer->lock);
	size_t waiting = committer->waiting;
	pthread_mutex_unlock(&committer->lock);
	return waiting;
}
