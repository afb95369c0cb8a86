#include <string.h>

#include "base/clock.h"
#include "http_server/republish.h"
#include "json/json.h"
#include "payment.h"
#include "payment_http.h"

/* What operators look at: one payment whole, and what the provider has captured. Inside only. */

#define ROWS_PAGE 100
#define ROWS_MAX 500

/* --- one payment, whole --- */

static json_t *attempt_to_json(const struct payment_attempt *attempt, const struct payment *p)
{
	json_t *json = json_object();
	int failed = json == NULL;

	failed |= mp_json_set_int(json, "number", attempt->number);
	failed |= mp_json_set_minor(json, "amount", attempt->amount_minor, p->currency);
	failed |= mp_json_set_text(json, "state", session_state_name(attempt->state));
	failed |= mp_json_set_text(json, "session_id", attempt->session_id);
	failed |= mp_json_set_time(json, "expires_at", attempt->expires_at_s * 1000);
	if (failed == 0)
		return json;
	json_decref(json);
	return NULL;
}

static json_t *capture_to_json(const struct payment_capture *capture, const struct payment *p)
{
	json_t *json = json_object();
	int failed = json == NULL;

	failed |= mp_json_set_text(json, "payment_intent", capture->payment_intent);
	failed |= mp_json_set_minor(json, "amount", capture->amount_minor, p->currency);
	failed |= mp_json_set_int(json, "attempt", capture->attempt);
	failed |= mp_json_set_time(json, "captured_at", capture->captured_at_ms);
	failed |= mp_json_set_bool(json, "settled", capture->settled);
	if (failed == 0)
		return json;
	json_decref(json);
	return NULL;
}

static int set_work(json_t *json, const struct payment *p)
{
	bool unanswered = payment_is_unanswered(p);
	bool closing = machine_answered_in(p) == PAYMENT_CLOSING;
	int failed = 0;

	failed |= mp_json_set_time(json, "state_at", p->state_at_ms);
	failed |= mp_json_set_text(
		json, "reviewed_from", unanswered ? payment_state_name(p->reviewed_from) : NULL);
	failed |= mp_json_set_text(json, "ending", closing ? payment_state_name(p->ending) : NULL);
	failed |= mp_json_set_int(json, "attempt", p->attempt);
	failed |= mp_json_set_int(json, "captures_unsettled", p->captures_unsettled);
	failed |= mp_json_set_int(json, "sessions_processing", p->sessions_processing);
	failed |= mp_json_set_text(json, "trace", p->trace);
	return failed;
}

static enum mp_rc add_sessions(
	struct payment_app *app, const struct payment *p, struct mp_arena *arena, json_t *json)
{
	json_t *attempts = json_array();
	json_t *captures = json_array();
	struct payment_attempt *attempt = NULL;
	struct payment_capture *capture = NULL;
	int failed = 0;

	enum mp_rc rc = payment_db_attempts(&app->db, &p->id, arena, &attempt);
	if (rc == MP_OK)
		rc = payment_db_captures(&app->db, &p->id, arena, &capture);
	for (; rc == MP_OK && attempt != NULL; attempt = attempt->next)
		failed |= json_array_append_new(attempts, attempt_to_json(attempt, p));
	for (; rc == MP_OK && capture != NULL; capture = capture->next)
		failed |= json_array_append_new(captures, capture_to_json(capture, p));
	failed |= json_object_set_new(json, "attempts", attempts);
	failed |= json_object_set_new(json, "captures", captures);
	return rc == MP_OK && failed != 0 ? MP_NOMEM : rc;
}

static enum mp_rc add_timeline(
	struct payment_app *app, const struct payment *p, struct mp_arena *arena, json_t *json)
{
	struct payment_timeline timeline = {
		.payment_id = p->id, .for_payer = true, .limit = ROWS_PAGE};
	json_t *rows = json_array();
	enum mp_rc rc = MP_OK;
	int failed = 0;

	do {
		rc = payment_db_timeline(&app->db, &timeline, arena);
		for (size_t i = 0; rc == MP_OK && i < timeline.count; i++)
			failed |= json_array_append_new(
				rows, payment_row_to_json(&timeline.rows[i], true));
		timeline.after = timeline.next;
	} while (rc == MP_OK && timeline.next != NULL && json_array_size(rows) < ROWS_MAX);
	failed |= json_object_set_new(json, "timeline", rows);
	return rc == MP_OK && failed != 0 ? MP_NOMEM : rc;
}

/* GET /v1/operations/payments/{id} */
enum mp_rc payment_get_operated(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct payment_app *app = ctx;
	struct mp_arena *arena = mp_request_arena(req);
	struct payment payment;
	struct mp_id id;

	enum mp_rc rc = mp_request_param_id(req, "id", &id);
	if (rc == MP_OK)
		rc = payment_db_get(&app->db, &id, arena, &payment);
	if (rc != MP_OK)
		return rc;
	json_t *json = payment_to_json(&payment, &payment.paid_by);
	if (json == NULL || set_work(json, &payment) != 0)
		rc = MP_NOMEM;
	if (rc == MP_OK)
		rc = add_sessions(app, &payment, arena, json);
	if (rc == MP_OK)
		rc = add_timeline(app, &payment, arena, json);
	if (rc == MP_OK)
		return mp_response_json(res, 200, json);
	json_decref(json);
	return rc;
}

/* POST /v1/operations/payments/{id}/redrive */
enum mp_rc payment_post_redrive(struct mp_request *req, struct mp_response *res, void *ctx)
{
	bool told = false;
	struct mp_id id;

	enum mp_rc rc = mp_request_param_id(req, "id", &id);
	if (rc == MP_OK)
		rc = payment_redrive_asked(ctx, &id, mp_clock_ms(), mp_request_arena(req), &told);
	if (rc == MP_STALE)
		rc = MP_BUSY; /* it moved on by itself meanwhile */
	if (rc == MP_UNAVAILABLE)
		mp_request_problem(req, "unavailable",
			"The provider, or our store, could not be asked about all of it; what was "
			"found has been told. Try again.");
	if (rc != MP_OK)
		return rc;
	json_t *json = json_object();
	if (mp_json_set_bool(json, "told", told) == 0)
		return mp_response_json(res, 200, json);
	json_decref(json);
	return MP_NOMEM;
}

/* POST /v1/operations/payments/{id}/close */
enum mp_rc payment_post_close(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct payment payment;
	struct mp_id id;

	enum mp_rc rc = mp_request_param_id(req, "id", &id);
	if (rc == MP_OK)
		rc = payment_close(ctx, &id, mp_clock_ms(), mp_request_arena(req), &payment);
	return rc == MP_OK ? mp_response_json(res, 200, payment_to_json(&payment, &payment.paid_by))
			   : rc;
}

/* POST /v1/operations/republish */
enum mp_rc payment_post_republish(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return mp_republish(req, res, payment_tell_again, ctx);
}

/* --- what the provider has captured --- */

static json_t *intent_to_json(const struct payment_app *app, const struct stripe_intent *intent)
{
	const struct mp_currency *currency =
		mp_currencies_find(app->db.currencies, intent->currency);
	json_t *json = json_object();
	int64_t minor = 0;
	int failed = json == NULL;

	/* Money in a currency that is not allowed here is told without an amount of ours. */
	bool known = intent->currency[0] != '\0' && currency != NULL &&
		     mp_money_from_provider(intent->amount_received, currency, &minor) == MP_OK;
	failed |= mp_json_set_text(json, "payment_intent", intent->id);
	failed |= known ? mp_json_set_minor(json, "amount", minor, currency)
			: mp_json_set_text(json, "amount", NULL);
	failed |= mp_json_set_text(json, "currency", intent->currency);
	failed |= mp_json_set_time(json, "created_at", intent->created_s * 1000);
	failed |= mp_json_set_id(json, "payment_id", &intent->payment_id);
	if (failed == 0)
		return json;
	json_decref(json);
	return NULL;
}

static enum mp_rc read_time(struct mp_request *req, const char *name, int64_t *out_s)
{
	const struct mp_field_errors *errors = mp_request_field_errors(req);
	const char *text = mp_request_query(req, name);
	int64_t time_ms = 0;

	if (text == NULL || mp_time_parse(text, &time_ms) != MP_OK || time_ms < 0) {
		errors->add(errors->ctx, name, MP_TIME_WANTED);
		return MP_INVALID;
	}
	*out_s = time_ms / 1000;
	return MP_OK;
}

/* By the time of their making, unless ?by=captured. */
static enum mp_rc read_by(struct mp_request *req, bool *out_by_capture)
{
	const struct mp_field_errors *errors = mp_request_field_errors(req);
	const char *by = mp_request_query(req, "by");

	*out_by_capture = by != NULL && strcmp(by, "captured") == 0;
	if (by == NULL || *out_by_capture || strcmp(by, "made") == 0)
		return MP_OK;
	errors->add(errors->ctx, "by", "must be one of: made, captured");
	return MP_INVALID;
}

/* The provider's troubles are not the caller's: it may ask again. */
static enum mp_rc provider_rc(enum mp_rc rc)
{
	return rc == MP_CORRUPT || rc == MP_FORBIDDEN || rc == MP_UNKNOWN ? MP_UNAVAILABLE : rc;
}

/* GET /v1/operations/captures */
enum mp_rc payment_get_captures(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct payment_app *app = ctx;
	struct stripe_intents page = {.after = NULL};
	size_t limit; /* the provider's pages are as long as it likes */
	json_t *items;

	enum mp_rc rc = mp_request_page(req, &limit, &page.after);
	enum mp_rc from = read_time(req, "from", &page.from_s);
	enum mp_rc to = read_time(req, "to", &page.to_s);
	enum mp_rc by = read_by(req, &page.by_capture);
	if (rc == MP_OK)
		rc = from != MP_OK ? from : to;
	if (rc == MP_OK)
		rc = by;
	if (rc == MP_OK && page.after != NULL && !stripe_is_id(page.after)) {
		const struct mp_field_errors *errors = mp_request_field_errors(req);
		errors->add(errors->ctx, "cursor", "is not one of this list");
		rc = MP_INVALID;
	}
	if (rc != MP_OK)
		return rc;
	rc = provider_rc(app->stripe.intents(app->stripe.ctx, mp_request_arena(req), &page));
	if (rc != MP_OK)
		return rc;
	items = json_array();
	for (size_t i = 0; i < page.count; i++) {
		if (page.items[i].captured &&
			json_array_append_new(items, intent_to_json(app, &page.items[i])) != 0) {
			json_decref(items);
			return MP_NOMEM;
		}
	}
	return mp_response_list(res, items, page.next);
}

/* GET /v1/operations/captures/{payment_intent} */
enum mp_rc payment_get_capture(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct payment_app *app = ctx;
	struct stripe_intent intent;

	enum mp_rc rc = provider_rc(app->stripe.intent(app->stripe.ctx,
		mp_request_param(req, "payment_intent"), mp_request_arena(req), &intent));
	if (rc == MP_OK && !intent.captured)
		rc = MP_NOT_FOUND;
	return rc == MP_OK ? mp_response_json(res, 200, intent_to_json(app, &intent)) : rc;
}
