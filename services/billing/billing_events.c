#include "billing_events.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

static enum mp_rc copy(char *out, size_t out_size, const char *text)
{
	return mp_text_copy(out, out_size, text);
}

/* The fields that all of payment's events have (contracts/events/payment.*.json). */
static void read_payment(struct mp_json_reader *r, const struct billing_app *app,
	struct billing_order *order, const char **description)
{
	mp_json_read_ignore_unknown(r);
	mp_json_read_id(r, "payment_id", &order->payment_id);
	mp_json_read_id(r, "paid_by", &order->paid_by);
	mp_json_read_optional(r);
	mp_json_read_id_or_null(r, "paid_to", &order->paid_to);
	mp_json_read_money(r, "payment_amount", "currency", app->db.currencies, &order->amount);
	mp_json_read_time(r, "created_at", &order->created_ms);
	mp_json_read_optional(r);
	mp_json_read_text_or_null(r, "description", 0, BILLING_DESCRIPTION_SIZE - 1, description);
}

static void read_attempt(struct mp_json_reader *r, const struct mp_event *event, int64_t least,
	struct billing_order *order)
{
	const json_t *attempt = json_object_get(event->data, "attempt");

	if (order->kind == ORDER_FUND && (attempt == NULL || json_is_null(attempt)))
		return; /* it only funds */
	mp_json_read_int(r, "attempt", least, INT64_MAX, &order->attempt);
}

static enum mp_rc read_order(const struct billing_app *app, const struct mp_event *event,
	enum order_kind kind, struct billing_order *out)
{
	struct mp_json_reader r;
	struct mp_money captured = {0};
	const char *description = NULL;
	const char *payment_intent = NULL;
	enum mp_rc rc;

	*out = (struct billing_order){.kind = kind};
	mp_json_read_begin(&r, event->data, "", NULL);
	read_payment(&r, app, out, &description);
	read_attempt(&r, event, kind == ORDER_VOID ? 0 : 1, out);
	if (kind == ORDER_FUND) {
		mp_json_read_text(
			&r, "payment_intent", 1, BILLING_INTENT_SIZE - 1, &payment_intent);
		mp_json_read_money(
			&r, "captured_amount", "currency", app->db.currencies, &captured);
		mp_json_read_time(&r, "captured_at", &out->captured_ms);
	}
	if (kind == ORDER_SETTLE && mp_id_is_none(&out->paid_to))
		mp_json_read_refuse(&r, "paid_to", "is required");
	rc = mp_json_read_end(&r);
	out->captured_minor = captured.minor;
	if (rc == MP_OK)
		rc = copy(out->description, sizeof(out->description), description);
	if (rc == MP_OK)
		rc = copy(out->payment_intent, sizeof(out->payment_intent), payment_intent);
	out->traceparent = event->traceparent;
	return rc;
}

static const struct {
	const char *type;
	enum order_kind kind;
} event_kinds[] = {
	{"payment.requested", ORDER_SETTLE},
	{"payment.captured", ORDER_FUND},
	{"payment.canceled", ORDER_VOID},
	{"payment.expired", ORDER_VOID},
	{"payment.failed", ORDER_VOID},
};

static enum mp_rc order_from_event(
	const struct billing_app *app, const struct mp_event *event, struct billing_order *out)
{
	for (size_t i = 0; i < sizeof(event_kinds) / sizeof(event_kinds[0]); i++) {
		if (strcmp(event->type, event_kinds[i].type) == 0)
			return read_order(app, event, event_kinds[i].kind, out);
	}
	return MP_INVALID;
}

static void dead(struct mp_delivery *delivery, const char *why)
{
	delivery->verdict = MP_DEAD;
	(void)snprintf(delivery->reason, sizeof(delivery->reason), "%s %s %s", delivery->event.type,
		delivery->event.id.text, why);
}

static const char *why_dead(enum mp_rc rc)
{
	if (rc == MP_CONFLICT)
		return "asks for a transfer that the wallet refuses";
	if (rc == MP_INVALID)
		return "asks for a transfer that the wallet calls wrong";
	if (rc == MP_CORRUPT)
		return "is about a bill that cannot be read";
	return "cannot be carried out";
}

void billing_handle(void *ctx, struct mp_arena *arena, struct mp_delivery *deliveries, size_t count)
{
	struct billing_app *app = ctx;
	struct billing_order *orders = mp_arena_array(arena, count, sizeof(*orders));
	size_t *owner = mp_arena_array(arena, count, sizeof(*owner));
	enum mp_rc *rcs = mp_arena_array(arena, count, sizeof(*rcs));
	size_t orders_count = 0;

	if (orders == NULL || owner == NULL || rcs == NULL)
		return; /* every verdict stays MP_RETRY */
	for (size_t i = 0; i < count; i++) {
		if (order_from_event(app, &deliveries[i].event, &orders[orders_count]) == MP_OK)
			owner[orders_count++] = i;
		else
			dead(&deliveries[i], "is not as its contract says");
	}
	billing_carry_out(app, arena, orders, orders_count, mp_clock_ms(), rcs);
	for (size_t i = 0; i < orders_count; i++) {
		struct mp_delivery *delivery = &deliveries[owner[i]];

		if (rcs[i] == MP_OK)
			delivery->verdict = MP_ACK;
		else if (mp_rc_is_transient(rcs[i]) || rcs[i] == MP_STALE || rcs[i] == MP_EXISTS)
			delivery->verdict = MP_RETRY;
		else
			dead(delivery, why_dead(rcs[i]));
	}
}
