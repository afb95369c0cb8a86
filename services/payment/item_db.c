#include "item_db.h"

#include <inttypes.h>
#include <string.h>

#define FORMAT_PAYMENT 1
#define FORMAT_ATTEMPT 1
#define FORMAT_CAPTURE 1
#define FORMAT_ROW 1
#define FORMAT_EVENT 1
#define FORMAT_POINTER 1

#define EVENT_KEPT_S (30 * 24 * 3600) /* after it is done; the provider repeats for three days */

const char *item_payment_pk(struct mp_arena *arena, const struct mp_id *id)
{
	return mp_arena_printf(arena, PK_PREFIX_PAYMENT "%s", id->text);
}

const char *item_user_pk(struct mp_arena *arena, const struct mp_id *id)
{
	return mp_arena_printf(arena, PK_PREFIX_USER "%s", id->text);
}

const char *item_event_pk(struct mp_arena *arena, const struct mp_id *id)
{
	return mp_arena_printf(arena, PK_PREFIX_EVENT "%s", id->text);
}

const char *item_attempt_sk(struct mp_arena *arena, int64_t number)
{
	return mp_arena_printf(arena, SK_PREFIX_ATTEMPT "%04" PRId64, number);
}

const char *item_capture_sk(struct mp_arena *arena, const char *payment_intent)
{
	return mp_arena_printf(arena, SK_PREFIX_CAPTURE "%s", payment_intent);
}

/* --- writing --- */

static struct mp_item *new_item(
	struct mp_arena *arena, const char *pk, const char *sk, uint32_t format)
{
	return pk == NULL || sk == NULL ? NULL : mp_item_new(arena, pk, sk, format);
}

static void set_int_if(struct mp_map *map, const char *name, int64_t number)
{
	if (number != 0)
		mp_map_set_int(map, name, number);
}

const char *item_row_sk(struct mp_arena *arena, int64_t seq)
{
	return mp_arena_printf(arena, SK_PREFIX_TIMELINE "%06" PRId64, seq);
}

static bool is_closing(const struct payment *p)
{
	return p->state == PAYMENT_CLOSING ||
	       (p->state == PAYMENT_REVIEW && p->reviewed_from == PAYMENT_CLOSING);
}

struct mp_item *item_from_payment(struct mp_arena *arena, const struct payment *p)
{
	struct mp_item *item =
		new_item(arena, item_payment_pk(arena, &p->id), SK_PAYMENT, FORMAT_PAYMENT);
	struct mp_map *map = mp_item_attrs(item);

	mp_map_set_id(map, "id", &p->id);
	mp_map_set_id(map, "paid_by", &p->paid_by);
	mp_map_set_id(map, "paid_to", &p->paid_to);
	mp_map_set_int(map, "payment_amount", p->amount_minor);
	mp_map_set_text(map, "currency", p->currency->code);
	mp_map_set_text(map, "source", payment_source_name(p->source));
	mp_map_set_text(map, "description", p->description);
	mp_map_set_int(map, "created_at", p->created_at_ms);
	mp_map_set_bool(map, "status", p->state == PAYMENT_SUCCEEDED);
	mp_map_set_text(map, "state", payment_state_name(p->state));
	mp_map_set_int(map, "state_at", p->state_at_ms);
	if (is_closing(p))
		mp_map_set_text(map, "ending", payment_state_name(p->ending));
	if (p->state == PAYMENT_REVIEW && p->reviewed_from != PAYMENT_CREATED)
		mp_map_set_text(map, "reviewed_from", payment_state_name(p->reviewed_from));
	mp_map_set_text(map, "reason", p->reason);
	mp_map_set_int(map, "attempt", p->attempt);
	mp_map_set_text(map, "attempt_kind", attempt_kind_name(p->attempt_kind));
	set_int_if(map, "session_attempt", p->session_attempt);
	set_int_if(map, "cancel_wanted", p->cancel_wanted);
	mp_map_set_text(map, "checkout_url", p->checkout_url);
	set_int_if(map, "checkout_amount", p->checkout_minor);
	set_int_if(map, "checkout_expires_at", p->checkout_expires_at_s);
	set_int_if(map, "captures_unsettled", p->captures_unsettled);
	set_int_if(map, "sessions_processing", p->sessions_processing);
	mp_map_set_int(map, "timeline_count", p->timeline_count);
	mp_map_set_text(map, "trace", p->trace);
	return item;
}

struct mp_item *item_from_attempt(
	struct mp_arena *arena, const struct mp_id *id, const struct payment_attempt *attempt)
{
	struct mp_item *item = new_item(arena, item_payment_pk(arena, id),
		item_attempt_sk(arena, attempt->number), FORMAT_ATTEMPT);
	struct mp_map *map = mp_item_attrs(item);

	mp_map_set_int(map, "number", attempt->number);
	mp_map_set_int(map, "amount", attempt->amount_minor);
	mp_map_set_int(map, "expires_at", attempt->expires_at_s);
	mp_map_set_text(map, "session_state", session_state_name(attempt->state));
	mp_map_set_text(map, "session_id", attempt->session_id);
	mp_map_set_text(map, "decline_event", attempt->decline_event);
	return item;
}

struct mp_item *item_from_capture(
	struct mp_arena *arena, const struct mp_id *id, const struct payment_capture *capture)
{
	struct mp_item *item = new_item(arena, item_payment_pk(arena, id),
		item_capture_sk(arena, capture->payment_intent), FORMAT_CAPTURE);
	struct mp_map *map = mp_item_attrs(item);

	mp_map_set_text(map, "payment_intent", capture->payment_intent);
	mp_map_set_int(map, "amount", capture->amount_minor);
	set_int_if(map, "attempt", capture->attempt);
	mp_map_set_int(map, "captured_at", capture->captured_at_ms);
	mp_map_set_bool(map, "settled", capture->settled);
	return item;
}

struct mp_item *item_from_row(
	struct mp_arena *arena, const struct mp_id *id, const struct payment_row *row)
{
	struct mp_item *item = new_item(
		arena, item_payment_pk(arena, id), item_row_sk(arena, row->seq), FORMAT_ROW);
	struct mp_map *map = mp_item_attrs(item);

	mp_map_set_int(map, "seq", row->seq);
	mp_map_set_int(map, "at", row->at_ms);
	mp_map_set_text(map, "service", row->service);
	mp_map_set_text(map, "event", row->event);
	mp_map_set_text(map, "detail", row->detail);
	mp_map_set_bool(map, "payer_only", row->payer_only);
	return item;
}

struct mp_item *item_from_event(
	struct mp_arena *arena, const struct mp_id *id, const struct provider_event *event)
{
	struct mp_item *item = new_item(arena, item_event_pk(arena, id), SK_EVENT, FORMAT_EVENT);
	struct mp_map *map = mp_item_attrs(item);

	mp_map_set_text(map, "provider_id", event->provider_id);
	mp_map_set_text(map, "type", event->type);
	mp_map_set_text(map, "object_id", event->object_id);
	mp_map_set_int(map, "created_at_s", event->created_at_s);
	mp_map_set_int(map, "received_at", event->received_at_ms);
	mp_map_set_bool(map, "done", event->done);
	if (item != NULL && event->done)
		item->expires_at_s = event->received_at_ms / 1000 + EVENT_KEPT_S;
	return item;
}

struct mp_item *item_pointer(struct mp_arena *arena, const struct mp_id *user,
	const struct mp_id *payment, const char *role)
{
	const char *sk = mp_arena_printf(arena, SK_PREFIX_PAYMENT "%s", payment->text);
	struct mp_item *item = new_item(arena, item_user_pk(arena, user), sk, FORMAT_POINTER);
	struct mp_map *map = mp_item_attrs(item);

	mp_map_set_id(map, "payment_id", payment);
	mp_map_set_text(map, "role", role);
	return item;
}

/* --- reading --- */

static void read_state(
	struct mp_item_reader *r, const struct mp_currencies *currencies, struct payment *p)
{
	const char *currency = NULL;
	const char *source = NULL;
	const char *state = NULL;
	const char *ending = NULL;
	const char *from = NULL;
	const char *kind = NULL;

	mp_item_read_text(r, "currency", &currency);
	mp_item_read_text(r, "source", &source);
	mp_item_read_text(r, "state", &state);
	mp_item_read_text_or(r, "ending", &ending);
	mp_item_read_text_or(r, "reviewed_from", &from);
	mp_item_read_text(r, "attempt_kind", &kind);
	if (mp_item_read_end(r) != MP_OK)
		return;
	p->currency = mp_currencies_find(currencies, currency);
	if (p->currency == NULL || !payment_source_from_name(source, &p->source) ||
		!payment_state_from_name(state, &p->state) ||
		!attempt_kind_from_name(kind, &p->attempt_kind) ||
		(from != NULL && !payment_state_from_name(from, &p->reviewed_from)) ||
		(is_closing(p) && !payment_state_from_name(ending, &p->ending)))
		r->rc = MP_CORRUPT;
}

enum mp_rc item_to_payment(const struct mp_item *item, const struct mp_currencies *currencies,
	struct payment *out_payment)
{
	struct payment p = {.version = item->version};
	int64_t cancel_wanted = 0;
	struct mp_item_reader r;

	mp_item_read_begin(&r, item, FORMAT_PAYMENT);
	mp_item_read_id(&r, "id", &p.id);
	mp_item_read_id(&r, "paid_by", &p.paid_by);
	mp_item_read_id_or(&r, "paid_to", &p.paid_to);
	mp_item_read_int(&r, "payment_amount", &p.amount_minor);
	mp_item_read_text_or(&r, "description", &p.description);
	mp_item_read_int(&r, "created_at", &p.created_at_ms);
	mp_item_read_int(&r, "state_at", &p.state_at_ms);
	mp_item_read_text_or(&r, "reason", &p.reason);
	mp_item_read_int(&r, "attempt", &p.attempt);
	mp_item_read_int_or(&r, "session_attempt", &p.session_attempt);
	mp_item_read_int_or(&r, "cancel_wanted", &cancel_wanted);
	mp_item_read_text_or(&r, "checkout_url", &p.checkout_url);
	mp_item_read_int_or(&r, "checkout_amount", &p.checkout_minor);
	mp_item_read_int_or(&r, "checkout_expires_at", &p.checkout_expires_at_s);
	mp_item_read_int_or(&r, "captures_unsettled", &p.captures_unsettled);
	mp_item_read_int_or(&r, "sessions_processing", &p.sessions_processing);
	mp_item_read_int(&r, "timeline_count", &p.timeline_count);
	mp_item_read_text_or(&r, "trace", &p.trace);
	read_state(&r, currencies, &p);
	enum mp_rc rc = mp_item_read_end(&r);
	p.cancel_wanted = cancel_wanted != 0;
	if (rc == MP_OK)
		*out_payment = p;
	return rc;
}

enum mp_rc item_to_attempt(const struct mp_item *item, struct payment_attempt *out_attempt)
{
	struct payment_attempt attempt = {.version = item->version};
	const char *state = NULL;
	struct mp_item_reader r;

	mp_item_read_begin(&r, item, FORMAT_ATTEMPT);
	mp_item_read_int(&r, "number", &attempt.number);
	mp_item_read_int(&r, "amount", &attempt.amount_minor);
	mp_item_read_int(&r, "expires_at", &attempt.expires_at_s);
	mp_item_read_text(&r, "session_state", &state);
	mp_item_read_text_or(&r, "session_id", &attempt.session_id);
	mp_item_read_text_or(&r, "decline_event", &attempt.decline_event);
	enum mp_rc rc = mp_item_read_end(&r);
	if (rc == MP_OK && !session_state_from_name(state, &attempt.state))
		rc = MP_CORRUPT;
	if (rc == MP_OK)
		*out_attempt = attempt;
	return rc;
}

enum mp_rc item_to_capture(const struct mp_item *item, struct payment_capture *out_capture)
{
	struct payment_capture capture = {.version = item->version};
	struct mp_item_reader r;

	mp_item_read_begin(&r, item, FORMAT_CAPTURE);
	mp_item_read_text(&r, "payment_intent", &capture.payment_intent);
	mp_item_read_int(&r, "amount", &capture.amount_minor);
	mp_item_read_int_or(&r, "attempt", &capture.attempt);
	mp_item_read_int(&r, "captured_at", &capture.captured_at_ms);
	mp_item_read_bool(&r, "settled", &capture.settled);
	enum mp_rc rc = mp_item_read_end(&r);
	if (rc == MP_OK)
		*out_capture = capture;
	return rc;
}

enum mp_rc item_to_row(const struct mp_item *item, struct payment_row *out_row)
{
	struct payment_row row = {.seq = 0};
	struct mp_item_reader r;

	mp_item_read_begin(&r, item, FORMAT_ROW);
	mp_item_read_int(&r, "seq", &row.seq);
	mp_item_read_int(&r, "at", &row.at_ms);
	mp_item_read_text(&r, "service", &row.service);
	mp_item_read_text(&r, "event", &row.event);
	mp_item_read_text_or(&r, "detail", &row.detail);
	mp_item_read_bool(&r, "payer_only", &row.payer_only);
	enum mp_rc rc = mp_item_read_end(&r);
	if (rc == MP_OK)
		*out_row = row;
	return rc;
}

enum mp_rc item_to_event(const struct mp_item *item, struct provider_event *out_event)
{
	struct provider_event event = {.version = item->version};
	struct mp_item_reader r;

	mp_item_read_begin(&r, item, FORMAT_EVENT);
	mp_item_read_text(&r, "provider_id", &event.provider_id);
	mp_item_read_text(&r, "type", &event.type);
	mp_item_read_text_or(&r, "object_id", &event.object_id);
	mp_item_read_int(&r, "created_at_s", &event.created_at_s);
	mp_item_read_int(&r, "received_at", &event.received_at_ms);
	mp_item_read_bool(&r, "done", &event.done);
	enum mp_rc rc = mp_item_read_end(&r);
	if (rc == MP_OK)
		*out_event = event;
	return rc;
}

enum mp_rc item_to_pointer(
	const struct mp_item *item, struct mp_id *out_payment, const char **out_role)
{
	struct mp_id payment = {0};
	const char *role = NULL;
	struct mp_item_reader r;

	mp_item_read_begin(&r, item, FORMAT_POINTER);
	mp_item_read_id(&r, "payment_id", &payment);
	mp_item_read_text(&r, "role", &role);
	enum mp_rc rc = mp_item_read_end(&r);
	if (rc == MP_OK) {
		*out_payment = payment;
		*out_role = role;
	}
	return rc;
}
