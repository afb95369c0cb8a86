#ifndef MP_WALLET_TURN_H
#define MP_WALLET_TURN_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Whose turn it is to decide a batch, where nobody else writes accounts and the store takes
 * transactions in order. The next batch is decided on the accounts as the one before leaves them,
 * while that one is still on its way to the disk:
 *
 *	take --> decided --pass--> queued in the store --end--> written
 *	   \                                          \--again--> refused: alone, until give_back
 *	    \--give_back
 *
 * When a transaction is refused, so are those decided on what it would have written, for the store
 * looks at the accounts' versions. Nobody gets a turn then until nothing is on its way and each of
 * those refused has been decided again, one after the other, in the order of their turns.
 *
 * Threads: each holds one turn at a time. Nothing here fails.
 */
#define TURN_THREADS_MAX 16

struct turn {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t numbers; /* given out so far */
	bool taken;
	unsigned on_their_way;
	uint64_t refused[TURN_THREADS_MAX]; /* turns to be repeated; 0: free */
	unsigned refused_count;
};

void turn_init(struct turn *turn);
void turn_done(struct turn *turn);

/* Waits for a turn, and returns its number. */
uint64_t turn_take(struct turn *turn);

/* The holder's transaction is queued: the next may decide. */
void turn_pass(struct turn *turn);

/* A transaction that was queued is written. */
void turn_end(struct turn *turn);

/* It is not: waits until the caller, who had this turn, may decide alone. */
void turn_again(struct turn *turn, uint64_t number);

/* The holder has nothing queued. */
void turn_give_back(struct turn *turn);

#endif
