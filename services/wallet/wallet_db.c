#include "wallet_db.h"

#include <string.h>

#include "base/trace.h"
#include "wallet_items_db.h"

#define EVENT_CREDITED "wallet.credited"

/* --- reading --- */

/* Keys of one size each, in the arena; NULL without memory. */
struct key_texts {
	char pk[WALLET_PK_SIZE];
	char sk[WALLET_SK_SIZE];
};

struct lookup {
	struct mp_key *keys;
	struct key_texts *texts;
	struct mp_item **items;
};

static enum mp_rc lookup_new(struct mp_arena *arena, size_t count, struct lookup *out)
{
	out->keys = mp_arena_array(arena, count, sizeof(*out->keys));
	out->texts = mp_arena_array(arena, count, sizeof(*out->texts));
	out->items = mp_arena_array(arena, count, sizeof(struct mp_item *));
	if (out->keys == NULL || out->texts == NULL || out->items == NULL)
		return MP_NOMEM;
	for (size_t i = 0; i < count; i++)
		out->keys[i] = (struct mp_key){out->texts[i].pk, out->texts[i].sk};
	return MP_OK;
}

/* Any number of keys, as many calls as that takes. */
static enum mp_rc lookup_run(
	const struct wallet_db *db, struct lookup *lookup, size_t count, struct mp_arena *arena)
{
	enum mp_rc rc = MP_OK;

	for (size_t at = 0; at < count && rc == MP_OK; at += MP_BATCH_GET_MAX) {
		size_t n = count - at < MP_BATCH_GET_MAX ? count - at : MP_BATCH_GET_MAX;
		rc = mp_store_batch_get(db->store, lookup->keys + at, n, arena, lookup->items + at);
	}
	return rc;
}

enum mp_rc wallet_db_accounts_get(const struct wallet_db *db,
	struct wallet_account *const *accounts, size_t count, struct mp_arena *arena)
{
	struct lookup lookup;

	if (count == 0)
		return MP_OK;
	enum mp_rc rc = lookup_new(arena, count, &lookup);
	if (rc != MP_OK)
		return rc;
	for (size_t i = 0; i < count; i++) {
		wallet_pk_account(&accounts[i]->key, lookup.texts[i].pk);
		memcpy(lookup.texts[i].sk, WALLET_SK_ACCOUNT, sizeof(WALLET_SK_ACCOUNT));
	}
	rc = lookup_run(db, &lookup, count, arena);
	for (size_t i = 0; i < count && rc == MP_OK; i++) {
		if (lookup.items[i] != NULL)
			rc = wallet_account_from_item(lookup.items[i], accounts[i]);
		else
			*accounts[i] = (struct wallet_account){.key = accounts[i]->key};
	}
	return rc;
}

enum mp_rc wallet_db_transfers_get(const struct wallet_db *db, const struct mp_id *const *ids,
	size_t count, struct mp_arena *arena, struct wallet_transfer **out_transfers)
{
	struct lookup lookup;

	if (count == 0)
		return MP_OK;
	struct wallet_transfer *transfers = mp_arena_array(arena, count, sizeof(*transfers));
	enum mp_rc rc = transfers != NULL ? lookup_new(arena, count, &lookup) : MP_NOMEM;
	if (rc != MP_OK)
		return rc;
	for (size_t i = 0; i < count; i++) {
		wallet_pk_transfer(ids[i], lookup.texts[i].pk);
		memcpy(lookup.texts[i].sk, WALLET_SK_TRANSFER, sizeof(WALLET_SK_TRANSFER));
	}
	rc = lookup_run(db, &lookup, count, arena);
	for (size_t i = 0; i < count && rc == MP_OK; i++) {
		if (lookup.items[i] == NULL)
			continue;
		rc = wallet_transfer_from_item(lookup.items[i], arena, &transfers[i]);
		if (rc == MP_OK && !mp_id_equal(&transfers[i].id, ids[i]))
			rc = MP_CORRUPT;
	}
	for (size_t i = 0; i < count && rc == MP_OK; i++)
		out_transfers[i] = lookup.items[i] != NULL ? &transfers[i] : NULL;
	return rc;
}

enum mp_rc wallet_db_entries_get(const struct wallet_db *db,
	const struct wallet_key *const *accounts, const int64_t *seqs, size_t count,
	struct mp_arena *arena, struct wallet_entry **out_entries)
{
	struct lookup lookup;

	if (count == 0)
		return MP_OK;
	struct wallet_entry *entries = mp_arena_array(arena, count, sizeof(*entries));
	enum mp_rc rc = entries != NULL ? lookup_new(arena, count, &lookup) : MP_NOMEM;
	if (rc != MP_OK)
		return rc;
	for (size_t i = 0; i < count; i++) {
		wallet_pk_account(accounts[i], lookup.texts[i].pk);
		wallet_sk_entry(seqs[i], lookup.texts[i].sk);
	}
	rc = lookup_run(db, &lookup, count, arena);
	for (size_t i = 0; i < count && rc == MP_OK; i++) {
		if (lookup.items[i] != NULL)
			rc = wallet_entry_from_item(
				lookup.items[i], accounts[i], arena, &entries[i]);
	}
	for (size_t i = 0; i < count && rc == MP_OK; i++)
		out_entries[i] = lookup.items[i] != NULL ? &entries[i] : NULL;
	return rc;
}

enum mp_rc wallet_db_entries(const struct wallet_db *db, const struct wallet_entries_query *query,
	struct mp_arena *arena, struct wallet_entries_page *out_page)
{
	char pk[WALLET_PK_SIZE];
	char sk_max[WALLET_SK_SIZE];
	struct mp_page page;

	wallet_pk_account(&query->account, pk);
	wallet_sk_entry(query->seq_max, sk_max);
	const struct mp_query request = {
		.pk = pk,
		.sk_min = WALLET_SK_ENTRY_FIRST,
		.sk_max = sk_max,
		.after = query->after,
		.descending = query->newest_first,
		.limit = query->limit,
	};
	enum mp_rc rc = mp_store_query(db->store, &request, arena, &page);
	if (rc != MP_OK)
		return rc;

	struct wallet_key *account = mp_arena_alloc(arena, sizeof(*account));
	struct wallet_entry *entries = mp_arena_array(arena, page.count + 1, sizeof(*entries));
	if (account == NULL || entries == NULL)
		return MP_NOMEM;
	*account = query->account;
	for (size_t i = 0; i < page.count && rc == MP_OK; i++)
		rc = wallet_entry_from_item(page.items[i], account, arena, &entries[i]);
	if (rc == MP_OK)
		*out_page = (struct wallet_entries_page){
			.entries = entries,
			.count = page.count,
			.last_sk = page.more ? page.last_sk : NULL,
		};
	return rc;
}

enum mp_rc wallet_db_entries_since(const struct wallet_db *db, const struct wallet_key *account,
	int64_t from_ms, size_t limit, struct mp_arena *arena, int64_t *inout_seq,
	struct wallet_entries_page *out_page)
{
	const struct wallet_entries_query query = {
		.account = *account, .seq_max = *inout_seq, .newest_first = true, .limit = limit};
	struct wallet_entries_page page;
	bool older = false;
	size_t count = 0;

	enum mp_rc rc = wallet_db_entries(db, &query, arena, &page);
	if (rc != MP_OK)
		return rc;
	*inout_seq = page.count == 0 ? 0 : page.entries[page.count - 1].seq - 1;
	for (size_t i = 0; i < page.count; i++) {
		older = older || page.entries[i].time_ms < from_ms - WALLET_DISORDER_MS;
		if (page.entries[i].time_ms >= from_ms)
			page.entries[count++] = page.entries[i];
	}
	if (older)
		*inout_seq = 0;
	*out_page = (struct wallet_entries_page){.entries = page.entries, .count = count};
	return MP_OK;
}

/* False for rows that are not the audit's: entries are read by account, outbox rows pass by. */
static bool row_from_item(const struct mp_item *item, struct mp_arena *arena,
	struct wallet_row *out_row, enum mp_rc *out_rc)
{
	*out_rc = MP_NOMEM;
	if (strncmp(item->pk, WALLET_PK_ACCOUNT_PREFIX, sizeof(WALLET_PK_ACCOUNT_PREFIX) - 1) ==
			0 &&
		strcmp(item->sk, WALLET_SK_ACCOUNT) == 0) {
		out_row->kind = WALLET_ROW_ACCOUNT;
		out_row->account = mp_arena_alloc(arena, sizeof(*out_row->account));
		if (out_row->account != NULL)
			*out_rc = wallet_key_from_pk(item->pk, &out_row->account->key);
		if (*out_rc == MP_OK)
			*out_rc = wallet_account_from_item(item, out_row->account);
	} else if (strncmp(item->pk, WALLET_PK_TRANSFER_PREFIX,
			   sizeof(WALLET_PK_TRANSFER_PREFIX) - 1) == 0) {
		out_row->kind = WALLET_ROW_TRANSFER;
		out_row->transfer = mp_arena_alloc(arena, sizeof(*out_row->transfer));
		if (out_row->transfer != NULL)
			*out_rc = wallet_transfer_from_item(item, arena, out_row->transfer);
	} else {
		return false;
	}
	out_row->pk = item->pk;
	if (*out_rc == MP_CORRUPT) {
		out_row->kind = WALLET_ROW_DAMAGED;
		*out_rc = MP_OK;
	}
	return true;
}

enum mp_rc wallet_db_rows(const struct wallet_db *db, const char *cursor, size_t limit,
	struct mp_arena *arena, struct wallet_rows_page *out_page)
{
	struct mp_page page;
	struct wallet_rows_page rows = {0};

	enum mp_rc rc = mp_store_scan(db->store, 0, 1, cursor, limit, arena, &page, &rows.cursor);
	if (rc != MP_OK)
		return rc;
	rows.rows = mp_arena_array(arena, page.count + 1, sizeof(*rows.rows));
	if (rows.rows == NULL)
		return MP_NOMEM;
	for (size_t i = 0; i < page.count; i++) {
		if (!row_from_item(page.items[i], arena, &rows.rows[rows.count], &rc))
			continue;
		if (rc != MP_OK)
			return rc;
		rows.count++;
	}
	*out_page = rows;
	return MP_OK;
}

/* --- writing --- */

static bool credits_a_user(const struct wallet_transfer *transfer)
{
	for (size_t i = 0; i < transfer->legs_count; i++) {
		if (wallet_key_user_text(&transfer->legs[i].to) != NULL)
			return true;
	}
	return false;
}

static void add_account(
	struct mp_txn *txn, const struct wallet_account *account, struct mp_arena *arena)
{
	char pk[WALLET_PK_SIZE];

	if (account->changed && account->version == 0) {
		(void)mp_txn_insert(txn, wallet_account_to_item(account, arena));
	} else if (account->changed) {
		(void)mp_txn_replace(txn, wallet_account_to_item(account, arena), account->version);
	} else if (account->decided_on) {
		wallet_pk_account(&account->key, pk);
		(void)mp_txn_check(
			txn, mp_arena_strdup(arena, pk), WALLET_SK_ACCOUNT, account->version);
	}
}

/* The event goes with the trace of the request that asked for the transfer. */
static void add_event(const struct wallet_db *db, struct mp_txn *txn,
	const struct wallet_transfer *transfer, const struct wallet_entry *entries)
{
	struct mp_id event_id = mp_id_derive(&transfer->id, EVENT_CREDITED, 0);

	if (transfer->traceparent != NULL)
		mp_trace_begin(transfer->traceparent);
	struct mp_map *data = mp_outbox_add(
		db->outbox, txn, &event_id, EVENT_CREDITED, transfer->id.text, transfer->time_ms);
	wallet_credited_to_map(transfer, entries, data);
	if (transfer->traceparent != NULL)
		mp_trace_end();
}

enum mp_rc wallet_db_commit(const struct wallet_db *db, const struct wallet_db_batch *batch,
	struct mp_arena *arena, enum wallet_db_refusal *reterr_refusal)
{
	struct mp_txn txn;
	size_t refused = MP_OP_NONE;
	size_t entries = 0;

	/* All writes happen, or none. The builder keeps its first error for commit. */
	mp_txn_begin(&txn, db->store, arena);
	txn.queued = batch->queued;
	for (size_t i = 0; i < batch->accounts_count; i++)
		add_account(&txn, batch->accounts[i], arena);
	const size_t accounts_end = txn.count;
	for (size_t i = 0; i < batch->transfers_count; i++)
		(void)mp_txn_insert(&txn, wallet_transfer_to_item(batch->transfers[i], arena));
	const size_t transfers_end = txn.count;
	for (size_t i = 0; i < batch->entries_count; i++)
		(void)mp_txn_append(&txn, wallet_entry_to_item(&batch->entries[i], arena));
	for (size_t i = 0; i < batch->transfers_count; i++) {
		const struct wallet_transfer *transfer = batch->transfers[i];
		if (transfer->outcome != WALLET_POSTED)
			continue;
		if (credits_a_user(transfer))
			add_event(db, &txn, transfer, &batch->entries[entries]);
		entries += 2 * transfer->legs_count;
	}

	enum mp_rc rc = mp_txn_commit(&txn, &refused);
	if (rc == MP_EXISTS || rc == MP_STALE)
		*reterr_refusal = refused < accounts_end    ? WALLET_DB_REFUSED_ACCOUNT
				  : refused < transfers_end ? WALLET_DB_REFUSED_TRANSFER
							    : WALLET_DB_REFUSED_ENTRY;
	return rc;
}

/* --- telling again --- */

/* The entries that the transfer made, leg by leg, as wallet_credited_to_map takes them. */
static enum mp_rc entries_of(const struct wallet_db *db, const struct wallet_transfer *transfer,
	struct mp_arena *arena, struct wallet_entry out_entries[2 * WALLET_LEGS_MAX])
{
	const struct wallet_key *accounts[2 * WALLET_LEGS_MAX];
	struct wallet_entry *found[2 * WALLET_LEGS_MAX];
	int64_t seqs[2 * WALLET_LEGS_MAX];
	size_t count = 2 * transfer->legs_count;

	for (size_t i = 0; i < transfer->legs_count; i++) {
		const struct wallet_leg *leg = &transfer->legs[i];

		accounts[2 * i] = &leg->from;
		seqs[2 * i] = leg->from_seq;
		accounts[2 * i + 1] = &leg->to;
		seqs[2 * i + 1] = leg->to_seq;
	}
	enum mp_rc rc = wallet_db_entries_get(db, accounts, seqs, count, arena, found);
	for (size_t i = 0; rc == MP_OK && i < count; i++) {
		if (found[i] == NULL)
			return MP_CORRUPT;
		out_entries[i] = *found[i];
	}
	return rc;
}

enum mp_rc wallet_db_tell_again(const struct wallet_db *db,
	struct wallet_transfer *const *transfers, size_t count, struct mp_arena *arena)
{
	struct wallet_entry entries[2 * WALLET_LEGS_MAX];
	struct mp_txn txn;

	mp_txn_begin(&txn, db->store, arena);
	for (size_t i = 0; i < count; i++) {
		enum mp_rc rc = entries_of(db, transfers[i], arena, entries);
		if (rc != MP_OK)
			return rc;
		add_event(db, &txn, transfers[i], entries);
	}
	return mp_txn_commit(&txn, NULL);
}
