#ifndef MP_WALLET_EVENTS_H
#define MP_WALLET_EVENTS_H

#include "outbox/outbox.h"

/*
 * The wallet's events from their outbox rows (contracts/events/wallet.credited.json): amounts
 * become decimal strings. ctx is the deployment's struct mp_currencies. Errors: MP_CORRUPT (not a
 * row as wallet_db writes it, or of a currency that is not allowed any more), MP_NOMEM.
 */
enum mp_rc wallet_event_encode(
	const char *type, const struct mp_map *data, json_t **out_data, void *ctx) MP_MUST_CHECK;

#endif
