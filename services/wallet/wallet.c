#include "wallet.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "notices.h"

/* As many batches of top-ups can be in flight at once; with 64, replicas seldom meet on one. */
#define SHARDS_OWN 4

struct wallet {
	struct wallet_db db;
	const struct mp_currencies *currencies;
	struct wallet_shards shards;
	struct committer *committer;
	atomic_flag auditing;
	atomic_bool audits_end;
};

enum mp_rc wallet_open(const struct wallet_config *config, struct wallet **out_wallet)
{
	struct wallet *wallet = calloc(1, sizeof(*wallet));
	struct committer_config committer = config->committer;

	if (wallet == NULL)
		return MP_NOMEM;
	wallet->db = config->db;
	atomic_flag_clear(&wallet->auditing);
	wallet->currencies = config->currencies;
	wallet->shards = (struct wallet_shards){
		.of = config->psp_shards,
		.first = (uint32_t)(mp_random_number() % config->psp_shards),
		.count = config->psp_shards < SHARDS_OWN ? config->psp_shards : SHARDS_OWN,
	};
	committer.db = &wallet->db;
	committer.currencies = config->currencies;
	enum mp_rc rc = committer_open(&committer, &wallet->committer);
	if (rc != MP_OK) {
		wallet_close(wallet);
		return rc;
	}
	*out_wallet = wallet;
	return MP_OK;
}

void wallet_close(struct wallet *wallet)
{
	if (wallet == NULL)
		return;
	committer_close(wallet->committer);
	free(wallet);
}

const struct mp_currencies *wallet_currencies(const struct wallet *wallet)
{
	return wallet->currencies;
}

enum mp_rc wallet_transfer(struct wallet *wallet, struct wallet_unit *unit)
{
	for (size_t i = 0; i < unit->count; i++) {
		struct wallet_transfer *transfer = &unit->transfers[i];
		for (size_t j = 0; j < transfer->legs_count; j++) {
			struct wallet_leg *leg = &transfer->legs[j];
			leg->from = wallet_key_shard(&leg->from, &transfer->id, &wallet->shards);
			leg->to = wallet_key_shard(&leg->to, &transfer->id, &wallet->shards);
		}
	}
	return committer_submit(wallet->committer, unit);
}

enum mp_rc wallet_transfer_find(struct wallet *wallet, const struct mp_id *id,
	struct mp_arena *arena, struct wallet_transfer **out_transfer)
{
	struct wallet_transfer *transfer = NULL;

	enum mp_rc rc = wallet_db_transfers_get(&wallet->db, &id, 1, arena, &transfer);
	if (rc == MP_OK && transfer == NULL)
		rc = MP_NOT_FOUND;
	if (rc == MP_OK)
		*out_transfer = transfer;
	return rc;
}

/* The user's account; zeros where it was never opened. */
static enum mp_rc find_account(struct wallet *wallet, const struct mp_id *user_id,
	const char *currency, struct mp_arena *arena, struct wallet_account *out_account)
{
	struct wallet_account account = {.key = wallet_key_user(user_id, currency)};
	struct wallet_account *accounts[] = {&account};

	enum mp_rc rc = wallet_db_accounts_get(&wallet->db, accounts, 1, arena);
	if (rc == MP_OK)
		*out_account = account;
	return rc;
}

enum mp_rc wallet_balance(struct wallet *wallet, const struct mp_id *user_id, const char *currency,
	struct mp_arena *arena, int64_t *out_balance_minor)
{
	struct wallet_account account;

	enum mp_rc rc = find_account(wallet, user_id, currency, arena, &account);
	if (rc == MP_OK)
		*out_balance_minor = account.balance_minor;
	return rc;
}

enum mp_rc wallet_balances(struct wallet *wallet, const struct mp_id *user_id,
	struct mp_arena *arena, struct wallet_balances *out_balances)
{
	const struct mp_currencies *currencies = wallet->currencies;
	struct wallet_account accounts[MP_CURRENCIES_MAX];
	struct wallet_account *pointers[MP_CURRENCIES_MAX];

	for (size_t i = 0; i < currencies->count; i++) {
		accounts[i] = (struct wallet_account){
			.key = wallet_key_user(user_id, currencies->items[i].code)};
		pointers[i] = &accounts[i];
	}
	enum mp_rc rc = wallet_db_accounts_get(&wallet->db, pointers, currencies->count, arena);
	if (rc != MP_OK)
		return rc;
	out_balances->count = 0;
	for (size_t i = 0; i < currencies->count; i++) {
		if (i > 0 && accounts[i].version == 0)
			continue;
		out_balances->items[out_balances->count].currency = &currencies->items[i];
		out_balances->items[out_balances->count].balance_minor = accounts[i].balance_minor;
		out_balances->count++;
	}
	return MP_OK;
}

enum mp_rc wallet_statement(struct wallet *wallet, const struct mp_id *user_id,
	const char *currency, const char *after, size_t limit, struct mp_arena *arena,
	struct wallet_entries_page *out_page)
{
	struct wallet_account account;

	/* The account first: entries up to its seq are there and never change. */
	enum mp_rc rc = find_account(wallet, user_id, currency, arena, &account);
	if (rc != MP_OK)
		return rc;
	if (account.seq == 0) {
		*out_page = (struct wallet_entries_page){0};
		return MP_OK;
	}
	const struct wallet_entries_query query = {
		.account = account.key,
		.seq_max = account.seq,
		.newest_first = true,
		.after = after,
		.limit = limit,
	};
	return wallet_db_entries(&wallet->db, &query, arena, out_page);
}

enum mp_rc wallet_fundings(struct wallet *wallet, const struct fundings_query *query,
	struct mp_arena *arena, struct fundings_page *out_page)
{
	return fundings_read(&wallet->db, wallet->currencies, query, arena, out_page);
}

enum mp_rc wallet_tell_again(void *ctx, struct mp_arena *arena, const struct mp_id *user_id,
	int64_t from_ms, const char *cursor, size_t *out_told, const char **out_next)
{
	struct wallet *wallet = ctx;

	return notices_tell_again(&wallet->db, wallet->currencies, arena, user_id, from_ms, cursor,
		out_told, out_next);
}

/* Made here, not at the start: until an audit has ended there is nothing to say. */
static void tell_audit(const struct audit_report *report)
{
	mp_metric_set(mp_gauge("moneypal_audit_problems", NULL,
			      "problems that the last audit found, at most those it names"),
		report->ok ? 0 : (int64_t)report->problems_count);
	mp_metric_set(mp_gauge("moneypal_audit_ended_timestamp_seconds", NULL,
			      "when the last audit ended, in seconds since 1970"),
		mp_clock_ms() / 1000);
}

/* Where the log is kept, and the ledger is not: a history that was rewritten has another head. */
static void log_audit(const struct audit_report *report)
{
	char until[MP_TIME_TEXT_SIZE];
	char sum[2 * WALLET_CHAIN_BYTES + 1];

	mp_time_format(report->head.until_ms, until);
	mp_hex(report->head.sum, sizeof(report->head.sum), sum);
	for (size_t i = 0; i < report->problems_count; i++)
		mp_log(MP_LOG_ERROR, "audit_problem", MP_TEXT("problem", report->problems[i]));
	mp_log(MP_LOG_INFO, "audited", MP_TEXT("ok", report->ok ? "yes" : "no"),
		MP_INT("accounts", report->accounts), MP_INT("entries", report->entries),
		MP_TEXT("head_until", until), MP_INT("head_entries", report->head.entries),
		MP_TEXT("head", sum));
}

void wallet_end_audits(struct wallet *wallet)
{
	atomic_store(&wallet->audits_end, true);
}

enum mp_rc wallet_audit(struct wallet *wallet, int64_t head_until_ms, struct mp_arena *arena,
	struct audit_report *out_report)
{
	const struct audit_order order = {
		.now_ms = mp_clock_ms(),
		.head_until_ms = head_until_ms,
		.is_canceled = &wallet->audits_end,
	};

	/* It reads everything and takes its time and memory: one at once is enough for all. */
	if (atomic_flag_test_and_set(&wallet->auditing))
		return MP_BUSY;
	enum mp_rc rc = audit_run(&wallet->db, &order, arena, out_report);
	if (rc == MP_OK) {
		tell_audit(out_report);
		log_audit(out_report);
	}
	atomic_flag_clear(&wallet->auditing);
	return rc;
}
