#ifndef MP_WALLET_BATCH_H
#define MP_WALLET_BATCH_H

#include "account_cache.h"
#include "turn.h"
#include "wallet_db.h"
#include "wallet_types.h"

/*
 * Transfers that one thread decides together, and the accounts that it holds meanwhile: loads
 * the accounts, applies the ledger's rules to copies of them, writes one transaction, and tries
 * again what a condition refused. The committer fills it under its lock and decides it without.
 */
struct batch;

struct batch_config {
	const struct wallet_db *db;		/* borrowed */
	const struct mp_currencies *currencies; /* borrowed; those of all transfers */
	size_t transfers_max;
	long give_up_ms;
	int64_t (*now_ms)(void);
	struct mp_sink sink;

	struct turn *turn; /* borrowed; NULL: a batch shares no account with others in flight */
};

struct batch *batch_new(const struct batch_config *config); /* NULL without memory */
void batch_free(struct batch *batch);			    /* takes NULL */

/* --- filling --- */

/*
 * Batches that share accounts are filled and decided by turns (turn.h): waits for one, which ends
 * with batch_decide, or with batch_give_back_turn where there is nothing to decide.
 */
void batch_take_turn(struct batch *batch);
void batch_give_back_turn(struct batch *batch);

/* Forgets everything. Its slots must have been taken back with batch_release. */
void batch_clear(struct batch *batch);

/* Transfers in it, twins included. */
size_t batch_count(const struct batch *batch);
struct wallet_transfer *batch_transfer(const struct batch *batch, size_t at);

/* True when a transfer with this id is in it: another one is its twin, and needs no accounts. */
bool batch_has(const struct batch *batch, const struct mp_id *id);
void batch_add_twin(struct batch *batch, struct wallet_transfer *transfer);

/* True when a transfer fits that brings so many accounts not yet in the batch. */
bool batch_has_room(
	const struct batch *batch, const struct wallet_transfer *transfer, size_t accounts_new);

/* slots: of from and to of each leg, in order; the batch holds them from now on. */
void batch_add(struct batch *batch, struct wallet_transfer *transfer, struct account_slot **slots,
	struct account_cache *cache);

/* Lets the accounts go. */
void batch_release(struct batch *batch, struct account_cache *cache);

/* --- deciding --- */

/*
 * Every transfer gets its outcome, in the store when this returns, or an rc other than MP_OK.
 * Blocks for at most give_up_ms beside the store's own time, and the turns of others.
 */
void batch_decide(struct batch *batch);

#endif
