#include "objects.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ids.h"

static const char *const session_statuses[] = {"open", "complete", "expired"};
static const char *const intent_statuses[] = {
	"requires_payment_method", "processing", "succeeded", "canceled"};

static int set_nulls(json_t *object, const char *const *names, size_t count)
{
	int failed = 0;

	for (size_t i = 0; i < count; i++)
		failed |= json_object_set_new(object, names[i], json_null());
	return failed;
}

#define SET_NULLS(object, names) set_nulls((object), (names), sizeof(names) / sizeof((names)[0]))

static json_t *metadata_to_json(const struct metadata *metadata)
{
	json_t *json = json_object();

	for (size_t i = 0; i < metadata->count; i++) {
		if (json_object_set_new(json, metadata->pairs[i].name,
			    json_string(metadata->pairs[i].value)) != 0) {
			json_decref(json);
			return NULL;
		}
	}
	return json;
}

/* An object that was built by several calls: failed tells whether any of them did. */
static json_t *built(json_t *json, int failed)
{
	if (failed == 0)
		return json;
	json_decref(json);
	return NULL;
}

/* --- sessions --- */

static int set_session_state(
	json_t *json, const struct session *session, const char *id, const char *public_url)
{
	char intent[STRIPE_ID_SIZE];
	char url[1024];
	bool open = session->status == SESSION_OPEN;
	bool has_intent = !mp_id_is_none(&session->intent);

	if (has_intent)
		stripe_id_format(INTENT_PREFIX, &session->intent, intent);
	if (mp_text_format(url, sizeof(url), "%s/pay/%s", public_url, id) != MP_OK)
		return -1;
	return mp_json_set_text(json, "payment_intent", has_intent ? intent : NULL) ||
	       mp_json_set_text(json, "payment_status", session->paid ? "paid" : "unpaid") ||
	       mp_json_set_text(json, "status", session_statuses[session->status]) ||
	       mp_json_set_text(json, "url", open ? url : NULL);
}

static int set_session_order(json_t *json, const struct session *session)
{
	return mp_json_set_int(json, "amount_subtotal", session->amount_total) ||
	       mp_json_set_int(json, "amount_total", session->amount_total) ||
	       mp_json_set_text(json, "cancel_url", session->cancel_url) ||
	       mp_json_set_text(json, "client_reference_id", session->client_reference_id) ||
	       mp_json_set_int(json, "created", stripe_id_created_s(&session->id)) ||
	       mp_json_set_text(json, "currency", session->currency) ||
	       mp_json_set_text(json, "customer_email", session->customer_email) ||
	       mp_json_set_int(json, "expires_at", session->expires_at_s) ||
	       mp_json_set_bool(json, "livemode", false) ||
	       json_object_set_new(json, "metadata", metadata_to_json(&session->metadata)) ||
	       mp_json_set_text(json, "mode", "payment") ||
	       mp_json_set_text(json, "success_url", session->success_url);
}

/* What this sandbox does not have is there as the provider shows it when it is not used. */
static int set_session_rest(json_t *json)
{
	static const char *const nulls[] = {"after_expiration", "billing_address_collection",
		"client_secret", "consent", "consent_collection", "currency_conversion", "customer",
		"customer_details", "invoice", "locale", "payment_link",
		"payment_method_configuration_details", "recovered_from",
		"saved_payment_method_options", "setup_intent", "shipping_address_collection",
		"shipping_cost", "submit_type", "subscription"};
	json_t *rest = json_pack("{s:{s:b}, s:b, s:{s:b, s:n, s:n}, s:[], s:{s:n, s:n, s:n, s:n}, "
				 "s:s, s:[], s:{}, s:s, s:[s], s:{s:b}, s:[], "
				 "s:{s:i, s:i, s:i}, s:s}",
		"adaptive_pricing", "enabled", 0, "allow_promotion_codes", 0, "automatic_tax",
		"enabled", 0, "liability", "status", "custom_fields", "custom_text", "after_submit",
		"shipping_address", "submit", "terms_of_service_acceptance", "customer_creation",
		"if_required", "discounts", "payment_method_options", "payment_method_collection",
		"if_required", "payment_method_types", "card", "phone_number_collection", "enabled",
		0, "shipping_options", "total_details", "amount_discount", 0, "amount_shipping", 0,
		"amount_tax", 0, "ui_mode", "hosted");
	int failed = rest == NULL ? -1 : json_object_update(json, rest);

	json_decref(rest);
	return failed || SET_NULLS(json, nulls);
}

json_t *session_to_json(const struct session *session, const char *public_url)
{
	char id[STRIPE_ID_SIZE];
	json_t *json = json_object();

	stripe_id_format(SESSION_PREFIX, &session->id, id);
	int failed = mp_json_set_text(json, "id", id) ||
		     mp_json_set_text(json, "object", "checkout.session") ||
		     set_session_order(json, session) ||
		     set_session_state(json, session, id, public_url) || set_session_rest(json);
	return built(json, failed);
}

/* --- payment intents --- */

static json_t *intent_error_to_json(const struct intent *intent)
{
	if (intent->error_code == NULL)
		return json_null();
	return json_pack("{s:s, s:s?, s:s, s:s}", "code", intent->error_code, "decline_code",
		intent->decline_code, "message", intent->error_message, "type", "card_error");
}

static int set_intent_parts(json_t *json, const struct intent *intent)
{
	char charge[STRIPE_ID_SIZE];
	char method[STRIPE_ID_SIZE];
	char secret[STRIPE_ID_SIZE + 16];
	bool succeeded = intent->status == INTENT_SUCCEEDED;
	bool has_method = succeeded || intent->status == INTENT_PROCESSING;

	stripe_id_format("ch_", &intent->id, charge);
	stripe_id_format("pm_", &intent->id, method);
	if (mp_text_format(secret, sizeof(secret), "pi_%.8s_secret_test", intent->id.text) != MP_OK)
		return -1;
	return mp_json_set_text(json, "client_secret", secret) ||
	       mp_json_set_text(json, "latest_charge", succeeded ? charge : NULL) ||
	       mp_json_set_text(json, "payment_method", has_method ? method : NULL) ||
	       json_object_set_new(json, "last_payment_error", intent_error_to_json(intent)) ||
	       json_object_set_new(json, "metadata", metadata_to_json(&intent->metadata)) ||
	       json_object_set_new(json, "payment_method_types",
		       json_pack("[s]", intent->bank ? "customer_balance" : "card"));
}

json_t *intent_to_json(const struct intent *intent)
{
	static const char *const nulls[] = {"application", "application_fee_amount",
		"automatic_payment_methods", "canceled_at", "cancellation_reason", "customer",
		"next_action", "on_behalf_of", "processing", "receipt_email", "review",
		"setup_future_usage", "shipping", "source", "statement_descriptor",
		"statement_descriptor_suffix", "transfer_data", "transfer_group"};
	char id[STRIPE_ID_SIZE];
	json_t *json = json_object();
	bool succeeded = intent->status == INTENT_SUCCEEDED;

	stripe_id_format(INTENT_PREFIX, &intent->id, id);
	int failed = mp_json_set_text(json, "id", id) ||
		     mp_json_set_text(json, "object", "payment_intent") ||
		     mp_json_set_int(json, "amount", intent->amount) ||
		     mp_json_set_int(json, "amount_capturable", 0) ||
		     json_object_set_new(json, "amount_details", json_pack("{s:{}}", "tip")) ||
		     mp_json_set_int(json, "amount_received", succeeded ? intent->amount : 0) ||
		     mp_json_set_text(json, "capture_method", "automatic_async") ||
		     mp_json_set_text(json, "confirmation_method", "automatic") ||
		     mp_json_set_int(json, "created", stripe_id_created_s(&intent->id)) ||
		     mp_json_set_text(json, "currency", intent->currency) ||
		     mp_json_set_text(json, "description", intent->description) ||
		     mp_json_set_bool(json, "livemode", false) ||
		     mp_json_set_text(json, "status", intent_statuses[intent->status]) ||
		     json_object_set_new(json, "payment_method_options", json_object()) ||
		     set_intent_parts(json, intent) || SET_NULLS(json, nulls);
	return built(json, failed);
}

/* --- events, lists, errors --- */

json_t *event_to_json(const struct event *event)
{
	char id[STRIPE_ID_SIZE];
	json_t *object = json_loads(event->object, 0, NULL);
	json_t *json = json_object();

	stripe_id_format(EVENT_PREFIX, &event->id, id);
	int failed = mp_json_set_text(json, "id", id) ||
		     mp_json_set_text(json, "object", "event") ||
		     mp_json_set_text(json, "api_version", STRIPE_API_VERSION) ||
		     mp_json_set_int(json, "created", stripe_id_created_s(&event->id)) ||
		     json_object_set_new(json, "data", json_pack("{s:o}", "object", object)) ||
		     mp_json_set_bool(json, "livemode", false) ||
		     mp_json_set_int(json, "pending_webhooks", event->pending) ||
		     json_object_set_new(json, "request",
			     json_pack("{s:s?, s:s?}", "id", event->request_id, "idempotency_key",
				     event->request_key)) ||
		     mp_json_set_text(json, "type", event->type);
	return built(json, failed);
}

json_t *list_to_json(const char *url, json_t *items, bool has_more)
{
	return json_pack("{s:s, s:o, s:b, s:s}", "object", "list", "data", items, "has_more",
		(int)has_more, "url", url);
}

json_t *stripe_error_to_json(const struct stripe_error *error)
{
	json_t *json = json_object();
	int failed = 0;

	if (error->code != NULL)
		failed |= mp_json_set_text(json, "code", error->code);
	failed |= mp_json_set_text(json, "message", error->message);
	if (error->param != NULL)
		failed |= mp_json_set_text(json, "param", error->param);
	failed |= mp_json_set_text(json, "type", error->type);
	json = built(json, failed);
	return json == NULL ? NULL : json_pack("{s:o}", "error", json);
}

const char *json_to_text(struct mp_arena *arena, json_t *json)
{
	char *text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(2));
	const char *copy = mp_arena_strdup(arena, text);

	free(text);
	json_decref(json);
	return copy;
}
