#ifndef MP_BILLING_WALLET_CLIENT_H
#define MP_BILLING_WALLET_CLIENT_H

#include "base/arena.h"
#include "base/rc.h"
#include "billing_types.h"

/*
 * The wallet service's POST /v1/transfers/batch (services/wallet/openapi.yaml), with a service
 * token of scope wallet:transfer. Threads: any.
 */
struct wallet_client;

struct wallet_client_config {
	const char *wallet_url;
	const char *token_url;
	const char *client_id;
	const char *client_secret;
	const struct mp_currencies *currencies; /* borrowed for its life */
};

enum mp_rc wallet_client_open(
	const struct wallet_client_config *config, struct wallet_client **out_client) MP_MUST_CHECK;
void wallet_client_close(struct wallet_client *client);

#define WALLET_BATCH_MAX 100

/*
 * Asks for 1..WALLET_BATCH_MAX transfers, in order, each on its own; sets each one's outcome.
 * Asking again with the same ids gives the recorded outcomes.
 * Errors: MP_UNAVAILABLE, MP_NOMEM (ask again); MP_UNKNOWN (ask again: no answer, or one that is
 * not the contract's); MP_INVALID (the wallet calls the request wrong, and did none of it);
 * MP_CORRUPT (one is in a currency that is allowed no longer: none was asked for).
 */
enum mp_rc wallet_client_transfer(struct wallet_client *client, struct mp_arena *arena,
	struct billing_transfer *transfers, size_t count) MP_MUST_CHECK;

#endif
