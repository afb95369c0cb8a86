#include "ledger.h"

#include <assert.h>
#include <string.h>

#include "base/crypto.h"

#define CODE_BYTES 17
#define ID_BYTES 16

static bool may_go_negative(const struct wallet_account *account)
{
	return wallet_key_user_text(&account->key) == NULL;
}

/* --- the chain --- */

static uint8_t *put_int(uint8_t *at, int64_t number)
{
	uint64_t bits = (uint64_t)number;

	for (int shift = 56; shift >= 0; shift -= 8)
		*at++ = (uint8_t)(bits >> shift);
	return at;
}

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* The 16 bytes of a canonical UUID text; zeros for NULL and none. */
static bool put_id(uint8_t *at, const char *text)
{
	size_t digits = 0;

	memset(at, 0, ID_BYTES);
	if (text == NULL || text[0] == '\0')
		return true;
	for (; *text != '\0'; text++) {
		int value = hex_value(*text);
		if (*text == '-')
			continue;
		if (value < 0 || digits == 2 * ID_BYTES)
			return false;
		at[digits / 2] = (uint8_t)(at[digits / 2] << 4 | value);
		digits++;
	}
	return digits == 2 * ID_BYTES;
}

static bool put_account(uint8_t *at, const struct wallet_key *key)
{
	const char *user = wallet_key_user_text(key);
	const char *name = strchr(key->name, ':');

	memset(at, 0, CODE_BYTES);
	if (user != NULL) {
		at[0] = 'U';
		return put_id(at + 1, user);
	}
	if (name == NULL || strlen(name + 1) > WALLET_SYSTEM_NAME_MAX)
		return false;
	at[0] = 'S';
	memcpy(at + 1, name + 1, strlen(name + 1));
	return true;
}

static const char *id_text(const struct mp_id *id)
{
	return id != NULL ? id->text : NULL;
}

enum mp_rc ledger_chain(const struct wallet_entry *entry,
	const uint8_t previous[WALLET_CHAIN_BYTES], uint8_t out_chain[WALLET_CHAIN_BYTES])
{
	uint8_t input[LEDGER_CHAIN_INPUT_BYTES];
	uint8_t *at = input;
	size_t reason_len = strlen(entry->reason);
	bool fits = reason_len <= WALLET_REASON_MAX;

	*at++ = LEDGER_CHAIN_VERSION;
	memcpy(at, previous, WALLET_CHAIN_BYTES);
	at += WALLET_CHAIN_BYTES;
	fits = put_account(at, entry->account) && fits;
	at += CODE_BYTES;
	memcpy(at, entry->account->currency, sizeof(entry->account->currency));
	at += sizeof(entry->account->currency);
	at = put_int(at, entry->seq);
	at = put_int(at, entry->amount_minor);
	at = put_int(at, entry->balance_after_minor);
	fits = put_id(at, id_text(entry->transfer_id)) && fits;
	at += ID_BYTES;
	fits = put_account(at, entry->counterparty) && fits;
	at += CODE_BYTES;
	memset(at, 0, WALLET_REASON_MAX);
	memcpy(at, entry->reason, fits ? reason_len : 0);
	at += WALLET_REASON_MAX;
	fits = put_id(at, id_text(entry->payment_id)) && fits;
	at += ID_BYTES;
	fits = put_id(at, id_text(entry->bill_id)) && fits;
	at += ID_BYTES;
	at = put_int(at, entry->time_ms);
	assert(at == input + sizeof(input));

	if (!fits)
		return MP_CORRUPT;
	mp_sha256(input, sizeof(input), out_chain);
	return MP_OK;
}

/* --- applying --- */

static bool leg_valid(const struct wallet_transfer *transfer, const struct wallet_leg *leg)
{
	return leg->from_account != NULL && leg->to_account != NULL &&
	       leg->from_account != leg->to_account && leg->amount_minor > 0 &&
	       wallet_key_equal(&leg->from_account->key, &leg->from) &&
	       wallet_key_equal(&leg->to_account->key, &leg->to) &&
	       strcmp(leg->from.currency, transfer->currency) == 0 &&
	       strcmp(leg->to.currency, transfer->currency) == 0;
}

/* All that the transfers need to be decided, so that nothing fails half-way through a batch. */
static bool batch_valid(const struct ledger_batch *batch)
{
	size_t entries = 0;

	for (size_t i = 0; i < batch->transfers_count; i++) {
		const struct wallet_transfer *transfer = batch->transfers[i];
		if (transfer->legs_count == 0 || transfer->legs_count > WALLET_LEGS_MAX ||
			!wallet_reason_valid(transfer->reason))
			return false;
		for (size_t j = 0; j < transfer->legs_count; j++) {
			if (!leg_valid(transfer, &transfer->legs[j]))
				return false;
		}
		entries += 2 * transfer->legs_count;
	}
	return entries <= batch->entries_max;
}

/* Moves one leg's money, or tells why not; changes both balances or none. */
static enum wallet_refusal apply_leg(const struct wallet_leg *leg, int64_t *out_shortfall)
{
	struct wallet_account *from = leg->from_account;
	struct wallet_account *to = leg->to_account;
	int64_t from_after;
	int64_t to_after;

	from->decided_on = true;
	if (mp_minor_sub(from->balance_minor, leg->amount_minor, &from_after) != MP_OK)
		return WALLET_REFUSAL_RANGE;
	if (from_after < 0 && !may_go_negative(from)) {
		*out_shortfall = -from_after; /* at most the amount: the balance was not negative */
		return WALLET_REFUSAL_FUNDS;
	}
	to->decided_on = true;
	if (mp_minor_add(to->balance_minor, leg->amount_minor, &to_after) != MP_OK)
		return WALLET_REFUSAL_RANGE;

	/* Nothing can fail below this line, so the pair never changes by half. */
	from->balance_minor = from_after;
	to->balance_minor = to_after;
	return WALLET_REFUSAL_NONE;
}

static void undo_legs(const struct wallet_transfer *transfer, size_t count)
{
	/* Backwards over what was just done, so each value is one that was there before. */
	while (count-- > 0) {
		const struct wallet_leg *leg = &transfer->legs[count];
		leg->to_account->balance_minor -= leg->amount_minor;
		leg->from_account->balance_minor += leg->amount_minor;
	}
}

/* Appends one side of a posted leg to its account. balance_after_minor was kept by the caller. */
static void append_entry(struct wallet_account *account, const struct wallet_account *counterparty,
	const struct wallet_transfer *transfer, struct wallet_entry *entry)
{
	entry->account = &account->key;
	entry->counterparty = &counterparty->key;
	entry->seq = account->seq + 1;
	entry->transfer_id = &transfer->id;
	entry->payment_id = &transfer->payment_id;
	entry->bill_id = &transfer->bill_id;
	entry->reason = transfer->reason;
	entry->time_ms = transfer->time_ms;
	enum mp_rc rc = ledger_chain(entry, account->chain, entry->chain);
	assert(rc == MP_OK); /* names, ids and reason were checked where the transfer came in */
	(void)rc;

	account->seq = entry->seq;
	memcpy(account->chain, entry->chain, sizeof(account->chain));
	account->changed = true;
}

/* Decides one transfer; returns how many entries it made. */
static size_t apply_transfer(
	struct wallet_transfer *transfer, int64_t now_ms, struct wallet_entry *entries)
{
	transfer->time_ms = now_ms;
	transfer->shortfall_minor = 0;
	for (size_t i = 0; i < transfer->legs_count; i++) {
		struct wallet_leg *leg = &transfer->legs[i];
		leg->from_seq = 0; /* an attempt that was not written may have left them */
		leg->to_seq = 0;
	}
	for (size_t i = 0; i < transfer->legs_count; i++) {
		const struct wallet_leg *leg = &transfer->legs[i];
		transfer->refusal = apply_leg(leg, &transfer->shortfall_minor);
		if (transfer->refusal != WALLET_REFUSAL_NONE) {
			undo_legs(transfer, i);
			transfer->outcome = WALLET_REFUSED;
			return 0;
		}
		entries[2 * i].amount_minor = -leg->amount_minor;
		entries[2 * i].balance_after_minor = leg->from_account->balance_minor;
		entries[2 * i + 1].amount_minor = leg->amount_minor;
		entries[2 * i + 1].balance_after_minor = leg->to_account->balance_minor;
	}

	for (size_t i = 0; i < transfer->legs_count; i++) {
		struct wallet_leg *leg = &transfer->legs[i];
		append_entry(leg->from_account, leg->to_account, transfer, &entries[2 * i]);
		append_entry(leg->to_account, leg->from_account, transfer, &entries[2 * i + 1]);
		leg->from_seq = entries[2 * i].seq;
		leg->to_seq = entries[2 * i + 1].seq;
	}
	transfer->outcome = WALLET_POSTED;
	return 2 * transfer->legs_count;
}

enum mp_rc ledger_apply(struct ledger_batch *batch)
{
	size_t entries = 0;

	if (!batch_valid(batch))
		return MP_INVALID;
	for (size_t i = 0; i < batch->transfers_count; i++)
		entries += apply_transfer(
			batch->transfers[i], batch->now_ms, &batch->entries[entries]);
	assert(entries <= batch->entries_max);
	batch->entries_count = entries;
	return MP_OK;
}

/* --- proving --- */

enum mp_rc ledger_follow(struct wallet_account *account, const struct wallet_entry *entry,
	const char **reterr_reason)
{
	uint8_t chain[WALLET_CHAIN_BYTES];
	int64_t balance;
	const char *reason = NULL;

	if (entry->seq != account->seq + 1)
		reason = "the entry's number does not follow the one before";
	else if (mp_minor_add(account->balance_minor, entry->amount_minor, &balance) != MP_OK ||
		 balance != entry->balance_after_minor)
		reason = "the amount does not lead to the balance after it";
	else if (balance < 0 && !may_go_negative(account))
		reason = "a user's balance is below zero";
	else if (!wallet_key_equal(&account->key, entry->account) ||
		 ledger_chain(entry, account->chain, chain) != MP_OK ||
		 memcmp(chain, entry->chain, sizeof(chain)) != 0)
		reason = "the chain value is not that of the entry's content";
	if (reason != NULL) {
		*reterr_reason = reason;
		return MP_CORRUPT;
	}

	account->seq = entry->seq;
	account->balance_minor = entry->balance_after_minor;
	memcpy(account->chain, chain, sizeof(account->chain));
	return MP_OK;
}
