#ifndef MP_WALLET_BATCH_INTERNAL_H
#define MP_WALLET_BATCH_INTERNAL_H

#include "batch.h"

/* What batch.c, which fills a batch, and batch_decide.c share. */

/* An account of the batch: the cache's slot says what the store has, or what is queued there. */
struct held {
	struct account_slot *slot;
	uint64_t attempt; /* the last one that touched it */
};

struct known_id {
	uint64_t hash;
	uint64_t batch; /* the batch that it was in: an older one's place is free */
	const struct mp_id *id;
};

struct batch {
	struct batch_config config;
	struct mp_arena *arena;
	size_t ops_max;
	size_t ops; /* at most, of the transaction so far */

	struct wallet_transfer **transfers; /* decided ones first, while deciding; then twins */
	size_t count;
	size_t twins_count; /* behind them */

	struct wallet_account *accounts; /* what an attempt works on: copies of the slots' */
	struct held *held;		 /* one for each account */
	size_t accounts_count;

	struct known_id *ids;
	size_t ids_size; /* a power of two, over twice transfers_max */
	uint64_t number; /* of this batch */

	/* One attempt's. */
	uint64_t attempt;
	struct wallet_account **touched;
	size_t touched_count;
	struct wallet_entry *entries;

	uint64_t turn_number;
	enum {
		BATCH_ALONE,  /* nobody else decides on its accounts */
		BATCH_AHEAD,  /* it decides on what is perhaps on its way to the store */
		BATCH_QUEUED, /* others decide on what its own transaction will leave */
	} standing;
	bool was_ahead; /* the last attempt, which was refused */

	int64_t started_ms;
	int64_t attempt_us; /* what the last attempt took */
	unsigned failures;  /* attempts in a row that a condition refused or nobody answered */
};

/* Counters of what comes of transfers: registered by the first batch. */
void batch_metrics_register(const struct mp_currencies *currencies);

#endif
