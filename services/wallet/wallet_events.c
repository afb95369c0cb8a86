#include "wallet_events.h"

#include <string.h>

#include "wallet_types.h"

/* Adds one credit; MP_CORRUPT, MP_NOMEM. */
static enum mp_rc add_credit(
	json_t *credits, const struct mp_map *map, const struct mp_currency *currency)
{
	struct mp_id user_id;
	int64_t amount_minor;
	int64_t balance_minor;
	int64_t seq;
	struct mp_item_reader r;
	int failed = 0;

	mp_map_read_begin(&r, map);
	mp_item_read_id(&r, "user_id", &user_id);
	mp_item_read_int(&r, "amount", &amount_minor);
	mp_item_read_int(&r, "balance_after", &balance_minor);
	mp_item_read_int(&r, "seq", &seq);
	enum mp_rc rc = mp_item_read_end(&r);
	if (rc != MP_OK)
		return rc;
	json_t *credit = json_object();
	failed |= mp_json_set_id(credit, "user_id", &user_id);
	failed |= mp_json_set_minor(credit, "amount", amount_minor, currency);
	failed |= mp_json_set_minor(credit, "balance_after", balance_minor, currency);
	failed |= mp_json_set_int(credit, "seq", seq);
	failed |= json_array_append(credits, credit);
	json_decref(credit);
	return failed == 0 ? MP_OK : MP_NOMEM;
}

static enum mp_rc credits_to_json(
	const struct mp_list *list, const struct mp_currency *currency, json_t **out_credits)
{
	json_t *credits = json_array();
	enum mp_rc rc = credits != NULL ? MP_OK : MP_NOMEM;

	for (uint32_t i = 0; i < list->count && rc == MP_OK; i++)
		rc = add_credit(credits, list->maps[i], currency);
	if (rc == MP_OK) {
		*out_credits = credits;
		credits = NULL;
	}
	json_decref(credits);
	return rc;
}

struct credited {
	struct mp_id transfer_id;
	char currency[4];
	const char *reason;
	struct mp_id payment_id;
	struct mp_id bill_id;
	int64_t time_ms;
	const struct mp_list *credits;
};

static enum mp_rc credited_read(const struct mp_map *data, struct credited *out)
{
	struct mp_item_reader r;

	*out = (struct credited){0};
	mp_map_read_begin(&r, data);
	mp_item_read_id(&r, "transfer_id", &out->transfer_id);
	mp_item_read_copy(&r, "currency", out->currency, sizeof(out->currency));
	mp_item_read_text(&r, "reason", &out->reason);
	mp_item_read_id_or(&r, "payment_id", &out->payment_id);
	mp_item_read_id_or(&r, "bill_id", &out->bill_id);
	mp_item_read_int(&r, "time", &out->time_ms);
	mp_item_read_list_or(&r, "credits", &out->credits);
	enum mp_rc rc = mp_item_read_end(&r);
	return rc == MP_OK && out->credits == NULL ? MP_CORRUPT : rc;
}

static enum mp_rc credited_to_json(
	const struct credited *credited, const struct mp_currency *currency, json_t **out_data)
{
	json_t *credits = NULL;
	json_t *json;
	int failed = 0;

	enum mp_rc rc = credits_to_json(credited->credits, currency, &credits);
	if (rc != MP_OK)
		return rc;
	json = json_object();
	failed |= mp_json_set_id(json, "transfer_id", &credited->transfer_id);
	failed |= mp_json_set_text(json, "currency", credited->currency);
	failed |= mp_json_set_text(json, "reason", credited->reason);
	/* The contract knows these as absent, not as null. */
	if (!mp_id_is_none(&credited->payment_id))
		failed |= mp_json_set_id(json, "payment_id", &credited->payment_id);
	if (!mp_id_is_none(&credited->bill_id))
		failed |= mp_json_set_id(json, "bill_id", &credited->bill_id);
	failed |= mp_json_set_time(json, "date", credited->time_ms);
	failed |= json_object_set_new(json, "credits", credits);
	if (failed != 0) {
		json_decref(json);
		return MP_NOMEM;
	}
	*out_data = json;
	return MP_OK;
}

enum mp_rc wallet_event_encode(
	const char *type, const struct mp_map *data, json_t **out_data, void *ctx)
{
	const struct mp_currencies *currencies = ctx;
	struct credited credited;

	if (strcmp(type, "wallet.credited") != 0)
		return MP_CORRUPT;
	enum mp_rc rc = credited_read(data, &credited);
	if (rc != MP_OK)
		return rc;
	const struct mp_currency *currency = mp_currencies_find(currencies, credited.currency);
	if (currency == NULL)
		return MP_CORRUPT;
	return credited_to_json(&credited, currency, out_data);
}
