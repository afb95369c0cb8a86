#ifndef MP_WALLET_WALLET_H
#define MP_WALLET_WALLET_H

#include "audit.h"
#include "base/arena.h"
#include "committer.h"
#include "fundings.h"
#include "money/money.h"
#include "wallet_types.h"

/*
 * The wallet: transfers between accounts, balances and statements. Threads: any.
 */
struct wallet;

struct wallet_config {
	struct wallet_db db;			/* its store and outbox are borrowed */
	const struct mp_currencies *currencies; /* borrowed */
	uint32_t psp_shards;			/* 1..WALLET_SHARDS_MAX */
	struct committer_config committer;	/* its db is set here */
};

enum mp_rc wallet_open(
	const struct wallet_config *config, struct wallet **out_wallet) MP_MUST_CHECK;

/* Decides what waits, then ends. Takes NULL. */
void wallet_close(struct wallet *wallet);

const struct mp_currencies *wallet_currencies(const struct wallet *wallet);

/*
 * Hands transfers over to be decided: see committer_submit, whose results these are. Legs name
 * accounts as callers do; the shards of system accounts are filled in here.
 */
enum mp_rc wallet_transfer(struct wallet *wallet, struct wallet_unit *unit) MP_MUST_CHECK;

/* The record of a transfer, in the arena. MP_NOT_FOUND, or a store error. */
enum mp_rc wallet_transfer_find(struct wallet *wallet, const struct mp_id *id,
	struct mp_arena *arena, struct wallet_transfer **out_transfer) MP_MUST_CHECK;

/* A user's balance; 0 where the account was never opened. currency is an allowed one. */
enum mp_rc wallet_balance(struct wallet *wallet, const struct mp_id *user_id, const char *currency,
	struct mp_arena *arena, int64_t *out_balance_minor) MP_MUST_CHECK;

/* The user's accounts in allowed currencies, and the default currency's whether opened or not. */
struct wallet_balances {
	struct {
		const struct mp_currency *currency;
		int64_t balance_minor;
	} items[MP_CURRENCIES_MAX];
	size_t count;
};

enum mp_rc wallet_balances(struct wallet *wallet, const struct mp_id *user_id,
	struct mp_arena *arena, struct wallet_balances *out_balances) MP_MUST_CHECK;

/* A page of a user's entries, newest first; empty where the account was never opened. */
enum mp_rc wallet_statement(struct wallet *wallet, const struct mp_id *user_id,
	const char *currency, const char *after, size_t limit, struct mp_arena *arena,
	struct wallet_entries_page *out_page) MP_MUST_CHECK;

/* See fundings_read. */
enum mp_rc wallet_fundings(struct wallet *wallet, const struct fundings_query *query,
	struct mp_arena *arena, struct fundings_page *out_page) MP_MUST_CHECK;

/* An mp_tell_again, see notices_tell_again. */
enum mp_rc wallet_tell_again(void *wallet, struct mp_arena *arena, const struct mp_id *user_id,
	int64_t from_ms, const char *cursor, size_t *out_told, const char **out_next) MP_MUST_CHECK;

/*
 * See audit_run. Its end is told by metrics and in the log. MP_BUSY while another one runs.
 * head_until_ms: the time of the ledger's head; 0: the usual one.
 */
enum mp_rc wallet_audit(struct wallet *wallet, int64_t head_until_ms, struct mp_arena *arena,
	struct audit_report *out_report) MP_MUST_CHECK;

/* From now on audits, also the one that runs, end with MP_UNAVAILABLE. */
void wallet_end_audits(struct wallet *wallet);

#endif
