#include "payment_db.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "item_db.h"

/* --- reading --- */

enum mp_rc payment_db_get(struct payment_db *db, const struct mp_id *id, struct mp_arena *arena,
	struct payment *out_payment)
{
	struct mp_item *item = NULL;
	const char *pk = item_payment_pk(arena, id);

	if (pk == NULL)
		return MP_NOMEM;
	enum mp_rc rc = mp_store_get(db->store, pk, SK_PAYMENT, arena, &item);
	if (rc != MP_OK)
		return rc;
	return item_to_payment(item, db->currencies, out_payment);
}

static enum mp_rc read_attempt(
	const struct mp_item *item, struct mp_arena *arena, struct payment_attempt **out_attempt)
{
	struct payment_attempt *attempt = mp_arena_alloc(arena, sizeof(*attempt));
	if (attempt == NULL)
		return MP_NOMEM;
	enum mp_rc rc = item_to_attempt(item, attempt);
	if (rc == MP_OK)
		*out_attempt = attempt;
	return rc;
}

static enum mp_rc read_capture(
	const struct mp_item *item, struct mp_arena *arena, struct payment_capture **out_capture)
{
	struct payment_capture *capture = mp_arena_alloc(arena, sizeof(*capture));
	if (capture == NULL)
		return MP_NOMEM;
	enum mp_rc rc = item_to_capture(item, capture);
	if (rc == MP_OK)
		*out_capture = capture;
	return rc;
}

/* Three places for each load; a place that is not wanted has no pk. */
enum {
	PLACE_PAYMENT,
	PLACE_ATTEMPT,
	PLACE_CAPTURE,
	PLACES
};

static enum mp_rc name_keys(
	const struct payment_load *load, struct mp_arena *arena, struct mp_key keys[PLACES])
{
	const char *pk = item_payment_pk(arena, &load->id);
	if (pk == NULL)
		return MP_NOMEM;

	keys[PLACE_PAYMENT] = (struct mp_key){pk, SK_PAYMENT};
	if (load->attempt > 0) {
		keys[PLACE_ATTEMPT] = (struct mp_key){pk, item_attempt_sk(arena, load->attempt)};
		if (keys[PLACE_ATTEMPT].sk == NULL)
			return MP_NOMEM;
	}
	if (load->payment_intent != NULL) {
		keys[PLACE_CAPTURE] =
			(struct mp_key){pk, item_capture_sk(arena, load->payment_intent)};
		if (keys[PLACE_CAPTURE].sk == NULL)
			return MP_NOMEM;
	}
	return MP_OK;
}

static enum mp_rc take_items(struct payment_db *db, struct payment_load *load,
	struct mp_item *const items[PLACES], struct mp_arena *arena)
{
	enum mp_rc rc = MP_OK;

	load->found = items[PLACE_PAYMENT] != NULL;
	if (load->found)
		rc = item_to_payment(items[PLACE_PAYMENT], db->currencies, &load->payment);
	if (rc == MP_OK && items[PLACE_ATTEMPT] != NULL)
		rc = read_attempt(items[PLACE_ATTEMPT], arena, &load->attempt_row);
	if (rc == MP_OK && items[PLACE_CAPTURE] != NULL)
		rc = read_capture(items[PLACE_CAPTURE], arena, &load->capture_row);
	return rc;
}

/* The store is asked for the wanted places only; the others stay NULL. */
static enum mp_rc get_places(struct payment_db *db, const struct mp_key *places, size_t count,
	struct mp_arena *arena, struct mp_item **out_items)
{
	struct mp_key *keys = mp_arena_array(arena, count, sizeof(*keys));
	struct mp_item **items = mp_arena_array(arena, count, sizeof(*items));
	size_t wanted = 0;

	if (keys == NULL || items == NULL)
		return MP_NOMEM;
	for (size_t i = 0; i < count; i++) {
		if (places[i].pk != NULL)
			keys[wanted++] = places[i];
	}
	enum mp_rc rc = mp_store_batch_get(db->store, keys, wanted, arena, items);
	if (rc != MP_OK)
		return rc;
	wanted = 0;
	for (size_t i = 0; i < count; i++) {
		if (places[i].pk != NULL)
			out_items[i] = items[wanted++];
	}
	return MP_OK;
}

/* What the record had to tell first: the attempt of the payer's session. */
static enum mp_rc load_session_attempt(
	struct payment_db *db, struct payment_load *load, struct mp_arena *arena)
{
	struct mp_item *item = NULL;

	if (load->attempt != -1 || !load->found || load->payment.session_attempt == 0)
		return MP_OK;
	const char *pk = item_payment_pk(arena, &load->id);
	const char *sk = item_attempt_sk(arena, load->payment.session_attempt);
	if (pk == NULL || sk == NULL)
		return MP_NOMEM;
	enum mp_rc rc = mp_store_get(db->store, pk, sk, arena, &item);
	if (rc == MP_NOT_FOUND)
		return MP_CORRUPT; /* the record names an attempt that was written with it */
	return rc == MP_OK ? read_attempt(item, arena, &load->attempt_row) : rc;
}

enum mp_rc payment_db_load(
	struct payment_db *db, struct payment_load *loads, size_t count, struct mp_arena *arena)
{
	struct mp_key *places = mp_arena_array(arena, count * PLACES, sizeof(*places));
	struct mp_item **items = mp_arena_array(arena, count * PLACES, sizeof(struct mp_item *));
	enum mp_rc rc = places == NULL || items == NULL ? MP_NOMEM : MP_OK;

	assert(count * PLACES <= MP_BATCH_GET_MAX);
	for (size_t i = 0; rc == MP_OK && i < count; i++)
		rc = name_keys(&loads[i], arena, &places[i * PLACES]);
	if (rc == MP_OK)
		rc = get_places(db, places, count * PLACES, arena, items);
	for (size_t i = 0; rc == MP_OK && i < count; i++)
		rc = take_items(db, &loads[i], &items[i * PLACES], arena);
	for (size_t i = 0; rc == MP_OK && i < count; i++)
		rc = load_session_attempt(db, &loads[i], arena);
	return rc;
}

/* Rows with the prefix, in order; each payment has few (PAYMENT_ATTEMPTS_MAX). */
static enum mp_rc query_rows(struct payment_db *db, const struct mp_id *id, const char *sk_min,
	const char *sk_max, struct mp_arena *arena, struct mp_page *out_page)
{
	const struct mp_query query = {
		.pk = item_payment_pk(arena, id),
		.sk_min = sk_min,
		.sk_max = sk_max,
		.limit = 1000,
	};
	return query.pk == NULL ? MP_NOMEM : mp_store_query(db->store, &query, arena, out_page);
}

enum mp_rc payment_db_attempts(struct payment_db *db, const struct mp_id *id,
	struct mp_arena *arena, struct payment_attempt **out_attempts)
{
	struct payment_attempt *first = NULL;
	struct mp_page page;

	enum mp_rc rc =
		query_rows(db, id, SK_PREFIX_ATTEMPT, SK_PREFIX_ATTEMPT SK_LAST, arena, &page);
	for (size_t i = rc == MP_OK ? page.count : 0; rc == MP_OK && i > 0; i--) {
		struct payment_attempt *attempt = NULL;
		rc = read_attempt(page.items[i - 1], arena, &attempt);
		if (rc == MP_OK) {
			attempt->next = first;
			first = attempt;
		}
	}
	if (rc == MP_OK)
		*out_attempts = first;
	return rc;
}

enum mp_rc payment_db_captures(struct payment_db *db, const struct mp_id *id,
	struct mp_arena *arena, struct payment_capture **out_captures)
{
	struct payment_capture *first = NULL;
	struct mp_page page;

	enum mp_rc rc =
		query_rows(db, id, SK_PREFIX_CAPTURE, SK_PREFIX_CAPTURE SK_LAST, arena, &page);
	for (size_t i = rc == MP_OK ? page.count : 0; rc == MP_OK && i > 0; i--) {
		struct payment_capture *capture = NULL;
		rc = read_capture(page.items[i - 1], arena, &capture);
		if (rc == MP_OK) {
			capture->next = first;
			first = capture;
		}
	}
	if (rc == MP_OK)
		*out_captures = first;
	return rc;
}

/* --- writing --- */

static void put_amount(
	struct mp_map *map, const char *name, int64_t minor, const struct mp_currency *currency)
{
	char text[MP_AMOUNT_TEXT_SIZE];
	mp_money_format(minor, currency, text);
	mp_map_set_text(map, name, text);
}

static void put_time(struct mp_map *map, const char *name, int64_t time_ms)
{
	char text[MP_TIME_TEXT_SIZE];
	mp_time_format(time_ms, text);
	mp_map_set_text(map, name, text);
}

/* The fields of contracts/events/payment.*.json; what is null there is left out here. */
static void add_event(struct payment_db *db, struct mp_txn *txn, const struct payment *p,
	const struct payment_event *event)
{
	struct mp_map *map = mp_outbox_add(db->outbox, txn, &event->id,
		payment_event_name(event->type), p->id.text, event->at_ms);
	const struct payment_capture *capture = event->capture;

	mp_map_set_id(map, "payment_id", &p->id);
	if (event->attempt != 0)
		mp_map_set_int(map, "attempt", event->attempt);
	mp_map_set_id(map, "paid_by", &p->paid_by);
	mp_map_set_id(map, "paid_to", &p->paid_to);
	put_amount(map, "payment_amount", p->amount_minor, p->currency);
	mp_map_set_text(map, "currency", p->currency->code);
	mp_map_set_text(map, "description", p->description);
	put_time(map, "created_at", p->created_at_ms);
	if (capture != NULL) {
		mp_map_set_text(map, "payment_intent", capture->payment_intent);
		put_amount(map, "captured_amount", capture->amount_minor, p->currency);
		put_time(map, "captured_at", capture->captured_at_ms);
	} else if (event->type != EVENT_PAYMENT_REQUESTED) {
		mp_map_set_text(map, "reason", p->reason == NULL ? "" : p->reason);
	}
}

static void add_payment(struct mp_txn *txn, const struct payment *p)
{
	struct mp_arena *arena = txn->arena;

	if (p->version != 0) {
		mp_txn_replace(txn, item_from_payment(arena, p), p->version);
		return;
	}
	mp_txn_insert(txn, item_from_payment(arena, p));
	mp_txn_insert(txn, item_pointer(arena, &p->paid_by, &p->id, "payer"));
	if (!mp_id_is_none(&p->paid_to))
		mp_txn_insert(txn, item_pointer(arena, &p->paid_to, &p->id, "payee"));
}

static void add_work(struct payment_db *db, struct mp_txn *txn, const struct payment_work *work)
{
	const struct payment *p = &work->payment;
	struct mp_arena *arena = txn->arena;

	if (work->changed)
		add_payment(txn, p);
	for (const struct payment_attempt *a = work->attempts; a != NULL; a = a->next) {
		if (a->changed && a->version == 0)
			mp_txn_insert(txn, item_from_attempt(arena, &p->id, a));
		else if (a->changed)
			mp_txn_replace(txn, item_from_attempt(arena, &p->id, a), a->version);
	}
	for (const struct payment_capture *c = work->captures; c != NULL; c = c->next) {
		if (c->changed && c->version == 0)
			mp_txn_insert(txn, item_from_capture(arena, &p->id, c));
		else if (c->changed)
			mp_txn_replace(txn, item_from_capture(arena, &p->id, c), c->version);
	}
	for (const struct payment_row *row = work->rows; row != NULL; row = row->next)
		mp_txn_insert(txn, item_from_row(arena, &p->id, row));
	for (const struct payment_event *event = work->events; event != NULL; event = event->next)
		add_event(db, txn, p, event);
	if (work->sessions_due_ms != 0)
		mp_due_add(db->sessions, txn, &p->id, work->sessions_due_ms);
	if (work->redrive_due_ms != 0)
		mp_due_add(db->redrive, txn, &p->id, work->redrive_due_ms);
}

enum mp_rc payment_db_commit(struct payment_db *db, struct payment_work *const *works, size_t count,
	const struct mp_idempotency *key, int64_t key_expires_at_s, struct mp_arena *arena)
{
	struct mp_txn txn;
	bool sessions_due = false;

	mp_txn_begin(&txn, db->store, arena);
	for (size_t i = 0; i < count; i++) {
		if (works[i]->rc != MP_OK)
			return works[i]->rc;
		add_work(db, &txn, works[i]);
		sessions_due |= works[i]->sessions_due_ms != 0;
	}
	if (key != NULL && count == 1)
		mp_idempotency_insert(&txn, key, &works[0]->payment.id, key_expires_at_s);

	enum mp_rc rc = mp_txn_commit(&txn, NULL);
	if (rc == MP_OK && sessions_due)
		mp_due_wake(db->sessions);
	return rc;
}

size_t payment_db_ops(const struct payment_work *work)
{
	size_t ops = 3 + 2 + 1; /* record and pointers, due rows, key */

	for (const struct payment_attempt *a = work->attempts; a != NULL; a = a->next)
		ops++;
	for (const struct payment_capture *c = work->captures; c != NULL; c = c->next)
		ops++;
	for (const struct payment_row *row = work->rows; row != NULL; row = row->next)
		ops++;
	for (const struct payment_event *event = work->events; event != NULL; event = event->next)
		ops++;
	return ops;
}

size_t payment_db_ops_max(const struct payment_db *db)
{
	return mp_store_txn_ops_max(db->store);
}

enum mp_rc payment_db_find_key(struct payment_db *db, const struct mp_idempotency *key,
	struct mp_arena *arena, struct mp_id *out_payment_id)
{
	return mp_idempotency_find(db->store, key, arena, out_payment_id);
}
