#include "wallet_items_db.h"

#include <assert.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"

#define FORMAT_ACCOUNT 1
#define FORMAT_ENTRY 1
#define FORMAT_TRANSFER 1

#define SK_ENTRY_PREFIX "ENTRY#"
#define SEQ_DIGITS 16
#define CHAIN_HEX_SIZE (2 * WALLET_CHAIN_BYTES + 1)

_Static_assert(sizeof(WALLET_PK_ACCOUNT_PREFIX) + sizeof(struct wallet_key) <= WALLET_PK_SIZE,
	"an account's key fits");

/* --- keys: made for every item of every batch, so by copying and not by printf --- */

static char *put(char *at, const char *text, size_t len)
{
	memcpy(at, text, len);
	return at + len;
}

void wallet_pk_account(const struct wallet_key *key, char out_pk[WALLET_PK_SIZE])
{
	char *at = put(out_pk, WALLET_PK_ACCOUNT_PREFIX, sizeof(WALLET_PK_ACCOUNT_PREFIX) - 1);

	at = put(at, key->name, strlen(key->name));
	*at++ = '#';
	at = put(at, key->currency, strlen(key->currency));
	*at = '\0';
}

void wallet_pk_transfer(const struct mp_id *id, char out_pk[WALLET_PK_SIZE])
{
	char *at = put(out_pk, WALLET_PK_TRANSFER_PREFIX, sizeof(WALLET_PK_TRANSFER_PREFIX) - 1);

	memcpy(at, id->text, sizeof(id->text));
}

void wallet_sk_entry(int64_t seq, char out_sk[WALLET_SK_SIZE])
{
	char *at = put(out_sk, SK_ENTRY_PREFIX, sizeof(SK_ENTRY_PREFIX) - 1);

	assert(seq >= 0 && seq <= WALLET_SEQ_MAX); /* SEQ_DIGITS of them */
	at[SEQ_DIGITS] = '\0';
	for (size_t i = SEQ_DIGITS; i-- > 0; seq /= 10)
		at[i] = (char)('0' + seq % 10);
}

enum mp_rc wallet_key_from_pk(const char *pk, struct wallet_key *out_key)
{
	const size_t prefix_len = sizeof(WALLET_PK_ACCOUNT_PREFIX) - 1;
	char name[WALLET_ACCOUNT_NAME_SIZE];
	const char *currency = strrchr(pk, '#');

	if (strncmp(pk, WALLET_PK_ACCOUNT_PREFIX, prefix_len) != 0 || currency < pk + prefix_len)
		return MP_CORRUPT;
	size_t name_len = (size_t)(currency - pk) - prefix_len;
	if (name_len >= sizeof(name))
		return MP_CORRUPT;
	memcpy(name, pk + prefix_len, name_len);
	name[name_len] = '\0';
	return wallet_key_parse_stored(name, currency + 1, out_key) ? MP_OK : MP_CORRUPT;
}

/* --- to items --- */

static void set_chain(struct mp_map *map, const uint8_t chain[WALLET_CHAIN_BYTES])
{
	char hex[CHAIN_HEX_SIZE];

	mp_hex(chain, WALLET_CHAIN_BYTES, hex);
	mp_map_set_text(map, "chain", hex);
}

static void set_id(struct mp_map *map, const char *name, const struct mp_id *id)
{
	if (id != NULL)
		mp_map_set_id(map, name, id);
}

struct mp_item *wallet_account_to_item(const struct wallet_account *account, struct mp_arena *arena)
{
	char pk[WALLET_PK_SIZE];

	wallet_pk_account(&account->key, pk);
	struct mp_item *item = mp_item_new(arena, pk, WALLET_SK_ACCOUNT, FORMAT_ACCOUNT);
	struct mp_map *map = mp_item_attrs(item);
	mp_map_set_int(map, "balance", account->balance_minor);
	mp_map_set_int(map, "seq", account->seq);
	set_chain(map, account->chain);
	return item;
}

struct mp_item *wallet_entry_to_item(const struct wallet_entry *entry, struct mp_arena *arena)
{
	char pk[WALLET_PK_SIZE];
	char sk[WALLET_SK_SIZE];

	wallet_pk_account(entry->account, pk);
	wallet_sk_entry(entry->seq, sk);
	struct mp_item *item = mp_item_new(arena, pk, sk, FORMAT_ENTRY);
	struct mp_map *map = mp_item_attrs(item);
	mp_map_set_int(map, "seq", entry->seq);
	mp_map_set_int(map, "amount", entry->amount_minor);
	mp_map_set_int(map, "balance_after", entry->balance_after_minor);
	mp_map_set_text(map, "counterparty", entry->counterparty->name);
	mp_map_set_id(map, "transfer_id", entry->transfer_id);
	mp_map_set_text(map, "reason", entry->reason);
	set_id(map, "payment_id", entry->payment_id);
	set_id(map, "bill_id", entry->bill_id);
	mp_map_set_int(map, "time", entry->time_ms);
	set_chain(map, entry->chain);
	return item;
}

static void set_legs(struct mp_map *map, const struct wallet_transfer *transfer)
{
	struct mp_list *list = mp_map_set_list(map, "legs");

	for (size_t i = 0; i < transfer->legs_count; i++) {
		const struct wallet_leg *leg = &transfer->legs[i];
		struct mp_map *each = mp_list_add_map(map, list);
		mp_map_set_text(each, "from", leg->from.name);
		mp_map_set_text(each, "to", leg->to.name);
		mp_map_set_int(each, "amount", leg->amount_minor);
		mp_map_set_int(each, "from_seq", leg->from_seq);
		mp_map_set_int(each, "to_seq", leg->to_seq);
	}
}

struct mp_item *wallet_transfer_to_item(
	const struct wallet_transfer *transfer, struct mp_arena *arena)
{
	char pk[WALLET_PK_SIZE];

	wallet_pk_transfer(&transfer->id, pk);
	struct mp_item *item = mp_item_new(arena, pk, WALLET_SK_TRANSFER, FORMAT_TRANSFER);
	struct mp_map *map = mp_item_attrs(item);
	mp_map_set_id(map, "id", &transfer->id);
	mp_map_set_text(map, "currency", transfer->currency);
	mp_map_set_text(map, "reason", transfer->reason);
	mp_map_set_id(map, "payment_id", &transfer->payment_id);
	mp_map_set_id(map, "bill_id", &transfer->bill_id);
	mp_map_set_text(map, "outcome", wallet_outcome_name(transfer->outcome));
	mp_map_set_text(map, "refusal", wallet_refusal_name(transfer->refusal));
	if (transfer->refusal == WALLET_REFUSAL_FUNDS)
		mp_map_set_int(map, "shortfall", transfer->shortfall_minor);
	mp_map_set_int(map, "time", transfer->time_ms);
	set_legs(map, transfer);
	return item;
}

void wallet_credited_to_map(const struct wallet_transfer *transfer,
	const struct wallet_entry *entries, struct mp_map *data)
{
	mp_map_set_id(data, "transfer_id", &transfer->id);
	mp_map_set_text(data, "currency", transfer->currency);
	mp_map_set_text(data, "reason", transfer->reason);
	mp_map_set_id(data, "payment_id", &transfer->payment_id);
	mp_map_set_id(data, "bill_id", &transfer->bill_id);
	mp_map_set_int(data, "time", transfer->time_ms);

	struct mp_list *credits = mp_map_set_list(data, "credits");
	for (size_t i = 0; i < 2 * transfer->legs_count; i++) {
		const char *user = wallet_key_user_text(entries[i].account);
		if (user == NULL || entries[i].amount_minor < 0)
			continue;
		struct mp_map *credit = mp_list_add_map(data, credits);
		mp_map_set_text(credit, "user_id", user);
		mp_map_set_int(credit, "amount", entries[i].amount_minor);
		mp_map_set_int(credit, "balance_after", entries[i].balance_after_minor);
		mp_map_set_int(credit, "seq", entries[i].seq);
	}
}

/* --- from items --- */

enum mp_rc wallet_account_from_item(const struct mp_item *item, struct wallet_account *out_account)
{
	struct wallet_account account = {.key = out_account->key, .version = item->version};
	char chain[CHAIN_HEX_SIZE];
	struct mp_item_reader r;

	mp_item_read_begin(&r, item, FORMAT_ACCOUNT);
	mp_item_read_int(&r, "balance", &account.balance_minor);
	mp_item_read_int(&r, "seq", &account.seq);
	mp_item_read_copy(&r, "chain", chain, sizeof(chain));
	enum mp_rc rc = mp_item_read_end(&r);
	if (rc != MP_OK)
		return rc;
	if (account.seq < 1 || account.seq > WALLET_SEQ_MAX ||
		!mp_unhex(chain, WALLET_CHAIN_BYTES, account.chain))
		return MP_CORRUPT;
	*out_account = account;
	return MP_OK;
}

static enum mp_rc read_stored_name(
	const char *name, const char *currency, struct wallet_key *out_key)
{
	return wallet_key_parse_stored(name, currency, out_key) ? MP_OK : MP_CORRUPT;
}

enum mp_rc wallet_entry_from_item(const struct mp_item *item, const struct wallet_key *account,
	struct mp_arena *arena, struct wallet_entry *out_entry)
{
	struct mp_id *ids = mp_arena_array(arena, 3, sizeof(*ids));
	struct wallet_key *counterparty = mp_arena_alloc(arena, sizeof(*counterparty));
	const char *counterparty_name = NULL;
	char chain[CHAIN_HEX_SIZE];
	struct mp_item_reader r;

	if (ids == NULL || counterparty == NULL)
		return MP_NOMEM;
	struct wallet_entry entry = {
		.account = account,
		.counterparty = counterparty,
		.transfer_id = &ids[0],
		.payment_id = &ids[1],
		.bill_id = &ids[2],
	};
	mp_item_read_begin(&r, item, FORMAT_ENTRY);
	mp_item_read_int(&r, "seq", &entry.seq);
	mp_item_read_int(&r, "amount", &entry.amount_minor);
	mp_item_read_int(&r, "balance_after", &entry.balance_after_minor);
	mp_item_read_text(&r, "counterparty", &counterparty_name);
	mp_item_read_id(&r, "transfer_id", &ids[0]);
	mp_item_read_text(&r, "reason", &entry.reason);
	mp_item_read_id_or(&r, "payment_id", &ids[1]);
	mp_item_read_id_or(&r, "bill_id", &ids[2]);
	mp_item_read_int(&r, "time", &entry.time_ms);
	mp_item_read_copy(&r, "chain", chain, sizeof(chain));
	enum mp_rc rc = mp_item_read_end(&r);
	if (rc == MP_OK)
		rc = read_stored_name(counterparty_name, account->currency, counterparty);
	if (rc == MP_OK && !mp_unhex(chain, WALLET_CHAIN_BYTES, entry.chain))
		rc = MP_CORRUPT;
	if (rc == MP_OK)
		*out_entry = entry;
	return rc;
}

static enum mp_rc read_leg(const struct mp_map *map, const char *currency, struct wallet_leg *leg)
{
	const char *from = NULL;
	const char *to = NULL;
	struct mp_item_reader r;

	mp_map_read_begin(&r, map);
	mp_item_read_text(&r, "from", &from);
	mp_item_read_text(&r, "to", &to);
	mp_item_read_int(&r, "amount", &leg->amount_minor);
	mp_item_read_int(&r, "from_seq", &leg->from_seq);
	mp_item_read_int(&r, "to_seq", &leg->to_seq);
	enum mp_rc rc = mp_item_read_end(&r);
	if (rc == MP_OK && (leg->from_seq < 0 || leg->from_seq > WALLET_SEQ_MAX ||
				   leg->to_seq < 0 || leg->to_seq > WALLET_SEQ_MAX))
		rc = MP_CORRUPT;
	if (rc == MP_OK)
		rc = read_stored_name(from, currency, &leg->from);
	if (rc == MP_OK)
		rc = read_stored_name(to, currency, &leg->to);
	return rc;
}

static enum mp_rc read_legs(
	const struct mp_list *list, struct mp_arena *arena, struct wallet_transfer *transfer)
{
	enum mp_rc rc = MP_OK;

	if (list == NULL || list->count == 0 || list->count > WALLET_LEGS_MAX)
		return MP_CORRUPT;
	transfer->legs_count = list->count;
	transfer->legs = mp_arena_array(arena, list->count, sizeof(*transfer->legs));
	if (transfer->legs == NULL)
		return MP_NOMEM;
	for (uint32_t i = 0; i < list->count && rc == MP_OK; i++)
		rc = read_leg(list->maps[i], transfer->currency, &transfer->legs[i]);
	return rc;
}

enum mp_rc wallet_transfer_from_item(
	const struct mp_item *item, struct mp_arena *arena, struct wallet_transfer *out_transfer)
{
	struct wallet_transfer transfer = {0};
	const char *outcome = NULL;
	const char *refusal = NULL;
	const struct mp_list *legs = NULL;
	struct mp_item_reader r;

	mp_item_read_begin(&r, item, FORMAT_TRANSFER);
	mp_item_read_id(&r, "id", &transfer.id);
	mp_item_read_copy(&r, "currency", transfer.currency, sizeof(transfer.currency));
	mp_item_read_text(&r, "reason", &transfer.reason);
	mp_item_read_id_or(&r, "payment_id", &transfer.payment_id);
	mp_item_read_id_or(&r, "bill_id", &transfer.bill_id);
	mp_item_read_text(&r, "outcome", &outcome);
	mp_item_read_text_or(&r, "refusal", &refusal);
	mp_item_read_int_or(&r, "shortfall", &transfer.shortfall_minor);
	mp_item_read_int(&r, "time", &transfer.time_ms);
	mp_item_read_list_or(&r, "legs", &legs);
	enum mp_rc rc = mp_item_read_end(&r);
	if (rc != MP_OK)
		return rc;
	if (!wallet_outcome_parse(outcome, &transfer.outcome) ||
		(refusal != NULL && !wallet_refusal_parse(refusal, &transfer.refusal)) ||
		(transfer.outcome == WALLET_REFUSED) != (transfer.refusal != WALLET_REFUSAL_NONE))
		return MP_CORRUPT;
	rc = read_legs(legs, arena, &transfer);
	if (rc == MP_OK)
		*out_transfer = transfer;
	return rc;
}
