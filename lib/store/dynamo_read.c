#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "store/codec.h"
#include "store/dynamo.h"

#define BATCH_MAX 100	     /* keys in one BatchGetItem */
#define PAGE_REQUESTS_MAX 16 /* for one page: most of what they find may have expired */
#define UNPROCESSED_WAIT_MS 20
#define UNPROCESSED_WAIT_MS_MAX 1000

/* What an engine's call ends with: the refusals of a request that we made wrongly are our bug. */
static enum mp_rc read_rc(enum mp_rc rc)
{
	if (rc == MP_NOT_FOUND) /* the table */
		return MP_UNAVAILABLE;
	return rc == MP_INVALID || rc == MP_CONFLICT ? MP_BUG : rc;
}

/*
 * What each read asks to be told. Our own count could not know what was read and then left out: all
 * that a range passes over is paid for.
 */
#define TELL_UNITS "\"ReturnConsumedCapacity\":\"TOTAL\","

static void count_units(const struct dynamo_call *call)
{
	const json_t *consumed = json_object_get(call->answer, "ConsumedCapacity");

	if (json_is_array(consumed)) /* of a BatchGetItem: one for each table */
		consumed = json_array_get(consumed, 0);
	double units = json_number_value(json_object_get(consumed, "CapacityUnits"));
	mp_metric_add(call->db->read_units, (int64_t)units); /* whole: our reads are consistent */
}

static enum mp_rc send_read(struct dynamo_call *call, const char *operation)
{
	enum mp_rc rc = mp_dynamo_send(call, operation, DYNAMO_READ);

	if (rc == MP_OK)
		count_units(call);
	return rc;
}

/* *out_item stays untouched for an expired item. */
static enum mp_rc take_item(
	const json_t *json, int64_t now_s, struct mp_arena *arena, struct mp_item **out_item)
{
	struct mp_item *item;
	enum mp_rc rc = mp_dynamo_read_item(json, arena, &item);

	if (rc == MP_OK && !mp_record_is_expired(item->expires_at_s, now_s))
		*out_item = item;
	return rc;
}

/* --- one item --- */

static enum mp_rc get_one(struct dynamo_call *call, const struct mp_key *key,
	struct mp_arena *arena, struct mp_item **out_item)
{
	struct mp_buf *body = &call->body;

	(void)mp_buf_adds(body, "{" TELL_UNITS "\"ConsistentRead\":true,\"TableName\":");
	mp_dynamo_add_text(body, call->db->table);
	(void)mp_buf_adds(body, ",\"Key\":");
	mp_dynamo_add_key(body, key->pk, key->sk);
	(void)mp_buf_adds(body, "}");
	enum mp_rc rc = send_read(call, "GetItem");
	if (rc != MP_OK)
		return read_rc(rc);
	const json_t *json = json_object_get(call->answer, "Item");
	return json == NULL ? MP_OK : take_item(json, mp_clock_ms() / 1000, arena, out_item);
}

/* --- many items --- */

/* Keys of one request, and where their items go. */
struct batch {
	const struct mp_key *keys;
	struct mp_item **items;
	size_t count;
	struct mp_arena *arena;
	int64_t now_s;
};

static bool same_key(const struct mp_key *a, const struct mp_key *b)
{
	return strcmp(a->sk, b->sk) == 0 && strcmp(a->pk, b->pk) == 0;
}

/* DynamoDB takes no key twice in one request. */
static bool is_repeated(const struct batch *batch, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (same_key(&batch->keys[i], &batch->keys[at]))
			return true;
	}
	return false;
}

static void add_batch(struct dynamo_call *call, const struct batch *batch)
{
	struct mp_buf *body = &call->body;

	(void)mp_buf_adds(body, "{" TELL_UNITS "\"RequestItems\":{");
	mp_dynamo_add_text(body, call->db->table);
	(void)mp_buf_adds(body, ":{\"ConsistentRead\":true,\"Keys\":[");
	for (size_t i = 0; i < batch->count; i++) {
		if (is_repeated(batch, i))
			continue;
		if (i > 0)
			(void)mp_buf_adds(body, ",");
		mp_dynamo_add_key(body, batch->keys[i].pk, batch->keys[i].sk);
	}
	(void)mp_buf_adds(body, "]}}}");
}

static enum mp_rc take_batch(const struct dynamo_call *call, const struct batch *batch)
{
	const json_t *found =
		json_object_get(json_object_get(call->answer, "Responses"), call->db->table);
	const json_t *json;
	size_t at;

	json_array_foreach(found, at, json)
	{
		struct mp_item *item = NULL;
		enum mp_rc rc = take_item(json, batch->now_s, batch->arena, &item);
		if (rc != MP_OK)
			return rc;
		for (size_t i = 0; i < batch->count && item != NULL; i++) {
			const struct mp_key key = {item->pk, item->sk};
			if (same_key(&batch->keys[i], &key))
				batch->items[i] = item;
		}
	}
	return MP_OK;
}

/* The next request's body: what the last one left over. False: nothing. */
static bool add_unprocessed(struct dynamo_call *call)
{
	const json_t *left = json_object_get(call->answer, "UnprocessedKeys");

	if (json_object_size(left) == 0)
		return false;
	char *text = json_dumps(left, JSON_COMPACT);
	mp_buf_clear(&call->body);
	(void)mp_buf_adds(&call->body, "{" TELL_UNITS "\"RequestItems\":");
	(void)mp_buf_adds(&call->body, text == NULL ? "" : text);
	(void)mp_buf_adds(&call->body, "}");
	free(text);
	return true;
}

static enum mp_rc get_batch(struct dynamo_call *call, const struct batch *batch)
{
	add_batch(call, batch);
	for (;;) {
		enum mp_rc rc = send_read(call, "BatchGetItem");
		if (rc == MP_OK)
			rc = take_batch(call, batch);
		if (rc != MP_OK)
			return read_rc(rc);
		if (!add_unprocessed(call))
			return MP_OK;
		if (!mp_dynamo_wait(call, UNPROCESSED_WAIT_MS, UNPROCESSED_WAIT_MS_MAX))
			return MP_UNAVAILABLE;
	}
}

enum mp_rc mp_dynamo_batch_get(void *engine, const struct mp_key *keys, size_t count,
	struct mp_arena *arena, struct mp_item **out_items)
{
	enum mp_rc rc = MP_OK;

	for (size_t at = 0; at < count && rc == MP_OK; at += BATCH_MAX) {
		const struct batch batch = {
			.keys = keys + at,
			.items = out_items + at,
			.count = count - at < BATCH_MAX ? count - at : BATCH_MAX,
			.arena = arena,
			.now_s = mp_clock_ms() / 1000,
		};
		struct dynamo_call call;
		memset(batch.items, 0, batch.count * sizeof(struct mp_item *));
		rc = mp_dynamo_call_begin(&call, engine);
		if (rc == MP_OK)
			rc = count == 1 ? get_one(&call, keys, arena, out_items)
					: get_batch(&call, &batch);
		mp_dynamo_call_done(&call);
	}
	return rc;
}

/* --- pages --- */

/* A page in the making. One item more than the limit is asked for: it tells whether more come. */
struct paging {
	struct dynamo_call *call;
	struct mp_arena *arena;
	struct mp_page *page; /* items has room for limit + 1 */
	size_t limit;
	int64_t now_s;
	const char *start_pk; /* where the next request goes on; NULL: from the beginning */
	const char *start_sk;
};

static enum mp_rc take_page(struct paging *paging)
{
	const json_t *items = json_object_get(paging->call->answer, "Items");
	struct mp_page *page = paging->page;
	const json_t *json;
	size_t at;

	json_array_foreach(items, at, json)
	{
		struct mp_item *item = NULL;
		if (page->count > paging->limit)
			return MP_CORRUPT; /* more than was asked for */
		enum mp_rc rc = take_item(json, paging->now_s, paging->arena, &item);
		if (rc != MP_OK)
			return rc;
		if (item != NULL)
			page->items[page->count++] = item;
	}
	return MP_OK;
}

/* start_pk NULL afterwards: that was the last page. */
static enum mp_rc take_last_key(struct paging *paging)
{
	const json_t *last = json_object_get(paging->call->answer, "LastEvaluatedKey");
	const char *pk = mp_dynamo_text_of(last, DYNAMO_KEY_PARTITION);
	const char *sk = mp_dynamo_text_of(last, DYNAMO_KEY_SORT);

	paging->start_pk = NULL;
	paging->start_sk = NULL;
	if (last == NULL)
		return MP_OK;
	if (!mp_key_is_valid(pk) || !mp_key_is_valid(sk))
		return MP_CORRUPT;
	paging->start_pk = mp_arena_strdup(paging->arena, pk);
	paging->start_sk = mp_arena_strdup(paging->arena, sk);
	return paging->start_pk == NULL || paging->start_sk == NULL ? MP_NOMEM : MP_OK;
}

static void add_start(struct paging *paging)
{
	struct mp_buf *body = &paging->call->body;

	if (paging->start_pk == NULL)
		return;
	(void)mp_buf_adds(body, ",\"ExclusiveStartKey\":");
	mp_dynamo_add_key(body, paging->start_pk, paging->start_sk);
}

/* Sends the body, which begins anew, and takes what comes. */
static enum mp_rc page_step(struct paging *paging, const char *operation)
{
	enum mp_rc rc = send_read(paging->call, operation);

	if (rc == MP_OK)
		rc = take_page(paging);
	if (rc == MP_OK)
		rc = take_last_key(paging);
	return rc;
}

/* --- query --- */

/* What the key condition says: the range, without the cursor. */
static void add_range(struct mp_buf *body, const struct mp_query *query)
{
	const char *min = query->sk_min;
	const char *max = query->sk_max;

	(void)mp_buf_adds(body, ",\"KeyConditionExpression\":\"pk = :p");
	if (min != NULL && max != NULL)
		(void)mp_buf_adds(body, " AND sk BETWEEN :a AND :b");
	else if (min != NULL)
		(void)mp_buf_adds(body, " AND sk >= :a");
	else if (max != NULL)
		(void)mp_buf_adds(body, " AND sk <= :b");
	(void)mp_buf_adds(body, "\",\"ExpressionAttributeValues\":{\":p\":{\"S\":");
	mp_dynamo_add_text(body, query->pk);
	if (min != NULL) {
		(void)mp_buf_adds(body, "},\":a\":{\"S\":");
		mp_dynamo_add_text(body, min);
	}
	if (max != NULL) {
		(void)mp_buf_adds(body, "},\":b\":{\"S\":");
		mp_dynamo_add_text(body, max);
	}
	(void)mp_buf_adds(body, "}}");
}

static void add_query(struct paging *paging, const struct mp_query *query)
{
	struct mp_buf *body = &paging->call->body;

	mp_buf_clear(body);
	(void)mp_buf_adds(body, "{" TELL_UNITS "\"ConsistentRead\":true,\"TableName\":");
	mp_dynamo_add_text(body, paging->call->db->table);
	add_range(body, query);
	(void)mp_buf_addf(body, ",\"ScanIndexForward\":%s,\"Limit\":%zu",
		query->descending ? "false" : "true", paging->limit + 1 - paging->page->count);
	add_start(paging);
	(void)mp_buf_adds(body, "}");
}

/*
 * A cursor within the range is where DynamoDB starts; one before it starts at its beginning; one
 * behind it (DynamoDB would call that an error) leaves nothing. False: nothing is left.
 */
static bool start_at_cursor(struct paging *paging, const struct mp_query *query)
{
	const char *first = query->descending ? query->sk_max : query->sk_min;
	const char *last = query->descending ? query->sk_min : query->sk_max;
	int sign = query->descending ? -1 : 1;

	if (query->after == NULL)
		return true;
	if (last != NULL && sign * strcmp(query->after, last) >= 0)
		return false;
	if (first == NULL || sign * strcmp(query->after, first) >= 0) {
		paging->start_pk = query->pk;
		paging->start_sk = query->after;
	}
	return true;
}

static enum mp_rc query_pages(struct paging *paging, const struct mp_query *query)
{
	struct mp_page *page = paging->page;

	for (int requests = 0; requests < PAGE_REQUESTS_MAX; requests++) {
		size_t asked = paging->limit + 1 - page->count;
		add_query(paging, query);
		enum mp_rc rc = page_step(paging, "Query");
		if (rc != MP_OK)
			return read_rc(rc);
		if (paging->start_pk == NULL || page->count > paging->limit)
			return MP_OK;
		/* Fewer rows than asked for: cut at DynamoDB's 1 MB, which is page enough. */
		size_t came = json_array_size(json_object_get(paging->call->answer, "Items"));
		if (page->count > 0 && came < asked)
			return MP_OK;
	}
	return MP_OK;
}

static void finish_page(struct paging *paging)
{
	struct mp_page *page = paging->page;

	page->more = page->count > paging->limit || paging->start_pk != NULL;
	if (page->count > paging->limit)
		page->count = paging->limit;
	else if (page->more) {
		page->last_sk = paging->start_sk;
		return;
	}
	if (page->count > 0)
		page->last_sk = page->items[page->count - 1]->sk;
}

enum mp_rc mp_dynamo_query(void *engine, const struct mp_query *query, struct mp_arena *arena,
	struct mp_page *out_page)
{
	struct mp_page page = {.items = NULL};
	struct dynamo_call call;
	struct paging paging = {.call = &call,
		.arena = arena,
		.page = &page,
		.limit = query->limit,
		.now_s = mp_clock_ms() / 1000};

	if (!start_at_cursor(&paging, query)) {
		*out_page = page;
		return MP_OK;
	}
	page.items = mp_arena_array(arena, query->limit + 1, sizeof(struct mp_item *));
	if (page.items == NULL)
		return MP_NOMEM;
	enum mp_rc rc = mp_dynamo_call_begin(&call, engine);
	if (rc == MP_OK)
		rc = query_pages(&paging, query);
	mp_dynamo_call_done(&call);
	if (rc != MP_OK)
		return rc;
	finish_page(&paging);
	*out_page = page;
	return MP_OK;
}

/* --- scan: a cursor is the stored key of the last row that was looked at --- */

static enum mp_rc read_cursor(struct paging *paging, const char *cursor)
{
	uint8_t bytes[MP_STORED_KEY_MAX];
	size_t len;

	if (cursor == NULL)
		return MP_OK;
	if (mp_base64url_decode(cursor, strlen(cursor), bytes, sizeof(bytes), &len) != MP_OK)
		return MP_INVALID;
	enum mp_rc rc =
		mp_key_read(bytes, len, paging->arena, &paging->start_pk, &paging->start_sk);
	return rc == MP_CORRUPT ? MP_INVALID : rc;
}

static enum mp_rc write_cursor(const struct paging *paging, const char **out_cursor)
{
	char stored_key[MP_STORED_KEY_MAX];

	if (paging->start_pk == NULL) {
		*out_cursor = NULL;
		return MP_OK;
	}
	size_t key_len = mp_key_write(paging->start_pk, paging->start_sk, stored_key);
	size_t size = (key_len + 2) / 3 * 4 + 1;
	char *cursor = mp_arena_alloc(paging->arena, size);
	if (cursor == NULL)
		return MP_NOMEM;
	mp_base64url(stored_key, key_len, cursor, size);
	*out_cursor = cursor;
	return MP_OK;
}

static enum mp_rc scan_page(struct paging *paging, uint32_t segment, uint32_t segments)
{
	struct mp_buf *body = &paging->call->body;

	(void)mp_buf_adds(body, "{" TELL_UNITS "\"ConsistentRead\":true,\"TableName\":");
	mp_dynamo_add_text(body, paging->call->db->table);
	(void)mp_buf_addf(body, ",\"Segment\":%u,\"TotalSegments\":%u,\"Limit\":%zu", segment,
		segments, paging->limit);
	add_start(paging);
	(void)mp_buf_adds(body, "}");
	enum mp_rc rc = page_step(paging, "Scan");
	/* The one thing that a caller can get wrong is a cursor of another segment. */
	return rc == MP_INVALID ? MP_INVALID : read_rc(rc);
}

enum mp_rc mp_dynamo_scan(void *engine, uint32_t segment, uint32_t segments, const char *cursor,
	size_t limit, struct mp_arena *arena, struct mp_page *out_page, const char **out_cursor)
{
	struct mp_page page = {.items = NULL};
	struct dynamo_call call;
	struct paging paging = {.call = &call,
		.arena = arena,
		.page = &page,
		.limit = limit,
		.now_s = mp_clock_ms() / 1000};
	const char *next = NULL;

	enum mp_rc rc = read_cursor(&paging, cursor);
	if (rc != MP_OK)
		return rc;
	page.items = mp_arena_array(arena, limit + 1, sizeof(struct mp_item *));
	if (page.items == NULL)
		return MP_NOMEM;
	rc = mp_dynamo_call_begin(&call, engine);
	if (rc == MP_OK)
		rc = scan_page(&paging, segment, segments);
	mp_dynamo_call_done(&call);
	if (rc == MP_OK)
		rc = write_cursor(&paging, &next);
	if (rc != MP_OK)
		return rc;
	page.more = next != NULL;
	*out_page = page;
	*out_cursor = next;
	return MP_OK;
}
