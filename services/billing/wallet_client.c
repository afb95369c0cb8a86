#include "wallet_client.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "http_client/http_client.h"
#include "http_client/service_token.h"
#include "json/json.h"

struct wallet_client {
	struct mp_http_client *http;
	struct mp_service_token *token;
	const struct mp_currencies *currencies;
};

enum mp_rc wallet_client_open(
	const struct wallet_client_config *config, struct wallet_client **out_client)
{
	const struct mp_http_client_config http = {.base_url = config->wallet_url};
	struct wallet_client *client = calloc(1, sizeof(*client));
	enum mp_rc rc;

	if (client == NULL)
		return MP_NOMEM;
	client->currencies = config->currencies;
	rc = mp_http_client_open(&http, &client->http);
	if (rc == MP_OK)
		rc = mp_service_token_open(config->token_url, config->client_id,
			config->client_secret, &client->token);
	if (rc != MP_OK) {
		wallet_client_close(client);
		return rc;
	}
	*out_client = client;
	return MP_OK;
}

void wallet_client_close(struct wallet_client *client)
{
	if (client == NULL)
		return;
	mp_service_token_close(client->token);
	mp_http_client_close(client->http);
	free(client);
}

/* --- the request --- */

static json_t *leg_to_json(
	const struct billing_transfer *transfer, const struct mp_currency *currency)
{
	char from[48] = "system:psp";
	char to[48];
	json_t *leg = json_object();
	int bad = 0;

	if (!transfer->funding)
		bad |= mp_text_format(from, sizeof(from), "user:%s", transfer->from.text) != MP_OK;
	bad |= mp_text_format(to, sizeof(to), "user:%s", transfer->to.text) != MP_OK;
	bad |= mp_json_set_text(leg, "from", from);
	bad |= mp_json_set_text(leg, "to", to);
	bad |= mp_json_set_minor(leg, "amount", transfer->amount.minor, currency);
	if (bad != 0) {
		json_decref(leg);
		return NULL;
	}
	return leg;
}

static json_t *transfer_to_json(
	const struct wallet_client *client, const struct billing_transfer *transfer)
{
	const struct mp_currency *currency =
		mp_currencies_find(client->currencies, transfer->amount.currency);
	json_t *legs = json_array();
	json_t *json = json_object();
	int bad = json_array_append_new(legs, leg_to_json(transfer, currency));

	bad |= mp_json_set_id(json, "id", &transfer->id);
	bad |= mp_json_set_text(json, "currency", transfer->amount.currency);
	bad |= mp_json_set_text(json, "reason", transfer->funding ? "funding" : "payment");
	bad |= mp_json_set_id(json, "payment_id", &transfer->payment_id);
	if (!mp_id_is_none(&transfer->bill_id))
		bad |= mp_json_set_id(json, "bill_id", &transfer->bill_id);
	bad |= json_object_set_new(json, "legs", legs); /* takes legs, also on failure */
	if (bad != 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static char *request_body(
	const struct wallet_client *client, const struct billing_transfer *transfers, size_t count)
{
	json_t *list = json_array();
	json_t *json = json_object();
	char *body = NULL;
	int bad = 0;

	for (size_t i = 0; i < count; i++)
		bad |= json_array_append_new(list, transfer_to_json(client, &transfers[i]));
	bad |= json_object_set_new(json, "transfers", list);
	if (bad == 0)
		body = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	return body;
}

/* --- the answer --- */

enum answer_outcome {
	ANSWER_POSTED,
	ANSWER_REFUSED,
	ANSWER_CONFLICT
};
#define ANSWER_OUTCOMES "posted|refused|conflict" /* in their order */

static enum mp_rc read_outcome(
	const struct wallet_client *client, const json_t *json, struct billing_transfer *transfer)
{
	const struct mp_currency *currency =
		mp_currencies_find(client->currencies, transfer->amount.currency);
	struct mp_json_reader r;
	struct mp_id id = {0};
	int outcome = ANSWER_POSTED;
	int64_t decided_ms = 0;
	const char *refusal = NULL;
	const char *shortfall = NULL;
	const char *reason;
	struct mp_money missing = {0};

	mp_json_read_begin(&r, json, "", NULL);
	mp_json_read_ignore_unknown(&r);
	mp_json_read_id(&r, "id", &id);
	mp_json_read_choice(&r, "outcome", ANSWER_OUTCOMES, &outcome);
	mp_json_read_optional(&r);
	mp_json_read_text_or_null(&r, "refusal", 1, 64, &refusal);
	mp_json_read_optional(&r);
	mp_json_read_text_or_null(&r, "shortfall", 1, 32, &shortfall);
	if (outcome != ANSWER_CONFLICT) /* whose date is null */
		mp_json_read_time(&r, "date", &decided_ms);
	if (mp_json_read_end(&r) != MP_OK || !mp_id_equal(&id, &transfer->id))
		return MP_CORRUPT;
	transfer->decided_ms = decided_ms;
	if (outcome == ANSWER_POSTED) {
		transfer->outcome = TRANSFER_POSTED;
	} else if (outcome == ANSWER_REFUSED && refusal != NULL &&
		   strcmp(refusal, "insufficient_funds") == 0) {
		if (shortfall == NULL ||
			mp_money_parse(shortfall, currency, &missing, &reason) != MP_OK)
			return MP_CORRUPT;
		transfer->outcome = TRANSFER_UNFUNDED;
		transfer->shortfall_minor = missing.minor;
	} else {
		transfer->outcome = TRANSFER_REFUSED;
	}
	return MP_OK;
}

static enum mp_rc read_answer(const struct wallet_client *client,
	const struct mp_http_answer *answer, struct billing_transfer *transfers, size_t count)
{
	char reterr[160];
	json_t *json;
	enum mp_rc rc = mp_json_parse(answer->body, answer->body_len, &json, reterr);
	const json_t *items;

	if (rc != MP_OK)
		return rc == MP_NOMEM ? rc : MP_CORRUPT;
	items = json_object_get(json, "items");
	if (json_array_size(items) != count)
		rc = MP_CORRUPT;
	for (size_t i = 0; i < count && rc == MP_OK; i++)
		rc = read_outcome(client, json_array_get(items, i), &transfers[i]);
	json_decref(json);
	return rc;
}

static enum mp_rc status_to_rc(long status)
{
	if (status == 200)
		return MP_OK;
	if (status == 429 || status >= 500)
		return MP_UNKNOWN; /* 503 says unknown outcome too */
	if (status == 400 || status == 422)
		return MP_INVALID;
	/* A token of old keys: the next one is fetched. Or not the wallet: a wrong address. */
	return MP_UNAVAILABLE;
}

enum mp_rc wallet_client_transfer(struct wallet_client *client, struct mp_arena *arena,
	struct billing_transfer *transfers, size_t count)
{
	char token[MP_TOKEN_TEXT_MAX];
	struct mp_http_answer answer;
	struct mp_http_call call = {
		.method = "POST",
		.path = "/v1/transfers/batch",
		.content_type = "application/json",
		.bearer = token,
	};
	enum mp_rc rc = mp_service_token_get(client->token, token, sizeof(token));
	char *body;

	for (size_t i = 0; i < count; i++) {
		if (mp_currencies_find(client->currencies, transfers[i].amount.currency) == NULL)
			return MP_CORRUPT;
	}
	if (rc != MP_OK)
		return mp_rc_is_transient(rc) ? rc : MP_UNAVAILABLE;
	body = request_body(client, transfers, count);
	if (body == NULL)
		return MP_NOMEM;
	call.body = body;
	call.body_len = strlen(body);
	rc = mp_http_call(client->http, &call, arena, &answer);
	free(body);
	if (rc != MP_OK)
		return rc;
	if (answer.status == 401 || answer.status == 403)
		mp_service_token_drop(client->token);
	rc = status_to_rc(answer.status);
	if (rc == MP_OK)
		rc = read_answer(client, &answer, transfers, count);
	return rc == MP_CORRUPT ? MP_UNKNOWN : rc; /* decided, but not told in words we know */
}
