#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "store/dynamo.h"

#define ERASE_MAX 25 /* keys in one BatchWriteItem */
#define UNPROCESSED_WAIT_MS 20
#define UNPROCESSED_WAIT_MS_MAX 1000
#define UNIT_BYTES 1024 /* of a write */

/* An expired item is there until DynamoDB removes it, and reads as absent until then. */
#define WHEN_ABSENT "attribute_not_exists(pk) OR expires_at <= :now"
#define WHEN_AT_VERSION "version = :v AND (attribute_not_exists(expires_at) OR expires_at > :now)"

/* --- operations as JSON --- */

static bool wants_absent(const struct mp_op *op)
{
	return op->kind == MP_OP_INSERT || op->kind == MP_OP_RESTORE ||
	       (op->kind == MP_OP_CHECK && op->version == 0);
}

static void add_condition(struct mp_buf *body, const struct mp_op *op, int64_t now_s)
{
	if (op->kind == MP_OP_PUT)
		return;
	if (wants_absent(op)) {
		(void)mp_buf_addf(body,
			",\"ConditionExpression\":\"" WHEN_ABSENT
			"\",\"ExpressionAttributeValues\":{\":now\":{\"N\":\"%lld\"}}",
			(long long)now_s);
		return;
	}
	(void)mp_buf_addf(body,
		",\"ConditionExpression\":\"" WHEN_AT_VERSION
		"\",\"ExpressionAttributeValues\":{\":v\":{\"N\":\"%lld\"},\":now\":{\"N\":\"%"
		"lld\"}}",
		(long long)op->version, (long long)now_s);
}

/* That the written item gets. */
static int64_t version_after(const struct mp_op *op)
{
	if (op->kind == MP_OP_RESTORE)
		return op->version;
	return op->kind == MP_OP_REPLACE ? op->version + 1 : 1;
}

/* The members of the operation, without braces. */
static void add_op(struct dynamo_call *call, const struct mp_op *op, int64_t now_s)
{
	struct mp_buf *body = &call->body;

	(void)mp_buf_adds(body, "\"TableName\":");
	mp_dynamo_add_text(body, call->db->table);
	if (op->item != NULL) {
		(void)mp_buf_adds(body, ",\"Item\":");
		mp_dynamo_add_item(body, op->item, version_after(op));
	} else {
		(void)mp_buf_adds(body, ",\"Key\":");
		mp_dynamo_add_key(body, op->pk, op->sk);
	}
	add_condition(body, op, now_s);
}

static const char *action_of(const struct mp_op *op)
{
	switch (op->kind) {
	case MP_OP_INSERT:
	case MP_OP_REPLACE:
	case MP_OP_PUT:
	case MP_OP_RESTORE:
		return "Put";
	case MP_OP_REMOVE:
		return "Delete";
	case MP_OP_CHECK:
		break;
	}
	return "ConditionCheck";
}

static enum mp_rc refusal_of(const struct mp_op *op)
{
	return op->kind == MP_OP_INSERT || op->kind == MP_OP_RESTORE ? MP_EXISTS : MP_STALE;
}

/* --- what it costs and what it may weigh --- */

static int64_t units_of(size_t bytes)
{
	return (int64_t)((bytes + UNIT_BYTES - 1) / UNIT_BYTES);
}

/* MP_TOO_LARGE for an item or a whole that DynamoDB would refuse. */
static enum mp_rc weigh(const struct mp_op *ops, size_t count, int64_t *out_units)
{
	int64_t units = 0;
	size_t whole = 0;

	for (size_t i = 0; i < count; i++) {
		size_t bytes = ops[i].item == NULL ? strlen(ops[i].pk) + strlen(ops[i].sk)
						   : mp_dynamo_item_bytes(ops[i].item);
		whole += bytes;
		if (bytes > DYNAMO_ITEM_BYTES_MAX || whole > MP_TXN_BYTES_MAX)
			return MP_TOO_LARGE;
		units += units_of(bytes);
	}
	*out_units = units;
	return MP_OK;
}

/* --- one operation: a conditional write of its own costs half a transaction's --- */

/* The results of a request as commit's. */
static enum mp_rc commit_rc(enum mp_rc rc)
{
	if (rc == MP_NOT_FOUND) /* the table */
		return MP_UNAVAILABLE;
	return rc == MP_INVALID || rc == MP_CORRUPT ? MP_BUG : rc;
}

static enum mp_rc commit_single(
	struct dynamo_call *call, const struct mp_op *op, int64_t now_s, size_t *reterr_op)
{
	enum dynamo_kind kind = op->kind == MP_OP_PUT ? DYNAMO_AGAIN : DYNAMO_ONCE;

	(void)mp_buf_adds(&call->body, "{");
	add_op(call, op, now_s);
	(void)mp_buf_adds(&call->body, "}");
	enum mp_rc rc =
		mp_dynamo_send(call, op->kind == MP_OP_REMOVE ? "DeleteItem" : "PutItem", kind);
	if (rc != MP_CONFLICT)
		return commit_rc(rc);
	*reterr_op = 0;
	return refusal_of(op);
}

/* --- several: TransactWriteItems --- */

static void add_transaction(
	struct dynamo_call *call, const struct mp_op *ops, size_t count, int64_t now_s)
{
	struct mp_id token = mp_id_new(mp_clock_ms());
	struct mp_buf *body = &call->body;

	(void)mp_buf_addf(body, "{\"ClientRequestToken\":\"%s\",\"TransactItems\":[", token.text);
	for (size_t i = 0; i < count; i++) {
		(void)mp_buf_addf(body, "%s{\"%s\":{", i > 0 ? "," : "", action_of(&ops[i]));
		add_op(call, &ops[i], now_s);
		(void)mp_buf_adds(body, "}}");
	}
	(void)mp_buf_adds(body, "]}");
}

/* The first operation whose condition refused; count: none, which DynamoDB does not do. */
static size_t first_refused(const json_t *answer, size_t count)
{
	const json_t *reasons = json_object_get(answer, "CancellationReasons");
	const json_t *reason;
	size_t i;

	json_array_foreach(reasons, i, reason)
	{
		const char *code = json_string_value(json_object_get(reason, "Code"));
		if (code != NULL && strcmp(code, "ConditionalCheckFailed") == 0)
			return i < count ? i : count;
	}
	return count;
}

static enum mp_rc commit_transaction(struct dynamo_call *call, const struct mp_op *ops,
	size_t count, int64_t now_s, size_t *reterr_op)
{
	add_transaction(call, ops, count, now_s);
	enum mp_rc rc = mp_dynamo_send(call, "TransactWriteItems", DYNAMO_TOKEN);
	if (rc != MP_CONFLICT)
		return commit_rc(rc);
	size_t refused = first_refused(call->answer, count);
	if (refused == count)
		return MP_BUG;
	*reterr_op = refused;
	return refusal_of(&ops[refused]);
}

enum mp_rc mp_dynamo_commit(void *engine, const struct mp_txn *txn, size_t *reterr_op)
{
	struct mp_dynamo *db = engine;
	const struct mp_op *ops = txn->ops;
	size_t count = txn->count;
	/* One time for all attempts: a token goes with one content only. */
	int64_t now_s = mp_clock_ms() / 1000;
	bool single = count == 1 && ops[0].kind != MP_OP_CHECK;
	struct dynamo_call call;
	int64_t units;

	enum mp_rc rc = weigh(ops, count, &units);
	if (rc != MP_OK)
		return rc;
	rc = mp_dynamo_call_begin(&call, db);
	if (rc == MP_OK && single)
		rc = commit_single(&call, &ops[0], now_s, reterr_op);
	else if (rc == MP_OK)
		rc = commit_transaction(&call, ops, count, now_s, reterr_op);
	mp_dynamo_call_done(&call);
	if (rc == MP_OK || rc == MP_EXISTS || rc == MP_STALE) /* refused writes cost as much */
		mp_metric_add(db->write_units, single ? units : 2 * units);
	return rc;
}

/* --- erase --- */

static bool is_repeated(const struct mp_key *keys, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (strcmp(keys[i].sk, keys[at].sk) == 0 && strcmp(keys[i].pk, keys[at].pk) == 0)
			return true;
	}
	return false;
}

static void add_erase(struct dynamo_call *call, const struct mp_key *keys, size_t count)
{
	struct mp_buf *body = &call->body;

	(void)mp_buf_adds(body, "{\"RequestItems\":{");
	mp_dynamo_add_text(body, call->db->table);
	(void)mp_buf_adds(body, ":[");
	for (size_t i = 0; i < count; i++) {
		if (is_repeated(keys, i))
			continue;
		(void)mp_buf_addf(body, "%s{\"DeleteRequest\":{\"Key\":", i > 0 ? "," : "");
		mp_dynamo_add_key(body, keys[i].pk, keys[i].sk);
		(void)mp_buf_adds(body, "}}");
	}
	(void)mp_buf_adds(body, "]}}");
}

/* The next request's body: what the last one left over. False: nothing. */
static bool add_unprocessed(struct dynamo_call *call)
{
	const json_t *left = json_object_get(call->answer, "UnprocessedItems");

	if (json_object_size(left) == 0)
		return false;
	char *text = json_dumps(left, JSON_COMPACT);
	mp_buf_clear(&call->body);
	(void)mp_buf_adds(&call->body, "{\"RequestItems\":");
	(void)mp_buf_adds(&call->body, text == NULL ? "" : text);
	(void)mp_buf_adds(&call->body, "}");
	free(text);
	return true;
}

static enum mp_rc erase_part(struct mp_dynamo *db, const struct mp_key *keys, size_t count)
{
	struct dynamo_call call;
	enum mp_rc rc = mp_dynamo_call_begin(&call, db);

	if (rc == MP_OK)
		add_erase(&call, keys, count);
	while (rc == MP_OK) {
		rc = commit_rc(mp_dynamo_send(&call, "BatchWriteItem", DYNAMO_AGAIN));
		if (rc != MP_OK || !add_unprocessed(&call))
			break;
		call.ambiguous = true; /* some are gone, some are not */
		if (!mp_dynamo_wait(&call, UNPROCESSED_WAIT_MS, UNPROCESSED_WAIT_MS_MAX))
			rc = mp_dynamo_gave_up(&call);
	}
	mp_dynamo_call_done(&call);
	if (rc == MP_OK)
		mp_metric_add(db->write_units, (int64_t)count);
	return rc;
}

enum mp_rc mp_dynamo_erase(void *engine, const struct mp_key *keys, size_t count)
{
	for (size_t at = 0; at < count; at += ERASE_MAX) {
		size_t part = count - at < ERASE_MAX ? count - at : ERASE_MAX;
		enum mp_rc rc = erase_part(engine, keys + at, part);
		if (rc != MP_OK) /* nothing was written: not with parts before it */
			return rc == MP_UNAVAILABLE && at > 0 ? MP_UNKNOWN : rc;
	}
	return MP_OK;
}
