#include "base/clock.h"
#include "wallet_http.h"

static json_t *funding_to_json(const struct wallet *wallet, const struct wallet_entry *entry)
{
	const struct mp_currency *currency =
		mp_currencies_find(wallet_currencies(wallet), entry->account->currency);
	json_t *json = json_object();
	int failed = json == NULL || currency == NULL;

	failed |= mp_json_set_id(json, "transfer_id", entry->transfer_id);
	if (failed == 0) /* what the user got: the other side of the entry */
		failed |= mp_json_set_minor(json, "amount", -entry->amount_minor, currency);
	failed |= mp_json_set_text(json, "currency", entry->account->currency);
	failed |= mp_json_set_text(json, "to", entry->counterparty->name);
	if (entry->payment_id != NULL && !mp_id_is_none(entry->payment_id))
		failed |= mp_json_set_id(json, "payment_id", entry->payment_id);
	else
		failed |= mp_json_set_text(json, "payment_id", NULL);
	failed |= mp_json_set_time(json, "date", entry->time_ms);
	if (failed == 0)
		return json;
	json_decref(json);
	return NULL;
}

enum mp_rc wallet_read_time(struct mp_request *req, const char *name, int64_t *out_ms)
{
	const struct mp_field_errors *errors = mp_request_field_errors(req);
	const char *text = mp_request_query(req, name);

	if (text != NULL && mp_time_parse(text, out_ms) == MP_OK)
		return MP_OK;
	errors->add(errors->ctx, name, MP_TIME_WANTED);
	return MP_INVALID;
}

/* GET /v1/operations/fundings */
enum mp_rc wallet_get_fundings(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct wallet *wallet = ctx;
	struct fundings_query query = {.after = NULL};
	struct fundings_page page;
	int failed = 0;

	enum mp_rc rc = mp_request_page(req, &query.limit, &query.after);
	enum mp_rc from = wallet_read_time(req, "from", &query.from_ms);
	enum mp_rc to = wallet_read_time(req, "to", &query.to_ms);
	if (rc == MP_OK)
		rc = from != MP_OK ? from : to;
	if (rc == MP_OK)
		rc = wallet_fundings(wallet, &query, mp_request_arena(req), &page);
	if (rc == MP_INVALID && from == MP_OK && to == MP_OK && query.after != NULL) {
		const struct mp_field_errors *errors = mp_request_field_errors(req);
		errors->add(errors->ctx, "cursor", "is not one of this list");
	}
	if (rc != MP_OK)
		return rc;
	json_t *items = json_array();
	for (size_t i = 0; i < page.count; i++)
		failed |= json_array_append_new(items, funding_to_json(wallet, page.entries[i]));
	if (failed == 0)
		return mp_response_list(res, items, page.next);
	json_decref(items);
	return MP_NOMEM;
}
