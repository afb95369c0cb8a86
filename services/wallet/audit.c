#include "audit_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "ledger.h"

#define ARENA_BYTES_MAX (12u * 1024 * 1024)

/*
 * A transfer's time is taken just before it is written, by a clock that may be half a minute off,
 * as for tokens. What is older than the audit by so much is written, and seen on all its sides.
 */
#define RECENT_MS 60000

/* By then whoever has a slower clock has written what came before midnight. */
#define DAY_MS 86400000
#define AFTER_MIDNIGHT_MS 3600000

/* --- the report --- */

void audit_problem(struct audit *audit, const char *format, ...)
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

void audit_add_to_total(struct audit *audit, const char *currency, __int128 amount_minor)
{
	struct audit_report *report = audit->report;
	size_t at = 0;

	while (at < report->totals_count && strcmp(report->totals[at].currency, currency) != 0)
		at++;
	if (at == MP_CURRENCIES_MAX) {
		audit_problem(audit, "more than %d currencies: %s is not summed", MP_CURRENCIES_MAX,
			currency);
		return;
	}
	if (at == report->totals_count) {
		report->totals[report->totals_count++] = (struct audit_total){0};
		memcpy(report->totals[at].currency, currency, sizeof(report->totals[at].currency));
	}
	audit->sums[at] += amount_minor;
}

/* --- the head --- */

static int64_t last_midnight_ms(int64_t now_ms)
{
	int64_t settled_ms = now_ms - AFTER_MIDNIGHT_MS;

	return settled_ms - settled_ms % DAY_MS;
}

/* Big-endian. */
static void add_to_head(struct audit_head *head, const uint8_t chain[WALLET_CHAIN_BYTES])
{
	unsigned carry = 0;

	for (size_t i = WALLET_CHAIN_BYTES; i-- > 0; carry >>= 8) {
		carry += (unsigned)head->sum[i] + chain[i];
		head->sum[i] = (uint8_t)carry;
	}
}

/* --- accounts --- */

static bool is_canceled(const struct audit *audit)
{
	return audit->is_canceled != NULL && atomic_load(audit->is_canceled);
}

/* An account, followed from its first entry. */
struct walk {
	struct wallet_account replay;		/* as its entries so far lead to it */
	uint8_t chain_then[WALLET_CHAIN_BYTES]; /* at the head's time; zeros: it had none */
	bool broken;
};

static void note_head(struct audit *audit, struct walk *walk, const struct wallet_entry *entry)
{
	struct audit_head *head = &audit->report->head;

	if (entry->time_ms >= head->until_ms)
		return;
	head->entries++;
	memcpy(walk->chain_then, walk->replay.chain, sizeof(walk->chain_then));
}

/* Follows a page of entries. Behind one that breaks the account they are only counted. */
static void follow_page(
	struct audit *audit, struct walk *walk, const struct wallet_entries_page *page)
{
	const struct wallet_account *replay = &walk->replay;
	const char *reason = NULL;

	for (size_t i = 0; i < page->count; i++) {
		const struct wallet_entry *entry = &page->entries[i];
		audit->report->entries++;
		audit_match_entry(audit, entry);
		if (walk->broken)
			continue;
		if (ledger_follow(&walk->replay, entry, &reason) == MP_OK) {
			note_head(audit, walk, entry);
			continue;
		}
		audit_problem(audit, "%s %s, after entry %lld: %s", replay->key.name,
			replay->key.currency, (long long)replay->seq, reason);
		walk->broken = true;
	}
}

static void check_head(struct audit *audit, const struct wallet_account *account,
	const struct wallet_account *replay)
{
	const char *name = account->key.name;
	const char *currency = account->key.currency;

	if (replay->seq != account->seq)
		audit_problem(audit, "%s %s has %lld entries, the account says %lld", name,
			currency, (long long)replay->seq, (long long)account->seq);
	else if (replay->balance_minor != account->balance_minor)
		audit_problem(audit, "%s %s: its entries lead to another balance", name, currency);
	else if (memcmp(replay->chain, account->chain, sizeof(replay->chain)) != 0)
		audit_problem(
			audit, "%s %s: its entries lead to another chain value", name, currency);
}

/* Follows an account's entries from the first to the last that the account knows. */
static enum mp_rc check_account(struct audit *audit, const struct wallet_account *account)
{
	struct walk walk = {.replay = {.key = account->key}};
	struct wallet_entries_query query = {
		.account = account->key,
		.seq_max = account->seq,
		.limit = AUDIT_PAGE_ITEMS,
	};
	char after[32] = "";

	do {
		struct wallet_entries_page page;
		if (is_canceled(audit))
			return MP_UNAVAILABLE;
		mp_arena_reset(audit->page);
		enum mp_rc rc = wallet_db_entries(audit->db, &query, audit->page, &page);
		if (rc == MP_CORRUPT) {
			audit_problem(audit, "%s %s, after entry %lld: an entry cannot be read",
				account->key.name, account->key.currency,
				(long long)walk.replay.seq);
			return MP_OK;
		}
		if (rc == MP_OK && audit->thorough && page.count > 0)
			rc = audit_find_transfers(audit, page.entries, page.count);
		if (rc != MP_OK)
			return rc;
		follow_page(audit, &walk, &page);
		/* The page's memory is the next one's. */
		if (mp_text_copy(after, sizeof(after), page.last_sk) != MP_OK)
			return MP_BUG;
		query.after = after;
	} while (after[0] != '\0');

	add_to_head(&audit->report->head, walk.chain_then);
	if (!walk.broken)
		check_head(audit, account, &walk.replay);
	return MP_OK;
}

/* --- all of it --- */

/* Posted transfers of a page, some at a time: as many as the lookups have memory for. */
static enum mp_rc find_page_entries(struct audit *audit, const struct wallet_rows_page *page)
{
	const struct wallet_transfer *waiting[AUDIT_PAGE_ITEMS];
	size_t count = 0;
	size_t legs = 0;
	enum mp_rc rc = MP_OK;

	for (size_t i = 0; i < page->count && rc == MP_OK; i++) {
		const struct wallet_row *row = &page->rows[i];
		if (row->kind != WALLET_ROW_TRANSFER || row->transfer->outcome != WALLET_POSTED)
			continue;
		waiting[count++] = row->transfer;
		legs += row->transfer->legs_count;
		if (legs < AUDIT_PAGE_ITEMS)
			continue;
		rc = audit_find_entries(audit, waiting, count);
		count = 0;
		legs = 0;
	}
	return rc == MP_OK ? audit_find_entries(audit, waiting, count) : rc;
}

/* What was refused made no entries, and says so. */
static void check_refused(struct audit *audit, const struct wallet_transfer *transfer)
{
	bool has_entries = false;

	for (size_t i = 0; i < transfer->legs_count; i++)
		has_entries = has_entries || transfer->legs[i].from_seq != 0 ||
			      transfer->legs[i].to_seq != 0;
	if (transfer->outcome == WALLET_REFUSED && has_entries)
		audit_problem(
			audit, "transfer %s is refused, and names entries", transfer->id.text);
}

static enum mp_rc check_row(struct audit *audit, const struct wallet_row *row)
{
	switch (row->kind) {
	case WALLET_ROW_ACCOUNT:
		audit->report->accounts++;
		audit_add_to_total(audit, row->account->key.currency, row->account->balance_minor);
		return check_account(audit, row->account);
	case WALLET_ROW_TRANSFER:
		audit->report->transfers++;
		check_refused(audit, row->transfer);
		audit_match_transfer(audit, row->transfer);
		return MP_OK;
	case WALLET_ROW_DAMAGED:
		audit_problem(audit, "%s cannot be read", row->pk);
		return MP_OK;
	}
	return MP_BUG;
}

static enum mp_rc check_page(struct audit *audit, const struct wallet_rows_page *page)
{
	enum mp_rc rc = MP_OK;

	for (size_t i = 0; i < page->count && rc == MP_OK; i++)
		rc = check_row(audit, &page->rows[i]);
	return rc == MP_OK && audit->thorough ? find_page_entries(audit, page) : rc;
}

static enum mp_rc check_rows(struct audit *audit)
{
	char *cursor = NULL;
	struct mp_arena *cursor_arena = mp_arena_new(64u * 1024);
	enum mp_rc rc = cursor_arena != NULL ? MP_OK : MP_NOMEM;

	while (rc == MP_OK) {
		struct wallet_rows_page page;
		if (is_canceled(audit)) {
			rc = MP_UNAVAILABLE;
			break;
		}
		mp_arena_reset(audit->rows);
		rc = wallet_db_rows(audit->db, cursor, AUDIT_PAGE_ITEMS, audit->rows, &page);
		if (rc == MP_CORRUPT) {
			audit_problem(audit, "the table cannot be read to its end");
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

static void check_totals(struct audit *audit)
{
	struct audit_report *report = audit->report;

	for (size_t i = 0; i < report->totals_count; i++) {
		__int128 sum = audit->sums[i];
		report->totals[i].total_minor = sum > INT64_MAX	  ? INT64_MAX
						: sum < INT64_MIN ? INT64_MIN
								  : (int64_t)sum;
		if (sum != 0 && audit->recent_rc == MP_OK)
			audit_problem(audit,
				"all balances in %s sum to %lld minor units, not to zero",
				report->totals[i].currency,
				(long long)report->totals[i].total_minor);
	}
}

/* One way or the other, from the beginning to the end. */
static enum mp_rc run(struct audit *audit)
{
	enum mp_rc rc = MP_NOMEM;

	audit->rows = mp_arena_new(ARENA_BYTES_MAX);
	audit->page = mp_arena_new(ARENA_BYTES_MAX);
	audit->lookup = mp_arena_new(ARENA_BYTES_MAX);
	audit->recent = audit_recent_new(AUDIT_RECENT_MAX);
	if (audit->rows != NULL && audit->page != NULL && audit->lookup != NULL &&
		audit->recent != NULL)
		rc = check_rows(audit);
	if (rc == MP_OK)
		rc = audit_match_end(audit);
	if (rc == MP_OK)
		check_totals(audit);
	audit->report->ok = !audit->problems;
	mp_arena_free(audit->rows);
	mp_arena_free(audit->page);
	mp_arena_free(audit->lookup);
	audit_recent_free(audit->recent);
	return rc;
}

enum mp_rc audit_run(const struct wallet_db *db, const struct audit_order *order,
	struct mp_arena *arena, struct audit_report *out_report)
{
	int64_t started_ms = mp_clock_mono_ms();
	int64_t started_wall_ms = mp_clock_ms();
	struct audit_report fresh = {.head.until_ms = order->head_until_ms != 0
							      ? order->head_until_ms
							      : last_midnight_ms(order->now_ms)};
	struct audit_report report = fresh;
	struct audit audit = {
		.db = db,
		.is_canceled = order->is_canceled,
		.recent_from_ms = order->now_ms - RECENT_MS,
		.report_arena = arena,
		.report = &report,
	};

	mp_random_bytes(audit.salt, sizeof(audit.salt));
	enum mp_rc rc = run(&audit);
	if (rc == MP_OK && !report.ok) {
		/* Once more, to say what it is; or that it was only slow to be written. */
		int64_t taken_ms = mp_clock_mono_ms() - started_ms;
		int64_t by_wall_ms = mp_clock_ms() - started_wall_ms;
		if (by_wall_ms < taken_ms) /* set back, it dates what came meanwhile, too */
			taken_ms = by_wall_ms;
		int64_t now_ms = order->now_ms + taken_ms;
		report = fresh;
		audit = (struct audit){
			.db = db,
			.is_canceled = order->is_canceled,
			.thorough = true,
			.recent_from_ms = now_ms - RECENT_MS,
			.report_arena = arena,
			.report = &report,
		};
		rc = run(&audit);
	}
	if (rc == MP_OK)
		*out_report = report;
	return rc;
}
