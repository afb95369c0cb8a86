#include <string.h>

#include "base/text.h"
#include "base/trace.h"
#include "wallet_http.h"

/*
 * Transfers: read on the network thread, decided by the committer, answered on the network thread.
 * All of a request's transfers live in the request's arena until it is answered.
 */
#define PATH_SIZE 48
#define ACCOUNT_RULE "must be \"user:<uuid>\" or \"system:psp\""

struct job {
	struct wallet_unit unit;
	struct mp_request *req;
	const struct mp_currencies *currencies;
	bool is_batch;
	enum mp_rc rc; /* of the unit, once decided */
	char traceparent[MP_TRACEPARENT_SIZE];
};

/* --- reading --- */

static void read_account(struct mp_json_reader *r, const char *name, const char *currency,
	struct wallet_key *out_key)
{
	const char *text = NULL;

	mp_json_read_text(r, name, 1, WALLET_ACCOUNT_NAME_SIZE - 1, &text);
	if (text != NULL && !wallet_key_parse(text, currency, out_key))
		mp_json_read_refuse(r, name, ACCOUNT_RULE);
}

static void read_amount(
	struct mp_json_reader *r, const struct mp_currency *currency, int64_t *out_minor)
{
	const char *text = NULL;
	const char *reason = NULL;
	struct mp_money money;

	mp_json_read_text(r, "amount", 1, MP_AMOUNT_TEXT_SIZE - 1, &text);
	if (text == NULL || currency == NULL)
		return; /* without its currency an amount means nothing: that one is told */
	if (mp_money_parse(text, currency, &money, &reason) != MP_OK)
		mp_json_read_refuse(r, "amount", reason);
	else if (money.minor == 0)
		mp_json_read_refuse(r, "amount", "must be more than zero");
	else
		*out_minor = money.minor;
}

static enum mp_rc read_leg(const json_t *json, const char *path, const struct mp_currency *currency,
	const struct mp_field_errors *errors, struct wallet_leg *leg)
{
	const char *code = currency != NULL ? currency->code : "";
	struct mp_json_reader r;

	mp_json_read_begin(&r, json, path, errors);
	read_account(&r, "from", code, &leg->from);
	read_account(&r, "to", code, &leg->to);
	read_amount(&r, currency, &leg->amount_minor);
	if (leg->from.name[0] != '\0' && wallet_key_equal(&leg->from, &leg->to))
		mp_json_read_refuse(&r, "to", "must be another account than from");
	return mp_json_read_end(&r);
}

static enum mp_rc read_legs(const json_t *array, const char *path,
	const struct mp_currency *currency, const struct mp_field_errors *errors,
	struct mp_arena *arena, struct wallet_transfer *transfer)
{
	const char *dot = path[0] != '\0' ? "." : "";
	char leg_path[PATH_SIZE];
	enum mp_rc result = MP_OK;

	transfer->legs_count = json_array_size(array);
	transfer->legs = mp_arena_array(arena, transfer->legs_count, sizeof(*transfer->legs));
	if (transfer->legs == NULL)
		return MP_NOMEM;
	for (size_t i = 0; i < transfer->legs_count; i++) {
		enum mp_rc rc =
			mp_text_format(leg_path, sizeof(leg_path), "%s%slegs[%zu]", path, dot, i);
		if (rc == MP_OK)
			rc = read_leg(json_array_get(array, i), leg_path, currency, errors,
				&transfer->legs[i]);
		if (rc != MP_OK)
			result = rc;
	}
	return result;
}

static const struct mp_currency *read_currency(
	struct mp_json_reader *r, const struct mp_currencies *currencies)
{
	const struct mp_currency *currency;
	char allowed[MP_CURRENCIES_TEXT_SIZE];
	const char *code = NULL;

	mp_json_read_optional(r);
	mp_json_read_text(r, "currency", 3, 3, &code);
	if (r->failed && code == NULL)
		return NULL;
	currency = mp_currencies_find(currencies, code);
	if (currency == NULL) {
		mp_currencies_tell(currencies, allowed);
		mp_json_read_refuse(r, "currency", allowed);
	}
	return currency;
}

/* Reads one transfer; every wrong field is told under path. */
static enum mp_rc read_transfer(const json_t *json, const char *path, const struct job *job,
	const struct mp_field_errors *errors, struct wallet_transfer *transfer)
{
	const json_t *legs = NULL;
	struct mp_json_reader r;
	enum mp_rc legs_rc = MP_OK;

	mp_json_read_begin(&r, json, path, errors);
	const struct mp_currency *currency = read_currency(&r, job->currencies);
	mp_json_read_id(&r, "id", &transfer->id);
	mp_json_read_text(&r, "reason", 1, WALLET_REASON_MAX, &transfer->reason);
	if (transfer->reason != NULL && !wallet_reason_valid(transfer->reason))
		mp_json_read_refuse(&r, "reason", "must be of the letters a to z and _");
	mp_json_read_array(&r, "legs", 1, WALLET_LEGS_MAX, &legs);
	mp_json_read_optional(&r);
	mp_json_read_id_or_null(&r, "payment_id", &transfer->payment_id);
	mp_json_read_optional(&r);
	mp_json_read_id_or_null(&r, "bill_id", &transfer->bill_id);
	if (currency != NULL)
		memcpy(transfer->currency, currency->code, sizeof(transfer->currency));
	transfer->traceparent = job->traceparent;
	if (legs != NULL)
		legs_rc = read_legs(
			legs, path, currency, errors, mp_request_arena(job->req), transfer);
	enum mp_rc rc = mp_json_read_end(&r);
	return rc != MP_OK ? rc : legs_rc;
}

static enum mp_rc read_batch(const json_t *body, struct job *job)
{
	const struct mp_field_errors *errors = mp_request_field_errors(job->req);
	const json_t *array = NULL;
	char path[PATH_SIZE];
	struct mp_json_reader r;

	mp_json_read_begin(&r, body, "", errors);
	mp_json_read_array(&r, "transfers", 1, WALLET_TRANSFERS_MAX, &array);
	enum mp_rc result = mp_json_read_end(&r);
	if (array == NULL)
		return result;
	job->unit.count = json_array_size(array);
	job->unit.transfers = mp_arena_array(
		mp_request_arena(job->req), job->unit.count, sizeof(*job->unit.transfers));
	if (job->unit.transfers == NULL)
		return MP_NOMEM;
	for (size_t i = 0; i < job->unit.count; i++) {
		enum mp_rc rc = mp_text_format(path, sizeof(path), "transfers[%zu]", i);
		if (rc == MP_OK)
			rc = read_transfer(json_array_get(array, i), path, job, errors,
				&job->unit.transfers[i]);
		if (rc != MP_OK)
			result = rc;
	}
	return result;
}

/* --- answering --- */

/* The outcome's fields; currencies has the transfer's, or it would not have come so far. */
static int set_outcome(json_t *json, const struct wallet_transfer *transfer,
	const struct mp_currencies *currencies)
{
	const struct mp_currency *currency = mp_currencies_find(currencies, transfer->currency);
	bool decided = transfer->outcome != WALLET_CONFLICT;
	int failed = 0;

	failed |= mp_json_set_id(json, "id", &transfer->id);
	failed |= mp_json_set_text(json, "outcome", wallet_outcome_name(transfer->outcome));
	failed |= mp_json_set_text(json, "refusal", wallet_refusal_name(transfer->refusal));
	failed |= mp_json_set_text(json, "currency", transfer->currency);
	if (transfer->refusal == WALLET_REFUSAL_FUNDS && currency != NULL)
		failed |= mp_json_set_minor(json, "shortfall", transfer->shortfall_minor, currency);
	else
		failed |= mp_json_set_text(json, "shortfall", NULL);
	failed |= decided ? mp_json_set_time(json, "date", transfer->time_ms)
			  : mp_json_set_text(json, "date", NULL);
	return failed;
}

static enum mp_rc answer_one(struct mp_response *res, const struct job *job)
{
	const struct wallet_transfer *transfer = &job->unit.transfers[0];

	if (transfer->outcome == WALLET_CONFLICT) {
		mp_request_problem(job->req, "transfer_conflict",
			"A transfer with this id is known, and it is not the same.");
		return MP_CONFLICT;
	}
	json_t *json = json_object();
	if (set_outcome(json, transfer, job->currencies) != 0) {
		json_decref(json);
		return MP_NOMEM;
	}
	return mp_response_json(res, 200, json);
}

static enum mp_rc answer_batch(struct mp_response *res, const struct job *job)
{
	json_t *items = json_array();
	json_t *json = json_object();
	int failed = 0;

	for (size_t i = 0; i < job->unit.count; i++) {
		json_t *item = json_object();
		failed |= set_outcome(item, &job->unit.transfers[i], job->currencies);
		failed |= json_array_append_new(items, item);
	}
	failed |= json_object_set_new(json, "items", items);
	if (failed != 0) {
		json_decref(json);
		return MP_NOMEM;
	}
	return mp_response_json(res, 200, json);
}

static enum mp_rc answer(struct mp_request *req, struct mp_response *res, void *ctx)
{
	const struct job *job = ctx;
	enum mp_rc rc = job->rc;

	if (rc == MP_OK)
		rc = job->is_batch ? answer_batch(res, job) : answer_one(res, job);
	if (rc == MP_UNKNOWN || rc == MP_NOMEM)
		mp_request_problem(req, "unknown_outcome",
			"It is not known whether this was done: send it again with the same ids.");
	return rc;
}

/* On the committer's thread, which has others to decide. */
static void decided(void *ctx, enum mp_rc rc)
{
	struct job *job = ctx;

	job->rc = rc;
	mp_request_finish_with(job->req, answer, job);
}

/* --- handlers --- */

static enum mp_rc post(struct mp_request *req, struct wallet *wallet, bool is_batch)
{
	struct job *job = mp_arena_alloc(mp_request_arena(req), sizeof(*job));
	json_t *body;

	if (job == NULL)
		return MP_NOMEM;
	*job = (struct job){
		.unit = {.done = decided, .ctx = job},
		.req = req,
		.currencies = wallet_currencies(wallet),
		.is_batch = is_batch,
	};
	mp_trace_next(job->traceparent);
	enum mp_rc rc = mp_request_json(req, &body);
	if (rc != MP_OK)
		return rc;
	if (is_batch) {
		rc = read_batch(body, job);
	} else {
		job->unit.count = 1;
		job->unit.transfers =
			mp_arena_alloc(mp_request_arena(req), sizeof(*job->unit.transfers));
		rc = job->unit.transfers == NULL
			     ? MP_NOMEM
			     : read_transfer(body, "", job, mp_request_field_errors(req),
				       &job->unit.transfers[0]);
	}
	if (rc != MP_OK)
		return rc;

	/* From here on it may be answered at any moment: req is not ours any more. */
	mp_request_detach(req);
	rc = wallet_transfer(wallet, &job->unit);
	return rc == MP_OK ? MP_PENDING : rc;
}

/* POST /v1/transfers */
enum mp_rc wallet_post_transfer(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return post(req, ctx, false);
}

/* POST /v1/transfers/batch */
enum mp_rc wallet_post_transfers(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return post(req, ctx, true);
}

static json_t *leg_to_json(const struct wallet_leg *leg, const struct mp_currency *currency)
{
	struct wallet_key from = wallet_key_logical(&leg->from);
	struct wallet_key to = wallet_key_logical(&leg->to);
	json_t *json = json_object();
	int failed = 0;

	failed |= mp_json_set_text(json, "from", from.name);
	failed |= mp_json_set_text(json, "to", to.name);
	failed |= mp_json_set_minor(json, "amount", leg->amount_minor, currency);
	if (failed != 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

/* GET /v1/transfers/{id} */
enum mp_rc wallet_get_transfer(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct wallet *wallet = ctx;
	struct wallet_transfer *transfer;
	struct mp_id id;
	int failed = 0;

	enum mp_rc rc = mp_request_param_id(req, "id", &id);
	if (rc == MP_OK)
		rc = wallet_transfer_find(wallet, &id, mp_request_arena(req), &transfer);
	if (rc != MP_OK)
		return rc;
	const struct mp_currency *currency =
		mp_currencies_find(wallet_currencies(wallet), transfer->currency);
	if (currency == NULL)
		return MP_CORRUPT; /* a currency that was in use must stay in the settings */

	json_t *json = json_object();
	json_t *legs = json_array();
	failed |= set_outcome(json, transfer, wallet_currencies(wallet));
	failed |= mp_json_set_text(json, "reason", transfer->reason);
	failed |= mp_json_set_id(json, "payment_id", &transfer->payment_id);
	failed |= mp_json_set_id(json, "bill_id", &transfer->bill_id);
	for (size_t i = 0; i < transfer->legs_count; i++)
		failed |= json_array_append_new(legs, leg_to_json(&transfer->legs[i], currency));
	failed |= json_object_set_new(json, "legs", legs);
	if (failed != 0) {
		json_decref(json);
		return MP_NOMEM;
	}
	return mp_response_json(res, 200, json);
}
