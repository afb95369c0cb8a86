#include "sandbox_db.h"

#include <assert.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"

#define FORMAT 1
#define PK_SESSIONS "SESSIONS"
#define PK_INTENTS "INTENTS"
#define PK_EVENTS "EVENTS"
#define PK_EVENTS_OF "EVENTS#" /* by type: pointers, keyed like the events themselves */
#define PK_ANSWER "ANSWER#"    /* and SHA-256 of the key, which may be any text */
#define SK_ANSWER "ANSWER"
#define ANSWER_LIFE_S (24 * 60 * 60)

/* --- parts --- */

static void put(struct mp_txn *txn, const struct mp_item *item, int64_t version)
{
	if (version == 0)
		(void)mp_txn_insert(txn, item);
	else
		(void)mp_txn_replace(txn, item, version);
}

static void set_metadata(struct mp_map *map, const char *name, const struct metadata *metadata)
{
	struct mp_list *list = mp_map_set_list(map, name);

	for (size_t i = 0; i < metadata->count; i++) {
		struct mp_map *pair = mp_list_add_map(map, list);
		mp_map_set_text(pair, "name", metadata->pairs[i].name);
		mp_map_set_text(pair, "value", metadata->pairs[i].value);
	}
}

static enum mp_rc read_metadata(
	const struct mp_list *list, struct mp_arena *arena, struct metadata *out)
{
	struct metadata metadata = {.count = list == NULL ? 0 : list->count};

	metadata.pairs = mp_arena_array(arena, metadata.count + 1, sizeof(struct pair));
	if (metadata.pairs == NULL)
		return MP_NOMEM;
	for (size_t i = 0; i < metadata.count; i++) {
		struct mp_item_reader r;
		mp_map_read_begin(&r, list->maps[i]);
		mp_item_read_text(&r, "name", &metadata.pairs[i].name);
		mp_item_read_text(&r, "value", &metadata.pairs[i].value);
		enum mp_rc rc = mp_item_read_end(&r);
		if (rc != MP_OK)
			return rc;
	}
	*out = metadata;
	return MP_OK;
}

/* A stored number that must be one of count states. */
static void read_state(struct mp_item_reader *r, int64_t count, int *out)
{
	int64_t number = 0;

	mp_item_read_int(r, "status", &number);
	if (r->rc == MP_OK && (number < 0 || number >= count)) {
		r->rc = MP_CORRUPT;
		r->field = "status";
	}
	*out = (int)number;
}

/* --- sessions --- */

static void set_items(struct mp_map *map, const struct session *session)
{
	struct mp_list *list = mp_map_set_list(map, "items");

	for (size_t i = 0; i < session->items_count; i++) {
		const struct line_item *item = &session->items[i];
		struct mp_map *line = mp_list_add_map(map, list);
		mp_map_set_text(line, "name", item->name);
		mp_map_set_text(line, "description", item->description);
		mp_map_set_int(line, "unit_amount", item->unit_amount);
		mp_map_set_int(line, "quantity", item->quantity);
	}
}

void db_session_put(struct mp_txn *txn, const struct session *session)
{
	struct mp_item *item = mp_item_new(txn->arena, PK_SESSIONS, session->id.text, FORMAT);
	struct mp_map *map = mp_item_attrs(item);

	mp_map_set_int(map, "expires_at", session->expires_at_s);
	mp_map_set_int(map, "status", session->status);
	mp_map_set_bool(map, "paid", session->paid);
	mp_map_set_text(map, "currency", session->currency);
	mp_map_set_int(map, "amount_total", session->amount_total);
	mp_map_set_text(map, "success_url", session->success_url);
	mp_map_set_text(map, "cancel_url", session->cancel_url);
	mp_map_set_text(map, "client_reference_id", session->client_reference_id);
	mp_map_set_text(map, "customer_email", session->customer_email);
	mp_map_set_text(map, "intent_description", session->intent_description);
	mp_map_set_id(map, "intent", &session->intent);
	set_items(map, session);
	set_metadata(map, "metadata", &session->metadata);
	set_metadata(map, "intent_metadata", &session->intent_metadata);
	put(txn, item, session->version);
}

static enum mp_rc read_items(
	const struct mp_list *list, struct mp_arena *arena, struct session *session)
{
	session->items_count = list == NULL ? 0 : list->count;
	session->items = mp_arena_array(arena, session->items_count + 1, sizeof(*session->items));
	if (session->items == NULL)
		return MP_NOMEM;
	for (size_t i = 0; i < session->items_count; i++) {
		struct line_item *item = &session->items[i];
		struct mp_item_reader r;
		mp_map_read_begin(&r, list->maps[i]);
		mp_item_read_text(&r, "name", &item->name);
		mp_item_read_text_or(&r, "description", &item->description);
		mp_item_read_int(&r, "unit_amount", &item->unit_amount);
		mp_item_read_int(&r, "quantity", &item->quantity);
		enum mp_rc rc = mp_item_read_end(&r);
		if (rc != MP_OK)
			return rc;
	}
	return MP_OK;
}

static enum mp_rc session_read(
	const struct mp_item *item, struct mp_arena *arena, struct session *out)
{
	struct session session = {.version = item->version};
	const struct mp_list *items = NULL;
	const struct mp_list *metadata = NULL;
	const struct mp_list *intent_metadata = NULL;
	struct mp_item_reader r;
	int status;

	if (!mp_id_parse(item->sk, &session.id))
		return MP_CORRUPT;
	mp_item_read_begin(&r, item, FORMAT);
	mp_item_read_int(&r, "expires_at", &session.expires_at_s);
	read_state(&r, SESSION_EXPIRED + 1, &status);
	mp_item_read_bool(&r, "paid", &session.paid);
	mp_item_read_copy(&r, "currency", session.currency, sizeof(session.currency));
	mp_item_read_int(&r, "amount_total", &session.amount_total);
	mp_item_read_text(&r, "success_url", &session.success_url);
	mp_item_read_text_or(&r, "cancel_url", &session.cancel_url);
	mp_item_read_text_or(&r, "client_reference_id", &session.client_reference_id);
	mp_item_read_text_or(&r, "customer_email", &session.customer_email);
	mp_item_read_text_or(&r, "intent_description", &session.intent_description);
	mp_item_read_id_or(&r, "intent", &session.intent);
	mp_item_read_list_or(&r, "items", &items);
	mp_item_read_list_or(&r, "metadata", &metadata);
	mp_item_read_list_or(&r, "intent_metadata", &intent_metadata);
	enum mp_rc rc = mp_item_read_end(&r);
	if (rc != MP_OK)
		return rc;
	session.status = (enum session_status)status;
	rc = read_items(items, arena, &session);
	if (rc == MP_OK)
		rc = read_metadata(metadata, arena, &session.metadata);
	if (rc == MP_OK)
		rc = read_metadata(intent_metadata, arena, &session.intent_metadata);
	if (rc == MP_OK)
		*out = session;
	return rc;
}

enum mp_rc db_session_get(
	struct mp_store *store, const struct mp_id *id, struct mp_arena *arena, struct session *out)
{
	struct mp_item *item;

	enum mp_rc rc = mp_store_get(store, PK_SESSIONS, id->text, arena, &item);
	return rc == MP_OK ? session_read(item, arena, out) : rc;
}

/* --- payment intents --- */

void db_intent_put(struct mp_txn *txn, const struct intent *intent)
{
	struct mp_item *item = mp_item_new(txn->arena, PK_INTENTS, intent->id.text, FORMAT);
	struct mp_map *map = mp_item_attrs(item);

	mp_map_set_id(map, "session", &intent->session);
	mp_map_set_int(map, "status", intent->status);
	mp_map_set_text(map, "currency", intent->currency);
	mp_map_set_int(map, "amount", intent->amount);
	mp_map_set_bool(map, "bank", intent->bank);
	mp_map_set_text(map, "description", intent->description);
	mp_map_set_text(map, "error_code", intent->error_code);
	mp_map_set_text(map, "decline_code", intent->decline_code);
	mp_map_set_text(map, "error_message", intent->error_message);
	set_metadata(map, "metadata", &intent->metadata);
	put(txn, item, intent->version);
}

static enum mp_rc intent_read(
	const struct mp_item *item, struct mp_arena *arena, struct intent *out)
{
	struct intent intent = {.version = item->version};
	const struct mp_list *metadata = NULL;
	struct mp_item_reader r;
	int status;

	if (!mp_id_parse(item->sk, &intent.id))
		return MP_CORRUPT;
	mp_item_read_begin(&r, item, FORMAT);
	mp_item_read_id(&r, "session", &intent.session);
	read_state(&r, INTENT_CANCELED + 1, &status);
	mp_item_read_copy(&r, "currency", intent.currency, sizeof(intent.currency));
	mp_item_read_int(&r, "amount", &intent.amount);
	mp_item_read_bool(&r, "bank", &intent.bank);
	mp_item_read_text_or(&r, "description", &intent.description);
	mp_item_read_text_or(&r, "error_code", &intent.error_code);
	mp_item_read_text_or(&r, "decline_code", &intent.decline_code);
	mp_item_read_text_or(&r, "error_message", &intent.error_message);
	mp_item_read_list_or(&r, "metadata", &metadata);
	enum mp_rc rc = mp_item_read_end(&r);
	if (rc != MP_OK)
		return rc;
	intent.status = (enum intent_status)status;
	rc = read_metadata(metadata, arena, &intent.metadata);
	if (rc == MP_OK)
		*out = intent;
	return rc;
}

enum mp_rc db_intent_get(
	struct mp_store *store, const struct mp_id *id, struct mp_arena *arena, struct intent *out)
{
	struct mp_item *item;

	enum mp_rc rc = mp_store_get(store, PK_INTENTS, id->text, arena, &item);
	return rc == MP_OK ? intent_read(item, arena, out) : rc;
}

/* --- events --- */

void db_event_put(struct mp_txn *txn, const struct event *event)
{
	struct mp_item *item = mp_item_new(txn->arena, PK_EVENTS, event->id.text, FORMAT);
	const char *type_pk = mp_arena_printf(txn->arena, PK_EVENTS_OF "%s", event->type);
	struct mp_map *map = mp_item_attrs(item);

	mp_map_set_text(map, "type", event->type);
	mp_map_set_text(map, "object", event->object);
	mp_map_set_text(map, "request_id", event->request_id);
	mp_map_set_text(map, "request_key", event->request_key);
	mp_map_set_bool(map, "pending", event->pending);
	put(txn, item, event->version);
	if (event->version == 0)
		(void)mp_txn_insert(txn,
			type_pk == NULL ? NULL
					: mp_item_new(txn->arena, type_pk, event->id.text, FORMAT));
}

static enum mp_rc event_read(const struct mp_item *item, struct event *out)
{
	struct event event = {.version = item->version};
	struct mp_item_reader r;

	if (!mp_id_parse(item->sk, &event.id))
		return MP_CORRUPT;
	mp_item_read_begin(&r, item, FORMAT);
	mp_item_read_text(&r, "type", &event.type);
	mp_item_read_text(&r, "object", &event.object);
	mp_item_read_text_or(&r, "request_id", &event.request_id);
	mp_item_read_text_or(&r, "request_key", &event.request_key);
	mp_item_read_bool(&r, "pending", &event.pending);
	enum mp_rc rc = mp_item_read_end(&r);
	if (rc == MP_OK)
		*out = event;
	return rc;
}

enum mp_rc db_event_get(
	struct mp_store *store, const struct mp_id *id, struct mp_arena *arena, struct event *out)
{
	struct mp_item *item;

	enum mp_rc rc = mp_store_get(store, PK_EVENTS, id->text, arena, &item);
	return rc == MP_OK ? event_read(item, out) : rc;
}

/* --- lists --- */

#define TIME_PREFIX_SIZE 16 /* "01990f3c-1a2b": an id's first 48 bits */

/* Where the ids of a second begin. */
static const char *time_prefix(int64_t at_s, char out[TIME_PREFIX_SIZE])
{
	uint64_t at_ms = (uint64_t)at_s * 1000 & 0xffffffffffff;

	enum mp_rc rc = mp_text_format(out, TIME_PREFIX_SIZE, "%08llx-%04llx",
		(unsigned long long)(at_ms >> 16), (unsigned long long)(at_ms & 0xffff));
	assert(rc == MP_OK);
	return out;
}

static enum mp_rc partition_of(
	const struct db_list *list, struct mp_arena *arena, const char **out_pk)
{
	static const char *const partitions[] = {PK_SESSIONS, PK_INTENTS, PK_EVENTS};

	*out_pk = list->event_type == NULL
			  ? partitions[list->kind]
			  : mp_arena_printf(arena, PK_EVENTS_OF "%s", list->event_type);
	return *out_pk == NULL ? MP_NOMEM : MP_OK;
}

/* One more than the page: so that it is known whether there is more. */
static enum mp_rc query_ids(struct mp_store *store, const struct db_list *list,
	struct mp_arena *arena, struct mp_page *out)
{
	bool back = !mp_id_is_none(&list->before);
	char min[TIME_PREFIX_SIZE];
	char max[TIME_PREFIX_SIZE];
	struct mp_query query = {
		.sk_min = list->created_min_s > 0 ? time_prefix(list->created_min_s, min) : NULL,
		.sk_max = list->created_end_s > 0 ? time_prefix(list->created_end_s, max) : NULL,
		.descending = !back,
		.limit = list->limit + 1,
	};

	if (back)
		query.after = list->before.text;
	else if (!mp_id_is_none(&list->after))
		query.after = list->after.text;
	enum mp_rc rc = partition_of(list, arena, &query.pk);
	return rc == MP_OK ? mp_store_query(store, &query, arena, out) : rc;
}

static enum mp_rc follow_pointers(
	struct mp_store *store, struct mp_arena *arena, struct mp_item **items, size_t count)
{
	struct mp_key *keys = mp_arena_array(arena, count + 1, sizeof(*keys));

	if (keys == NULL)
		return MP_NOMEM;
	for (size_t i = 0; i < count; i++)
		keys[i] = (struct mp_key){PK_EVENTS, items[i]->sk};
	return count == 0 ? MP_OK : mp_store_batch_get(store, keys, count, arena, items);
}

static enum mp_rc read_record(const struct db_list *list, const struct mp_item *item,
	struct mp_arena *arena, struct db_page *page)
{
	size_t at = page->count++;

	if (item == NULL)
		return MP_CORRUPT; /* a pointer to nothing */
	switch (list->kind) {
	case DB_SESSIONS:
		return session_read(item, arena, &page->records.sessions[at]);
	case DB_INTENTS:
		return intent_read(item, arena, &page->records.intents[at]);
	case DB_EVENTS:
		return event_read(item, &page->records.events[at]);
	}
	return MP_BUG;
}

static bool reserve(
	const struct db_list *list, struct mp_arena *arena, size_t count, struct db_page *page)
{
	switch (list->kind) {
	case DB_SESSIONS:
		page->records.sessions = mp_arena_array(arena, count, sizeof(struct session));
		return page->records.sessions != NULL;
	case DB_INTENTS:
		page->records.intents = mp_arena_array(arena, count, sizeof(struct intent));
		return page->records.intents != NULL;
	case DB_EVENTS:
		page->records.events = mp_arena_array(arena, count, sizeof(struct event));
		return page->records.events != NULL;
	}
	return false;
}

enum mp_rc db_list(struct mp_store *store, const struct db_list *list, struct mp_arena *arena,
	struct db_page *out)
{
	bool back = !mp_id_is_none(&list->before);
	struct db_page page = {.count = 0};
	struct mp_page found;

	assert(list->limit >= 1 && list->limit <= DB_PAGE_MAX);
	enum mp_rc rc = query_ids(store, list, arena, &found);
	if (rc != MP_OK)
		return rc;
	size_t count = found.count < list->limit ? found.count : list->limit;
	page.more = found.count > list->limit || found.more;
	if (!reserve(list, arena, count + 1, &page))
		return MP_NOMEM;
	if (list->event_type != NULL)
		rc = follow_pointers(store, arena, found.items, count);
	for (size_t i = 0; rc == MP_OK && i < count; i++)
		rc = read_record(list, found.items[back ? count - 1 - i : i], arena, &page);
	if (rc == MP_OK)
		*out = page;
	return rc;
}

/* --- answers --- */

static const char *answer_pk(struct mp_arena *arena, const char *key)
{
	char hash[MP_SHA256_HEX_SIZE];

	mp_sha256_hex(key, strlen(key), hash);
	return mp_arena_printf(arena, PK_ANSWER "%s", hash);
}

enum mp_rc db_answer_get(
	struct mp_store *store, const char *key, struct mp_arena *arena, struct answer *out)
{
	struct answer answer = {.key = key};
	struct mp_item_reader r;
	struct mp_item *item;
	const char *pk = answer_pk(arena, key);

	if (pk == NULL)
		return MP_NOMEM;
	enum mp_rc rc = mp_store_get(store, pk, SK_ANSWER, arena, &item);
	if (rc != MP_OK)
		return rc;
	mp_item_read_begin(&r, item, FORMAT);
	mp_item_read_text(&r, "digest", &answer.digest);
	mp_item_read_text(&r, "body", &answer.body);
	mp_item_read_text(&r, "request_id", &answer.request_id);
	mp_item_read_int_or(&r, "status", &answer.status);
	rc = mp_item_read_end(&r);
	if (rc == MP_OK)
		*out = answer;
	return rc;
}

void db_answer_put(struct mp_txn *txn, const struct answer *answer, int64_t now_ms)
{
	if (answer->key == NULL)
		return;
	const char *pk = answer_pk(txn->arena, answer->key);
	struct mp_item *item = pk == NULL ? NULL : mp_item_new(txn->arena, pk, SK_ANSWER, FORMAT);
	struct mp_map *map = mp_item_attrs(item);

	if (item != NULL)
		item->expires_at_s = now_ms / 1000 + ANSWER_LIFE_S;
	mp_map_set_text(map, "digest", answer->digest);
	mp_map_set_text(map, "body", answer->body);
	mp_map_set_text(map, "request_id", answer->request_id);
	mp_map_set_int(map, "status", answer->status);
	(void)mp_txn_insert(txn, item);
}
