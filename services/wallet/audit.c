#include "audit.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "audit_recent.h"
#include "base/text.h"
#include "ledger.h"

#define PAGE_ITEMS 250
#define ARENA_BYTES_MAX (12u * 1024 * 1024)

/*
 * A transfer's time is taken just before it is written, and a write that takes longer than this has
 * been given up: what is older than the audit by so much is seen on all its sides.
 */
#define RECENT_MS 20000

struct audit {
	const struct wallet_db *db;
	struct mp_arena *arena;	 /* a page's: reset for each */
	struct mp_arena *lookup; /* what is looked up for a page: reset for each look */
	struct audit_recent *recent;
	bool recent_full;
	bool no_memory;
	int64_t recent_from_ms;
	__int128 sums[MP_CURRENCIES_MAX];
	struct mp_arena *report_arena;
	struct audit_report *report;
	bool problems;
};

/* --- the report --- */

__attribute__((format(printf, 2, 3))) static void problem(
	struct audit *audit, const char *format, ...)
{
	struct audit_report *report = audit->report;
	char sentence[256];
	va_list args;

	audit->problems = true;
	if (report->problems_count == AUDIT_PROBLEMS_MAX)
		return;
	va_start(args, format);
	int len = vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	const char *copy = len > 0 ? mp_arena_strdup(audit->report_arena, sentence) : NULL;
	/* Without memory for the words the audit still says that it is not right. */
	if (copy != NULL)
		report->problems[report->problems_count++] = copy;
}

static void add_to_total(struct audit *audit, const char *currency, __int128 amount_minor)
{
	struct audit_report *report = audit->report;
	size_t at = 0;

	while (at < report->totals_count && strcmp(report->totals[at].currency, currency) != 0)
		at++;
	if (at == MP_CURRENCIES_MAX) {
		problem(audit, "more than %d currencies: %s is not summed", MP_CURRENCIES_MAX,
			currency);
		return;
	}
	if (at == report->totals_count) {
		report->totals[report->totals_count++] = (struct audit_total){0};
		memcpy(report->totals[at].currency, currency, sizeof(report->totals[at].currency));
	}
	audit->sums[at] += amount_minor;
}

/* --- entries against their transfers --- */

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

static enum mp_rc check_origins(
	struct audit *audit, const struct wallet_entry *entries, size_t count)
{
	const struct mp_id *ids[PAGE_ITEMS];
	struct wallet_transfer *transfers[PAGE_ITEMS];

	assert(count <= PAGE_ITEMS);
	for (size_t i = 0; i < count; i++)
		ids[i] = entries[i].transfer_id;
	mp_arena_reset(audit->lookup);
	enum mp_rc rc = wallet_db_transfers_get(audit->db, ids, count, audit->lookup, transfers);
	if (rc == MP_CORRUPT) {
		problem(audit, "a transfer of %s %s cannot be read", entries[0].account->name,
			entries[0].account->currency);
		return MP_OK;
	}
	for (size_t i = 0; i < count && rc == MP_OK; i++) {
		if (!transfer_explains(transfers[i], &entries[i]))
			problem(audit, "%s %s, entry %lld: transfer %s does not say so",
				entries[i].account->name, entries[i].account->currency,
				(long long)entries[i].seq, entries[i].transfer_id->text);
	}
	return rc;
}

/* --- accounts --- */

/* What is recent is summed by transfer: see check_partials. */
static void add_recent(struct audit *audit, const struct wallet_entry *entry)
{
	if (entry->time_ms < audit->recent_from_ms || audit->recent_full)
		return;
	enum mp_rc rc = audit_recent_add(
		audit->recent, entry->transfer_id, entry->account->currency, entry->amount_minor);
	audit->recent_full = rc != MP_OK;
	audit->no_memory = audit->no_memory || rc == MP_NOMEM;
}

/* Follows a page of entries. Behind one that breaks the account they are only counted. */
static void follow_page(struct audit *audit, struct wallet_account *replay,
	const struct wallet_entries_page *page, bool *broken)
{
	const char *reason = NULL;

	for (size_t i = 0; i < page->count; i++) {
		const struct wallet_entry *entry = &page->entries[i];
		audit->report->entries++;
		add_recent(audit, entry);
		if (!*broken && ledger_follow(replay, entry, &reason) != MP_OK) {
			problem(audit, "%s %s, after entry %lld: %s", replay->key.name,
				replay->key.currency, (long long)replay->seq, reason);
			*broken = true;
		}
	}
}

static void check_head(struct audit *audit, const struct wallet_account *account,
	const struct wallet_account *replay)
{
	const char *name = account->key.name;
	const char *currency = account->key.currency;

	if (replay->seq != account->seq)
		problem(audit, "%s %s has %lld entries, the account says %lld", name, currency,
			(long long)replay->seq, (long long)account->seq);
	else if (replay->balance_minor != account->balance_minor)
		problem(audit, "%s %s: its entries lead to another balance", name, currency);
	else if (memcmp(replay->chain, account->chain, sizeof(replay->chain)) != 0)
		problem(audit, "%s %s: its entries lead to another chain value", name, currency);
}

/* Follows an account's entries from the first to the last that the account knows. */
static enum mp_rc check_account(struct audit *audit, const struct wallet_account *account)
{
	struct wallet_account replay = {.key = account->key};
	struct wallet_entries_query query = {
		.account = account->key,
		.seq_max = account->seq,
		.limit = PAGE_ITEMS,
	};
	char after[32] = "";
	bool broken = false;

	do {
		struct wallet_entries_page page;
		mp_arena_reset(audit->arena);
		enum mp_rc rc = wallet_db_entries(audit->db, &query, audit->arena, &page);
		if (rc == MP_CORRUPT) {
			problem(audit, "%s %s, after entry %lld: an entry cannot be read",
				account->key.name, account->key.currency, (long long)replay.seq);
			return MP_OK;
		}
		if (rc == MP_OK && page.count > 0)
			rc = check_origins(audit, page.entries, page.count);
		if (rc != MP_OK)
			return rc;
		follow_page(audit, &replay, &page, &broken);
		/* The page's memory is the next one's. */
		if (mp_text_copy(after, sizeof(after), page.last_sk) != MP_OK)
			return MP_BUG;
		query.after = after;
	} while (after[0] != '\0');

	if (!broken)
		check_head(audit, account, &replay);
	return MP_OK;
}

/* --- transfers against the accounts' entries --- */

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
static void check_sides(struct audit *audit, const struct wallet_transfer *transfer,
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
			problem(audit, "transfer %s: entry %lld of %s %s %s", transfer->id.text,
				(long long)sides->seqs[i], sides->keys[i]->name,
				sides->keys[i]->currency, wrong);
			return;
		}
		sum += entry->amount_minor;
	}
	if (sum != 0)
		problem(audit, "transfer %s does not sum to zero", transfer->id.text);
}

/* Checks that all sides of posted transfers are in the accounts' entries. */
static enum mp_rc check_transfers(
	struct audit *audit, const struct wallet_transfer *const *transfers, size_t count)
{
	struct sides sides;
	size_t sides_count = 0;

	for (size_t i = 0; i < count; i++)
		sides_count += 2 * transfers[i]->legs_count;
	if (sides_count == 0)
		return MP_OK;
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
	if (rc == MP_CORRUPT && count > 1) {
		/* One of them cannot be read: which one, each tells alone. */
		rc = MP_OK;
		for (size_t i = 0; i < count && rc == MP_OK; i++)
			rc = check_transfers(audit, &transfers[i], 1);
		return rc;
	}
	if (rc == MP_CORRUPT) {
		problem(audit, "transfer %s: an entry or account of it cannot be read",
			transfers[0]->id.text);
		return MP_OK;
	}
	for (size_t i = 0, first = 0; i < count && rc == MP_OK; i++) {
		check_sides(audit, transfers[i], &sides, first);
		first += 2 * transfers[i]->legs_count;
	}
	return rc;
}

/* --- all of it --- */

/* Posted transfers of a page, some at a time: as many as the lookups have memory for. */
static enum mp_rc check_page_transfers(struct audit *audit, const struct wallet_rows_page *page)
{
	const struct wallet_transfer *waiting[PAGE_ITEMS];
	size_t count = 0;
	size_t legs = 0;
	enum mp_rc rc = MP_OK;

	for (size_t i = 0; i < page->count && rc == MP_OK; i++) {
		const struct wallet_row *row = &page->rows[i];
		if (row->kind != WALLET_ROW_TRANSFER)
			continue;
		audit->report->transfers++;
		if (row->transfer->outcome != WALLET_POSTED)
			continue;
		waiting[count++] = row->transfer;
		legs += row->transfer->legs_count;
		if (legs < PAGE_ITEMS)
			continue;
		rc = check_transfers(audit, waiting, count);
		count = 0;
		legs = 0;
	}
	return rc == MP_OK ? check_transfers(audit, waiting, count) : rc;
}

static enum mp_rc check_page(struct audit *audit, const struct wallet_rows_page *page)
{
	enum mp_rc rc = MP_OK;

	for (size_t i = 0; i < page->count && rc == MP_OK; i++) {
		const struct wallet_row *row = &page->rows[i];
		if (row->kind == WALLET_ROW_DAMAGED) {
			problem(audit, "%s cannot be read", row->pk);
		} else if (row->kind == WALLET_ROW_ACCOUNT) {
			audit->report->accounts++;
			add_to_total(
				audit, row->account->key.currency, row->account->balance_minor);
			rc = check_account(audit, row->account);
		}
	}
	return rc == MP_OK ? check_page_transfers(audit, page) : rc;
}

static enum mp_rc check_rows(struct audit *audit, struct mp_arena *rows_arena)
{
	char *cursor = NULL;
	struct mp_arena *cursor_arena = mp_arena_new(64u * 1024);
	enum mp_rc rc = cursor_arena != NULL ? MP_OK : MP_NOMEM;

	while (rc == MP_OK) {
		struct wallet_rows_page page;
		mp_arena_reset(rows_arena);
		rc = wallet_db_rows(audit->db, cursor, PAGE_ITEMS, rows_arena, &page);
		if (rc == MP_CORRUPT) {
			problem(audit, "the table cannot be read to its end");
			rc = MP_OK;
			break;
		}
		if (rc == MP_OK)
			rc = check_page(audit, &page);
		if (rc != MP_OK || page.cursor == NULL)
			break;
		mp_arena_reset(cursor_arena);
		cursor = mp_arena_strdup(cursor_arena, page.cursor);
		if (cursor == NULL)
			rc = MP_NOMEM;
	}
	mp_arena_free(cursor_arena);
	return rc;
}

/*
 * Transfers that were seen in part: one side came after its account was read, or it is damaged. The
 * first are taken out of the sum; the others stay in it, and are told.
 */
static enum mp_rc check_partials(struct audit *audit)
{
	const struct audit_partial *partial;
	size_t cursor = 0;

	while ((partial = audit_recent_next(audit->recent, &cursor)) != NULL) {
		const struct mp_id *id = &partial->transfer_id;
		struct wallet_transfer *transfer = NULL;
		mp_arena_reset(audit->arena);
		enum mp_rc rc = wallet_db_transfers_get(audit->db, &id, 1, audit->arena, &transfer);
		if (rc != MP_OK && rc != MP_CORRUPT)
			return rc;
		if (rc == MP_CORRUPT || transfer == NULL) {
			problem(audit, "transfer %s has entries and no record", id->text);
			continue;
		}
		bool before = audit->problems;
		audit->problems = false;
		const struct wallet_transfer *one = transfer;
		rc = check_transfers(audit, &one, 1);
		if (rc != MP_OK)
			return rc;
		if (!audit->problems)
			add_to_total(audit, partial->currency, -partial->sum);
		audit->problems = audit->problems || before;
	}
	return MP_OK;
}

static void check_totals(struct audit *audit)
{
	struct audit_report *report = audit->report;

	if (audit->recent_full) {
		problem(audit, "too many transfers while the audit ran: the total is not proven");
		return;
	}
	for (size_t i = 0; i < report->totals_count; i++) {
		__int128 sum = audit->sums[i];
		report->totals[i].total_minor = sum > INT64_MAX	  ? INT64_MAX
						: sum < INT64_MIN ? INT64_MIN
								  : (int64_t)sum;
		if (sum != 0)
			problem(audit, "all balances in %s sum to %lld minor units, not to zero",
				report->totals[i].currency,
				(long long)report->totals[i].total_minor);
	}
}

enum mp_rc audit_run(const struct wallet_db *db, int64_t now_ms, struct mp_arena *arena,
	struct audit_report *out_report)
{
	struct audit_report report = {0};
	struct mp_arena *rows_arena = mp_arena_new(ARENA_BYTES_MAX);
	struct audit audit = {
		.db = db,
		.arena = mp_arena_new(ARENA_BYTES_MAX),
		.lookup = mp_arena_new(ARENA_BYTES_MAX),
		.recent = audit_recent_new(AUDIT_RECENT_MAX),
		.recent_from_ms = now_ms - RECENT_MS,
		.report_arena = arena,
		.report = &report,
	};
	enum mp_rc rc = MP_NOMEM;

	if (rows_arena != NULL && audit.arena != NULL && audit.lookup != NULL &&
		audit.recent != NULL)
		rc = check_rows(&audit, rows_arena);
	if (rc == MP_OK)
		rc = audit.no_memory ? MP_NOMEM : check_partials(&audit);
	if (rc == MP_OK) {
		check_totals(&audit);
		report.ok = !audit.problems;
		*out_report = report;
	}
	mp_arena_free(rows_arena);
	mp_arena_free(audit.arena);
	mp_arena_free(audit.lookup);
	audit_recent_free(audit.recent);
	return rc;
}
