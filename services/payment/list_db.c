#include "payment_db.h"

#include <string.h>

#include "item_db.h"
#include "store/by_id.h"

/* A request looks through so many rows at most: the cursor goes on from there. */
#define LOOKED_THROUGH_MAX 1000
#define CHUNK_MAX 100

/* --- a user's payments --- */

struct chunk {
	struct mp_page page;
	struct mp_item **records; /* by pointer: NULL when its role is not wanted */
};

static bool role_is_wanted(enum payment_role wanted, const char *role)
{
	return wanted == PAYMENT_ROLE_ANY ||
	       strcmp(role, wanted == PAYMENT_ROLE_PAYER ? "payer" : "payee") == 0;
}

/* A page of pointers, and the payments of those that are wanted. */
static enum mp_rc read_chunk(struct payment_db *db, const struct payment_list *list,
	const char *after, size_t limit, struct mp_arena *arena, struct chunk *out)
{
	const struct mp_query query = {
		.pk = item_user_pk(arena, &list->user),
		.sk_min = SK_PREFIX_PAYMENT,
		.sk_max = SK_PREFIX_PAYMENT SK_LAST,
		.after = after,
		.descending = true,
		.limit = limit,
	};
	struct mp_key keys[CHUNK_MAX];
	size_t places[CHUNK_MAX];
	struct mp_item *found[CHUNK_MAX];
	size_t wanted = 0;

	if (query.pk == NULL)
		return MP_NOMEM;
	enum mp_rc rc = mp_store_query(db->store, &query, arena, &out->page);
	if (rc != MP_OK)
		return rc;
	out->records = mp_arena_array(arena, out->page.count + 1, sizeof(struct mp_item *));
	if (out->records == NULL)
		return MP_NOMEM;
	for (size_t i = 0; i < out->page.count; i++) {
		struct mp_id id;
		const char *role = NULL;
		rc = item_to_pointer(out->page.items[i], &id, &role);
		if (rc != MP_OK)
			return rc;
		if (!role_is_wanted(list->role, role))
			continue;
		keys[wanted] = (struct mp_key){item_payment_pk(arena, &id), SK_PAYMENT};
		places[wanted] = i;
		if (keys[wanted++].pk == NULL)
			return MP_NOMEM;
	}
	rc = mp_store_batch_get(db->store, keys, wanted, arena, found);
	for (size_t i = 0; rc == MP_OK && i < wanted; i++)
		out->records[places[i]] = found[i];
	return rc;
}

/* Adds the chunk's payments until the list is full; *out_last_sk is the last row looked at. */
static enum mp_rc take_chunk(struct payment_db *db, struct payment_list *list,
	const struct chunk *chunk, const char **out_last_sk, bool *out_all)
{
	size_t i = 0;

	for (; i < chunk->page.count && list->count < list->limit; i++) {
		*out_last_sk = chunk->page.items[i]->sk;
		if (chunk->records[i] == NULL)
			continue;
		struct payment *payment = &list->payments[list->count];
		enum mp_rc rc = item_to_payment(chunk->records[i], db->currencies, payment);
		if (rc != MP_OK)
			return rc;
		if (list->state == PAYMENT_STATES || payment->state == list->state)
			list->count++;
	}
	*out_all = i == chunk->page.count;
	return MP_OK;
}

enum mp_rc payment_db_list(struct payment_db *db, struct payment_list *list, struct mp_arena *arena)
{
	bool filtered = list->role != PAYMENT_ROLE_ANY || list->state != PAYMENT_STATES;
	size_t chunk_limit = filtered || list->limit > CHUNK_MAX ? CHUNK_MAX : list->limit;
	const char *after = list->after;

	list->count = 0;
	list->next = NULL;
	list->payments = mp_arena_array(arena, list->limit, sizeof(*list->payments));
	if (list->payments == NULL)
		return MP_NOMEM;
	for (size_t looked = 0;;) {
		struct chunk chunk;
		bool all = false;
		enum mp_rc rc = read_chunk(db, list, after, chunk_limit, arena, &chunk);
		if (rc == MP_OK)
			rc = take_chunk(db, list, &chunk, &after, &all);
		if (rc != MP_OK)
			return rc;
		if (all && !chunk.page.more)
			return MP_OK; /* the last page */
		looked += chunk.page.count;
		if (list->count == list->limit || looked >= LOOKED_THROUGH_MAX) {
			list->next = after;
			return MP_OK;
		}
	}
}

/* --- a payment's timeline --- */

enum mp_rc payment_db_timeline(
	struct payment_db *db, struct payment_timeline *timeline, struct mp_arena *arena)
{
	const struct mp_query query = {
		.pk = item_payment_pk(arena, &timeline->payment_id),
		.sk_min = SK_PREFIX_TIMELINE,
		.sk_max = SK_PREFIX_TIMELINE SK_LAST,
		.after = timeline->after,
		.limit = timeline->limit,
	};
	struct mp_page page;

	if (query.pk == NULL)
		return MP_NOMEM;
	enum mp_rc rc = mp_store_query(db->store, &query, arena, &page);
	if (rc != MP_OK)
		return rc;
	timeline->count = 0;
	timeline->rows = mp_arena_array(arena, page.count + 1, sizeof(*timeline->rows));
	if (timeline->rows == NULL)
		return MP_NOMEM;
	for (size_t i = 0; i < page.count; i++) {
		struct payment_row *row = &timeline->rows[timeline->count];
		rc = item_to_row(page.items[i], row);
		if (rc != MP_OK)
			return rc;
		if (timeline->for_payer || !row->payer_only)
			timeline->count++;
	}
	timeline->next = page.more ? page.last_sk : NULL;
	return MP_OK;
}

/* --- for those who watch --- */

enum mp_rc payment_db_rows(struct payment_db *db, struct payment_rows *rows, struct mp_arena *arena)
{
	const struct mp_query query = {
		.pk = item_payment_pk(arena, &rows->payment_id),
		.sk_min = item_row_sk(arena, rows->after_seq + 1),
		.sk_max = item_row_sk(arena, rows->until_seq),
		.limit = CHUNK_MAX,
	};
	struct mp_page page;

	if (query.pk == NULL || query.sk_min == NULL || query.sk_max == NULL)
		return MP_NOMEM;
	enum mp_rc rc = mp_store_query(db->store, &query, arena, &page);
	if (rc != MP_OK)
		return rc;
	struct payment_row *read = mp_arena_array(arena, page.count + 1, sizeof(*read));
	if (read == NULL)
		return MP_NOMEM;
	for (size_t i = 0; rc == MP_OK && i < page.count; i++)
		rc = item_to_row(page.items[i], &read[i]);
	if (rc != MP_OK)
		return rc;
	rows->rows = read;
	rows->count = page.count;
	return MP_OK;
}

enum mp_rc payment_db_get_many(struct payment_db *db, const struct mp_id *ids, size_t count,
	struct mp_arena *arena, struct payment *out_payments, bool *out_found)
{
	struct mp_item **items = NULL;

	enum mp_rc rc = mp_store_get_by_ids(
		db->store, ids, count, item_payment_pk, SK_PAYMENT, arena, &items);
	for (size_t i = 0; rc == MP_OK && i < count; i++) {
		out_found[i] = items[i] != NULL;
		if (out_found[i])
			rc = item_to_payment(items[i], db->currencies, &out_payments[i]);
	}
	return rc;
}

/* --- webhooks --- */

static struct mp_id event_id(const struct provider_event *event)
{
	return mp_id_derive_text(event->created_at_s * 1000, "provider_event", event->provider_id);
}

enum mp_rc payment_db_event_insert(
	struct payment_db *db, const struct provider_event *event, struct mp_arena *arena)
{
	struct mp_id id = event_id(event);
	struct mp_txn txn;

	mp_txn_begin(&txn, db->store, arena);
	mp_txn_insert(&txn, item_from_event(arena, &id, event));
	if (!event->done)
		mp_due_add(db->events, &txn, &id, event->received_at_ms);
	enum mp_rc rc = mp_txn_commit(&txn, NULL);
	if (rc == MP_OK && !event->done)
		mp_due_wake(db->events);
	return rc;
}

enum mp_rc payment_db_event_get(struct payment_db *db, const struct mp_id *id,
	struct mp_arena *arena, struct provider_event *out_event)
{
	struct mp_item *item = NULL;
	const char *pk = item_event_pk(arena, id);

	if (pk == NULL)
		return MP_NOMEM;
	enum mp_rc rc = mp_store_get(db->store, pk, SK_EVENT, arena, &item);
	return rc == MP_OK ? item_to_event(item, out_event) : rc;
}

enum mp_rc payment_db_event_done(
	struct payment_db *db, const struct provider_event *event, struct mp_arena *arena)
{
	struct provider_event done = *event;
	struct mp_id id = event_id(event);
	struct mp_txn txn;

	done.done = true;
	mp_txn_begin(&txn, db->store, arena);
	mp_txn_replace(&txn, item_from_event(arena, &id, &done), event->version);
	return mp_txn_commit(&txn, NULL);
}
