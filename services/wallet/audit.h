#ifndef MP_WALLET_AUDIT_H
#define MP_WALLET_AUDIT_H

#include <stdatomic.h>

#include "wallet_db.h"
#include "wallet_types.h"

/*
 * Proves the whole ledger from what is stored, while the service works:
 *
 *	accounts   each one's entries, followed from the first, lead to its balance, seq and chain
 *	entries    each is one side of one leg of a posted transfer, under the number kept there
 *	transfers  each posted one has all its entries; so each sums to zero
 *	totals     all balances of a currency sum to zero. Accounts are not read in one moment, so a
 *	           transfer of these minutes may be seen on one side only: such are looked up and
 *	           taken out of the sum.
 *
 * A chain shows what was changed in part. Who rewrites a whole history makes chains that hold: for
 * this there is the ledger's head at a time, which is logged, and so kept where the ledger is not.
 */
#define AUDIT_PROBLEMS_MAX 100

struct audit_total {
	char currency[4];
	int64_t total_minor;
};

/*
 * The sum modulo 2^256 of the chain values that the accounts had at until_ms, whatever came since:
 * the same for ever, in any order, on either engine.
 */
struct audit_head {
	int64_t until_ms;
	int64_t entries; /* before that */
	uint8_t sum[WALLET_CHAIN_BYTES];
};

struct audit_report {
	int64_t accounts; /* stored ones: each shard is one */
	int64_t entries;
	int64_t transfers;
	struct audit_total totals[MP_CURRENCIES_MAX]; /* of every currency that has accounts */
	size_t totals_count;
	const char *problems[AUDIT_PROBLEMS_MAX]; /* the first of them; in the caller's arena */
	size_t problems_count;			  /* of those in problems */
	struct audit_head head;
	bool ok; /* no problem at all */
};

struct audit_order {
	int64_t now_ms;			/* the time of its start */
	int64_t head_until_ms;		/* 0: the last midnight, UTC, over by an hour */
	const atomic_bool *is_canceled; /* ends it soon; may be NULL */
};

/*
 * MP_OK with the report, whatever it says. Errors: the store's, while it could not be read;
 * MP_UNAVAILABLE when it was canceled; MP_NOMEM. Memory beside arena: a few MiB, and 128 bytes for
 * each transfer of its last minute and of its own time, up to AUDIT_RECENT_MAX.
 */
#define AUDIT_RECENT_MAX 1000000
enum mp_rc audit_run(const struct wallet_db *db, const struct audit_order *order,
	struct mp_arena *arena, struct audit_report *out_report) MP_MUST_CHECK;

#endif
