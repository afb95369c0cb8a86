#ifndef MP_WALLET_COMMITTER_H
#define MP_WALLET_COMMITTER_H

#include "turn.h"
#include "wallet_db.h"
#include "wallet_types.h"

/*
 * Where transfers wait, and the threads that decide them. A thread takes waiting transfers, first
 * in first out for each account (one that waits keeps later ones on its accounts waiting), applies
 * them to the accounts and writes all of it in one transaction of the store: a hot wallet costs one
 * write a batch. No outcome is told before it is in the store, or was found there. Only a batch
 * that the store refused, for a repeat in it, is decided again behind others that it did not change
 * anything for.
 *
 *	waiting  --take-->  a batch  --decide-->  answered
 *
 * Where others write accounts, too, batches in flight touch no account in common. Where nobody
 * else does, one is decided on what those in flight will leave, so that the store is kept busy also
 * with one hot wallet; see turn.h.
 */
struct committer;

/* Transfers asked for together: independent of one another, decided in order, answered at once. */
struct wallet_unit {
	struct wallet_transfer *transfers; /* the caller's until done */
	size_t count;			   /* 1..WALLET_TRANSFERS_MAX */

	/*
	 * Called once, from a committer's thread, never within committer_submit. MP_OK: each
	 * transfer has its outcome. Otherwise some have none, and the whole unit is to be sent
	 * again with the same ids: MP_UNAVAILABLE and such (not written), or MP_UNKNOWN.
	 */
	void (*done)(void *ctx, enum mp_rc rc);
	void *ctx;

	/* The committer's own. */
	size_t undecided;
	enum mp_rc rc;
	struct wallet_unit *next_done;
};

#define COMMITTER_THREADS_MAX TURN_THREADS_MAX
#define COMMITTER_BATCH_MAX 1024

struct committer_config {
	const struct wallet_db *db;		/* borrowed */
	const struct mp_currencies *currencies; /* borrowed */
	unsigned threads;			/* batches in flight */
	bool alone;		 /* nobody else writes accounts; the store is not shared */
	size_t batch_max;	 /* transfers in one transaction, 1..COMMITTER_BATCH_MAX */
	size_t queue_max;	 /* transfers waiting; over it MP_BUSY */
	size_t cache_accounts;	 /* accounts kept in memory */
	long give_up_ms;	 /* how long a batch is tried again; 0: 10,000 */
	int64_t (*now_ms)(void); /* time of transfers; NULL: mp_clock_ms */
	struct mp_sink sink;
};

/* Threads run when it returns. MP_NOMEM, MP_UNAVAILABLE, MP_INVALID. */
enum mp_rc committer_open(
	const struct committer_config *config, struct committer **out_committer) MP_MUST_CHECK;

/* Refuses new units, decides those that wait, ends the threads. Takes NULL. */
void committer_close(struct committer *committer);

/*
 * Hands unit over; never blocks. Transfers are well-formed: amounts over zero, 1..WALLET_LEGS_MAX
 * legs, each between two accounts of the transfer's currency. MP_BUSY when too many wait,
 * MP_UNAVAILABLE while closing; then unit is untouched. Threads: any.
 */
enum mp_rc committer_submit(struct committer *committer, struct wallet_unit *unit) MP_MUST_CHECK;

/* Transfers waiting to be taken. */
size_t committer_waiting(struct committer *committer);

#endif
