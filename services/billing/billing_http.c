#include "billing_http.h"

#include <string.h>

#include "base/clock.h"
#include "http_server/republish.h"

static json_t *bill_to_json(const struct billing_app *app, const struct bill *bill)
{
	const struct mp_currency *currency =
		mp_currencies_find(app->db.currencies, bill->amount.currency);
	json_t *json = json_object();
	int bad = currency == NULL;

	bad |= mp_json_set_id(json, "id", &bill->id);
	bad |= mp_json_set_id(json, "user_id", &bill->user_id);
	bad |= mp_json_set_id(json, "provider_id", &bill->provider_id);
	bad |= mp_json_set_text(json, "invoice_no", bill->invoice_no);
	if (bad == 0)
		bad |= mp_json_set_minor(json, "bill_amount", bill->amount.minor, currency);
	bad |= mp_json_set_text(json, "currency", bill->amount.currency);
	bad |= mp_json_set_bool(json, "status", bill->state == BILL_SETTLED);
	bad |= mp_json_set_text(json, "state", bill_state_name(bill->state));
	bad |= mp_json_set_id(json, "payment_id", &bill->payment_id);
	bad |= mp_json_set_text(
		json, "description", bill->description[0] != '\0' ? bill->description : NULL);
	bad |= mp_json_set_time(json, "date", bill->date_ms);
	if (bad != 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static enum mp_rc caller_id(const struct mp_request *req, struct mp_id *out_id)
{
	return mp_id_parse(mp_request_principal(req)->subject, out_id) ? MP_OK : MP_UNAUTHENTICATED;
}

/* GET /v1/operations/payments/{id} */
static enum mp_rc get_bill_of_payment(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct billing_app *app = ctx;
	struct mp_id payment_id;
	struct bill bill;

	enum mp_rc rc = mp_request_param_id(req, "id", &payment_id);
	if (rc == MP_OK)
		rc = billing_bill_of(app, mp_request_arena(req), &payment_id, &bill);
	if (rc != MP_OK)
		return rc;
	json_t *json = bill_to_json(app, &bill);
	int bad = json == NULL;
	bad |= mp_json_set_int(json, "attempt", bill.attempt);
	bad |= mp_json_set_id(json, "transfer_id", &bill.transfer_id);
	bad |= mp_json_set_time(json, "changed_at", bill.changed_ms);
	if (bad == 0)
		return mp_response_json(res, 200, json);
	json_decref(json);
	return MP_NOMEM;
}

/* GET /v1/bills/{id} */
static enum mp_rc get_bill(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct billing_app *app = ctx;
	struct mp_id user_id, bill_id;
	struct bill bill;
	enum mp_rc rc = caller_id(req, &user_id);

	if (rc == MP_OK)
		rc = mp_request_param_id(req, "id", &bill_id);
	if (rc == MP_OK)
		rc = billing_get(app, mp_request_arena(req), &user_id, &bill_id, &bill);
	return rc == MP_OK ? mp_response_json(res, 200, bill_to_json(app, &bill)) : rc;
}

/* POST /v1/operations/republish */
static enum mp_rc post_republish(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return mp_republish(req, res, billing_tell_again, ctx);
}

static void wrong(struct mp_request *req, const char *name, const char *message, enum mp_rc *rc)
{
	const struct mp_field_errors *errors = mp_request_field_errors(req);

	errors->add(errors->ctx, name, message);
	*rc = MP_INVALID;
}

static void read_time(struct mp_request *req, const char *name, int64_t *out_ms, enum mp_rc *rc)
{
	const char *text = mp_request_query(req, name);

	if (text != NULL && mp_time_parse(text, out_ms) != MP_OK)
		wrong(req, name, MP_TIME_WANTED, rc);
	else if (text != NULL && *out_ms < 1)
		*out_ms = 1; /* no id is of a time before 1970, and 0 says that none was given */
}

static enum mp_rc read_filter(struct mp_request *req, struct billing_filter *out)
{
	struct billing_filter filter = {.state = -1};
	const char *role = mp_request_query(req, "role");
	const char *state = mp_request_query(req, "state");
	enum bill_state wanted;
	enum mp_rc rc = MP_OK;

	if (role != NULL && !bill_role_parse(role, &filter.role))
		wrong(req, "role", "must be client or provider", &rc);
	if (state != NULL && !bill_state_parse(state, &wanted))
		wrong(req, "state", "must be settling, unfunded, settled or void", &rc);
	else if (state != NULL)
		filter.state = (int)wanted;
	read_time(req, "from", &filter.from_ms, &rc);
	read_time(req, "to", &filter.to_ms, &rc);
	if (rc == MP_OK)
		*out = filter;
	return rc;
}

/* GET /v1/bills */
static enum mp_rc get_bills(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct billing_app *app = ctx;
	struct billing_filter filter;
	struct billing_page page;
	struct mp_id user_id;
	const char *after;
	size_t limit;
	json_t *items;
	enum mp_rc rc = caller_id(req, &user_id);

	if (rc == MP_OK)
		rc = mp_request_page(req, &limit, &after);
	if (rc == MP_OK)
		rc = read_filter(req, &filter);
	if (rc == MP_OK)
		rc = billing_list(
			app, mp_request_arena(req), &user_id, &filter, after, limit, &page);
	if (rc != MP_OK)
		return rc;
	items = json_array();
	for (size_t i = 0; i < page.count; i++) {
		if (json_array_append_new(items, bill_to_json(app, &page.bills[i])) != 0) {
			json_decref(items);
			return MP_NOMEM;
		}
	}
	return mp_response_list(res, items, page.after);
}

const struct mp_route billing_routes[] = {
	{"GET", "/v1/bills", MP_AUTH_USER, NULL, MP_KEY_NONE, 0, 0, get_bills},
	{"GET", "/v1/reports/summary", MP_AUTH_USER, NULL, MP_KEY_NONE, 0, 0, billing_get_summary},
	{"GET", "/v1/bills/{id}", MP_AUTH_USER, NULL, MP_KEY_NONE, 0, 0, get_bill},

	/* Inside only: the gateway does not route these. */
	{"GET", "/v1/operations/payments/{id}", MP_AUTH_SERVICE, "operations:read", MP_KEY_NONE, 0,
		0, get_bill_of_payment},
	{"POST", "/v1/operations/republish", MP_AUTH_SERVICE, "operations:write", MP_KEY_NONE, 0, 0,
		post_republish},
};
const size_t billing_routes_count = sizeof(billing_routes) / sizeof(billing_routes[0]);
