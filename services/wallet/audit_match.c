#include "audit_internal.h"

#include <assert.h>
#include <string.h>

#include "base/crypto.h"

#define PARTIALS_AT_ONCE 50

/* --- prints --- */

/* All that an entry and its transfer both say. Unused bytes are zero. */
struct printed {
	uint8_t salt[AUDIT_SALT_BYTES];
	struct wallet_key account;
	struct wallet_key counterparty;
	int64_t seq;
	int64_t amount_minor;
	int64_t time_ms;
	struct mp_id transfer_id;
	struct mp_id payment_id;
	struct mp_id bill_id;
	char reason[WALLET_REASON_MAX + 1];
};

_Static_assert(sizeof(struct printed) == AUDIT_SALT_BYTES + 2 * sizeof(struct wallet_key) +
						 3 * sizeof(int64_t) + 3 * sizeof(struct mp_id) +
						 WALLET_REASON_MAX + 1,
	"no bytes between the fields, which would be hashed too");

static audit_print print_of(const struct audit *audit, const struct wallet_entry *entry)
{
	struct printed printed;
	uint8_t hash[MP_SHA256_BYTES];
	audit_print print;
	size_t reason_len = strnlen(entry->reason, WALLET_REASON_MAX);

	memset(&printed, 0, sizeof(printed));
	memcpy(printed.salt, audit->salt, sizeof(printed.salt));
	printed.account = *entry->account;
	printed.counterparty = *entry->counterparty;
	printed.seq = entry->seq;
	printed.amount_minor = entry->amount_minor;
	printed.time_ms = entry->time_ms;
	printed.transfer_id = *entry->transfer_id;
	printed.payment_id = *entry->payment_id;
	printed.bill_id = *entry->bill_id;
	memcpy(printed.reason, entry->reason, reason_len);
	mp_sha256(&printed, sizeof(printed), hash);
	memcpy(&print, hash, sizeof(print));
	return print;
}

static void add(struct audit *audit, const struct wallet_entry *entry, int64_t amount_minor,
	audit_print print)
{
	if (entry->time_ms < audit->recent_from_ms) {
		audit->prints += print;
		return;
	}
	if (audit->recent_rc == MP_OK)
		audit->recent_rc = audit_recent_add(audit->recent, entry->transfer_id,
			entry->account->currency, amount_minor, print);
}

void audit_match_entry(struct audit *audit, const struct wallet_entry *entry)
{
	add(audit, entry, entry->amount_minor, audit->thorough ? 0 : print_of(audit, entry));
}

void audit_match_transfer(struct audit *audit, const struct wallet_transfer *transfer)
{
	struct wallet_entry entry = {
		.transfer_id = &transfer->id,
		.payment_id = &transfer->payment_id,
		.bill_id = &transfer->bill_id,
		.reason = transfer->reason,
		.time_ms = transfer->time_ms,
	};

	if (transfer->outcome != WALLET_POSTED || audit->thorough)
		return;
	for (size_t i = 0; i < transfer->legs_count; i++) {
		const struct wallet_leg *leg = &transfer->legs[i];
		entry.account = &leg->from;
		entry.counterparty = &leg->to;
		entry.seq = leg->from_seq;
		entry.amount_minor = -leg->amount_minor;
		add(audit, &entry, 0, 0 - print_of(audit, &entry));
		entry.account = &leg->to;
		entry.counterparty = &leg->from;
		entry.seq = leg->to_seq;
		entry.amount_minor = leg->amount_minor;
		add(audit, &entry, 0, 0 - print_of(audit, &entry));
	}
}

/* --- looking up --- */

/* True when the leg has this entry on one of its sides. */
static bool leg_explains(const struct wallet_leg *leg, const struct wallet_entry *entry)
{
	bool from = wallet_key_equal(&leg->from, entry->account) && leg->from_seq == entry->seq;
	bool to = wallet_key_equal(&leg->to, entry->account) && leg->to_seq == entry->seq;
	int64_t amount_minor = from ? -leg->amount_minor : leg->amount_minor;

	return (from || to) && entry->amount_minor == amount_minor &&
	       wallet_key_equal(from ? &leg->to : &leg->from, entry->counterparty);
}

static bool transfer_explains(
	const struct wallet_transfer *transfer, const struct wallet_entry *entry)
{
	if (transfer == NULL || transfer->outcome != WALLET_POSTED ||
		!mp_id_equal(&transfer->id, entry->transfer_id) ||
		strcmp(transfer->reason, entry->reason) != 0 ||
		transfer->time_ms != entry->time_ms ||
		!mp_id_equal(&transfer->payment_id, entry->payment_id) ||
		!mp_id_equal(&transfer->bill_id, entry->bill_id))
		return false;
	for (size_t i = 0; i < transfer->legs_count; i++) {
		if (leg_explains(&transfer->legs[i], entry))
			return true;
	}
	return false;
}

enum mp_rc audit_find_transfers(
	struct audit *audit, const struct wallet_entry *entries, size_t count)
{
	const struct mp_id *ids[AUDIT_PAGE_ITEMS];
	struct wallet_transfer *transfers[AUDIT_PAGE_ITEMS];

	assert(count <= AUDIT_PAGE_ITEMS);
	for (size_t i = 0; i < count; i++)
		ids[i] = entries[i].transfer_id;
	mp_arena_reset(audit->lookup);
	enum mp_rc rc = wallet_db_transfers_get(audit->db, ids, count, audit->lookup, transfers);
	if (rc == MP_CORRUPT) {
		audit_problem(audit, "a transfer of %s %s cannot be read", entries[0].account->name,
			entries[0].account->currency);
		return MP_OK;
	}
	for (size_t i = 0; i < count && rc == MP_OK; i++) {
		if (!transfer_explains(transfers[i], &entries[i]))
			audit_problem(audit, "%s %s, entry %lld: transfer %s does not say so",
				entries[i].account->name, entries[i].account->currency,
				(long long)entries[i].seq, entries[i].transfer_id->text);
	}
	return rc;
}

/* The sides of some transfers' legs, and what the store has of them. */
struct sides {
	const struct wallet_key **keys; /* from and to of each leg, in order */
	int64_t *seqs;
	struct wallet_account *accounts;
	struct wallet_account **account_pointers;
	struct wallet_entry **entries;
	size_t count;
};

static enum mp_rc sides_new(struct mp_arena *arena, size_t count, struct sides *out)
{
	*out = (struct sides){
		.keys = mp_arena_array(arena, count, sizeof(const struct wallet_key *)),
		.seqs = mp_arena_array(arena, count, sizeof(int64_t)),
		.accounts = mp_arena_array(arena, count, sizeof(struct wallet_account)),
		.account_pointers = mp_arena_array(arena, count, sizeof(struct wallet_account *)),
		.entries = mp_arena_array(arena, count, sizeof(struct wallet_entry *)),
	};
	return out->keys != NULL && out->seqs != NULL && out->accounts != NULL &&
			       out->account_pointers != NULL && out->entries != NULL
		       ? MP_OK
		       : MP_NOMEM;
}

static void sides_add(struct sides *sides, const struct wallet_key *key, int64_t seq)
{
	size_t at = sides->count++;

	sides->keys[at] = key;
	sides->seqs[at] = seq;
	sides->accounts[at].key = *key;
	sides->account_pointers[at] = &sides->accounts[at];
}

static void sides_add_transfer(struct sides *sides, const struct wallet_transfer *transfer)
{
	for (size_t i = 0; i < transfer->legs_count; i++) {
		sides_add(sides, &transfer->legs[i].from, transfer->legs[i].from_seq);
		sides_add(sides, &transfer->legs[i].to, transfer->legs[i].to_seq);
	}
}

/* Checks one posted transfer, whose sides are those from first on. */
static bool check_sides(struct audit *audit, const struct wallet_transfer *transfer,
	const struct sides *sides, size_t first)
{
	__int128 sum = 0;

	for (size_t i = first; i < first + 2 * transfer->legs_count; i++) {
		const struct wallet_entry *entry = sides->entries[i];
		const char *wrong = NULL;
		if (entry == NULL)
			wrong = "is missing";
		else if (entry->seq != sides->seqs[i] || !transfer_explains(transfer, entry))
			wrong = "says else";
		else if (sides->accounts[i].seq < entry->seq)
			wrong = "is not in its account";
		if (wrong != NULL) {
			audit_problem(audit, "transfer %s: entry %lld of %s %s %s",
				transfer->id.text, (long long)sides->seqs[i], sides->keys[i]->name,
				sides->keys[i]->currency, wrong);
			return false;
		}
		sum += entry->amount_minor;
	}
	if (sum != 0)
		audit_problem(audit, "transfer %s does not sum to zero", transfer->id.text);
	return sum == 0;
}

/* out_right[i]: transfers[i] has all its entries, each in its account. */
static enum mp_rc find_entries(struct audit *audit, const struct wallet_transfer *const *transfers,
	size_t count, bool *out_right)
{
	struct sides sides;
	size_t sides_count = 0;

	for (size_t i = 0; i < count; i++)
		sides_count += 2 * transfers[i]->legs_count;
	mp_arena_reset(audit->lookup);
	enum mp_rc rc = sides_new(audit->lookup, sides_count, &sides);
	if (rc != MP_OK)
		return rc;
	for (size_t i = 0; i < count; i++)
		sides_add_transfer(&sides, transfers[i]);
	/* The entry first: an account that was read later has it, if it is right. */
	rc = wallet_db_entries_get(
		audit->db, sides.keys, sides.seqs, sides.count, audit->lookup, sides.entries);
	if (rc == MP_OK)
		rc = wallet_db_accounts_get(
			audit->db, sides.account_pointers, sides.count, audit->lookup);
	for (size_t i = 0, first = 0; i < count && rc == MP_OK; i++) {
		out_right[i] = check_sides(audit, transfers[i], &sides, first);
		first += 2 * transfers[i]->legs_count;
	}
	return rc;
}

/* The same, where some cannot be read: which ones, each tells alone. */
static enum mp_rc find_entries_or_tell(struct audit *audit,
	const struct wallet_transfer *const *transfers, size_t count, bool *out_right)
{
	enum mp_rc rc = count > 0 ? find_entries(audit, transfers, count, out_right) : MP_OK;

	if (rc != MP_CORRUPT)
		return rc;
	for (size_t i = 0; i < count; i++) {
		rc = find_entries(audit, &transfers[i], 1, &out_right[i]);
		if (rc != MP_OK && rc != MP_CORRUPT)
			return rc;
		if (rc == MP_OK)
			continue;
		out_right[i] = false;
		audit_problem(audit, "transfer %s: an entry or account of it cannot be read",
			transfers[i]->id.text);
	}
	return MP_OK;
}

enum mp_rc audit_find_entries(
	struct audit *audit, const struct wallet_transfer *const *transfers, size_t count)
{
	bool right[AUDIT_PAGE_ITEMS];

	assert(count <= AUDIT_PAGE_ITEMS);
	return find_entries_or_tell(audit, transfers, count, right);
}

/* --- what was seen in part --- */

/* The transfers of some partials; NULL for those that have none, which is told. */
static enum mp_rc find_partials(struct audit *audit, const struct audit_partial *const *partials,
	size_t count, struct wallet_transfer **out_transfers)
{
	const struct mp_id *ids[PARTIALS_AT_ONCE];
	enum mp_rc rc;

	for (size_t i = 0; i < count; i++)
		ids[i] = &partials[i]->transfer_id;
	rc = wallet_db_transfers_get(audit->db, ids, count, audit->page, out_transfers);
	for (size_t i = 0; i < count && rc == MP_CORRUPT; i++) {
		/* One cannot be read: what can is read one by one. */
		enum mp_rc one = wallet_db_transfers_get(
			audit->db, &ids[i], 1, audit->page, &out_transfers[i]);
		if (one == MP_CORRUPT)
			out_transfers[i] = NULL;
		else if (one != MP_OK)
			return one;
	}
	if (rc != MP_OK && rc != MP_CORRUPT)
		return rc;
	for (size_t i = 0; i < count; i++) {
		if (out_transfers[i] == NULL)
			audit_problem(audit, "transfer %s has entries and no readable record",
				ids[i]->text);
	}
	return MP_OK;
}

/*
 * A partial is right when all of its transfer is there by now: it came while the audit ran, and an
 * account was read before it. Then what was seen of it is taken out of the sum.
 */
static enum mp_rc check_partials(
	struct audit *audit, const struct audit_partial *const *partials, size_t count)
{
	struct wallet_transfer *transfers[PARTIALS_AT_ONCE] = {NULL};
	const struct wallet_transfer *found[PARTIALS_AT_ONCE];
	const struct audit_partial *found_partials[PARTIALS_AT_ONCE];
	bool right[PARTIALS_AT_ONCE];
	size_t found_count = 0;

	mp_arena_reset(audit->page);
	enum mp_rc rc = find_partials(audit, partials, count, transfers);
	if (rc != MP_OK)
		return rc;
	for (size_t i = 0; i < count; i++) {
		if (transfers[i] == NULL)
			continue;
		found_partials[found_count] = partials[i];
		found[found_count++] = transfers[i];
	}
	rc = find_entries_or_tell(audit, found, found_count, right);
	for (size_t i = 0; i < found_count && rc == MP_OK; i++) {
		if (right[i])
			audit_add_to_total(
				audit, found_partials[i]->currency, -found_partials[i]->sum);
	}
	return rc;
}

enum mp_rc audit_match_end(struct audit *audit)
{
	const struct audit_partial *partials[PARTIALS_AT_ONCE];
	size_t cursor = 0;
	size_t count;
	enum mp_rc rc;

	if (audit->recent_rc == MP_TOO_LARGE) {
		audit_problem(audit, "too many transfers came while the audit ran to prove it");
		return MP_OK;
	}
	if (audit->recent_rc != MP_OK)
		return audit->recent_rc;
	do {
		for (count = 0; count < PARTIALS_AT_ONCE; count++) {
			partials[count] = audit_recent_next(audit->recent, &cursor);
			if (partials[count] == NULL)
				break;
		}
		rc = check_partials(audit, partials, count);
	} while (rc == MP_OK && count == PARTIALS_AT_ONCE);
	if (rc == MP_OK && audit->prints != 0)
		audit_problem(audit, "entries and transfers do not match");
	return rc;
}
