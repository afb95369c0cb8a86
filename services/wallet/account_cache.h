#ifndef MP_WALLET_ACCOUNT_CACHE_H
#define MP_WALLET_ACCOUNT_CACHE_H

#include "wallet_types.h"

/*
 * The accounts that the committer knows: a hash table with a bound, from which the one not used
 * for longest is dropped. A slot that a batch in flight holds is never dropped. Nothing here is
 * trusted by itself: a transaction is conditional on the versions of the accounts that it was made
 * from. Threads: the caller's lock. A held slot's account and known are those of the batch that
 * holds it without it; where several do, of the batch whose turn it is.
 */
struct account_slot {
	struct wallet_account account; /* as the store has it, or will with what is queued there */
	bool known;
	unsigned holders;	 /* batches in flight */
	const void *last_holder; /* NULL when it has let go */
	size_t index;		 /* of the account in the last holder's batch */
	uint64_t blocked; /* the last walk over the queue in which a waiting transfer kept it */

	/* The cache's own. */
	struct wallet_key key; /* the account's, which its owner may be writing */
	uint64_t touched;      /* the last walk that asked for it */
	uint64_t hash;
	struct account_slot *next;  /* in its bucket, or in the free list */
	struct account_slot *newer; /* of those that nobody holds */
	struct account_slot *older;
};

struct account_cache;

/* capacity: accounts, at least 64. Memory is touched as it is used. NULL without memory. */
struct account_cache *account_cache_new(size_t capacity);
void account_cache_free(struct account_cache *cache);

/*
 * The account's slot, added (not known, not owned) when it is not there. walk numbers the caller's
 * walk over its queue, never decreasing: slots touched in the same walk are not dropped for others,
 * so that what they say stays true until its end. NULL: no slot can be dropped.
 */
struct account_slot *account_cache_get(
	struct account_cache *cache, const struct wallet_key *key, uint64_t walk);

/* A batch that does not hold the slot yet does now: it is not dropped until all have let it go. */
void account_cache_hold(struct account_cache *cache, struct account_slot *slot, const void *batch);
void account_cache_let_go(
	struct account_cache *cache, struct account_slot *slot, const void *batch);

#endif
