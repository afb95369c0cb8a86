#include "payment.h"

#include <string.h>

#include "base/trace.h"
#include "log/log.h"

/* Webhooks of the provider: kept before they are answered, looked into by workers. */

/* A session that a webhook called done, and that still reads open, is read again so often. */
#define OPEN_READS_MAX 10

/* So long the provider itself repeats an event that nobody takes. */
#define UNKNOWN_MS_MAX ((int64_t)3 * 24 * 3600 * 1000)

static const char type_declined[] = "payment_intent.payment_failed";

static bool is_about_sessions(const char *type)
{
	static const char *const types[] = {"checkout.session.completed",
		"checkout.session.async_payment_succeeded", "checkout.session.async_payment_failed",
		"checkout.session.expired"};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(type, types[i]) == 0)
			return true;
	}
	return false;
}

enum mp_rc provider_event_keep(
	struct payment_app *app, struct provider_event *event, struct mp_arena *arena)
{
	bool known = is_about_sessions(event->type) || strcmp(event->type, type_declined) == 0;

	event->done = event->object_id == NULL || !known;
	enum mp_rc rc = payment_db_event_insert(&app->db, event, arena);
	return rc == MP_EXISTS ? MP_OK : rc;
}

/* Looked into again until an operator has mended it; when nobody does, it is foreign after all. */
static enum mp_rc unknown_to_provider(
	struct payment_app *app, const struct provider_event *event, int64_t now_ms)
{
	if (now_ms - event->received_at_ms > UNKNOWN_MS_MAX)
		return MP_OK;
	return provider_unknown(app, event->object_id);
}

/* A card was declined: the payer may try another one, the timeline says so. */
static enum mp_rc look_into_decline(struct payment_app *app, const struct provider_event *event,
	int64_t now_ms, struct mp_arena *arena, enum provider_truth *out_truth)
{
	struct payment_input input = {
		.kind = INPUT_DECLINED, .at_ms = now_ms, .event_id = event->provider_id};
	struct stripe_intent intent;
	struct payment payment;

	*out_truth = TRUTH_FOREIGN;
	enum mp_rc rc = app->stripe.intent(app->stripe.ctx, event->object_id, arena, &intent);
	if (rc == MP_NOT_FOUND)
		return unknown_to_provider(app, event, now_ms);
	if (rc != MP_OK || mp_id_is_none(&intent.payment_id))
		return rc;
	input.attempt = intent.attempt;
	input.text = intent.decline != NULL ? intent.decline : "no reason was given";
	rc = provider_tell(app, &intent.payment_id, &input, now_ms, arena, &payment);
	if (rc == MP_OK)
		*out_truth = TRUTH_TOLD;
	return rc == MP_NOT_FOUND ? MP_OK : rc;
}

/* The provider's word at the webhook is only a hint: the session is read again. */
static enum mp_rc look_into_session(struct payment_app *app, const struct provider_event *event,
	int64_t now_ms, struct mp_arena *arena, enum provider_truth *out_truth)
{
	bool failed = strcmp(event->type, "checkout.session.async_payment_failed") == 0;
	struct stripe_session session;

	*out_truth = TRUTH_FOREIGN;
	enum mp_rc rc = app->stripe.retrieve(app->stripe.ctx, event->object_id, arena, &session);
	if (rc == MP_NOT_FOUND)
		return unknown_to_provider(app, event, now_ms);
	if (rc != MP_OK)
		return rc;
	return provider_apply_session(app, &session, failed, now_ms, arena, out_truth);
}

static enum mp_rc look_into(struct payment_app *app, const struct provider_event *event,
	int64_t now_ms, struct mp_arena *arena, enum provider_truth *out_truth)
{
	if (strcmp(event->type, type_declined) == 0)
		return look_into_decline(app, event, now_ms, arena, out_truth);
	return look_into_session(app, event, now_ms, arena, out_truth);
}

static struct mp_due_result finish_event(struct payment_app *app,
	const struct provider_event *event, enum provider_truth truth, int64_t attempts,
	int64_t now_ms, struct mp_arena *arena)
{
	enum mp_rc rc = payment_db_event_done(&app->db, event, arena);
	if (rc != MP_OK && rc != MP_STALE)
		return provider_later(attempts, now_ms);

	mp_metric_add(truth == TRUTH_FOREIGN ? app->events_foreign : app->events_done, 1);
	if (truth != TRUTH_TOLD)
		mp_log(MP_LOG_WARN,
			truth == TRUTH_FOREIGN ? "provider_event_foreign" : "provider_event_early",
			MP_TEXT("provider_event", event->provider_id), MP_TEXT("type", event->type),
			MP_TEXT("object", event->object_id));
	return (struct mp_due_result){.done = true};
}

struct mp_due_result provider_event_due(
	void *ctx, struct mp_arena *arena, const struct mp_id *id, int64_t attempts, int64_t now_ms)
{
	struct payment_app *app = ctx;
	struct provider_event event;
	enum provider_truth truth = TRUTH_FOREIGN;

	mp_trace_end(); /* the payment's own, as soon as it is known */
	enum mp_rc rc = payment_db_event_get(&app->db, id, arena, &event);
	if (rc == MP_NOT_FOUND || (rc == MP_OK && event.done))
		return (struct mp_due_result){.done = true};
	if (rc == MP_OK)
		rc = look_into(app, &event, now_ms, arena, &truth);
	if (rc != MP_OK) {
		mp_log(MP_LOG_WARN, "provider_event_later", MP_TEXT("id", id->text), MP_RC(rc),
			MP_INT("attempts", attempts));
		return provider_later(attempts, now_ms);
	}
	/* The re-drive goes on asking, so that giving up here loses nothing. */
	if (truth == TRUTH_OPEN && attempts < OPEN_READS_MAX)
		return provider_later(attempts, now_ms);
	return finish_event(app, &event, truth, attempts, now_ms, arena);
}
