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
	int64_t now_s, int64_t *out_version)
{
	struct mp_record_head head = {.version = 0};
	char *error = NULL;
	size_t len;

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

static bool remembered_version(
	struct mp_rocksdb *engine, const struct prepared_write *write, int64_t *out_version)
{
	size_t len;
	const void *version = mp_memo_get(engine->versions, write->key, write->key_len, &len);

	if (version != NULL)
		memcpy(out_version, version, sizeof(*out_version));
	return version != NULL;
}

/* As the groups before leave it, written or not: looked for where it costs least, first. */
static enum mp_rc expected_version(struct mp_rocksdb *engine, const struct rocksdb_group *before,
	const struct prepared_write *write, int64_t now_s, int64_t *out_version)
{
	if ((before != NULL &&
		    mp_pending_get(&before->pending, write->key, write->key_len, out_version)) ||
		remembered_version(engine, write, out_version))
		return MP_OK;
	return version_of(engine, write, now_s, out_version);
}

static enum mp_rc check_request(struct mp_rocksdb *engine, const struct rocksdb_group *group,
	const struct rocksdb_group *before, struct rocksdb_request *request, int64_t now_s)
{
	for (size_t i = 0; i < request->count; i++) {
		const struct prepared_write *write = &request->writes[i];
		enum mp_rc rc = MP_OK;
		int64_t version;
		if (write->expected == EXPECT_NOTHING || mp_rocksdb_is_behind_end(engine, write))
			continue;
		request->by_group =
			mp_pending_get(&group->pending, write->key, write->key_len, &version);
		if (!request->by_group)
			rc = expected_version(engine, before, write, now_s, &version);
		if (rc != MP_OK)
			return rc;
		if (version != write->expected) {
			request->refused = i;
			return write->refusal;
		}
	}
	return MP_OK;
}

static void add_request(struct rocksdb_group *group, const struct rocksdb_request *request)
{
	for (size_t i = 0; i < request->count; i++) {
		const struct prepared_write *write = request->in_order[i];
		if (write->becomes == VERSION_STAYS)
			continue;
		if (write->value == NULL)
			rocksdb_writebatch_delete(group->batch, write->key, write->key_len);
		else
			rocksdb_writebatch_put(group->batch, write->key, write->key_len,
				write->value, write->value_len);
	}
	group->durable = group->durable || request->durable;
}

static bool is_replaced_to_stay(const struct prepared_write *write)
{
	return write->expected > 0 && write->becomes > 0 && write->expires_at_s == 0;
}

/* What later ones, of this group and of the next, must see. In order: an end moves on only. */
static void remember_request(struct mp_rocksdb *engine, struct rocksdb_group *group,
	const struct rocksdb_request *request, int64_t now_s)
{
	for (size_t i = 0; i < request->count; i++) {
		const struct prepared_write *write = request->in_order[i];
		if (write->becomes == VERSION_STAYS)
			continue;
		mp_pending_set(&group->pending, write->key, write->key_len,
			mp_record_is_expired(write->expires_at_s, now_s) ? 0 : write->becomes);
		if (is_replaced_to_stay(write))
			mp_memo_set(engine->versions, write->key, write->key_len, &write->becomes,
				sizeof(write->becomes));
		else
			mp_memo_forget(engine->versions, write->key, write->key_len);
		mp_rocksdb_move_end(engine, write);
	}
}

static void check_requests(
	struct mp_rocksdb *engine, struct rocksdb_group *group, const struct rocksdb_group *before)
{
	int64_t now_s = mp_clock_ms() / 1000;

	for (struct rocksdb_request *each = group->first; each != NULL; each = each->next) {
		each->rc = check_request(engine, group, before, each, now_s);
		if (each->rc != MP_OK)
			continue;
		add_request(group, each);
		remember_request(engine, group, each, now_s);
	}
}

static void refuse_all(const struct rocksdb_group *group, enum mp_rc rc)
{
	for (struct rocksdb_request *each = group->first; each != NULL; each = each->next)
		each->rc = rc;
}

void mp_rocksdb_check_group(
	struct mp_rocksdb *engine, struct rocksdb_group *group, const struct rocksdb_group *before)
{
	group->durable = false;
	if (engine->remembered_opened != group->opened) {
		mp_memo_clear(engine->versions);
		mp_memo_clear(engine->ends);
	}
	engine->remembered_opened = group->opened;
	rocksdb_writebatch_clear(group->batch);
	enum mp_rc rc = mp_pending_reset(&group->pending, group->keys_count, group->keys_bytes);
	if (rc != MP_OK) {
		refuse_all(group, rc);
		return;
	}
	rocksdb_set_perf_level(rocksdb_disable); /* this thread's: counters cost a tenth */
	(void)pthread_rwlock_rdlock(&engine->open_lock);
	if (engine->db != NULL) /* otherwise nothing is written, or once it has been opened */
		check_requests(engine, group, before);
	(void)pthread_rwlock_unlock(&engine->open_lock);
}

/* --- the write, and what becomes of the group when it fails --- */

static void group_ends(const struct rocksdb_group *group, enum mp_rc outcome)
{
	for (struct rocksdb_request *request = group->first; request != NULL;
		request = request->next) {
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
static const struct prepared_write *telling_write(const struct rocksdb_group *group, int64_t now_s)
{
	const struct rocksdb_request *last = NULL;

	for (const struct rocksdb_request *request = group->first; request != NULL;
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
	struct mp_rocksdb *engine, const struct rocksdb_group *group, int64_t now_s)
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
static void settle(struct mp_rocksdb *engine, const struct rocksdb_group *group, char *error)
{
	enum mp_rc outcome = MP_UNKNOWN;

	mp_rocksdb_write_failed(engine, error);
	if (mp_rocksdb_may_write(engine) == MP_OK) {
		(void)pthread_rwlock_rdlock(&engine->open_lock);
		outcome = batch_outcome(engine, group, mp_clock_ms() / 1000);
		(void)pthread_rwlock_unlock(&engine->open_lock);
	}
	group_ends(group, outcome);
}

/* NULL, or the error, to be freed. */
static char *write_batch(struct mp_rocksdb *engine, struct rocksdb_group *group)
{
	char *error = NULL;
	size_t bytes;

	if (rocksdb_writebatch_count(group->batch) == 0)
		return NULL;
	(void)pthread_rwlock_rdlock(&engine->open_lock);
	rocksdb_write(engine->db, group->durable ? engine->write_durable : engine->write_soon,
		group->batch, &error);
	(void)pthread_rwlock_unlock(&engine->open_lock);
	(void)rocksdb_writebatch_data(group->batch, &bytes);
	if (bytes > BATCH_BYTES_KEPT) {
		rocksdb_writebatch_destroy(group->batch);
		group->batch = rocksdb_writebatch_create();
	}
	return error;
}

bool mp_rocksdb_confirm_group(struct mp_rocksdb *engine, struct rocksdb_group *group)
{
	enum mp_rc rc = mp_rocksdb_may_write(engine);

	if (rc != MP_OK) {
		mp_rocksdb_check_again(engine);
		refuse_all(group, rc);
		return false;
	}
	if (group->opened != engine->opened) {
		group->opened = engine->opened;
		mp_rocksdb_check_group(engine, group, NULL);
	}
	return true;
}

void mp_rocksdb_write_group(struct mp_rocksdb *engine, struct rocksdb_group *group)
{
	char *error = write_batch(engine, group);

	if (error != NULL)
		settle(engine, group, error);
}
