#include "store/fault.h"

#include <pthread.h>
#include <stdlib.h>

#include "store/engine.h"

struct hook {
	void (*call)(void *ctx); /* NULL: none */
	void *ctx;
};

struct fault {
	struct mp_store_engine engine; /* ours, with the limits of the inner one */
	struct mp_store *inner;	       /* owned */
	pthread_mutex_t lock;	       /* guards all below */
	unsigned commits_left;	       /* until the one that fails; 0: none will */
	bool after_effect;
	struct hook before_query;
	struct hook before_commit;
};

static enum mp_rc fault_batch_get(void *engine, const struct mp_key *keys, size_t count,
	struct mp_arena *arena, struct mp_item **out_items)
{
	const struct mp_store *inner = ((struct fault *)engine)->inner;

	return inner->engine->batch_get(inner->data, keys, count, arena, out_items);
}

static void set_hook(struct fault *fault, struct hook *hook, struct hook value)
{
	(void)pthread_mutex_lock(&fault->lock);
	*hook = value;
	(void)pthread_mutex_unlock(&fault->lock);
}

/* Once, and without the lock: it may use the store. */
static void call_hook(struct fault *fault, struct hook *hook)
{
	(void)pthread_mutex_lock(&fault->lock);
	const struct hook due = *hook;
	*hook = (struct hook){.call = NULL};
	(void)pthread_mutex_unlock(&fault->lock);
	if (due.call != NULL)
		due.call(due.ctx);
}

static enum mp_rc fault_query(void *engine, const struct mp_query *query, struct mp_arena *arena,
	struct mp_page *out_page)
{
	struct fault *fault = engine;
	const struct mp_store *inner = fault->inner;

	call_hook(fault, &fault->before_query);
	return inner->engine->query(inner->data, query, arena, out_page);
}

static enum mp_rc fault_scan(void *engine, uint32_t segment, uint32_t segments, const char *cursor,
	size_t limit, struct mp_arena *arena, struct mp_page *out_page, const char **out_cursor)
{
	const struct mp_store *inner = ((struct fault *)engine)->inner;

	return inner->engine->scan(
		inner->data, segment, segments, cursor, limit, arena, out_page, out_cursor);
}

/* Counts a commit; true when it is the one to fail. */
static bool fault_is_due(struct fault *fault, bool *out_after_effect)
{
	bool due = false;

	(void)pthread_mutex_lock(&fault->lock);
	if (fault->commits_left > 0) {
		fault->commits_left--;
		due = fault->commits_left == 0;
		*out_after_effect = fault->after_effect;
	}
	(void)pthread_mutex_unlock(&fault->lock);
	return due;
}

static enum mp_rc fault_commit(void *engine, const struct mp_txn *txn, size_t *reterr_op)
{
	struct fault *fault = engine;
	const struct mp_store *inner = fault->inner;
	bool after_effect = false;

	call_hook(fault, &fault->before_commit);
	bool due = fault_is_due(fault, &after_effect);
	if (due && !after_effect)
		return MP_UNAVAILABLE;
	if (!due)
		return inner->engine->commit(inner->data, txn, reterr_op);

	/* The answer is lost, whatever it was. */
	size_t refused;
	(void)inner->engine->commit(inner->data, txn, &refused);
	return MP_UNKNOWN;
}

static enum mp_rc fault_erase(void *engine, const struct mp_key *keys, size_t count)
{
	const struct mp_store *inner = ((struct fault *)engine)->inner;

	return inner->engine->erase(inner->data, keys, count);
}

static enum mp_rc fault_ready(void *engine, char reterr[160])
{
	const struct mp_store *inner = ((struct fault *)engine)->inner;

	return inner->engine->ready(inner->data, reterr);
}

static void fault_close(void *engine)
{
	struct fault *fault = engine;

	mp_store_close(fault->inner);
	(void)pthread_mutex_destroy(&fault->lock);
	free(fault);
}

struct mp_store *mp_fault_store_new(struct mp_store *inner)
{
	struct fault *fault = calloc(1, sizeof(*fault));

	if (fault == NULL) {
		mp_store_close(inner);
		return NULL;
	}
	*fault = (struct fault){
		.engine = {.name = "fault",
			.txn_ops_max = inner->engine->txn_ops_max,
			.shared = inner->engine->shared,
			.batch_get = fault_batch_get,
			.query = fault_query,
			.scan = fault_scan,
			.commit = fault_commit,
			.erase = fault_erase,
			.ready = fault_ready,
			.close = fault_close},
		.inner = inner,
	};
	(void)pthread_mutex_init(&fault->lock, NULL);

	struct mp_store *store = mp_store_new(&fault->engine, fault);
	if (store == NULL)
		fault_close(fault);
	return store;
}

void mp_fault_store_arm(struct mp_store *store, unsigned nth_commit, bool after_effect)
{
	struct fault *fault = store->data;

	(void)pthread_mutex_lock(&fault->lock);
	fault->commits_left = nth_commit;
	fault->after_effect = after_effect;
	(void)pthread_mutex_unlock(&fault->lock);
}

void mp_fault_store_before_query(struct mp_store *store, void (*hook)(void *ctx), void *ctx)
{
	struct fault *fault = store->data;

	set_hook(fault, &fault->before_query, (struct hook){hook, ctx});
}

void mp_fault_store_before_commit(struct mp_store *store, void (*hook)(void *ctx), void *ctx)
{
	struct fault *fault = store->data;

	set_hook(fault, &fault->before_commit, (struct hook){hook, ctx});
}
