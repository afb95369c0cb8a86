#include "payment_http.h"

#include <string.h>

#include "base/clock.h"
#include "json/json.h"
#include "live_http.h"
#include "log/log.h"
#include "payment.h"
#include "stripe_signature.h"

#define DESCRIPTION_BYTES_MAX (4 * PAYMENT_DESCRIPTION_CHARS_MAX)
#define WEBHOOK_BYTES_MAX (256 * 1024)

/* --- what people are told --- */

static const struct problem_text {
	const char *name;
	const char *detail;
} problem_texts[] = {
	[PROBLEM_NONE] = {NULL, NULL},
	[PROBLEM_KEY_REUSED] = {"idempotency_key_reused",
		"This Idempotency-Key came before with another request."},
	[PROBLEM_PAYEE_NOT_FOUND] = {"payee_not_found", "There is nobody with the id in paid_to."},
	[PROBLEM_NOT_CHARGEABLE] = {"not_chargeable",
		"The payment provider does not charge this amount."},
	[PROBLEM_NOT_RETRYABLE] = {"payment_not_retryable",
		"Only a payment that requires funding can be tried again."},
	[PROBLEM_BEING_CANCELED] = {"payment_not_retryable",
		"This payment is being canceled, it cannot be tried again."},
	[PROBLEM_TRIED_TOO_OFTEN] = {"payment_not_retryable",
		"This payment was tried too often, it cannot be tried again."},
	[PROBLEM_NOT_CANCELABLE] = {"payment_not_cancelable",
		"This payment has ended, it cannot be canceled any more."},
	[PROBLEM_ENDING] = {"payment_not_cancelable",
		"This payment is ending already, it cannot be canceled any more."},
	[PROBLEM_IN_REVIEW] = {"payment_not_cancelable",
		"We are looking into this payment, it cannot be canceled meanwhile."},
	[PROBLEM_SETTLING] = {"payment_settling",
		"The money of this payment is on its way: it can be neither canceled nor tried "
		"again."},
};

static enum mp_rc tell(struct mp_request *req, enum mp_rc rc, enum payment_problem problem)
{
	const struct problem_text *text = &problem_texts[problem];

	if (rc != MP_OK && text->name != NULL)
		mp_request_problem(req, text->name, text->detail);
	return rc;
}

/* The provider's page and the payer's trouble are the payer's alone. */
static int set_payer_fields(json_t *json, const struct payment *p, bool for_payer)
{
	const char *url = for_payer ? p->checkout_url : NULL;
	int failed = mp_json_set_text(json, "checkout_url", url);

	failed |= mp_json_set_bool(json, "cancel_wanted", for_payer && p->cancel_wanted);
	failed |= mp_json_set_text(json, "reason", for_payer ? p->reason : NULL);
	if (url == NULL) {
		failed |= mp_json_set_text(json, "checkout_amount", NULL);
		failed |= mp_json_set_text(json, "checkout_expires_at", NULL);
		return failed;
	}
	failed |= mp_json_set_minor(json, "checkout_amount", p->checkout_minor, p->currency);
	failed |= mp_json_set_time(json, "checkout_expires_at", p->checkout_expires_at_s * 1000);
	return failed;
}

json_t *payment_to_json(const struct payment *p, const struct mp_id *reader)
{
	json_t *json = json_object();
	int failed = json == NULL;

	failed |= mp_json_set_id(json, "id", &p->id);
	failed |= mp_json_set_id(json, "paid_by", &p->paid_by);
	failed |= mp_json_set_id(json, "paid_to", &p->paid_to);
	failed |= mp_json_set_minor(json, "payment_amount", p->amount_minor, p->currency);
	failed |= mp_json_set_text(json, "currency", p->currency->code);
	failed |= mp_json_set_bool(json, "status", p->state == PAYMENT_SUCCEEDED);
	failed |= mp_json_set_text(json, "state", payment_state_name(p->state));
	failed |= mp_json_set_text(json, "source", payment_source_name(p->source));
	failed |= mp_json_set_text(json, "description", p->description);
	failed |= mp_json_set_time(json, "created_at", p->created_at_ms);
	failed |= set_payer_fields(json, p, mp_id_equal(&p->paid_by, reader));
	if (failed == 0)
		return json;
	json_decref(json);
	return NULL;
}

/* A user's token without a user's id would be a bug of the user service. */
static enum mp_rc caller(const struct mp_request *req, struct mp_id *out_user)
{
	return mp_id_parse(mp_request_principal(req)->subject, out_user) ? MP_OK
									 : MP_UNAUTHENTICATED;
}

enum mp_rc caller_in_session(
	struct mp_request *req, struct payment_app *app, struct mp_id *out_session)
{
	bool signed_out = false;

	if (!mp_id_parse(mp_request_principal(req)->session, out_session))
		return MP_UNAUTHENTICATED;
	enum mp_rc rc =
		payment_db_signed_out(&app->db, out_session, 1, mp_request_arena(req), &signed_out);
	if (rc != MP_OK || !signed_out)
		return rc;
	mp_request_problem(req, "session_ended", "The session has ended: log on again.");
	return MP_UNAUTHENTICATED;
}

/* Who moves money. */
static enum mp_rc mover(struct mp_request *req, struct payment_app *app, struct mp_id *out_user)
{
	struct mp_id session;

	enum mp_rc rc = caller(req, out_user);
	return rc == MP_OK ? caller_in_session(req, app, &session) : rc;
}

/* --- a new payment --- */

static bool is_too_long(const char *text)
{
	size_t chars = 0;

	for (; text != NULL && *text != '\0'; text++)
		chars += ((unsigned char)*text & 0xC0) != 0x80;
	return chars > PAYMENT_DESCRIPTION_CHARS_MAX;
}

static enum mp_rc read_order(struct mp_request *req, const struct payment_app *app,
	const struct mp_id *user, struct payment *out_order)
{
	struct payment order = {.paid_by = *user};
	struct mp_money money = {.minor = 0};
	int source = PAYMENT_FROM_WALLET;
	struct mp_json_reader r;
	json_t *json = NULL;

	enum mp_rc rc = mp_request_json(req, &json);
	if (rc != MP_OK)
		return rc;
	mp_json_read_begin(&r, json, "", mp_request_field_errors(req));
	mp_json_read_id_or_null(&r, "paid_to", &order.paid_to);
	mp_json_read_money(&r, "payment_amount", "currency", app->db.currencies, &money);
	mp_json_read_optional(&r);
	mp_json_read_choice(&r, "source", "wallet|card", &source);
	mp_json_read_optional(&r);
	mp_json_read_text_or_null(&r, "description", 0, DESCRIPTION_BYTES_MAX, &order.description);
	if (is_too_long(order.description))
		mp_json_read_refuse(&r, "description", "must be at most 200 characters long");
	if (mp_id_equal(&order.paid_to, user))
		mp_json_read_refuse(&r, "paid_to", "must be somebody else");
	rc = mp_json_read_end(&r);
	if (rc != MP_OK)
		return rc;

	if (order.description != NULL && order.description[0] == '\0')
		order.description = NULL;
	order.source = (enum payment_source)source;
	order.amount_minor = money.minor;
	order.currency = mp_currencies_find(app->db.currencies, money.currency);
	*out_order = order;
	return MP_OK;
}

/* What the provider charges; it may have fewer decimals than the currency. */
static void tell_minimum(
	struct mp_request *req, const char *field, const char *words, const struct payment *order)
{
	const struct mp_field_errors *errors = mp_request_field_errors(req);
	const struct mp_currency *currency = order->currency;
	char minimum[MP_AMOUNT_TEXT_SIZE];
	char step[MP_AMOUNT_TEXT_SIZE];
	int64_t step_minor = mp_money_provider_step(currency);

	mp_money_format(currency->provider_minimum_minor, currency, minimum);
	mp_money_format(step_minor, currency, step);
	const char *message = mp_arena_printf(mp_request_arena(req), "%s at least %s %s%s%s", words,
		minimum, currency->code, step_minor > 1 ? ", and a multiple of " : "",
		step_minor > 1 ? step : "");
	if (message != NULL)
		errors->add(errors->ctx, field, message);
}

/* As Stripe's API says it: the key came before, and no new payment was made. */
static enum mp_rc answer_payment(struct mp_response *res, unsigned status,
	const struct mp_idempotency *key, const struct payment *payment, const struct mp_id *user)
{
	enum mp_rc rc = MP_OK;

	if (key->replayed)
		rc = mp_response_header(res, "Idempotent-Replayed", "true");
	return rc == MP_OK ? mp_response_json(res, status, payment_to_json(payment, user)) : rc;
}

/* POST /v1/payments: the page is opened here when the provider answers, otherwise by a worker. */
static enum mp_rc post_payment(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct payment_app *app = ctx;
	enum payment_problem problem = PROBLEM_NONE;
	struct mp_idempotency key;
	struct payment payment;
	struct payment order;
	struct mp_id user;

	enum mp_rc rc = mover(req, app, &user);
	if (rc == MP_OK)
		rc = read_order(req, app, &user, &order); /* tells every wrong field */
	if (rc != MP_OK)
		return rc;
	mp_request_idempotency(req, &key);
	rc = payment_create(
		app, &order, &key, mp_clock_ms(), mp_request_arena(req), &payment, &problem);
	if (problem == PROBLEM_NOT_CHARGEABLE)
		tell_minimum(req, "payment_amount", "by card must be", &order);
	if (rc != MP_OK)
		return tell(req, rc, problem);
	return answer_payment(res, 201, &key, &payment, &user);
}

/* --- reading --- */

static enum mp_rc read_filters(struct mp_request *req, struct payment_list *list)
{
	const struct mp_field_errors *errors = mp_request_field_errors(req);
	const char *role = mp_request_query(req, "role");
	const char *state = mp_request_query(req, "state");

	enum mp_rc rc = mp_request_page(req, &list->limit, &list->after);
	list->state = PAYMENT_STATES;
	if (state != NULL && !payment_state_from_name(state, &list->state)) {
		errors->add(errors->ctx, "state", "is not a state of payments");
		rc = MP_INVALID;
	}
	list->role = PAYMENT_ROLE_ANY;
	if (role != NULL && strcmp(role, "payer") == 0) {
		list->role = PAYMENT_ROLE_PAYER;
	} else if (role != NULL && strcmp(role, "payee") == 0) {
		list->role = PAYMENT_ROLE_PAYEE;
	} else if (role != NULL) {
		errors->add(errors->ctx, "role", "must be one of: payer, payee");
		rc = MP_INVALID;
	}
	return rc;
}

/* GET /v1/payments */
static enum mp_rc get_payments(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct payment_app *app = ctx;
	struct payment_list list = {.count = 0};

	enum mp_rc rc = caller(req, &list.user);
	if (rc == MP_OK)
		rc = read_filters(req, &list);
	if (rc == MP_OK)
		rc = payment_db_list(&app->db, &list, mp_request_arena(req));
	if (rc != MP_OK)
		return rc;
	json_t *items = json_array();
	for (size_t i = 0; items != NULL && i < list.count; i++) {
		if (json_array_append_new(items, payment_to_json(&list.payments[i], &list.user)) !=
			0) {
			json_decref(items);
			items = NULL;
		}
	}
	return items == NULL ? MP_NOMEM : mp_response_list(res, items, list.next);
}

enum mp_rc payment_of_path(struct mp_request *req, struct payment_app *app, struct mp_id *out_user,
	struct payment *out_payment)
{
	struct mp_id id;

	enum mp_rc rc = caller(req, out_user);
	if (rc == MP_OK)
		rc = mp_request_param_id(req, "id", &id);
	if (rc != MP_OK)
		return rc;
	return payment_read(app, out_user, &id, mp_request_arena(req), out_payment);
}

/* GET /v1/payments/{id} */
static enum mp_rc get_payment(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct payment payment;
	struct mp_id user;

	enum mp_rc rc = payment_of_path(req, ctx, &user, &payment);
	if (rc != MP_OK)
		return rc;
	return mp_response_json(res, 200, payment_to_json(&payment, &user));
}

json_t *payment_row_to_json(const struct payment_row *row, bool for_payer)
{
	/* Why it failed is the payer's card's matter. */
	bool told = for_payer || strcmp(row->event, "payment.failed") != 0;
	json_t *json = json_object();
	int failed = json == NULL;

	failed |= mp_json_set_int(json, "seq", row->seq);
	failed |= mp_json_set_time(json, "at", row->at_ms);
	failed |= mp_json_set_text(json, "service", row->service);
	failed |= mp_json_set_text(json, "event", row->event);
	failed |= mp_json_set_text(json, "detail", told ? row->detail : NULL);
	if (failed == 0)
		return json;
	json_decref(json);
	return NULL;
}

/* GET /v1/payments/{id}/timeline */
static enum mp_rc get_timeline(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct payment_app *app = ctx;
	struct payment payment;
	struct payment_timeline timeline = {.count = 0};
	struct mp_id user;

	enum mp_rc rc = payment_of_path(req, app, &user, &payment);
	if (rc == MP_OK)
		rc = mp_request_page(req, &timeline.limit, &timeline.after);
	if (rc != MP_OK)
		return rc;
	timeline.payment_id = payment.id;
	timeline.for_payer = mp_id_equal(&payment.paid_by, &user);
	rc = payment_db_timeline(&app->db, &timeline, mp_request_arena(req));
	if (rc != MP_OK)
		return rc;
	json_t *items = json_array();
	for (size_t i = 0; items != NULL && i < timeline.count; i++) {
		json_t *row = payment_row_to_json(&timeline.rows[i], timeline.for_payer);
		if (json_array_append_new(items, row) != 0) {
			json_decref(items);
			items = NULL;
		}
	}
	return items == NULL ? MP_NOMEM : mp_response_list(res, items, timeline.next);
}

/* --- the payer's wishes --- */

/* POST /v1/payments/{id}/retry */
static enum mp_rc post_retry(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct payment_app *app = ctx;
	enum payment_problem problem = PROBLEM_NONE;
	struct mp_idempotency key;
	struct mp_json_reader r;
	struct payment payment;
	json_t *json = NULL;
	struct mp_id user;
	struct mp_id id;
	int source = PAYMENT_FROM_WALLET;

	enum mp_rc rc = mover(req, app, &user);
	if (rc == MP_OK)
		rc = mp_request_param_id(req, "id", &id);
	if (rc == MP_OK)
		rc = mp_request_json(req, &json);
	if (rc != MP_OK)
		return rc;
	mp_json_read_begin(&r, json, "", mp_request_field_errors(req));
	mp_json_read_choice(&r, "source", "wallet|card", &source);
	rc = mp_json_read_end(&r);
	if (rc != MP_OK)
		return rc;
	mp_request_idempotency(req, &key);
	rc = payment_retry(app, &user, &id, (enum payment_source)source, &key, mp_clock_ms(),
		mp_request_arena(req), &payment, &problem);
	if (problem == PROBLEM_NOT_CHARGEABLE)
		tell_minimum(req, "source", "cannot be card: the amount must be", &payment);
	if (rc != MP_OK)
		return tell(req, rc, problem);
	return answer_payment(res, 200, &key, &payment, &user);
}

/* POST /v1/payments/{id}/cancel: 200 canceled, 202 as soon as the provider can be reached. */
static enum mp_rc post_cancel(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct payment_app *app = ctx;
	enum payment_problem problem = PROBLEM_NONE;
	struct payment payment;
	struct mp_id user;
	struct mp_id id;

	enum mp_rc rc = mover(req, app, &user);
	if (rc == MP_OK)
		rc = mp_request_param_id(req, "id", &id);
	if (rc == MP_OK)
		rc = payment_cancel(
			app, &user, &id, mp_clock_ms(), mp_request_arena(req), &payment, &problem);
	if (rc != MP_OK)
		return tell(req, rc, problem);
	return mp_response_json(
		res, payment.cancel_wanted ? 202 : 200, payment_to_json(&payment, &user));
}

/* --- the provider's webhooks --- */

static enum mp_rc read_event(const char *body, size_t len, struct provider_event *out,
	bool *out_livemode, json_t **out_json)
{
	const json_t *data = NULL;
	const json_t *object = NULL;
	struct mp_json_reader r;
	json_t *json = NULL;
	char reason[160];

	enum mp_rc rc = mp_json_parse(body, len, &json, reason);
	if (rc != MP_OK)
		return rc;
	mp_json_read_begin(&r, json, "", NULL);
	mp_json_read_ignore_unknown(&r);
	mp_json_read_text(&r, "id", 1, PROVIDER_ID_BYTES_MAX, &out->provider_id);
	mp_json_read_text(&r, "type", 1, PROVIDER_ID_BYTES_MAX, &out->type);
	mp_json_read_int(&r, "created", 0, INT32_MAX * (int64_t)16, &out->created_at_s);
	mp_json_read_bool(&r, "livemode", out_livemode);
	mp_json_read_object(&r, "data", &data);
	rc = mp_json_read_end(&r);
	if (rc == MP_OK && stripe_is_id(out->provider_id)) {
		object = json_object_get(data, "object");
		const char *id = json_string_value(json_object_get(object, "id"));
		out->object_id = stripe_is_id(id) ? id : NULL;
		*out_json = json;
		return MP_OK;
	}
	json_decref(json);
	return MP_INVALID;
}

static enum mp_rc refuse_webhook(struct mp_request *req, struct payment_app *app, enum mp_rc rc,
	const char *name, const char *detail)
{
	mp_metric_add(app->webhooks_refused, 1);
	mp_log(MP_LOG_WARN, "webhook_refused", MP_TEXT("problem", name),
		MP_TEXT("address", mp_request_address(req)));
	mp_request_problem(req, name, detail);
	return rc;
}

static enum mp_rc check_signature(struct mp_request *req, struct payment_app *app, const char *body,
	size_t len, int64_t now_ms)
{
	switch (stripe_signature_check(&app->webhook_secrets,
		mp_request_header(req, "Stripe-Signature"), body, len, now_ms / 1000,
		mp_request_arena(req))) {
	case STRIPE_SIGNATURE_GOOD:
		return MP_OK;
	case STRIPE_SIGNATURE_MALFORMED:
		return refuse_webhook(req, app, MP_FORBIDDEN, "webhook_signature",
			"The header Stripe-Signature is missing or malformed.");
	case STRIPE_SIGNATURE_WRONG:
		return refuse_webhook(req, app, MP_FORBIDDEN, "webhook_signature",
			"The signature was not made with our secret over this body: "
			"STRIPE_WEBHOOK_SECRET must be this endpoint's.");
	case STRIPE_SIGNATURE_TIME:
		return refuse_webhook(req, app, MP_FORBIDDEN, "webhook_signature",
			mp_arena_printf(mp_request_arena(req),
				"The signature's time is more than %d s from this machine's clock: "
				"set the clock right, then send the event again at Stripe.",
				STRIPE_TOLERANCE_S));
	case STRIPE_SIGNATURE_NO_MEMORY:
		break;
	}
	return MP_NOMEM;
}

/* POST /v1/webhooks/stripe: kept before it is answered, looked into afterwards. */
static enum mp_rc post_webhook(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct payment_app *app = ctx;
	struct provider_event event = {.received_at_ms = mp_clock_ms()};
	bool livemode = false;
	json_t *json = NULL;
	size_t len = 0;
	const char *body = mp_request_body(req, &len);

	enum mp_rc rc = check_signature(req, app, body, len, event.received_at_ms);
	if (rc != MP_OK)
		return rc;
	rc = read_event(body, len, &event, &livemode, &json);
	if (rc == MP_INVALID)
		return refuse_webhook(
			req, app, rc, "webhook_event", "The body is not an event of Stripe.");
	if (rc != MP_OK)
		return rc;
	if (livemode == app->stripe.livemode)
		rc = provider_event_keep(app, &event, mp_request_arena(req));
	else
		rc = refuse_webhook(req, app, MP_FORBIDDEN, "webhook_livemode",
			"The event is of the other mode, live or test, than our key.");
	json_decref(json);
	return rc == MP_OK ? mp_response_empty(res, 200) : rc;
}

const struct mp_route payment_routes[] = {
	{"POST", "/v1/payments", MP_AUTH_USER, NULL, MP_KEY_REQUIRED, 0, 0, post_payment},
	{"GET", "/v1/payments", MP_AUTH_USER, NULL, MP_KEY_NONE, 0, 0, get_payments},
	{"GET", "/v1/payments/{id}", MP_AUTH_USER, NULL, MP_KEY_NONE, 0, 0, get_payment},
	{"GET", "/v1/payments/{id}/timeline", MP_AUTH_USER, NULL, MP_KEY_NONE, 0, 0, get_timeline},
	{"GET", "/v1/payments/{id}/events", MP_AUTH_USER, NULL, MP_KEY_NONE, 0, 0,
		get_payment_events},
	{"POST", "/v1/payments/{id}/retry", MP_AUTH_USER, NULL, MP_KEY_ACCEPTED, 0, 0, post_retry},
	{"POST", "/v1/payments/{id}/cancel", MP_AUTH_USER, NULL, MP_KEY_NONE, 0, 0, post_cancel},
	{"POST", "/v1/webhooks/stripe", MP_AUTH_NONE, NULL, MP_KEY_NONE, 0, WEBHOOK_BYTES_MAX,
		post_webhook},

	/* Inside only: the gateway does not route these. */
	{"GET", "/v1/operations/payments/{id}", MP_AUTH_SERVICE, "operations:read", MP_KEY_NONE, 0,
		0, payment_get_operated},
	{"POST", "/v1/operations/payments/{id}/redrive", MP_AUTH_SERVICE, "operations:write",
		MP_KEY_NONE, MP_ROUTE_PROVIDER, 0, payment_post_redrive},
	{"POST", "/v1/operations/payments/{id}/close", MP_AUTH_SERVICE, "operations:write",
		MP_KEY_NONE, 0, 0, payment_post_close},
	{"POST", "/v1/operations/republish", MP_AUTH_SERVICE, "operations:write", MP_KEY_NONE, 0, 0,
		payment_post_republish},
	{"GET", "/v1/operations/captures", MP_AUTH_SERVICE, "operations:read", MP_KEY_NONE,
		MP_ROUTE_PROVIDER, 0, payment_get_captures},
	{"GET", "/v1/operations/captures/{payment_intent}", MP_AUTH_SERVICE, "operations:read",
		MP_KEY_NONE, MP_ROUTE_PROVIDER, 0, payment_get_capture},
};
const size_t payment_routes_count = sizeof(payment_routes) / sizeof(payment_routes[0]);
