#ifndef MP_WALLET_NOTICES_H
#define MP_WALLET_NOTICES_H

#include "wallet_db.h"

/*
 * What people are to be told of their wallets: that money came from the payment provider. (What one
 * user pays another is told as its bill.)
 */

/*
 * Tells a page of the user's fundings since from_ms again, by wallet.credited under its own ids.
 * cursor: NULL at first, then *out_next until it comes back NULL. Errors: MP_INVALID, a cursor that
 * is none of ours; those of the store.
 */
enum mp_rc notices_tell_again(const struct wallet_db *db, const struct mp_currencies *currencies,
	struct mp_arena *arena, const struct mp_id *user_id, int64_t from_ms, const char *cursor,
	size_t *out_told, const char **out_next) MP_MUST_CHECK;

#endif
