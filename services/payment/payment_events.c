#include "payment_events.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "json/json.h"
#include "log/log.h"
#include "payment.h"

/* --- what we hear --- */

static const struct heard {
	const char *type;
	enum payment_input_kind kind;
} heard[] = {
	{"bill.settled", INPUT_BILL_SETTLED},
	{"bill.unfunded", INPUT_BILL_UNFUNDED},
	{"bill.voided", INPUT_BILL_VOIDED},
	{"funding.settled", INPUT_FUNDING_SETTLED},
};

/* Keeps the first wrong field for the dead letter. */
struct reason {
	char text[160];
};

static void keep_first(void *ctx, const char *field, const char *message)
{
	struct reason *reason = ctx;

	if (reason->text[0] == '\0' && mp_text_format(reason->text, sizeof(reason->text), "%s %s",
					       field, message) != MP_OK)
		reason->text[0] = '?';
}

static void read_amount(
	struct mp_json_reader *r, const struct payment_app *app, struct payment_input *out)
{
	struct mp_money money = {.minor = 0};

	mp_json_read_money(r, "shortfall", "currency", app->db.currencies, &money);
	out->shortfall_minor = money.minor;
}

static enum mp_rc decode(const struct payment_app *app, const struct mp_event *event,
	struct payment_notice *out, struct reason *reason)
{
	const struct mp_field_errors errors = {keep_first, reason};
	struct payment_notice notice = {.input = {.at_ms = event->time_ms, .kind = INPUT_KINDS}};
	struct mp_json_reader r;

	for (size_t i = 0; i < sizeof(heard) / sizeof(heard[0]); i++) {
		if (strcmp(event->type, heard[i].type) == 0)
			notice.input.kind = heard[i].kind;
	}
	if (notice.input.kind == INPUT_KINDS) {
		keep_first(reason, event->type, "is not an event for payment");
		return MP_INVALID;
	}
	mp_json_read_begin(&r, event->data, "", &errors);
	mp_json_read_ignore_unknown(&r);
	mp_json_read_id(&r, "payment_id", &notice.payment_id);
	if (notice.input.kind == INPUT_FUNDING_SETTLED) {
		mp_json_read_text(&r, "payment_intent", 1, PROVIDER_ID_BYTES_MAX,
			&notice.input.payment_intent);
	} else {
		mp_json_read_int(&r, "attempt", 0, INT32_MAX, &notice.input.attempt);
		mp_json_read_text(&r, "invoice_no", 1, 32, &notice.input.text);
	}
	if (notice.input.kind == INPUT_BILL_UNFUNDED)
		read_amount(&r, app, &notice.input);
	enum mp_rc rc = mp_json_read_end(&r);
	if (rc == MP_OK)
		*out = notice;
	return rc;
}

/* Of a person's session: contracts/events/session.ended.json. */
static enum mp_rc decode_session_end(
	const struct mp_event *event, struct payment_session_end *out, struct reason *reason)
{
	const struct mp_field_errors errors = {keep_first, reason};
	struct mp_json_reader r;

	mp_json_read_begin(&r, event->data, "", &errors);
	mp_json_read_ignore_unknown(&r);
	mp_json_read_id(&r, "session_id", &out->session_id);
	mp_json_read_time(&r, "tokens_expire_at", &out->tokens_expire_at_ms);
	enum mp_rc rc = mp_json_read_end(&r);
	if (rc == MP_OK && out->tokens_expire_at_ms <= 0) { /* no item expires then */
		errors.add(errors.ctx, "tokens_expire_at", "must be after 1970");
		rc = MP_INVALID;
	}
	return rc;
}

static void bury(struct mp_delivery *delivery, const char *why)
{
	delivery->verdict = MP_DEAD;
	enum mp_rc rc = mp_text_copy(delivery->reason, sizeof(delivery->reason), why);
	assert(rc == MP_OK);
}

static void judge(struct mp_delivery *delivery, const struct payment_notice *notice)
{
	if (notice->rc == MP_OK)
		delivery->verdict = MP_ACK;
	else if (notice->rc == MP_NOT_FOUND)
		bury(delivery, "there is no such payment");
	else if (notice->rc == MP_CORRUPT)
		bury(delivery, "the payment's record cannot be read");
	else
		delivery->verdict = MP_RETRY;
	if (notice->rc != MP_OK)
		mp_log(MP_LOG_WARN, "notice_not_taken", MP_TEXT("type", delivery->event.type),
			MP_TEXT("payment", notice->payment_id.text), MP_RC(notice->rc));
}

/* What a batch of deliveries says, and which delivery said it. */
struct batch {
	struct payment_notice *notices;
	struct payment_session_end *ends;
	struct mp_delivery **notice_of;
	struct mp_delivery **end_of;
	size_t notices_count;
	size_t ends_count;
};

static bool batch_begin(struct batch *batch, size_t count, struct mp_arena *arena)
{
	*batch = (struct batch){
		.notices = mp_arena_array(arena, count, sizeof(*batch->notices)),
		.ends = mp_arena_array(arena, count, sizeof(*batch->ends)),
		.notice_of = mp_arena_array(arena, count, sizeof(struct mp_delivery *)),
		.end_of = mp_arena_array(arena, count, sizeof(struct mp_delivery *)),
	};
	return batch->notices != NULL && batch->ends != NULL && batch->notice_of != NULL &&
	       batch->end_of != NULL;
}

/* What is none of our events is buried. */
static void batch_add(
	struct batch *batch, const struct payment_app *app, struct mp_delivery *delivery)
{
	const struct mp_event *event = &delivery->event;
	struct reason reason = {.text = ""};

	if (strcmp(event->type, "session.ended") == 0) {
		if (decode_session_end(event, &batch->ends[batch->ends_count], &reason) == MP_OK)
			batch->end_of[batch->ends_count++] = delivery;
		else
			bury(delivery, reason.text);
	} else if (decode(app, event, &batch->notices[batch->notices_count], &reason) == MP_OK) {
		batch->notice_of[batch->notices_count++] = delivery;
	} else {
		bury(delivery, reason.text);
	}
}

/* Money first. */
void payment_handle(void *ctx, struct mp_arena *arena, struct mp_delivery *deliveries, size_t count)
{
	struct payment_app *app = ctx;
	struct batch batch;

	for (size_t i = 0; i < count; i++)
		deliveries[i].verdict = MP_RETRY;
	if (!batch_begin(&batch, count, arena))
		return;
	for (size_t i = 0; i < count; i++)
		batch_add(&batch, app, &deliveries[i]);
	payment_take_notices(app, batch.notices, batch.notices_count, mp_clock_ms(), arena);
	for (size_t i = 0; i < batch.notices_count; i++)
		judge(batch.notice_of[i], &batch.notices[i]);
	if (payment_db_sign_out(&app->db, batch.ends, batch.ends_count, arena) != MP_OK)
		return; /* they are told again */
	for (size_t i = 0; i < batch.ends_count; i++)
		batch.end_of[i]->verdict = MP_ACK;
}

/* --- what we tell --- */

static int add_null(json_t *data, const char *name)
{
	if (json_object_get(data, name) != NULL)
		return 0;
	return json_object_set_new(data, name, json_null());
}

enum mp_rc payment_event_encode(
	const char *type, const struct mp_map *map, json_t **out_data, void *ctx)
{
	json_t *data = mp_map_to_json(map);
	int failed = data == NULL;

	(void)ctx;
	failed |= data != NULL && add_null(data, "description") != 0;
	if (strcmp(type, "payment.requested") != 0)
		failed |= data != NULL && add_null(data, "paid_to") != 0;
	if (strcmp(type, "payment.captured") == 0)
		failed |= data != NULL && add_null(data, "attempt") != 0;
	if (failed) {
		json_decref(data);
		return MP_NOMEM;
	}
	*out_data = data;
	return MP_OK;
}
