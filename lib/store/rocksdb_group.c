#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/codec.h"
#include "store/rocksdb_request.h"

/* A write batch that grew for one huge group is given back afterwards. */
#define BATCH_BYTES_KEPT (1u << 20)

/* --- conditions --- */

/* The version that the item has for this transaction: 0 when it is absent or expired. */
static enum mp_rc version_of(struct mp_rocksdb *engine, const struct prepared_write *write,
	int64_t now_s, int64_t *out_version, bool *out_by_group)
{
	struct mp_record_head head = {.version = 0};
	char *error = NULL;
	size_t len;

	*out_by_group = mp_pending_get(&engine->pending, write->key, write->key_len, out_version);
	if (*out_by_group)
		return MP_OK;
	rocksdb_pinnableslice_t *slice =
		rocksdb_get_pinned(engine->db, engine->read, write->key, write->key_len, &error);
	if (error != NULL)
		return mp_rocksdb_read_failed(error);
	if (slice != NULL) {
		const char *bytes = rocksdb_pinnableslice_value(slice, &len);
		enum mp_rc rc = mp_record_read_head(bytes, len, &head);
		rocksdb_pinnableslice_destroy(slice);
		if (rc != MP_OK)
			return rc;
	}
	*out_version = mp_record_is_expired(head.expires_at_s, now_s) ? 0 : head.version;
	return MP_OK;
}

static enum mp_rc check_request(
	struct mp_rocksdb *engine, struct rocksdb_request *request, int64_t now_s)
{
	for (size_t i = 0; i < request->count; i++) {
		const struct prepared_write *write = &request->writes[i];
		int64_t version;
		if (write->expected == EXPECT_NOTHING)
			continue;
		enum mp_rc rc = version_of(engine, write, now_s, &version, &request->by_group);
		if (rc != MP_OK)
			return rc;
		if (version != write->expected) {
			request->refused = i;
			return write->refusal;
		}
	}
	return MP_OK;
}

static void add_request(struct mp_rocksdb *engine, const struct rocksdb_request *request)
{
	for (size_t i = 0; i < request->count; i++) {
		const struct prepared_write *write = request->in_order[i];
		if (write->becomes == VERSION_STAYS)
			continue;
		if (write->value == NULL)
			rocksdb_writebatch_delete(engine->batch, write->key, write->key_len);
		else
			rocksdb_writebatch_put(engine->batch, write->key, write->key_len,
				write->value, write->value_len);
	}
}

/* What the later ones of the group must see. */
static void remember_request(
	struct mp_rocksdb *engine, const struct rocksdb_request *request, int64_t now_s)
{
	for (size_t i = 0; i < request->count; i++) {
		const struct prepared_write *write = &request->writes[i];
		if (write->becomes == VERSION_STAYS)
			continue;
		mp_pending_set(&engine->pending, write->key, write->key_len,
			mp_record_is_expired(write->expires_at_s, now_s) ? 0 : write->becomes);
	}
}

/* --- the write, and what becomes of the group when it fails --- */

static void group_ends(struct rocksdb_request *group, enum mp_rc outcome)
{
	for (struct rocksdb_request *request = group; request != NULL; request = request->next) {
		if (request->rc == MP_OK && request->count > 0)
			request->rc = outcome;
		else if (request->by_group && outcome != MP_OK)
			request->rc = MP_UNAVAILABLE; /* refused for what is perhaps not there */
	}
}

/* A write that cannot have left its key as it was. */
static bool is_telling(const struct prepared_write *write, int64_t now_s)
{
	return write->expected != EXPECT_NOTHING && write->becomes != VERSION_STAYS &&
	       (write->value == NULL || !mp_record_is_expired(write->expires_at_s, now_s));
}

/* One that no later request of the group has overwritten; NULL: there is none. */
static const struct prepared_write *telling_write(
	const struct rocksdb_request *group, int64_t now_s)
{
	const struct rocksdb_request *last = NULL;

	for (const struct rocksdb_request *request = group; request != NULL;
		request = request->next) {
		if (request->rc == MP_OK && request->count > 0)
			last = request;
	}
	for (size_t i = 0; last != NULL && i < last->count; i++) {
		if (is_telling(&last->writes[i], now_s))
			return &last->writes[i];
	}
	return NULL;
}

/* Whether the folder, opened anew, holds the batch: it is there as a whole or not at all. */
static enum mp_rc batch_outcome(
	struct mp_rocksdb *engine, const struct rocksdb_request *group, int64_t now_s)
{
	const struct prepared_write *write = telling_write(group, now_s);
	char *error = NULL;
	size_t len = 0;

	if (write == NULL)
		return MP_UNKNOWN;
	char *value =
		rocksdb_get(engine->db, engine->read, write->key, write->key_len, &len, &error);
	if (error != NULL) {
		rocksdb_free(error);
		return MP_UNKNOWN;
	}
	bool written = write->value == NULL ? value == NULL
					    : value != NULL && len == write->value_len &&
						      memcmp(value, write->value, len) == 0;
	rocksdb_free(value);
	return written ? MP_OK : MP_UNAVAILABLE;
}

/*
 * What a failed write left in the log shows when the folder is opened anew, which is tried at once:
 * then it is known what became of the batch, and otherwise it is not.
 */
static void settle(
	struct mp_rocksdb *engine, struct rocksdb_request *group, int64_t now_s, char *error)
{
	enum mp_rc outcome = MP_UNKNOWN;

	mp_rocksdb_write_failed(engine, error);
	if (mp_rocksdb_may_write(engine) == MP_OK) {
		(void)pthread_rwlock_rdlock(&engine->open_lock);
		outcome = batch_outcome(engine, group, now_s);
		(void)pthread_rwlock_unlock(&engine->open_lock);
	}
	group_ends(group, outcome);
}

/* NULL, or the error, to be freed. */
static char *write_batch(struct mp_rocksdb *engine, bool durable)
{
	char *error = NULL;
	size_t bytes;

	if (rocksdb_writebatch_count(engine->batch) == 0)
		return NULL;
	rocksdb_write(engine->db, durable ? engine->write_durable : engine->write_soon,
		engine->batch, &error);
	(void)rocksdb_writebatch_data(engine->batch, &bytes);
	if (bytes > BATCH_BYTES_KEPT) {
		rocksdb_writebatch_destroy(engine->batch);
		engine->batch = rocksdb_writebatch_create();
	}
	rocksdb_writebatch_clear(engine->batch);
	return error;
}

static char *check_and_write(
	struct mp_rocksdb *engine, struct rocksdb_request *group, int64_t now_s)
{
	bool durable = false;

	for (struct rocksdb_request *request = group; request != NULL; request = request->next) {
		request->rc = check_request(engine, request, now_s);
		if (request->rc != MP_OK)
			continue;
		add_request(engine, request);
		durable = durable || request->durable;
		if (request->next != NULL)
			remember_request(engine, request, now_s);
	}
	return write_batch(engine, durable);
}

void mp_rocksdb_run_group(
	struct mp_rocksdb *engine, struct rocksdb_request *group, size_t keys_count)
{
	int64_t now_s = mp_clock_ms() / 1000;

	enum mp_rc rc = mp_rocksdb_may_write(engine);
	if (rc == MP_OK) /* a lone transaction has no later ones to tell */
		rc = mp_pending_reset(&engine->pending, group->next == NULL ? 0 : keys_count);
	if (rc != MP_OK) {
		for (struct rocksdb_request *each = group; each != NULL; each = each->next)
			each->rc = rc;
		return;
	}
	rocksdb_set_perf_level(rocksdb_disable); /* this thread's: counters cost a tenth */
	(void)pthread_rwlock_rdlock(&engine->open_lock);
	char *error = check_and_write(engine, group, now_s);
	(void)pthread_rwlock_unlock(&engine->open_lock);
	if (error != NULL)
		settle(engine, group, now_s, error);
}
