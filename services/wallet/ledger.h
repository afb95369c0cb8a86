#ifndef MP_WALLET_LEDGER_H
#define MP_WALLET_LEDGER_H

#include "wallet_types.h"

/*
 * The rules of the ledger, as pure functions over accounts in memory: no clock, no randomness, no
 * I/O. Whatever engine stores the accounts, these are the only lines that move money.
 *
 *	Every leg takes from one account what it gives to another, so all balances of a currency
 *	sum to zero, always. A user's balance never goes below zero. A transfer happens with all its
 *	legs or not at all; whether the money suffices is asked leg by leg, in order.
 */
struct ledger_batch {
	struct wallet_transfer *const *transfers; /* legs point to loaded accounts */
	size_t transfers_count;
	int64_t now_ms;		      /* the time of all of them */
	struct wallet_entry *entries; /* the caller's, for two entries a leg */
	size_t entries_max;
	size_t entries_count; /* set: entries of what was posted, in order */
};

/*
 * Applies transfers in order, each all or nothing. Each gets outcome POSTED or REFUSED, refusal,
 * shortfall and time; legs of posted ones get the seqs of their entries. Accounts are changed in
 * place, never by half of a transfer; a refusal changes no balance, seq or chain, and marks the
 * accounts that it depends on (decided_on).
 *
 * Memory    entries borrow from transfers and accounts.
 * Errors    MP_INVALID: a leg without both accounts or with one account twice, of another key or
 *           currency, an amount not over zero, too many legs, or no room for the entries. Nothing
 *           was changed. Lack of funds is an outcome, not an error.
 */
enum mp_rc ledger_apply(struct ledger_batch *batch) MP_MUST_CHECK;

/*
 * The chain value of an entry: SHA-256 over these 183 bytes. Numbers are big-endian, amounts in
 * two's complement, texts padded with zeros, an absent id is zeros.
 *
 *	  0    1  layout version: 1
 *	  1   32  chain of the account's entry before; zeros for seq 1
 *	 33   17  account: 'U' and the user's id, or 'S' and the name after "system:" ("psp/3")
 *	 50    4  currency, ISO 4217
 *	 54    8  seq
 *	 62    8  amount in minor units, signed
 *	 70    8  balance after
 *	 78   16  transfer id
 *	 94   17  counterparty, like account
 *	111   32  reason
 *	143   16  payment id
 *	159   16  bill id
 *	175    8  time, milliseconds since 1970 UTC
 *
 * Three blocks of SHA-256 with its padding. MP_CORRUPT when a field does not fit (stored data).
 */
#define LEDGER_CHAIN_VERSION 1
#define LEDGER_CHAIN_INPUT_BYTES 183
enum mp_rc ledger_chain(const struct wallet_entry *entry,
	const uint8_t previous[WALLET_CHAIN_BYTES],
	uint8_t out_chain[WALLET_CHAIN_BYTES]) MP_MUST_CHECK;

/*
 * Checks an entry read from the store against the account as the entries before left it, and moves
 * account on to it: seq follows, amount leads to balance_after, a user is not below zero, the chain
 * value is right. MP_CORRUPT with a static reason otherwise (account untouched).
 */
enum mp_rc ledger_follow(struct wallet_account *account, const struct wallet_entry *entry,
	const char **reterr_reason) MP_MUST_CHECK;

#endif
