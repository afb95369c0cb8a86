#include "stripe_client.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "http_client/http_client.h"
#include "json/json.h"
#include "log/log.h"
#include "metrics/metrics.h"

/* What this client was written against: the account's own default may move on without us. */
#define STRIPE_VERSION "2025-08-27.basil"
#define FORM_BYTES_MAX 8192
#define URL_BYTES_MAX 2048
#define ID_BYTES_MAX 255
#define KEYS_MAX 16 /* of one order */

struct stripe_client {
	struct mp_http_client *http;
	char *secret_key; /* owned; never logged */
	bool livemode;
	struct mp_metric *calls_answered;
	struct mp_metric *calls_refused;
	struct mp_metric *calls_failed;
};

bool stripe_is_id(const char *text)
{
	size_t len = 0;

	for (; text != NULL && text[len] != '\0'; len++) {
		char c = text[len];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!letter && !(c >= '0' && c <= '9') && c != '_')
			return false;
	}
	return len > 0 && len <= ID_BYTES_MAX;
}

/* --- reading --- */

static enum mp_rc copy_text(struct mp_arena *arena, const char *text, const char **out_copy)
{
	const char *copy = mp_arena_strdup(arena, text);
	if (copy == NULL && text != NULL)
		return MP_NOMEM;
	*out_copy = copy;
	return MP_OK;
}

static void read_currency(const char *text, char out_currency[4])
{
	if (text == NULL || strlen(text) != 3)
		return;
	for (size_t i = 0; i < 3; i++)
		out_currency[i] =
			text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 'a' + 'A') : text[i];
	out_currency[3] = '\0';
}

/* payment_intent is an id, or the whole object where the account expands it. */
static const char *intent_id(const json_t *session)
{
	const json_t *intent = json_object_get(session, "payment_intent");
	const char *id = json_is_object(intent) ? json_string_value(json_object_get(intent, "id"))
						: json_string_value(intent);
	return stripe_is_id(id) ? id : NULL;
}

/* What others made in the same account has none of this, and is none of ours. */
static void read_metadata(const json_t *object, struct mp_id *out_payment, int64_t *out_attempt)
{
	const json_t *metadata = json_object_get(object, "metadata");
	const char *attempt = json_string_value(json_object_get(metadata, "attempt"));
	const char *payment = json_string_value(json_object_get(metadata, "payment_id"));
	int64_t number = 0;
	struct mp_id id;

	if (!mp_id_parse(payment, &id) || attempt == NULL ||
		mp_text_to_int(attempt, &number) != MP_OK)
		return;
	*out_payment = id;
	*out_attempt = number;
}

static void read_references(const json_t *session, struct stripe_session *out)
{
	const char *reference = json_string_value(json_object_get(session, "client_reference_id"));
	struct mp_id payment_id = {""};
	int64_t attempt = 0;

	read_metadata(session, &payment_id, &attempt);
	if (reference == NULL || strcmp(payment_id.text, reference) != 0)
		return;
	out->payment_id = payment_id;
	out->attempt = attempt;
}

enum stripe_payment_status {
	STRIPE_UNPAID,
	STRIPE_PAID,
	STRIPE_NOTHING_TO_PAY
};
#define STRIPE_PAYMENT_STATUSES "unpaid|paid|no_payment_required" /* in their order */

static enum mp_rc session_from_json(
	const json_t *json, struct mp_arena *arena, struct stripe_session *out)
{
	struct stripe_session session = {.amount = -1};
	const char *id = NULL;
	const char *url = NULL;
	const char *currency = NULL;
	int status = 0;
	int payment_status = STRIPE_UNPAID;
	struct mp_json_reader r;

	mp_json_read_begin(&r, json, "", NULL);
	mp_json_read_ignore_unknown(&r);
	mp_json_read_text(&r, "id", 1, ID_BYTES_MAX, &id);
	mp_json_read_choice(&r, "status", "open|complete|expired", &status);
	mp_json_read_choice(&r, "payment_status", STRIPE_PAYMENT_STATUSES, &payment_status);
	mp_json_read_bool(&r, "livemode", &session.livemode);
	mp_json_read_optional(&r);
	mp_json_read_text_or_null(&r, "url", 1, URL_BYTES_MAX, &url);
	mp_json_read_optional(&r);
	mp_json_read_text_or_null(&r, "currency", 3, 3, &currency);
	enum mp_rc rc = mp_json_read_end(&r);
	if (rc != MP_OK || !stripe_is_id(id))
		return MP_CORRUPT;

	const json_t *amount = json_object_get(json, "amount_total");
	if (json_is_integer(amount))
		session.amount = json_integer_value(amount);
	session.status = (enum stripe_status)status;
	session.paid = payment_status == STRIPE_PAID;
	read_currency(currency, session.currency);
	read_references(json, &session);
	rc = copy_text(arena, id, &session.id);
	if (rc == MP_OK)
		rc = copy_text(arena, url, &session.url);
	if (rc == MP_OK)
		rc = copy_text(arena, intent_id(json), &session.payment_intent);
	if (rc == MP_OK)
		*out = session;
	return rc;
}

enum mp_rc stripe_session_parse(const char *body, size_t body_len, struct mp_arena *arena,
	struct stripe_session *out_session)
{
	json_t *json = NULL;
	char reason[160];

	enum mp_rc rc = mp_json_parse(body, body_len, &json, reason);
	if (rc != MP_OK)
		return rc == MP_NOMEM ? rc : MP_CORRUPT;
	rc = session_from_json(json, arena, out_session);
	json_decref(json);
	return rc;
}

/* An answer's body; NULL when it is none. */
static json_t *parse_answer(const struct mp_http_answer *answer)
{
	json_t *json = NULL;
	char ignored[160];

	return mp_json_parse(answer->body, answer->body_len, &json, ignored) == MP_OK ? json : NULL;
}

/* A field of Stripe's error, borrowed; "" when it has none. */
static const char *error_text(const json_t *json, const char *name)
{
	const char *text = json_string_value(json_object_get(json_object_get(json, "error"), name));

	return text != NULL ? text : "";
}

/* Stripe's own sentence is for developers, and goes to the log. */
static void read_refusal(const struct mp_http_answer *answer, const struct stripe_order *order,
	char reterr_reason[160])
{
	json_t *json = parse_answer(answer);
	const char *code = error_text(json, "code");
	const char *reason = "it does not take this payment";

	mp_log(MP_LOG_WARN, "provider_refused", MP_TEXT("payment", order->payment_id.text),
		MP_INT("status", answer->status), MP_TEXT("code", code),
		MP_TEXT("words", error_text(json, "message")));
	if (strcmp(code, "amount_too_small") == 0)
		reason = "the amount is too small";
	else if (strcmp(code, "amount_too_large") == 0)
		reason = "the amount is too large";
	enum mp_rc rc = mp_text_copy(reterr_reason, 160, reason);
	assert(rc == MP_OK);
	json_decref(json);
}

/* --- calling --- */

/* What every status means, whatever was asked. MP_INVALID: a 4xx that repeating does not mend. */
static enum mp_rc status_rc(long status)
{
	if (status >= 200 && status < 300)
		return MP_OK;
	if (status == 401 || status == 403)
		return MP_FORBIDDEN;
	if (status == 404)
		return MP_NOT_FOUND;
	if (status == 429)
		return MP_TOO_MANY;
	if (status == 408 || status == 409 || status == 425)
		return MP_UNAVAILABLE; /* 409: a twin of this call is running there */
	if (status >= 400 && status < 500)
		return MP_INVALID;
	return MP_UNKNOWN;
}

static enum mp_rc call(struct stripe_client *client, const char *method, const char *path,
	const char *key, const struct mp_buf *form, struct mp_arena *arena,
	struct mp_http_answer *out_answer)
{
	const struct mp_http_header headers[] = {
		{"Stripe-Version", STRIPE_VERSION},
		{"Idempotency-Key", key},
	};
	const struct mp_http_call request = {
		.method = method,
		.path = path,
		.content_type = form != NULL ? "application/x-www-form-urlencoded" : NULL,
		.body = form != NULL ? mp_buf_text(form) : NULL,
		.body_len = form != NULL ? form->len : 0,
		.bearer = client->secret_key,
		.headers = headers,
		.headers_count = key != NULL ? 2 : 1,
	};

	enum mp_rc rc = mp_http_call(client->http, &request, arena, out_answer);
	if (rc == MP_INVALID)
		rc = MP_BUG; /* not sent: it is not the provider that refuses */
	if (rc == MP_OK)
		rc = status_rc(out_answer->status);
	mp_metric_add(rc == MP_OK	       ? client->calls_answered
		      : mp_rc_is_transient(rc) ? client->calls_failed
					       : client->calls_refused,
		1);
	if (rc == MP_FORBIDDEN)
		mp_log(MP_LOG_ERROR, "provider_key_refused", MP_INT("status", out_answer->status));
	return rc;
}

static void form_add(
	struct mp_buf *form, struct mp_arena *arena, const char *name, const char *value)
{
	const char *encoded_name = mp_url_encode(arena, name);
	const char *encoded_value = mp_url_encode(arena, value);

	if (encoded_name == NULL || encoded_value == NULL) {
		form->rc = MP_NOMEM; /* checked once, by mp_buf_rc */
		return;
	}
	(void)mp_buf_addf(form, "%s%s=%s", form->len > 0 ? "&" : "", encoded_name, encoded_value);
}

static void form_add_int(
	struct mp_buf *form, struct mp_arena *arena, const char *name, int64_t value)
{
	char text[24];

	if (mp_text_format(text, sizeof(text), "%" PRId64, value) == MP_OK)
		form_add(form, arena, name, text);
}

/* Nothing that could change what is charged: no tax, no codes, no other currency. */
static void write_order(
	struct mp_buf *form, struct mp_arena *arena, const struct stripe_order *order)
{
	char currency[4] = "";

	for (size_t i = 0; i < 3 && order->currency[i] != '\0'; i++)
		currency[i] = (char)(order->currency[i] - 'A' + 'a');
	form_add(form, arena, "mode", "payment");
	form_add(form, arena, "client_reference_id", order->payment_id.text);
	form_add(form, arena, "metadata[payment_id]", order->payment_id.text);
	form_add_int(form, arena, "metadata[attempt]", order->attempt);
	form_add(form, arena, "payment_intent_data[metadata][payment_id]", order->payment_id.text);
	form_add_int(form, arena, "payment_intent_data[metadata][attempt]", order->attempt);
	form_add(form, arena, "line_items[0][quantity]", "1");
	form_add(form, arena, "line_items[0][price_data][currency]", currency);
	form_add_int(form, arena, "line_items[0][price_data][unit_amount]", order->amount);
	form_add(form, arena, "line_items[0][price_data][product_data][name]", order->name);
	form_add(form, arena, "automatic_tax[enabled]", "false");
	form_add(form, arena, "allow_promotion_codes", "false");
	form_add(form, arena, "adaptive_pricing[enabled]", "false");
	form_add(form, arena, "success_url", order->success_url);
	form_add(form, arena, "cancel_url", order->cancel_url);
	form_add_int(form, arena, "expires_at", order->expires_at_s);
}

/* An order with other words was sent under the key: before a restore, or with other settings. */
static bool is_of_another_order(const struct mp_http_answer *answer)
{
	if (answer->status != 400)
		return false;
	json_t *json = parse_answer(answer);
	bool is_another = strcmp(error_text(json, "type"), "idempotency_error") == 0;
	json_decref(json);
	return is_another;
}

/*
 * For a day Stripe keeps under an Idempotency-Key which order it was, and its answer, also a 500.
 * What is no answer to this order goes under the next key. Which they are follows from the first,
 * so that the key under which a session was made is found again. A 500 that is new may have made
 * one: it is asked for again first.
 */
static enum mp_rc send_order(struct stripe_client *client, const char *first_key,
	const struct mp_buf *form, struct mp_arena *arena, struct mp_http_answer *out_answer)
{
	const char *key = first_key;

	for (int i = 2; key != NULL && i <= KEYS_MAX + 1; i++) {
		*out_answer = (struct mp_http_answer){.status = 0};
		enum mp_rc rc =
			call(client, "POST", "/v1/checkout/sessions", key, form, arena, out_answer);
		bool is_kept_failure = out_answer->status >= 500 && out_answer->replayed;
		if (!is_kept_failure && !is_of_another_order(out_answer))
			return rc;
		key = mp_arena_printf(arena, "%s-%d", first_key, i);
	}
	return key == NULL ? MP_NOMEM : MP_UNKNOWN;
}

static enum mp_rc stripe_create(void *ctx, const struct stripe_order *order, struct mp_arena *arena,
	struct stripe_session *out_session, char reterr_reason[160])
{
	struct stripe_client *client = ctx;
	struct mp_http_answer answer;
	struct mp_buf form;

	mp_buf_init(&form, FORM_BYTES_MAX);
	write_order(&form, arena, order);
	enum mp_rc rc = mp_buf_rc(&form);
	if (rc == MP_OK)
		rc = send_order(client, order->key, &form, arena, &answer);
	mp_buf_done(&form);
	if (rc == MP_OK)
		return stripe_session_parse(answer.body, answer.body_len, arena, out_session);
	if (rc == MP_INVALID)
		read_refusal(&answer, order, reterr_reason);
	/* A wrong STRIPE_API_BASE is the operator's to mend, not the payment's end. */
	return rc == MP_NOT_FOUND ? MP_UNAVAILABLE : rc;
}

static enum mp_rc stripe_retrieve(void *ctx, const char *session_id, struct mp_arena *arena,
	struct stripe_session *out_session)
{
	struct stripe_client *client = ctx;
	struct mp_http_answer answer;

	if (!stripe_is_id(session_id))
		return MP_NOT_FOUND;
	const char *path = mp_arena_printf(arena, "/v1/checkout/sessions/%s", session_id);
	if (path == NULL)
		return MP_NOMEM;
	enum mp_rc rc = call(client, "GET", path, NULL, NULL, arena, &answer);
	if (rc != MP_OK)
		return rc == MP_INVALID ? MP_CORRUPT : rc;
	return stripe_session_parse(answer.body, answer.body_len, arena, out_session);
}

static enum mp_rc stripe_expire(void *ctx, const char *session_id, struct mp_arena *arena,
	struct stripe_session *out_session)
{
	struct stripe_client *client = ctx;
	struct mp_http_answer answer;
	struct mp_buf empty;

	if (!stripe_is_id(session_id))
		return MP_NOT_FOUND;
	const char *path = mp_arena_printf(arena, "/v1/checkout/sessions/%s/expire", session_id);
	if (path == NULL)
		return MP_NOMEM;
	mp_buf_init(&empty, 1);
	enum mp_rc rc = call(client, "POST", path, NULL, &empty, arena, &answer);
	mp_buf_done(&empty);
	if (rc != MP_OK)
		return rc == MP_INVALID ? MP_CONFLICT : rc;
	return stripe_session_parse(answer.body, answer.body_len, arena, out_session);
}

/* Where it was declined, Stripe says why: for people, and as a code. */
static enum mp_rc intent_from_json(
	const json_t *json, struct mp_arena *arena, struct stripe_intent *out)
{
	const char *status = json_string_value(json_object_get(json, "status"));
	const json_t *error = json_object_get(json, "last_payment_error");
	const char *decline = json_string_value(json_object_get(error, "message"));
	struct stripe_intent intent = {.attempt = 0};

	if (status == NULL)
		return MP_CORRUPT;
	if (decline == NULL || mp_text_has_control(decline))
		decline = json_string_value(json_object_get(error, "code"));
	intent.failed =
		strcmp(status, "requires_payment_method") == 0 || strcmp(status, "canceled") == 0;
	intent.captured = strcmp(status, "succeeded") == 0;
	intent.created_s = json_integer_value(json_object_get(json, "created"));
	intent.amount_received = json_integer_value(json_object_get(json, "amount_received"));
	read_currency(json_string_value(json_object_get(json, "currency")), intent.currency);
	read_metadata(json, &intent.payment_id, &intent.attempt);
	enum mp_rc rc = copy_text(arena, decline, &intent.decline);
	if (rc == MP_OK)
		rc = copy_text(arena, json_string_value(json_object_get(json, "id")), &intent.id);
	if (rc == MP_OK)
		*out = intent;
	return rc;
}

/* What the provider answers at the path, for the caller to json_decref. */
static enum mp_rc get_json(
	struct stripe_client *client, const char *path, struct mp_arena *arena, json_t **out_json)
{
	struct mp_http_answer answer;
	char reason[160];

	enum mp_rc rc = call(client, "GET", path, NULL, NULL, arena, &answer);
	if (rc != MP_OK)
		return rc == MP_INVALID ? MP_CORRUPT : rc;
	rc = mp_json_parse(answer.body, answer.body_len, out_json, reason);
	return rc == MP_OK || rc == MP_NOMEM ? rc : MP_CORRUPT;
}

static enum mp_rc stripe_intent(void *ctx, const char *payment_intent, struct mp_arena *arena,
	struct stripe_intent *out_intent)
{
	struct stripe_client *client = ctx;
	json_t *json = NULL;

	if (!stripe_is_id(payment_intent))
		return MP_NOT_FOUND;
	const char *path = mp_arena_printf(arena, "/v1/payment_intents/%s", payment_intent);
	if (path == NULL)
		return MP_NOMEM;
	enum mp_rc rc = get_json(client, path, arena, &json);
	if (rc != MP_OK)
		return rc;
	rc = intent_from_json(json, arena, out_intent);
	json_decref(json);
	return rc;
}

static enum mp_rc intents_from_json(
	const json_t *json, struct mp_arena *arena, struct stripe_intents *inout)
{
	const json_t *data = json_object_get(json, "data");
	size_t count = json_array_size(data);
	struct stripe_intent *items = mp_arena_array(arena, count + 1, sizeof(*items));
	const json_t *row = NULL;
	enum mp_rc rc = MP_OK;

	if (!json_is_array(data) || count > STRIPE_PAGE_MAX)
		return MP_CORRUPT;
	if (items == NULL)
		return MP_NOMEM;
	for (size_t i = 0; rc == MP_OK && i < count; i++) {
		row = json_array_get(data, i);
		const json_t *intent =
			inout->by_capture ? json_object_get(json_object_get(row, "data"), "object")
					  : row;
		rc = intent_from_json(intent, arena, &items[i]);
		if (rc == MP_OK && !stripe_is_id(items[i].id))
			rc = MP_CORRUPT;
	}
	if (rc != MP_OK)
		return rc;
	inout->items = items;
	inout->count = count;
	inout->next = NULL;
	if (!json_is_true(json_object_get(json, "has_more")) || count == 0)
		return MP_OK;
	rc = copy_text(arena, json_string_value(json_object_get(row, "id")), &inout->next);
	return rc == MP_OK && !stripe_is_id(inout->next) ? MP_CORRUPT : rc;
}

static enum mp_rc stripe_list_intents(
	void *ctx, struct mp_arena *arena, struct stripe_intents *inout)
{
	struct stripe_client *client = ctx;
	json_t *json = NULL;

	if (inout->after != NULL && !stripe_is_id(inout->after))
		return MP_INVALID;
	const char *path = mp_arena_printf(arena,
		"/v1/%slimit=%d&created%%5Bgte%%5D=%" PRId64 "&created%%5Blt%%5D=%" PRId64 "%s%s",
		inout->by_capture ? "events?type=payment_intent.succeeded&" : "payment_intents?",
		STRIPE_PAGE_MAX, inout->from_s, inout->to_s,
		inout->after != NULL ? "&starting_after=" : "",
		inout->after != NULL ? inout->after : "");
	if (path == NULL)
		return MP_NOMEM;
	enum mp_rc rc = get_json(client, path, arena, &json);
	if (rc != MP_OK)
		return rc;
	rc = intents_from_json(json, arena, inout);
	json_decref(json);
	return rc;
}

/* --- opening --- */

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

enum mp_rc stripe_client_open(
	const struct stripe_client_config *config, struct stripe_client **out_client)
{
	const char *key = config->secret_key;
	bool live = has_prefix(key, "sk_live_") || has_prefix(key, "rk_live_");
	bool test = has_prefix(key, "sk_test_") || has_prefix(key, "rk_test_");
	const struct mp_http_client_config http = {
		.base_url = config->api_base,
		.timeout_ms = config->timeout_ms,
	};

	if (live == test || !stripe_is_id(key))
		return MP_INVALID;
	struct stripe_client *client = calloc(1, sizeof(*client));
	if (client == NULL)
		return MP_NOMEM;
	const char *help = "Calls to the payment provider";
	client->livemode = live;
	client->calls_answered =
		mp_counter("moneypal_provider_calls_total", "outcome=\"answered\"", help);
	client->calls_refused =
		mp_counter("moneypal_provider_calls_total", "outcome=\"refused\"", help);
	client->calls_failed =
		mp_counter("moneypal_provider_calls_total", "outcome=\"failed\"", help);
	client->secret_key = strdup(key);
	enum mp_rc rc =
		client->secret_key == NULL ? MP_NOMEM : mp_http_client_open(&http, &client->http);
	if (rc != MP_OK) {
		stripe_client_close(client);
		return rc;
	}
	*out_client = client;
	return MP_OK;
}

void stripe_client_close(struct stripe_client *client)
{
	if (client == NULL)
		return;
	if (client->http != NULL)
		mp_http_client_close(client->http);
	free(client->secret_key);
	free(client);
}

struct stripe stripe_client_calls(struct stripe_client *client)
{
	return (struct stripe){
		.create = stripe_create,
		.retrieve = stripe_retrieve,
		.expire = stripe_expire,
		.intent = stripe_intent,
		.intents = stripe_list_intents,
		.ctx = client,
		.livemode = client->livemode,
	};
}
