#include "base/crypto.h"
#include "wallet_http.h"

#include "http_server/republish.h"

/* --- balances and statements: the caller's own --- */

/* The user of the token. */
static enum mp_rc user_of(const struct mp_request *req, struct mp_id *out_id)
{
	return mp_id_parse(mp_request_principal(req)->subject, out_id) ? MP_OK : MP_UNAUTHENTICATED;
}

/* ?currency=, the deployment's default without it. */
static enum mp_rc currency_of(struct mp_request *req, const struct wallet *wallet,
	const struct mp_currency **out_currency)
{
	const struct mp_field_errors *errors = mp_request_field_errors(req);
	const struct mp_currency *currency =
		mp_currencies_find(wallet_currencies(wallet), mp_request_query(req, "currency"));
	char allowed[MP_CURRENCIES_TEXT_SIZE];

	if (currency == NULL) {
		mp_currencies_tell(wallet_currencies(wallet), allowed);
		errors->add(errors->ctx, "currency", allowed);
		return MP_INVALID;
	}
	*out_currency = currency;
	return MP_OK;
}

/* NULL without memory. */
static json_t *balance_to_json(
	const struct mp_id *user_id, int64_t balance_minor, const struct mp_currency *currency)
{
	json_t *json = json_object();
	int failed = 0;

	failed |= mp_json_set_id(json, "userID", user_id);
	failed |= mp_json_set_text(json, "currency", currency->code);
	failed |= mp_json_set_minor(json, "amount", balance_minor, currency);
	if (failed != 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

/* GET /v1/wallets/me */
static enum mp_rc get_wallet(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct wallet *wallet = ctx;
	const struct mp_currency *currency;
	struct mp_id user_id;
	int64_t balance_minor;

	enum mp_rc rc = user_of(req, &user_id);
	if (rc == MP_OK)
		rc = currency_of(req, wallet, &currency);
	if (rc == MP_OK)
		rc = wallet_balance(
			wallet, &user_id, currency->code, mp_request_arena(req), &balance_minor);
	if (rc != MP_OK)
		return rc;
	return mp_response_json(res, 200, balance_to_json(&user_id, balance_minor, currency));
}

/* GET /v1/wallets/me/all */
static enum mp_rc get_wallets(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct wallet_balances balances;
	struct mp_id user_id;

	enum mp_rc rc = user_of(req, &user_id);
	if (rc == MP_OK)
		rc = wallet_balances(ctx, &user_id, mp_request_arena(req), &balances);
	if (rc != MP_OK)
		return rc;
	json_t *items = json_array();
	int failed = 0;
	for (size_t i = 0; i < balances.count; i++)
		failed |= json_array_append_new(
			items, balance_to_json(&user_id, balances.items[i].balance_minor,
				       balances.items[i].currency));
	json_t *json = json_object();
	failed |= json_object_set_new(json, "items", items);
	if (failed != 0) {
		json_decref(json);
		return MP_NOMEM;
	}
	return mp_response_json(res, 200, json);
}

/* NULL without memory. */
static json_t *entry_to_json(const struct wallet_entry *entry, const struct mp_currency *currency)
{
	struct wallet_key counterparty = wallet_key_logical(entry->counterparty);
	const char *user = wallet_key_user_text(&counterparty);
	json_t *json = json_object();
	int failed = 0;

	failed |= mp_json_set_int(json, "seq", entry->seq);
	failed |= mp_json_set_minor(json, "amount", entry->amount_minor, currency);
	failed |= mp_json_set_minor(json, "balance_after", entry->balance_after_minor, currency);
	failed |= mp_json_set_text(json, "currency", currency->code);
	failed |= mp_json_set_text(json, "reason", entry->reason);
	failed |= mp_json_set_text(json, "counterparty", user != NULL ? user : counterparty.name);
	failed |= mp_json_set_id(json, "payment_id", entry->payment_id);
	failed |= mp_json_set_id(json, "bill_id", entry->bill_id);
	failed |= mp_json_set_time(json, "date", entry->time_ms);
	if (failed != 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

/* GET /v1/wallets/me/entries */
static enum mp_rc get_entries(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct wallet *wallet = ctx;
	struct wallet_entries_page page;
	const struct mp_currency *currency;
	struct mp_id user_id;
	const char *after;
	size_t limit;
	int failed = 0;

	enum mp_rc rc = user_of(req, &user_id);
	if (rc == MP_OK)
		rc = currency_of(req, wallet, &currency);
	if (rc == MP_OK)
		rc = mp_request_page(req, &limit, &after);
	if (rc == MP_OK)
		rc = wallet_statement(wallet, &user_id, currency->code, after, limit,
			mp_request_arena(req), &page);
	if (rc != MP_OK)
		return rc;
	json_t *items = json_array();
	for (size_t i = 0; i < page.count; i++)
		failed |= json_array_append_new(items, entry_to_json(&page.entries[i], currency));
	if (failed != 0) {
		json_decref(items);
		return MP_NOMEM;
	}
	return mp_response_list(res, items, page.last_sk);
}

/* --- audit --- */

/* A currency that the deployment does not allow any more has no known digits: null. */
static json_t *total_to_json(
	const struct audit_total *total, const struct mp_currencies *currencies)
{
	const struct mp_currency *currency = mp_currencies_find(currencies, total->currency);
	json_t *json = json_object();
	int failed = mp_json_set_text(json, "currency", total->currency);

	failed |= currency != NULL ? mp_json_set_minor(json, "total", total->total_minor, currency)
				   : mp_json_set_text(json, "total", NULL);
	if (failed != 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static json_t *head_to_json(const struct audit_head *head)
{
	char sum[2 * WALLET_CHAIN_BYTES + 1];
	json_t *json = json_object();

	mp_hex(head->sum, sizeof(head->sum), sum);
	int failed = mp_json_set_time(json, "until", head->until_ms);
	failed |= mp_json_set_int(json, "entries", head->entries);
	failed |= mp_json_set_text(json, "sum", sum);
	if (failed != 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

/* GET /v1/audit */
static enum mp_rc get_audit(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct wallet *wallet = ctx;
	struct audit_report report;
	int64_t head_until_ms = 0;
	int failed = 0;

	enum mp_rc rc = MP_OK;
	if (mp_request_query(req, "head_until") != NULL)
		rc = wallet_read_time(req, "head_until", &head_until_ms);
	if (rc == MP_OK)
		rc = wallet_audit(wallet, head_until_ms, mp_request_arena(req), &report);
	if (rc != MP_OK)
		return rc;
	json_t *json = json_object();
	json_t *totals = json_array();
	json_t *problems = json_array();
	for (size_t i = 0; i < report.totals_count; i++)
		failed |= json_array_append_new(
			totals, total_to_json(&report.totals[i], wallet_currencies(wallet)));
	for (size_t i = 0; i < report.problems_count; i++)
		failed |= json_array_append_new(problems, json_string(report.problems[i]));
	failed |= mp_json_set_int(json, "accounts", report.accounts);
	failed |= mp_json_set_int(json, "entries", report.entries);
	failed |= mp_json_set_int(json, "transfers", report.transfers);
	failed |= mp_json_set_bool(json, "ok", report.ok);
	failed |= json_object_set_new(json, "head", head_to_json(&report.head));
	failed |= json_object_set_new(json, "currencies", totals);
	failed |= json_object_set_new(json, "problems", problems);
	if (failed != 0) {
		json_decref(json);
		return MP_NOMEM;
	}
	return mp_response_json(res, 200, json);
}

/* POST /v1/operations/republish */
static enum mp_rc post_republish(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return mp_republish(req, res, wallet_tell_again, ctx);
}

const struct mp_route wallet_routes[] = {
	{"POST", "/v1/transfers", MP_AUTH_SERVICE, "wallet:transfer", MP_KEY_NONE,
		MP_ROUTE_INLINE | MP_ROUTE_QUIET, 0, wallet_post_transfer},
	{"POST", "/v1/transfers/batch", MP_AUTH_SERVICE, "wallet:transfer", MP_KEY_NONE,
		MP_ROUTE_INLINE, WALLET_BATCH_BYTES_MAX, wallet_post_transfers},
	{"GET", "/v1/transfers/{id}", MP_AUTH_SERVICE, "wallet:transfer|wallet:audit", MP_KEY_NONE,
		0, 0, wallet_get_transfer},
	{"GET", "/v1/audit", MP_AUTH_SERVICE, "wallet:audit", MP_KEY_NONE, 0, 0, get_audit},
	{"GET", "/v1/operations/fundings", MP_AUTH_SERVICE, "wallet:audit", MP_KEY_NONE, 0, 0,
		wallet_get_fundings},
	{"POST", "/v1/operations/republish", MP_AUTH_SERVICE, "operations:write", MP_KEY_NONE, 0, 0,
		post_republish},
	{"GET", "/v1/wallets/me", MP_AUTH_USER, NULL, MP_KEY_NONE, 0, 0, get_wallet},
	{"GET", "/v1/wallets/me/all", MP_AUTH_USER, NULL, MP_KEY_NONE, 0, 0, get_wallets},
	{"GET", "/v1/wallets/me/entries", MP_AUTH_USER, NULL, MP_KEY_NONE, 0, 0, get_entries},
};
const size_t wallet_routes_count = sizeof(wallet_routes) / sizeof(wallet_routes[0]);
