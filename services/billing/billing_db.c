#include "billing_db.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "store/by_id.h"

#define FORMAT_BILL 1
#define FORMAT_ROW 1 /* pointers, claims, fundings */

/* --- items --- */

static const char *bill_pk(struct mp_arena *arena, const struct mp_id *id)
{
	return mp_arena_printf(arena, "BILL#%s", id->text);
}

static const char *user_pk(struct mp_arena *arena, const struct mp_id *id)
{
	return mp_arena_printf(arena, "USER#%s", id->text);
}

static struct mp_item *bill_item(struct mp_arena *arena, const struct bill *bill)
{
	struct mp_item *item = mp_item_new(arena, bill_pk(arena, &bill->id), "BILL", FORMAT_BILL);
	struct mp_map *attrs = mp_item_attrs(item);

	mp_map_set_id(attrs, "id", &bill->id);
	mp_map_set_id(attrs, "payment_id", &bill->payment_id);
	mp_map_set_id(attrs, "user_id", &bill->user_id);
	mp_map_set_id(attrs, "provider_id", &bill->provider_id);
	mp_map_set_text(attrs, "invoice_no", bill->invoice_no);
	mp_map_set_int(attrs, "amount_minor", bill->amount.minor);
	mp_map_set_text(attrs, "currency", bill->amount.currency);
	mp_map_set_text(attrs, "description", bill->description);
	mp_map_set_int(attrs, "date_ms", bill->date_ms);
	mp_map_set_text(attrs, "state", bill_state_name(bill->state));
	mp_map_set_int(attrs, "attempt", bill->attempt);
	mp_map_set_int(attrs, "shortfall_minor", bill->shortfall_minor);
	mp_map_set_id(attrs, "transfer_id", &bill->transfer_id);
	mp_map_set_int(attrs, "changed_ms", bill->changed_ms);
	return item;
}

static enum mp_rc bill_read(const struct mp_item *item, struct bill *out)
{
	struct mp_item_reader r;
	const char *state = "";
	struct bill bill = {.version = item->version};

	mp_item_read_begin(&r, item, FORMAT_BILL);
	mp_item_read_id(&r, "id", &bill.id);
	mp_item_read_id(&r, "payment_id", &bill.payment_id);
	mp_item_read_id(&r, "user_id", &bill.user_id);
	mp_item_read_id(&r, "provider_id", &bill.provider_id);
	mp_item_read_copy(&r, "invoice_no", bill.invoice_no, sizeof(bill.invoice_no));
	mp_item_read_int(&r, "amount_minor", &bill.amount.minor);
	mp_item_read_copy(&r, "currency", bill.amount.currency, sizeof(bill.amount.currency));
	mp_item_read_copy(&r, "description", bill.description, sizeof(bill.description));
	mp_item_read_int(&r, "date_ms", &bill.date_ms);
	mp_item_read_text(&r, "state", &state);
	mp_item_read_int(&r, "attempt", &bill.attempt);
	mp_item_read_int(&r, "shortfall_minor", &bill.shortfall_minor);
	mp_item_read_id_or(&r, "transfer_id", &bill.transfer_id);
	mp_item_read_int(&r, "changed_ms", &bill.changed_ms);
	enum mp_rc rc = mp_item_read_end(&r);
	if (rc != MP_OK)
		return rc;
	if (!bill_state_parse(state, &bill.state))
		return MP_CORRUPT;
	*out = bill;
	return MP_OK;
}

static enum mp_rc funding_read(const struct mp_item *item, struct billing_funding *out)
{
	struct mp_item_reader r;
	struct billing_funding funding = {0};

	mp_item_read_begin(&r, item, FORMAT_ROW);
	mp_item_read_id(&r, "transfer_id", &funding.transfer_id);
	mp_item_read_id(&r, "payment_id", &funding.payment_id);
	mp_item_read_id(&r, "paid_by", &funding.paid_by);
	mp_item_read_copy(
		&r, "payment_intent", funding.payment_intent, sizeof(funding.payment_intent));
	mp_item_read_int(&r, "amount_minor", &funding.amount.minor);
	mp_item_read_copy(&r, "currency", funding.amount.currency, sizeof(funding.amount.currency));
	mp_item_read_int(&r, "date_ms", &funding.date_ms);
	enum mp_rc rc = mp_item_read_end(&r);
	if (rc == MP_OK)
		*out = funding;
	return rc;
}

/* --- reading --- */

enum mp_rc billing_db_bills(struct billing_db *db, struct mp_arena *arena,
	const struct mp_id *bill_ids, size_t count, struct bill *out_bills)
{
	struct mp_item **items = NULL;

	enum mp_rc rc =
		mp_store_get_by_ids(db->store, bill_ids, count, bill_pk, "BILL", arena, &items);
	for (size_t i = 0; i < count && rc == MP_OK; i++) {
		out_bills[i] = (struct bill){0};
		if (items[i] != NULL)
			rc = bill_read(items[i], &out_bills[i]);
	}
	return rc;
}

enum mp_rc billing_db_bill(struct billing_db *db, struct mp_arena *arena, const struct mp_id *id,
	struct bill *out_bill)
{
	struct bill bill;
	enum mp_rc rc = billing_db_bills(db, arena, id, 1, &bill);

	if (rc == MP_OK && bill.version == 0)
		rc = MP_NOT_FOUND;
	if (rc == MP_OK)
		*out_bill = bill;
	return rc;
}

/* --- changing --- */

size_t billing_db_changes_max(const struct billing_db *db)
{
	return mp_store_txn_ops_max(db->store) / BILLING_DB_OPS_PER_CHANGE;
}

void billing_db_begin(struct billing_db *db, struct mp_arena *arena, int64_t now_ms,
	struct billing_change *out_change)
{
	*out_change = (struct billing_change){
		.db = db, .arena = arena, .now_ms = now_ms, .invoice_op = MP_OP_NONE};
	mp_txn_begin(&out_change->txn, db->store, arena);
}

static const char *const role_names[] = {
	[BILL_ROLE_ANY] = "", [BILL_ROLE_CLIENT] = "client", [BILL_ROLE_PROVIDER] = "provider"};

bool bill_role_parse(const char *name, enum bill_role *out_role)
{
	for (enum bill_role role = BILL_ROLE_CLIENT; role <= BILL_ROLE_PROVIDER; role++) {
		if (strcmp(name, role_names[role]) == 0) {
			*out_role = role;
			return true;
		}
	}
	return false;
}

static struct mp_item *pointer_item(struct mp_arena *arena, const struct mp_id *user_id,
	const struct bill *bill, enum bill_role role)
{
	struct mp_item *item = mp_item_new(arena, user_pk(arena, user_id),
		mp_arena_printf(arena, "BILL#%s", bill->id.text), FORMAT_ROW);

	mp_map_set_id(mp_item_attrs(item), "bill_id", &bill->id);
	mp_map_set_text(mp_item_attrs(item), "role", role_names[role]);
	return item;
}

static void put_new_bill(struct billing_change *change, const struct bill *bill)
{
	struct mp_arena *arena = change->arena;
	struct mp_item *claim = mp_item_new(arena,
		mp_arena_printf(arena, "INVOICE#%s", bill->invoice_no), "INVOICE", FORMAT_ROW);

	mp_map_set_id(mp_item_attrs(claim), "bill_id", &bill->id);
	mp_txn_insert(&change->txn, bill_item(arena, bill));
	change->invoice_op = mp_txn_insert(&change->txn, claim);
	mp_txn_put(&change->txn, pointer_item(arena, &bill->user_id, bill, BILL_ROLE_CLIENT));
	mp_txn_put(&change->txn, pointer_item(arena, &bill->provider_id, bill, BILL_ROLE_PROVIDER));
	mp_due_add(
		change->db->due, &change->txn, &bill->id, change->now_ms + change->db->redrive_ms);
}

void billing_db_put_bill(struct billing_change *change, const struct bill *bill)
{
	if (bill->version == 0)
		put_new_bill(change, bill);
	else
		mp_txn_replace(&change->txn, bill_item(change->arena, bill), bill->version);
}

static const char *outcome_event(const struct bill *bill)
{
	switch (bill->state) {
	case BILL_SETTLED:
		return "bill.settled";
	case BILL_UNFUNDED:
		return "bill.unfunded";
	case BILL_VOID:
		return "bill.voided";
	case BILL_SETTLING:
	case BILL_STATE_COUNT:
		break;
	}
	assert(!"a settling bill has no outcome yet");
	return "";
}

/* Events hold what other systems read: decimal strings and RFC 3339 times. */
static void set_amount(struct billing_change *change, struct mp_map *data, const char *name,
	int64_t minor, const char *code)
{
	const struct mp_currency *currency = mp_currencies_find(change->db->currencies, code);
	char text[MP_AMOUNT_TEXT_SIZE];

	if (currency == NULL) { /* a bill in a currency that the settings no longer allow */
		change->txn.rc = MP_CORRUPT;
		return;
	}
	mp_money_format(minor, currency, text);
	mp_map_set_text(data, name, text);
}

static void set_time(struct mp_map *data, const char *name, int64_t time_ms)
{
	char text[MP_TIME_TEXT_SIZE];

	mp_time_format(time_ms, text);
	mp_map_set_text(data, name, text);
}

void billing_db_tell_bill(struct billing_change *change, const struct bill *bill)
{
	const char *type = outcome_event(bill);
	struct mp_id event_id = mp_id_derive(&bill->id, type, bill->attempt);
	struct mp_map *data = mp_outbox_add(
		change->db->outbox, &change->txn, &event_id, type, bill->id.text, bill->changed_ms);

	mp_map_set_id(data, "bill_id", &bill->id);
	mp_map_set_id(data, "payment_id", &bill->payment_id);
	mp_map_set_int(data, "attempt", bill->attempt);
	mp_map_set_id(data, "user_id", &bill->user_id);
	mp_map_set_id(data, "provider_id", &bill->provider_id);
	mp_map_set_text(data, "invoice_no", bill->invoice_no);
	set_amount(change, data, "bill_amount", bill->amount.minor, bill->amount.currency);
	mp_map_set_text(data, "currency", bill->amount.currency);
	mp_map_set_text(data, "description", bill->description);
	set_time(data, "date", bill->date_ms);
	if (bill->state == BILL_SETTLED)
		mp_map_set_id(data, "transfer_id", &bill->transfer_id);
	if (bill->state == BILL_UNFUNDED)
		set_amount(change, data, "shortfall", bill->shortfall_minor, bill->amount.currency);
	if (bill->state == BILL_VOID)
		mp_map_set_text(data, "reason", "the payment has ended");
}

static void set_funding(struct mp_map *map, const struct billing_funding *funding)
{
	mp_map_set_id(map, "payment_id", &funding->payment_id);
	mp_map_set_id(map, "transfer_id", &funding->transfer_id);
	mp_map_set_id(map, "paid_by", &funding->paid_by);
	mp_map_set_text(map, "payment_intent", funding->payment_intent);
	mp_map_set_text(map, "currency", funding->amount.currency);
}

void billing_db_put_funding(struct billing_change *change, const struct billing_funding *funding)
{
	struct mp_arena *arena = change->arena;
	struct mp_item *item = mp_item_new(arena, user_pk(arena, &funding->paid_by),
		mp_arena_printf(arena, "FUNDING#%s", funding->transfer_id.text), FORMAT_ROW);
	struct mp_id event_id = mp_id_derive(&funding->transfer_id, "funding.settled", 0);
	struct mp_map *row = mp_item_attrs(item);
	struct mp_map *event = mp_outbox_add(change->db->outbox, &change->txn, &event_id,
		"funding.settled", funding->payment_id.text, funding->settled_ms);

	set_funding(row, funding);
	mp_map_set_int(row, "amount_minor", funding->amount.minor);
	mp_map_set_int(row, "date_ms", funding->date_ms);
	set_funding(event, funding);
	set_amount(
		change, event, "captured_amount", funding->amount.minor, funding->amount.currency);
	set_time(event, "date", funding->date_ms);
	mp_txn_put(&change->txn, item);
}

enum mp_rc billing_db_commit(struct billing_change *change, bool *reterr_invoice_taken)
{
	size_t op = MP_OP_NONE;
	enum mp_rc rc = mp_txn_commit(&change->txn, &op);

	if (rc != MP_OK)
		*reterr_invoice_taken = rc == MP_EXISTS && op == change->invoice_op;
	return rc;
}

/* --- lists --- */

/*
 * A time as the beginning of ids' text: 48 bits in hex, "01890a5d-ac96". Ids of that millisecond
 * and later are not below it.
 */
static const char *sk_from(struct mp_arena *arena, const char *kind, int64_t time_ms)
{
	unsigned long long bits = (unsigned long long)time_ms;

	return mp_arena_printf(arena, "%s#%08llx-%04llx", kind, bits >> 16, bits & 0xffff);
}

static bool role_matches(const struct mp_item *pointer, enum bill_role role)
{
	struct mp_item_reader r;
	const char *text = "";

	mp_item_read_begin(&r, pointer, FORMAT_ROW);
	mp_item_read_text(&r, "role", &text);
	return role == BILL_ROLE_ANY || strcmp(text, role_names[role]) == 0;
}

/* Reads the bills of a page of pointers and keeps those that the filter wants. */
static enum mp_rc keep_wanted(struct billing_db *db, struct mp_arena *arena,
	const struct mp_page *pointers, const struct billing_filter *filter,
	struct billing_page *page)
{
	struct mp_id *ids = mp_arena_array(arena, pointers->count, sizeof(*ids));
	struct bill *bills = mp_arena_array(arena, pointers->count, sizeof(*bills));
	size_t count = 0;
	enum mp_rc rc = MP_OK;

	if (ids == NULL || bills == NULL)
		return MP_NOMEM;
	for (size_t i = 0; i < pointers->count && rc == MP_OK; i++) {
		struct mp_item_reader r;

		if (!role_matches(pointers->items[i], filter->role))
			continue;
		mp_item_read_begin(&r, pointers->items[i], FORMAT_ROW);
		mp_item_read_id(&r, "bill_id", &ids[count++]);
		rc = mp_item_read_end(&r);
	}
	if (rc == MP_OK && count > 0)
		rc = billing_db_bills(db, arena, ids, count, bills);
	for (size_t i = 0; i < count && rc == MP_OK; i++) {
		if (bills[i].version == 0)
			rc = MP_CORRUPT; /* a pointer is written with its bill */
		else if (filter->state < 0 || bills[i].state == (enum bill_state)filter->state)
			page->bills[page->count++] = bills[i];
	}
	return rc;
}

#define LIST_ROUNDS_MAX 10 /* of reading on when a filter keeps little: bounds one request */

enum mp_rc billing_db_list(struct billing_db *db, struct mp_arena *arena,
	const struct mp_id *user_id, const struct billing_filter *filter, const char *after,
	size_t limit, struct billing_page *out_page)
{
	struct billing_page page = {.bills = mp_arena_array(arena, limit, sizeof(*page.bills))};
	struct mp_query query = {
		.pk = user_pk(arena, user_id),
		.sk_min = sk_from(arena, "BILL", filter->from_ms),
		.sk_max = filter->to_ms > 0 ? sk_from(arena, "BILL", filter->to_ms) : "BILL#~",
		.after = after,
		.descending = true,
	};
	struct mp_page pointers = {.more = true};

	if (page.bills == NULL || query.pk == NULL || query.sk_min == NULL || query.sk_max == NULL)
		return MP_NOMEM;
	for (int round = 0; round < LIST_ROUNDS_MAX && page.count < limit && pointers.more;
		round++) {
		query.limit = limit - page.count;
		enum mp_rc rc = mp_store_query(db->store, &query, arena, &pointers);
		if (rc == MP_OK && pointers.count > 0)
			rc = keep_wanted(db, arena, &pointers, filter, &page);
		if (rc != MP_OK)
			return rc;
		if (pointers.last_sk != NULL)
			query.after = pointers.last_sk;
	}
	page.after = pointers.more ? query.after : NULL;
	*out_page = page;
	return MP_OK;
}

/* --- visiting --- */

#define VISIT_PAGE 500
#define VISIT_ARENA_BYTES (8u << 20)

static enum mp_rc visit_bills(struct billing_db *db, struct mp_arena *arena,
	const struct mp_page *pointers, const struct billing_visitor *visitor)
{
	const struct billing_filter settled = {.state = BILL_SETTLED};
	struct billing_page page = {
		.bills = mp_arena_array(arena, pointers->count, sizeof(*page.bills))};
	enum mp_rc rc =
		page.bills == NULL ? MP_NOMEM : keep_wanted(db, arena, pointers, &settled, &page);

	for (size_t i = 0; i < page.count && rc == MP_OK; i++)
		rc = visitor->bill(visitor->ctx, &page.bills[i]);
	return rc;
}

static enum mp_rc visit_fundings(struct billing_db *db, struct mp_arena *arena,
	const struct mp_page *rows, const struct billing_visitor *visitor)
{
	enum mp_rc rc = MP_OK;

	(void)db; /* like visit_bills: of the type page_visit */
	(void)arena;
	for (size_t i = 0; i < rows->count && rc == MP_OK; i++) {
		struct billing_funding funding;

		rc = funding_read(rows->items[i], &funding);
		if (rc == MP_OK)
			rc = visitor->funding(visitor->ctx, &funding);
	}
	return rc;
}

typedef enum mp_rc (*page_visit)(struct billing_db *db, struct mp_arena *arena,
	const struct mp_page *page, const struct billing_visitor *visitor);

struct period {
	const struct mp_id *user_id;
	const char *kind;
	int64_t from_ms;
	int64_t to_ms;
};

/* Page by page in an arena that is emptied each time: a long period costs a page of memory. */
static enum mp_rc visit_pages(struct billing_db *db, struct mp_arena *arena,
	const struct period *period, page_visit visit, const struct billing_visitor *visitor)
{
	struct mp_page page = {.more = true};
	char after[MP_KEY_BYTES_MAX + 1] = "";
	enum mp_rc rc = MP_OK;

	while (rc == MP_OK && page.more) {
		mp_arena_reset(arena);
		struct mp_query query = {
			.pk = user_pk(arena, period->user_id),
			.sk_min = sk_from(arena, period->kind, period->from_ms),
			.sk_max = sk_from(arena, period->kind, period->to_ms),
			.after = after[0] != '\0' ? after : NULL,
			.limit = VISIT_PAGE,
		};
		if (query.pk == NULL || query.sk_min == NULL || query.sk_max == NULL)
			return MP_NOMEM;
		rc = mp_store_query(db->store, &query, arena, &page);
		if (rc == MP_OK && page.count > 0)
			rc = visit(db, arena, &page, visitor);
		if (rc == MP_OK && page.last_sk != NULL)
			rc = mp_text_copy(after, sizeof(after), page.last_sk);
	}
	return rc;
}

enum mp_rc billing_db_visit(struct billing_db *db, const struct mp_id *user_id, int64_t from_ms,
	int64_t to_ms, const struct billing_visitor *visitor)
{
	struct period period = {user_id, "BILL", from_ms, to_ms};
	struct mp_arena *arena = mp_arena_new(VISIT_ARENA_BYTES);
	enum mp_rc rc;

	if (arena == NULL)
		return MP_NOMEM;
	rc = visit_pages(db, arena, &period, visit_bills, visitor);
	period.kind = "FUNDING";
	if (rc == MP_OK)
		rc = visit_pages(db, arena, &period, visit_fundings, visitor);
	mp_arena_free(arena);
	return rc;
}
