#ifndef MP_WALLET_DB_H
#define MP_WALLET_DB_H

#include "base/arena.h"
#include "outbox/outbox.h"
#include "store/store.h"
#include "wallet_types.h"

/*
 * What the wallet keeps, in the one table of its store:
 *
 *	pk                             sk                  item
 *	ACCOUNT#<name>#<currency>      ACCOUNT             an account: balance, seq, chain
 *	ACCOUNT#<name>#<currency>      ENTRY#<16 digits>   its entry of that seq
 *	TRANSFER#<id>                  TRANSFER            a transfer, posted or refused
 *	OUTBOX#..                                          lib/outbox
 *
 * Entries and transfers are written once and never changed. Amounts are minor units.
 * Errors: the store's; MP_CORRUPT for an item that is not as written here, or of a newer format.
 * Threads: any.
 */
struct wallet_db {
	struct mp_store *store;	  /* borrowed */
	struct mp_outbox *outbox; /* borrowed */
};

/* Fills each account (its key is set) as the store has it: all zeros when it was never opened. */
enum mp_rc wallet_db_accounts_get(const struct wallet_db *db,
	struct wallet_account *const *accounts, size_t count, struct mp_arena *arena) MP_MUST_CHECK;

/* out_transfers[i] is the record of ids[i], in the arena, or NULL. At most MP_BATCH_GET_MAX. */
enum mp_rc wallet_db_transfers_get(const struct wallet_db *db, const struct mp_id *const *ids,
	size_t count, struct mp_arena *arena, struct wallet_transfer **out_transfers) MP_MUST_CHECK;

/* What one transaction writes: what ledger_apply made of a batch. */
struct wallet_db_batch {
	/* Those that changed are written under their version; those only decided on are checked. */
	struct wallet_account *const *accounts;
	size_t accounts_count;
	struct wallet_transfer *const *transfers; /* decided; a record and perhaps an event each */
	size_t transfers_count;
	const struct wallet_entry *entries;
	size_t entries_count;
	struct mp_hook queued; /* see mp_txn_commit */
};

/* Operations in the transaction of one transfer with so many legs, beside one for each account. */
#define WALLET_DB_OPS(legs_count) (2 * (legs_count) + 2)

enum wallet_db_refusal {
	WALLET_DB_REFUSED_NONE,
	WALLET_DB_REFUSED_ACCOUNT,  /* an account is not at the version that it was loaded at */
	WALLET_DB_REFUSED_TRANSFER, /* a transfer's id is known */
	WALLET_DB_REFUSED_ENTRY,    /* an entry exists beyond its account's seq: damage */
};

/*
 * Writes the batch whole or not at all. Conditions on accounts come first: MP_EXISTS and MP_STALE
 * with reterr_refusal say which kind was refused. Accounts' versions are left as they are.
 */
enum mp_rc wallet_db_commit(const struct wallet_db *db, const struct wallet_db_batch *batch,
	struct mp_arena *arena, enum wallet_db_refusal *reterr_refusal) MP_MUST_CHECK;

/*
 * Writes wallet.credited of posted transfers into the outbox again, each transfer once. At most
 * MP_BATCH_GET_MAX.
 */
enum mp_rc wallet_db_tell_again(const struct wallet_db *db,
	struct wallet_transfer *const *transfers, size_t count,
	struct mp_arena *arena) MP_MUST_CHECK;

/* An account's entries up to seq_max, newest first or oldest first. */
struct wallet_entries_query {
	struct wallet_key account;
	int64_t seq_max; /* over zero */
	bool newest_first;
	const char *after; /* the page before's last_sk; NULL: the first page */
	size_t limit;
};

struct wallet_entries_page {
	struct wallet_entry *entries; /* in the arena */
	size_t count;
	const char *last_sk; /* where the next page goes on; NULL: there is none */
};

enum mp_rc wallet_db_entries(const struct wallet_db *db, const struct wallet_entries_query *query,
	struct mp_arena *arena, struct wallet_entries_page *out_page) MP_MUST_CHECK;

/* A clock that was set back leaves the times of an account's entries out of order, within this. */
#define WALLET_DISORDER_MS (60 * 60 * 1000)

/*
 * Looks at limit entries up to *inout_seq (over zero), newest first, and gives those since from_ms.
 * *inout_seq becomes where to look on; 0: what is left is older.
 */
enum mp_rc wallet_db_entries_since(const struct wallet_db *db, const struct wallet_key *account,
	int64_t from_ms, size_t limit, struct mp_arena *arena, int64_t *inout_seq,
	struct wallet_entries_page *out_page) MP_MUST_CHECK;

/* out_entries[i] is the entry of accounts[i] with seqs[i], or NULL. At most MP_BATCH_GET_MAX. */
enum mp_rc wallet_db_entries_get(const struct wallet_db *db,
	const struct wallet_key *const *accounts, const int64_t *seqs, size_t count,
	struct mp_arena *arena, struct wallet_entry **out_entries) MP_MUST_CHECK;

/* For the audit: every account and transfer of the table, a page a call. */
enum wallet_row_kind {
	WALLET_ROW_ACCOUNT,
	WALLET_ROW_TRANSFER,
	WALLET_ROW_DAMAGED, /* its content is not as written above */
};

struct wallet_row {
	enum wallet_row_kind kind;
	const char *pk;
	struct wallet_account *account;
	struct wallet_transfer *transfer;
};

struct wallet_rows_page {
	struct wallet_row *rows;
	size_t count;
	const char *cursor; /* of the next page; NULL: there is none */
};

enum mp_rc wallet_db_rows(const struct wallet_db *db, const char *cursor, size_t limit,
	struct mp_arena *arena, struct wallet_rows_page *out_page) MP_MUST_CHECK;

#endif
