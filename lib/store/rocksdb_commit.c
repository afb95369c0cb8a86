#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/codec.h"
#include "store/rocksdb_request.h"

/*
 * Group commit. A committing thread makes its records, queues them, and waits. Whoever finds no
 * leader leads: takes what waits as a group, checks the conditions of one transaction after the
 * other against the database and what comes before it, waits until the group before is written,
 * hands the lead to the first that came meanwhile, writes those that passed as one batch with one
 * fsync, and wakes their threads. A lone committer pays for no second thread, many share the fsync,
 * and while the disk is busy with one group the next one is checked.
 *
 *	queue -> [check] -> (the group before has ended) -> [write, fsync] -> answered
 */

/* Bounds on one group, so that the first in it does not wait for all the others' bytes. */
#define GROUP_WRITES_MAX 4096
#define GROUP_BYTES_MAX (4u << 20)

/* --- preparing: in the committing thread, side by side with others --- */

static void prepare_write(struct prepared_write *write, const struct mp_op *op)
{
	write->expected = EXPECT_NOTHING;
	write->becomes = 1;
	write->refusal = MP_STALE;
	write->appends = op->appends;
	switch (op->kind) {
	case MP_OP_INSERT:
		write->expected = 0;
		write->refusal = MP_EXISTS;
		break;
	case MP_OP_REPLACE:
		write->expected = op->version;
		write->becomes = op->version + 1;
		break;
	case MP_OP_REMOVE:
		write->expected = op->version;
		write->becomes = 0;
		break;
	case MP_OP_CHECK:
		write->expected = op->version;
		write->becomes = VERSION_STAYS;
		break;
	case MP_OP_PUT:
		break;
	case MP_OP_RESTORE:
		write->expected = 0;
		write->becomes = op->version;
		write->refusal = MP_EXISTS;
		break;
	}
}

static int compare_keys(const void *a, const void *b)
{
	const struct prepared_write *left = *(const struct prepared_write *const *)a;
	const struct prepared_write *right = *(const struct prepared_write *const *)b;

	return mp_key_compare(left->key, left->key_len, right->key, right->key_len);
}

/* RocksDB's memory is a sorted list: neighbours written one after the other find their place. */
static void request_sort(struct rocksdb_request *request)
{
	for (size_t i = 0; i < request->count; i++)
		request->in_order[i] = &request->writes[i];
	qsort(request->in_order, request->count, sizeof(request->in_order[0]), compare_keys);
}

/* Room for count writes and bytes behind them. False without memory. */
static bool request_alloc(
	struct rocksdb_request *request, size_t count, size_t bytes, char **out_at)
{
	size_t each = sizeof(struct prepared_write) + sizeof(const struct prepared_write *);

	request->writes = malloc(count * each + bytes); /* all of them are bounded */
	if (request->writes == NULL)
		return false;
	request->in_order = (const struct prepared_write **)(request->writes + count);
	request->count = count;
	request->bytes = bytes;
	*out_at = (char *)(request->in_order + count);
	return true;
}

static enum mp_rc prepare_commit(
	struct rocksdb_request *request, const struct mp_op *ops, size_t count)
{
	size_t bytes = 0;
	char *at;

	for (size_t i = 0; i < count; i++) {
		request->keys_bytes += strlen(ops[i].pk) + 1 + strlen(ops[i].sk);
		bytes += ops[i].item_bytes;
	}
	if (!request_alloc(request, count, request->keys_bytes + bytes, &at))
		return MP_NOMEM;

	for (size_t i = 0; i < count; i++) {
		struct prepared_write *write = &request->writes[i];
		*write = (struct prepared_write){.key = at};
		prepare_write(write, &ops[i]);
		write->key_len = mp_key_write(ops[i].pk, ops[i].sk, at);
		write->pk_len = strlen(ops[i].pk);
		at += write->key_len;
		if (ops[i].item == NULL)
			continue;
		write->value = at;
		write->value_len = mp_record_write(ops[i].item, write->becomes, at);
		write->expires_at_s = ops[i].item->expires_at_s;
		assert(write->value_len <= ops[i].item_bytes);
		at += write->value_len;
	}
	request_sort(request);
	request->durable = true;
	return MP_OK;
}

static enum mp_rc prepare_erase(
	struct rocksdb_request *request, const struct mp_key *keys, size_t count)
{
	char *at;

	for (size_t i = 0; i < count; i++)
		request->keys_bytes += strlen(keys[i].pk) + 1 + strlen(keys[i].sk);
	if (!request_alloc(request, count, request->keys_bytes, &at))
		return MP_NOMEM;
	for (size_t i = 0; i < count; i++) {
		request->writes[i] = (struct prepared_write){.key = at, .expected = EXPECT_NOTHING};
		request->writes[i].key_len = mp_key_write(keys[i].pk, keys[i].sk, at);
		request->writes[i].pk_len = strlen(keys[i].pk);
		at += request->writes[i].key_len;
	}
	request_sort(request);
	return MP_OK;
}

/* --- the queue --- */

/* True when nobody leads: the caller does now. Otherwise another may make it lead at once. */
static bool queue_push(struct mp_rocksdb *engine, struct rocksdb_request *request)
{
	(void)pthread_mutex_lock(&engine->queue_lock);
	bool leads = !engine->led;
	request->leads = leads;
	engine->led = true;
	if (engine->queue_tail == NULL)
		engine->queue_head = request;
	else
		engine->queue_tail->next = request;
	engine->queue_tail = request;
	(void)pthread_mutex_unlock(&engine->queue_lock);
	return leads;
}

/*
 * Makes a group of the head, which is the leader's own, and those behind it that fit. out_before:
 * the group that is being written.
 */
static struct rocksdb_group *queue_take(
	struct mp_rocksdb *engine, const struct rocksdb_group **out_before)
{
	struct rocksdb_group *group = &engine->groups[engine->groups_taken++ % 2];

	(void)pthread_mutex_lock(&engine->queue_lock);
	struct rocksdb_request *last = engine->queue_head;
	size_t bytes = last->bytes;
	group->first = last;
	group->keys_count = last->count;
	group->keys_bytes = last->keys_bytes;
	while (last->next != NULL && group->keys_count + last->next->count <= GROUP_WRITES_MAX &&
		bytes + last->next->bytes <= GROUP_BYTES_MAX) {
		last = last->next;
		bytes += last->bytes;
		group->keys_count += last->count;
		group->keys_bytes += last->keys_bytes;
	}
	engine->queue_head = last->next;
	if (engine->queue_head == NULL)
		engine->queue_tail = NULL;
	last->next = NULL;
	group->opened = engine->opened;
	*out_before = engine->writing;
	(void)pthread_mutex_unlock(&engine->queue_lock);
	return group;
}

/* The group is about to be written: the first that waits, if there is one, leads the next. */
static void hand_over(struct mp_rocksdb *engine, const struct rocksdb_group *group)
{
	(void)pthread_mutex_lock(&engine->queue_lock);
	struct rocksdb_request *next = engine->queue_head;
	engine->led = next != NULL;
	engine->writing = group;
	(void)pthread_mutex_unlock(&engine->queue_lock);
	if (next == NULL)
		return;
	next->leads = true;
	(void)sem_post(&next->wake);
}

static void end_writing(struct mp_rocksdb *engine)
{
	(void)pthread_mutex_lock(&engine->queue_lock);
	engine->writing = NULL;
	(void)pthread_mutex_unlock(&engine->queue_lock);
	(void)pthread_mutex_unlock(&engine->write_lock);
}

static void lead(struct mp_rocksdb *engine, const struct rocksdb_request *own)
{
	const struct rocksdb_group *before;
	struct rocksdb_group *group = queue_take(engine, &before);

	assert(group->first == own);
	mp_rocksdb_check_group(engine, group, before);
	mp_rocksdb_lock_writes(engine);
	bool confirmed = mp_rocksdb_confirm_group(engine, group);
	hand_over(engine, confirmed ? group : NULL);
	if (confirmed)
		mp_rocksdb_write_group(engine, group);
	end_writing(engine);
	for (struct rocksdb_request *request = own->next; request != NULL;) {
		struct rocksdb_request *next = request->next; /* once woken it may be gone */
		(void)sem_post(&request->wake);
		request = next;
	}
}

static enum mp_rc run_request(
	struct mp_rocksdb *engine, struct rocksdb_request *request, const struct mp_hook *queued)
{
	(void)sem_init(&request->wake, 0, 0);
	bool leads = queue_push(engine, request);
	if (queued->call != NULL)
		queued->call(queued->ctx);
	if (!leads) {
		while (sem_wait(&request->wake) != 0)
			continue; /* a signal */
	}
	if (request->leads)
		lead(engine, request);
	(void)sem_destroy(&request->wake);
	return request->rc;
}

/* --- the engine's operations --- */

enum mp_rc mp_rocksdb_commit(void *data, const struct mp_txn *txn, size_t *reterr_op)
{
	struct rocksdb_request request = {.rc = MP_BUG};

	enum mp_rc rc = prepare_commit(&request, txn->ops, txn->count);
	if (rc == MP_OK)
		rc = run_request(data, &request, &txn->queued);
	if (rc == MP_EXISTS || rc == MP_STALE)
		*reterr_op = request.refused;
	free(request.writes);
	return rc;
}

static const struct mp_hook untold;

enum mp_rc mp_rocksdb_erase(void *data, const struct mp_key *keys, size_t count)
{
	for (size_t at = 0; at < count;) {
		struct rocksdb_request request = {.rc = MP_BUG};
		size_t part = count - at < GROUP_WRITES_MAX ? count - at : GROUP_WRITES_MAX;

		enum mp_rc rc = prepare_erase(&request, keys + at, part);
		if (rc == MP_OK)
			rc = run_request(data, &request, &untold);
		free(request.writes);
		if (rc != MP_OK)
			return rc;
		at += part;
	}
	return MP_OK;
}

/* Queues for a write of nothing, so that a store that cannot write tries to go on. */
enum mp_rc mp_rocksdb_ready(void *data, char reterr[160])
{
	struct mp_rocksdb *engine = data;
	struct rocksdb_request request = {.rc = MP_BUG};

	/* No caller is to wait where writes do, nor where one is on its way and will tell. */
	(void)pthread_mutex_lock(&engine->queue_lock);
	bool is_busy = (engine->led || engine->writing != NULL) && engine->trouble[0] == '\0';
	(void)pthread_mutex_unlock(&engine->queue_lock);
	if (is_busy || engine->held_until_ms > mp_clock_mono_ms())
		return MP_OK;
	enum mp_rc rc = run_request(engine, &request, &untold);
	if (rc == MP_OK)
		return MP_OK;
	(void)pthread_mutex_lock(&engine->queue_lock);
	mp_store_say(reterr, 160, "%s", engine->trouble);
	(void)pthread_mutex_unlock(&engine->queue_lock);
	return rc;
}
